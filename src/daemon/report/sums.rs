//! A report out of sums of days: of windows with very many sightings, and of days, teams and services (`--by`). It takes whole days in UTC,
//! and outlives single sightings.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::summary::{self, ServiceLine, Totals};
use crate::daemon::clock;
use crate::daemon::store::{Store, StoreError, Sum, Window};
use crate::daemon::table::{bytes, layout};
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::Evidence;

/// Sightings that are read one by one at most; of more, sums are.
pub(super) const MOST: i64 = 1_000_000;
/// Sums that old are taken as they are: a daemon adds up the day that goes on every few minutes.
const FRESH: u64 = 600;

/// What stands first in a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum By {
    /// Which teams used which services, day by day
    Day,
    /// What each team used
    Team,
    /// Who used each service
    Service,
}

impl By {
    const fn word(self) -> &'static str {
        match self {
            By::Day => "day",
            By::Team => "team",
            By::Service => "service",
        }
    }
}

/// Sums of a window, and the moment they are of.
pub(super) struct Sums {
    store: Store,
    window: Window,
    pub(super) as_of: Time,
}

impl Sums {
    /// Adds up what changed in a window.
    pub(super) async fn of(store: &Store, window: Window, now: Time) -> Result<Self, StoreError> {
        let mut as_of = now;
        for stale in store.stale_days(window.since, window.until).await? {
            if now.0.abs_diff(stale.added_at.0) < FRESH * 1_000_000_000 {
                as_of = as_of.min(stale.added_at);
            } else {
                store.add_up(stale.day, now).await?;
            }
        }
        Ok(Sums { store: store.clone(), window, as_of })
    }

    /// The summary by service, for people.
    pub(super) async fn write(&self, out: &mut dyn Write) -> Result<(), super::WriteError> {
        let Window { since, until } = self.window;
        let crowd = self.store.crowd(since, until).await?;
        let mut lines: BTreeMap<(String, i64), ServiceLine> = BTreeMap::new();
        let mut totals = Totals { clients: size(crowd.clients), teams: size(crowd.teams), ..Totals::default() };
        for sum in self.store.sums(since, until).await? {
            let key = (sum.service.clone(), sum.status);
            let line = lines.entry(key.clone()).or_insert_with(|| line(&sum));
            let (clients, teams) = crowd.services.get(&key).copied().unwrap_or_default();
            (line.clients, line.teams) = (count(clients), count(teams));
            add(line, &mut totals, &sum);
        }
        totals.services = lines.keys().map(|(service, _)| service).collect::<HashSet<_>>().len();
        self.write_heading(out).await?;
        Ok(summary::write(lines.into_values().collect(), &totals, out)?)
    }

    /// Says what it is that follows, and of when.
    async fn write_heading(&self, out: &mut dyn Write) -> Result<(), super::WriteError> {
        let days = self.store.days_with_sums(self.window.since, self.window.until).await?;
        if let (Some(first), Some(last)) = (days.first(), days.last()) {
            let as_of: String = clock::rfc3339(self.as_of).chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect();
            let (first, last) = (clock::day_of(*first), clock::day_of(*last));
            writeln!(out, "Sums of whole days in UTC, {first} to {last}, as of {as_of}. Clients are those of the busiest day.\n")?;
        }
        Ok(())
    }

    /// Lines by day, team or service, for people.
    pub(super) async fn write_by(&self, by: By, out: &mut dyn Write) -> Result<(), super::WriteError> {
        self.write_heading(out).await?;
        let header: &[&str] = match by {
            By::Service => &["service", "team", "status", ">clients", ">sightings", ">up", ">down", ">minutes", ">turns", "evidence"],
            _ => &["team", "service", "status", ">clients", ">sightings", ">up", ">down", ">minutes", ">turns", "evidence"],
        };
        let mut is_first = true;
        for day in self.parts(by).await? {
            let sums = self.lines(by, day).await?;
            if sums.is_empty() {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                writeln!(out)?;
            }
            if let Some(day) = day {
                writeln!(out, "{}", clock::day_of(day))?;
            }
            writeln!(out, "{}", layout(header, sums.iter().map(|sum| row(by, sum))))?;
        }
        if is_first {
            writeln!(out, "no GenAI use seen in these days")?;
        }
        Ok(())
    }

