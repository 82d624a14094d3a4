//! What becomes of an alert that is due: it is sent, or waits for a digest, or a limit or a silence keeps it back. Whatever becomes of it, it
//! is a row, and counted.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::milestone;
use crate::daemon::config::Limit;
use crate::daemon::dispatch::{About, Dispatch};
use crate::daemon::notice::{NoticeKind, Repeats};
use crate::engine::frame::Time;

/// Of an alert, in a bucket.
const WHOLE: i64 = 1000;
/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

pub(super) const BUCKETS: &str = "SELECT team, kind, fill, at, suppressed FROM bucket";
pub(super) const PUT_BUCKETS: &str = "
    INSERT INTO bucket (team, kind, fill, at, suppressed) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (team, kind) DO UPDATE SET fill = excluded.fill, at = excluded.at, suppressed = excluded.suppressed";
pub(super) const SILENCES: &str = "SELECT id, team, service, kind, client, note FROM silence WHERE until > ?1 AND ended IS NULL";

/// What becomes of an alert.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Fate {
    /// It goes to its sinks.
    Sent,
    /// It waits for a digest: quiet hours.
    Held,
    /// The team caused too many of its kind.
    Suppressed,
    /// Somebody silenced it.
    Silenced,
}

impl Fate {
    /// Every one, in the order of their numbers.
    pub const ALL: [Fate; 4] = [Fate::Sent, Fate::Held, Fate::Suppressed, Fate::Silenced];

    /// The word used in output.
    pub const fn word(self) -> &'static str {
        match self {
            Fate::Sent => "sent",
            Fate::Held => "held",
            Fate::Suppressed => "suppressed",
            Fate::Silenced => "silenced",
        }
    }

    /// The reason as a label.
    pub const fn reason(self) -> &'static str {
        match self {
            Fate::Sent => "none",
            Fate::Held => "quiet",
            Fate::Suppressed => "rate",
            Fate::Silenced => "silence",
        }
    }

    /// The one of a number; sent where there is none.
    pub fn of(number: i64) -> Self {
        usize::try_from(number).ok().and_then(|n| Self::ALL.get(n).copied()).unwrap_or(Fate::Sent)
    }
}

/// An alert's fate, and what is said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Decided {
    /// Its fate.
    pub fate: Fate,
    /// Why it is not sent.
    pub why: Option<String>,
    /// What was suppressed before it, where it is sent.
    pub suppressed: u64,
}

struct Silence {
    id: i64,
    team: Option<String>,
    service: Option<String>,
    kind: Option<i64>,
    client: Option<String>,
    note: String,
}

#[derive(Clone, Copy)]
struct Bucket {
    fill: i64,
    at: i64,
    suppressed: u64,
    is_changed: bool,
}

/// Decides, within one transaction.
pub(super) struct Fates<'a> {
    dispatch: &'a Dispatch,
    now: Time,
    /// Whether what nobody decided about waits for the inventory.
    pub is_young: bool,
    silences: Vec<Silence>,
    buckets: HashMap<(String, u8), Bucket>,
}

impl<'a> Fates<'a> {
    /// Reads what decides.
    pub fn load(connection: &Connection, dispatch: &'a Dispatch, now: Time) -> rusqlite::Result<Self> {
        let born: Option<i64> = connection.query_row(milestone::GET, [milestone::BORN], |row| row.get(0)).optional()?;
        let mut silences = connection.prepare(SILENCES)?;
        let silences = silences.query_map([now.micros()], |row| {
            let (id, team, service, kind) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Silence { id, team, service, kind, client: row.get(4)?, note: row.get(5)? })
        })?;
        let mut buckets = connection.prepare(BUCKETS)?;
        let buckets = buckets.query_map([], |row| {
            let suppressed = row.get::<_, i64>(4)?.unsigned_abs();
            Ok(((row.get(0)?, row.get(1)?), Bucket { fill: row.get(2)?, at: row.get(3)?, suppressed, is_changed: false }))
        })?;
        Ok(Fates {
            dispatch,
            now,
            is_young: dispatch.is_young(milestone::born_at(born), now),
            silences: silences.collect::<rusqlite::Result<_>>()?,
            buckets: buckets.collect::<rusqlite::Result<_>>()?,
        })
    }

    /// What becomes of an alert. Nothing about the sensor is ever suppressed.
    pub fn decide(&mut self, about: &About<'_>) -> Decided {
        let kept = |fate, why: String| Decided { fate, why: Some(why), suppressed: 0 };
        if let Some(silence) = self.silences.iter().find(|s| s.holds(about)) {
            return kept(Fate::Silenced, format!("silence {}: {}", silence.id, silence.note));
        }
        if self.dispatch.is_quiet(about.severity, self.now) {
            return kept(Fate::Held, "quiet hours".into());
        }
        if !about.kind.is_of_sightings() {
            return Decided { fate: Fate::Sent, why: None, suppressed: 0 };
        }
        let (now, limit) = (self.now.micros(), self.dispatch.alerting.limit);
        let empty = Bucket { fill: 0, at: now, suppressed: 0, is_changed: true };
        let bucket = self.buckets.entry((about.team.to_owned(), about.kind as u8)).or_insert(empty);
        match bucket.take(now, limit) {
            Some(suppressed) => Decided { fate: Fate::Sent, why: None, suppressed },
            None => {
                let Limit { burst, per_hour } = limit;
                kept(Fate::Suppressed, format!("limit of {burst} at once and {per_hour} an hour for team {}", about.team))
            }
        }
    }

    /// Keeps the buckets.
    pub fn save(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut put = connection.prepare(PUT_BUCKETS)?;
        for ((team, kind), b) in self.buckets.iter().filter(|(_, b)| b.is_changed) {
            put.execute(params![team, kind, b.fill, b.at, i64::try_from(b.suppressed).unwrap_or(i64::MAX)])?;
        }
        Ok(())
    }
}

