//! Sightings on their way into the store: many rows a statement, dictionaries first, so that ten thousand sightings cost few awaits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use sqlx::SqliteConnection;

use super::dictionary::{Dictionary, Ids};
use super::rows::{Bound, Rows};
use crate::engine::frame::Time;
use crate::engine::sighting::{Evidence, Finding, Sighting};

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

/// Puts in sightings that have ended. Cumulative: a later copy replaces an earlier one, but evidence never falls.
pub(super) static PUT: LazyLock<Rows> = LazyLock::new(|| put(&COLUMNS));
/// Puts in those that are open. What has ended once stays so: `closed` is not set anew, for then the index of open ones would be written
/// anew for each of them.
pub(super) static PUT_OPEN: LazyLock<Rows> =
    LazyLock::new(|| put(&COLUMNS.iter().copied().filter(|column| *column != "closed").collect::<Vec<_>>()));

fn put(set: &[&str]) -> Rows {
    let change = |column: &&str| match *column {
        "evidence" => "evidence = max(evidence, excluded.evidence)".to_owned(),
        column => format!("{column} = excluded.{column}"),
    };
    let changes: Vec<_> = set.iter().skip(KEY).map(change).collect();
    let tail = format!("ON CONFLICT ({}) DO UPDATE SET {}", COLUMNS[..KEY].join(", "), changes.join(", "));
    Rows::new(&format!("INSERT INTO sighting ({})", COLUMNS.join(", ")), COLUMNS.len(), &tail)
}

/// Days whose sums are not right any more.
pub(super) const STALE: &str = "
    INSERT INTO calendar (day, changes) SELECT value, 1 FROM json_each(?1) WHERE true ON CONFLICT (day) DO UPDATE SET changes = changes + 1";

/// Writes the sightings of a batch, inside the caller's transaction. Returns how many rows.
pub(super) async fn write(connection: &mut SqliteConnection, dictionary: &mut Dictionary, findings: &[Finding]) -> sqlx::Result<usize> {
    dictionary.refresh(connection).await?;
    let kept = last_of_each(findings);
    let mut ids: Vec<Option<Ids>> = kept.iter().map(|(s, _)| dictionary.ids(s).filter(|_| dictionary.is_as_described(s))).collect();
    let new: Vec<&Sighting> = kept.iter().zip(&ids).filter(|(_, ids)| ids.is_none()).map(|((s, _), _)| *s).collect();
    if !new.is_empty() {
        dictionary.learn(connection, &new).await?;
    }
    let (mut open, mut ended) = (Vec::new(), Vec::new());
    for ((sighting, evidence), ids) in kept.into_iter().zip(&mut ids) {
        let ids = ids.take().or_else(|| dictionary.ids(sighting)).ok_or(sqlx::Error::RowNotFound)?;
        if sighting.closed { &mut ended } else { &mut open }.push((sighting, evidence, ids));
    }
    PUT.put(connection, &ended, bind).await?;
    PUT_OPEN.put(connection, &open, bind).await?;
    let rows = || ended.iter().chain(&open);
    let mut days: Vec<u64> = rows().map(|(s, ..)| s.first_seen.seconds() / 86_400).collect();
    days.sort_unstable();
    days.dedup();
    sqlx::query(STALE).bind(super::commit::json(&days)?).execute(&mut *connection).await?;
    Ok(ended.len() + open.len())
}

/// Adds the values of a row, in the order of [`COLUMNS`].
fn bind<'q>(query: Bound<'q>, (s, evidence, ids): &'q (&Sighting, Evidence, Ids)) -> Bound<'q> {
    // What evidence is judged by is of use only while the sighting is open.
    let used = if s.closed { Default::default() } else { s.use_bytes };
    query
        .bind(s.first_seen.micros())
        .bind(ids.client)
        .bind(ids.service)
        .bind(s.last_seen.micros())
        .bind(ids.team)
        .bind(ids.identity)
        .bind(s.status as u8)
        .bind(*evidence as u8)
        .bind(s.presence_only)
        .bind(s.agent as u8)
        .bind(s.connections)
        .bind(whole(s.bytes_up))
        .bind(whole(s.bytes_down))
        .bind(s.active_minutes)
        .bind(s.turns.low)
        .bind(s.turns.high)
        .bind(s.sources.0)
        .bind(s.closed)
        .bind(whole(used.up))
        .bind(whole(used.down))
        .bind(whole(used.upload))
        .bind(&*ids.names)
}

fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The last copy of each sighting, with the strongest evidence any of its copies had.
fn last_of_each(findings: &[Finding]) -> Vec<(&Sighting, Evidence)> {
    let mut place: HashMap<(&str, &str, Time), usize, RandomState> =
        HashMap::with_capacity_and_hasher(findings.len(), RandomState::default());
    let mut kept: Vec<(&Sighting, Evidence)> = Vec::with_capacity(findings.len());
    for s in findings.iter().map(|f| &f.sighting) {
        match place.entry((&s.client, &s.service, s.first_seen)) {
            Entry::Vacant(free) => {
                free.insert(kept.len());
                kept.push((s, s.evidence));
            }
            Entry::Occupied(at) => {
                let earlier = &mut kept[*at.get()];
                *earlier = (s, earlier.1.max(s.evidence));
            }
        }
    }
    kept
}
