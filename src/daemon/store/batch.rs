//! Sightings on their way into the store: a statement made ready once, and run for each.

use std::sync::LazyLock;

use rusqlite::types::Null;
use rusqlite::{Connection, Statement};

use super::dictionary::{Dictionary, Ids, Unknown};
use crate::engine::sighting::{Finding, Sighting};

/// Columns of a row, in the order in which [`bind`] gives them.
const COLUMNS: [&str; 22] = [
    "first_seen",
    "client_id",
    "service_id",
    "last_seen",
    "team_id",
    "identity_id",
    "status",
    "evidence",
    "presence_only",
    "agent",
    "connections",
    "bytes_up",
    "bytes_down",
    "active_minutes",
    "turns_low",
    "turns_high",
    "sources",
    "closed",
    "use_up",
    "use_down",
    "use_upload",
    "names",
];
/// The first of these are the key.
const KEY: usize = 3;
/// Place of `identity_id`, the one that can be nothing, from 1.
const IDENTITY: usize = 6;

/// Puts in sightings that have ended. Cumulative: a later copy replaces an earlier one, but evidence never falls.
pub(super) static PUT: LazyLock<String> = LazyLock::new(|| put(&COLUMNS));
/// Puts in those that are open. What has ended once stays so: `closed` is not set anew, for then the index of open ones would be written
/// anew for each of them.
pub(super) static PUT_OPEN: LazyLock<String> =
    LazyLock::new(|| put(&COLUMNS.iter().copied().filter(|column| *column != "closed").collect::<Vec<_>>()));

fn put(set: &[&str]) -> String {
    let change = |column: &&str| match *column {
        "evidence" => "evidence = max(evidence, excluded.evidence)".to_owned(),
        column => format!("{column} = excluded.{column}"),
    };
    let changes: Vec<_> = set.iter().skip(KEY).map(change).collect();
    format!(
        "INSERT INTO sighting ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}",
        COLUMNS.join(", "),
        ["?"; COLUMNS.len()].join(", "),
        COLUMNS[..KEY].join(", "),
        changes.join(", ")
    )
}

/// A day whose sums are not right any more.
pub(super) const STALE: &str = "INSERT INTO calendar (day, changes) VALUES (?1, 1) ON CONFLICT (day) DO UPDATE SET changes = changes + 1";

/// Writes the sightings of a batch, inside the caller's transaction. Returns how many rows.
pub(super) fn write(connection: &Connection, dictionary: &mut Dictionary, findings: &[Finding]) -> rusqlite::Result<usize> {
    dictionary.refresh(connection)?;
    let (mut unknown, mut ids, mut days) = (Unknown::new(connection), Ids::default(), Vec::new());
    let (mut put, mut put_open) = (None, None);
    for sighting in findings.iter().map(|f| &f.sighting) {
        dictionary.ids(sighting, &mut unknown, &mut ids)?;
        let (statement, text) = if sighting.closed { (&mut put, &PUT) } else { (&mut put_open, &PUT_OPEN) };
        let statement = match statement {
            Some(statement) => statement,
            None => statement.insert(connection.prepare(text)?),
        };
        bind(statement, sighting, &ids)?;
        statement.raw_execute()?;
        let day = i64::try_from(sighting.first_seen.seconds() / 86_400).unwrap_or(i64::MAX);
        if !days.contains(&day) {
            days.push(day);
        }
    }
    let mut stale = connection.prepare(STALE)?;
    for day in days {
        stale.execute([day])?;
    }
    Ok(findings.len())
}

/// Binds the values of a row, in the order of [`COLUMNS`].
fn bind(row: &mut Statement<'_>, s: &Sighting, ids: &Ids) -> rusqlite::Result<()> {
    // What evidence is judged by is of use only while the sighting is open.
    let used = if s.closed { Default::default() } else { s.use_bytes };
    let numbers = [
        s.first_seen.micros(),
        ids.client,
        ids.service,
        s.last_seen.micros(),
        ids.team,
        ids.identity.unwrap_or_default(),
        s.status as i64,
        s.evidence as i64,
        s.presence_only.into(),
        s.agent as i64,
        s.connections.into(),
        whole(s.bytes_up),
        whole(s.bytes_down),
        s.active_minutes.into(),
        s.turns.low.into(),
        s.turns.high.into(),
        s.sources.0.into(),
        s.closed.into(),
        whole(used.up),
        whole(used.down),
        whole(used.upload),
    ];
    for (place, number) in (1..).zip(numbers) {
        row.raw_bind_parameter(place, number)?;
    }
    if ids.identity.is_none() {
        row.raw_bind_parameter(IDENTITY, Null)?;
    }
    row.raw_bind_parameter(COLUMNS.len(), &*ids.names)
}

fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