impl Silence {
    fn holds(&self, about: &About<'_>) -> bool {
        fn is(wanted: Option<&str>, is: &str) -> bool {
            wanted.is_none_or(|wanted| wanted == is)
        }
        is(self.team.as_deref(), about.team)
            && is(self.service.as_deref(), about.service)
            && is(self.client.as_deref(), about.client)
            && self.kind.is_none_or(|kind| kind == about.kind as i64)
    }
}

impl Bucket {
    /// Takes one more, where there is room; says how many found none since the last that did.
    fn take(&mut self, now: i64, limit: Limit) -> Option<u64> {
        let room = i64::try_from(limit.burst).unwrap_or(i64::MAX).saturating_mul(WHOLE);
        let an_hour = i64::try_from(limit.per_hour).unwrap_or(i64::MAX).saturating_mul(WHOLE);
        // A clock that was set back leaks nothing.
        let since = now.saturating_sub(self.at).max(0);
        let leaked = i128::from(since) * i128::from(an_hour) / i128::from(HOUR);
        self.fill = self.fill.saturating_sub(i64::try_from(leaked).unwrap_or(i64::MAX)).max(0);
        (self.at, self.is_changed) = (now, true);
        if self.fill.saturating_add(WHOLE) > room {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.fill = self.fill.saturating_add(WHOLE);
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// What is said of those that were not sent before one that is.
pub(super) fn repeats(sessions: u64, suppressed: u64, kind: NoticeKind, team: &str) -> Repeats {
    let mut why = Vec::new();
    if sessions > 0 {
        why.push(format!("{sessions} further sessions of the same"));
    }
    if suppressed > 0 {
        why.push(format!("{suppressed} {} of team {team} over the limit", kind.word()));
    }
    Repeats { count: sessions.saturating_add(suppressed), why: why.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_takes_a_burst_and_then_what_leaks() {
        let limit = Limit { burst: 3, per_hour: 6 };
        let mut bucket = Bucket { fill: 0, at: 0, suppressed: 0, is_changed: false };
        let mut at = |minute: i64| bucket.take(minute * 60_000_000, limit);
        assert_eq!([at(0), at(0), at(0), at(0), at(1), at(9)], [Some(0), Some(0), Some(0), None, None, None]);
        assert_eq!(at(11), Some(3), "one leaked, and it says how many found no room");
        assert_eq!(at(12), None);
        assert_eq!([at(10_000), at(10_000), at(10_000), at(10_000)], [Some(1), Some(0), Some(0), None]);
        assert_eq!(at(5), None, "a clock set back leaks nothing");
    }

    #[test]
    fn a_bucket_that_is_asked_again_and_again_leaks_all_the_same() {
        let limit = Limit { burst: 1, per_hour: 60 };
        let mut bucket = Bucket { fill: 0, at: 0, suppressed: 0, is_changed: false };
        let taken = (0..600).filter(|second| bucket.take(second * 1_000_000, limit).is_some()).count();
        assert!((9..=10).contains(&taken), "{taken} in ten minutes");
    }

    #[test]
    fn both_kinds_of_repeats_are_told() {
        let told = repeats(12, 41, NoticeKind::Uploaded, "design");
        assert_eq!(told.count, 53);
        assert_eq!(told.why, "12 further sessions of the same, 41 uploaded of team design over the limit");
        assert_eq!(repeats(0, 0, NoticeKind::Uploaded, "design"), Repeats::default());
    }
}
