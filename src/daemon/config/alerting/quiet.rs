//! `[alert.quiet]` and `[alert.digest]`: when alerts wait, and when what waited is told in one.

use jiff::civil::{Time as ClockTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};

use crate::daemon::config::when;
use crate::daemon::notice::Severity;
use crate::daemon::toml_fields::Fields;
use crate::engine::frame::Time;
use crate::engine::policy::{Days, Window};

/// Hours in which alerts below a severity wait for their end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quiet {
    /// When.
    pub window: Window,
    /// From this severity on nothing waits; default high.
    pub below: Severity,
}

/// When a digest is due.
#[derive(Clone, PartialEq, Debug)]
pub struct Digest {
    /// Whether somebody asked for it. Else it comes only where something was held back.
    pub is_asked: bool,
    /// How often; default daily.
    pub every: Every,
    /// On that day, where it is weekly; 0 is Monday.
    pub day: i8,
    /// At that time; default 08:00.
    pub at: ClockTime,
    /// By the clocks of that place; default UTC.
    pub zone: TimeZone,
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Every {
    /// Each day.
    Day,
    /// Each week.
    Week,
}

impl Quiet {
    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        let below = fields.word("below", &Severity::WORDS, Severity::from_word);
        if let Some(low) = below.as_ref().filter(|b| b.value == Severity::Low) {
            let message = format!("{} is \"low\": nothing is below it, so nothing waits", fields.named("below"));
            fields.reading().error(low.line, message, "write \"high\", or delete [alert.quiet]");
        }
        Some(Quiet { window: when::window(fields)?, below: below.map_or(Severity::High, |b| b.value) })
    }
}

impl Default for Digest {
    fn default() -> Self {
        Digest { is_asked: false, every: Every::Day, day: 0, at: ClockTime::constant(8, 0, 0, 0), zone: TimeZone::UTC }
    }
}

impl Digest {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let default = Digest::default();
        let every = |word: &str| match word {
            "daily" => Some(Every::Day),
            "weekly" => Some(Every::Week),
            _ => None,
        };
        let every = fields.word("every", &["daily", "weekly"], every);
        let day = |word: &str| Days::WORDS.iter().position(|w| *w == word).and_then(|d| i8::try_from(d).ok());
        let day = fields.word("day", &Days::WORDS, day);
        let every_value = every.map_or(default.every, |e| e.value);
        if let (Every::Day, Some(day)) = (every_value, &day) {
            let message = format!("{} is of no use in a daily digest", fields.named("day"));
            fields.reading().error(day.line, message, "delete it, or write every = \"weekly\"");
        }
        Digest {
            is_asked: true,
            every: every_value,
            day: day.map_or(default.day, |d| d.value),
            at: fields.text("at").and_then(|at| when::clock(fields, "at", &at)).unwrap_or(default.at),
            zone: fields.text("zone").and_then(|zone| when::time_zone(fields, &zone)).unwrap_or(default.zone),
        }
    }

    /// The last moment up to this one at which a digest was due.
    pub fn last_due(&self, now: Time) -> Time {
        let latest = || -> Option<Time> {
            let now = Timestamp::from_second(i64::try_from(now.seconds()).ok()?).ok()?.to_zoned_datetime(self.zone.clone());
            let mut due: ZonedDateTime = now.datetime().with().time(self.at).build().ok()?.to_zoned_datetime(self.zone.clone()).ok()?;
            // A week back at most, and a day more where clocks change.
            for _ in 0..9 {
                let is_the_day = self.every == Every::Day || due.weekday() == Weekday::from_monday_zero_offset(self.day).ok()?;
                if due <= now && is_the_day {
                    return u64::try_from(due.timestamp().as_second()).ok().map(|s| Time::new(s, 0));
                }
                due = due.checked_sub(1.day()).ok()?;
            }
            None
        };
        latest().unwrap_or(Time(0))
    }
}