    /// The same as one JSON document.
    pub(super) async fn write_json(&self, by: By, from: &str, until: &str, out: &mut dyn Write) -> Result<(), super::WriteError> {
        let as_of = clock::rfc3339(self.as_of);
        write!(out, "{{\"from\":{from},\"until\":\"{until}\",\"by\":\"{}\",\"as_of\":\"{as_of}\",\"rows\":[", by.word())?;
        let mut is_first = true;
        for day in self.parts(by).await? {
            for sum in self.lines(by, day).await? {
                out.write_all(if std::mem::take(&mut is_first) { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut *out, &RowJson::new(day, &sum)).map_err(io::Error::from)?;
            }
        }
        Ok(writeln!(out, "\n]}}")?)
    }

    /// The days to be told one by one; one part where they are told together.
    async fn parts(&self, by: By) -> Result<Vec<Option<Time>>, StoreError> {
        match by {
            By::Day => Ok(self.store.days_with_sums(self.window.since, self.window.until).await?.into_iter().map(Some).collect()),
            By::Team | By::Service => Ok(vec![None]),
        }
    }

    /// Sums of a part, in the order in which they are told: by what stands first, then what is sent most.
    async fn lines(&self, by: By, day: Option<Time>) -> Result<Vec<Sum>, StoreError> {
        let Window { since, until } = day.map_or(self.window, |day| Window { since: Some(day), until: Some(day.plus_seconds(86_400)) });
        let mut sums = self.store.sums(since, until).await?;
        let key = |s: &Sum| if by == By::Service { s.service.clone() } else { s.team.clone() };
        sums.sort_by_cached_key(|s| (key(s), -s.bytes_up));
        Ok(sums)
    }
}

/// A line without what comes of adding up.
fn line(sum: &Sum) -> ServiceLine {
    ServiceLine {
        service: sum.service.clone(),
        vendor: sum.vendor.clone(),
        category: sum.category.clone(),
        status: status(sum),
        ..ServiceLine::default()
    }
}

fn add(line: &mut ServiceLine, totals: &mut Totals, sum: &Sum) {
    for (total, more) in [
        (&mut line.sightings, sum.sightings),
        (&mut line.connections, sum.connections),
        (&mut line.bytes_up, sum.bytes_up),
        (&mut line.bytes_down, sum.bytes_down),
        (&mut totals.sightings, sum.sightings),
        (&mut totals.connections, sum.connections),
        (&mut totals.bytes_up, sum.bytes_up),
        (&mut totals.bytes_down, sum.bytes_down),
    ] {
        *total = total.saturating_add(count(more));
    }
    line.evidence = line.evidence.max(evidence(sum));
    line.used |= sum.presence_only < sum.sightings;
    line.last_seen = line.last_seen.max(Time::from_micros(sum.last_seen));
}

fn row(by: By, sum: &Sum) -> Vec<String> {
    let (first, second) = if by == By::Service { (&sum.service, &sum.team) } else { (&sum.team, &sum.service) };
    vec![
        first.clone(),
        second.clone(),
        status(sum).word().to_owned(),
        sum.clients.to_string(),
        sum.sightings.to_string(),
        bytes(count(sum.bytes_up)),
        bytes(count(sum.bytes_down)),
        sum.active_minutes.to_string(),
        if sum.turns_low == sum.turns_high { sum.turns_low.to_string() } else { format!("{}-{}", sum.turns_low, sum.turns_high) },
        summary::evidence(evidence(sum), sum.presence_only < sum.sightings),
    ]
}

/// A line as JSON.
#[derive(Serialize)]
struct RowJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    team: &'a str,
    service: &'a str,
    vendor: &'a str,
    category: &'a str,
    status: &'static str,
    evidence: &'static str,
    clients: i64,
    sightings: i64,
    presence_only: i64,
    uploaded: i64,
    connections: i64,
    bytes_up: i64,
    bytes_down: i64,
    active_minutes: i64,
    turns: [i64; 2],
    last_seen: String,
}

impl<'a> RowJson<'a> {
    fn new(day: Option<Time>, sum: &'a Sum) -> Self {
        RowJson {
            day: day.map(|day| clock::day_of(day).to_string()),
            team: &sum.team,
            service: &sum.service,
            vendor: &sum.vendor,
            category: &sum.category,
            status: status(sum).word(),
            evidence: evidence(sum).word(),
            clients: sum.clients,
            sightings: sum.sightings,
            presence_only: sum.presence_only,
            uploaded: sum.uploaded,
            connections: sum.connections,
            bytes_up: sum.bytes_up,
            bytes_down: sum.bytes_down,
            active_minutes: sum.active_minutes,
            turns: [sum.turns_low, sum.turns_high],
            last_seen: clock::rfc3339(Time::from_micros(sum.last_seen)),
        }
    }
}

pub(super) fn status(sum: &Sum) -> Status {
    usize::try_from(sum.status).ok().and_then(|n| Status::ALL.get(n)).copied().unwrap_or_default()
}

pub(super) fn evidence(sum: &Sum) -> Evidence {
    usize::try_from(sum.evidence).ok().and_then(|n| Evidence::ALL.get(n)).copied().unwrap_or_default()
}

pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
