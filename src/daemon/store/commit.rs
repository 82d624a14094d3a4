//! Commit: a batch of findings and the alerts it makes, in one transaction.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rusqlite::{Connection as Rows, Transaction, TransactionBehavior, params};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::beside::on_this_thread;
use super::dictionary::Dictionary;
use super::fate::{Fate, Fates, repeats};
use super::stream::{self, Lines};
use super::told::{Due, Memory, Told};
use super::{BUSY, Store, StoreError, batch, privacy, unmatched, visibility};
use crate::daemon::clock;
use crate::daemon::dispatch::{About, Dispatch};
use crate::daemon::notice::{Notice, NoticeKind, Repeats};
use crate::daemon::sealed::Sealed;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Finding, Sighting};
use crate::engine::unmatched::Remembered;
use crate::engine::visibility::Increment;

/// Between two looks whether another process still writes.
const AGAIN: Duration = Duration::from_millis(10);

/// What goes to the store at once.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Batch {
    /// Sightings as they stand now.
    pub findings: Vec<Finding>,
    /// Who stands behind new pseudonyms.
    pub sealed: Vec<Sealed>,
    /// What is new in visibility.
    pub visibility: Vec<Increment>,
    /// What is new among names that belong to no service.
    pub unmatched: Vec<Remembered>,
    /// What is said of the sightings to streams.
    pub lines: Lines,
    /// Digest of the capture it all came from: what adds up is added only once. `None` for live capture.
    pub capture: Option<String>,
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.sealed.is_empty() && self.visibility.is_empty() && self.unmatched.is_empty()
    }
}

impl From<Vec<Finding>> for Batch {
    fn from(findings: Vec<Finding>) -> Self {
        Batch { findings, ..Batch::default() }
    }
}

/// Where alerts go, and how they are worded.
#[derive(Clone, Copy)]
pub struct Telling<'a> {
    /// Where each alert goes, and which wait.
    pub dispatch: &'a Dispatch,
    /// The payload of an alert: what every attempt to deliver it sends. Called inside the transaction: it asks nobody and waits for nothing.
    pub render: &'a (dyn Fn(&Notice<'_>) -> String + Sync),
}

/// What a commit did.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Committed {
    /// Sightings written.
    pub rows: usize,
    /// Alerts that came into being and go to sinks.
    pub alerts: usize,
    /// Lines for streams that had to go, because too many wait.
    pub dropped_lines: u64,
    /// Kind and reason of each that does not.
    pub kept_back: Vec<(NoticeKind, &'static str)>,
    /// How long it took.
    pub seconds: f64,
}

pub(super) const WHAT_WAS_TOLD: &str = "
    SELECT status, owner, uploaded, lapsed, repeats FROM told WHERE client_id = ?1 AND service_id = ?2";

/// From now on something was told of the service.
const NEW_SERVICE: &str = "INSERT INTO known_service (service_id) VALUES (?1) ON CONFLICT DO NOTHING";

pub(super) const PUT_ALERTS: &str = "
    INSERT INTO alert (key, created, client_id, service_id, kind, payload, incident, team, severity, fate, why, resolves)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

pub(super) const PUT_OUTBOX: &str = "
    INSERT INTO outbox (alert_id, sink, state, attempts, since, next_attempt) VALUES (?1, ?2, 0, 0, ?3, ?3)";

pub(super) const PUT_TOLD: &str = "
    INSERT INTO told (client_id, service_id, status, owner, uploaded, lapsed, repeats) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (client_id, service_id, status, owner)
    DO UPDATE SET uploaded = excluded.uploaded, lapsed = excluded.lapsed, repeats = excluded.repeats";

/// What was told of nobody known is the owner's who is known now.
pub(super) const ADOPT: &str = "DELETE FROM told WHERE client_id = ?1 AND service_id = ?2 AND status = ?3 AND owner = ''";

/// An alert on its way into its tables.
pub(super) struct AlertToPut<'a> {
    pub key: String,
    pub created: i64,
    pub client: Option<i64>,
    pub service: Option<i64>,
    pub kind: u8,
    pub payload: String,
    pub incident: String,
    pub team: &'a str,
    pub severity: u8,
    pub fate: u8,
    pub why: Option<String>,
    /// 1 where it says that its incident is over.
    pub resolves: u8,
    pub sinks: Vec<&'a str>,
}

/// Puts alerts, in the order of their keys, and their deliveries; inside the caller's transaction.
pub(super) fn put_alerts(connection: &Rows, alerts: &mut [AlertToPut<'_>]) -> rusqlite::Result<()> {
    if alerts.is_empty() {
        return Ok(());
    }
    alerts.sort_by(|one, other| one.key.cmp(&other.key));
    let (mut put, mut put_delivery) = (connection.prepare(PUT_ALERTS)?, connection.prepare(PUT_OUTBOX)?);
    for a in alerts.iter() {
        let (incident, why) = (&a.incident, a.why.as_deref());
        let number = put.insert(params![
            a.key, a.created, a.client, a.service, a.kind, a.payload, incident, a.team, a.severity, a.fate, why, a.resolves
        ])?;
        for sink in &a.sinks {
            put_delivery.execute(params![number, sink, a.created])?;
        }
    }
    Ok(())
}

/// Puts one alert and its deliveries.
pub(super) async fn put_alert(connection: &mut SqliteConnection, alert: AlertToPut<'_>) -> Result<(), StoreError> {
    on_this_thread(connection, |connection| put_alerts(connection, &mut [alert])).await
}

impl Store {
    /// Commits a batch: its sightings, what it adds to visibility, and with `telling` the alerts it makes, all or nothing.
    ///
    /// Sightings are cumulative, so the same ones twice, or the daemon's last ones again after a crash, double nothing; evidence
    /// never falls. Without `telling` no alert is made and nothing is marked as told.
    ///
    /// # Errors
    /// The database's own; nothing of the batch was kept then, and the caller commits it again.
    pub async fn commit(&self, batch: &Batch, telling: Option<&Telling<'_>>) -> Result<Committed, StoreError> {
        self.try_to_commit(batch, telling).await.map_err(|error| error.at(&self.path))
    }

    async fn try_to_commit(&self, batch: &Batch, telling: Option<&Telling<'_>>) -> Result<Committed, StoreError> {
        let started = Instant::now();
        if batch.is_empty() {
            return Ok(Committed::default());
        }
        let mut connection = self.writer.acquire().await?;
        let mut dictionary = self.dictionary.lock().await;
        let committed = loop {
            let tried = on_this_thread(&mut connection, |connection| commit(connection, &mut dictionary, batch, telling)).await;
            match tried {
                Err(error) if error.is_busy() && started.elapsed() < BUSY => tokio::time::sleep(AGAIN).await,
                tried => break tried,
            }
        };
        if committed.is_err() {
            // Ids given in a transaction that came to nothing are nobody's.
            dictionary.forget();
        }
        Ok(Committed { seconds: started.elapsed().as_secs_f64(), ..committed? })
    }
}

/// The transaction of a batch.
fn commit(connection: &Rows, dictionary: &mut Dictionary, batch: &Batch, telling: Option<&Telling<'_>>) -> rusqlite::Result<Committed> {
    let waits_for_disk = telling.is_some() && batch.findings.iter().any(|f| f.sighting.is_alert_due());
    connection.execute_batch(if waits_for_disk { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })?;
    // This thread has others to serve than one that waits for another process.
    connection.busy_timeout(Duration::ZERO)?;
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
    connection.busy_timeout(BUSY)?;
    let transaction = transaction?;
    let committed = write(connection, dictionary, batch, telling)?;
    transaction.commit()?;
    Ok(committed)
}

/// Writes a batch, inside the caller's transaction.
fn write(connection: &Rows, dictionary: &mut Dictionary, batch: &Batch, telling: Option<&Telling<'_>>) -> rusqlite::Result<Committed> {
    let forgotten = privacy::forgotten_by_now(connection)?;
    let remaining = (!forgotten.is_empty()).then(|| privacy::remaining(&forgotten, &batch.findings, &batch.sealed));
    let (findings, sealed) = remaining.as_ref().map_or((&batch.findings, &batch.sealed), |(findings, sealed)| (findings, sealed));
    let adds_up = !batch.visibility.is_empty() || !batch.unmatched.is_empty();
    if adds_up && visibility::is_new(connection, batch.capture.as_deref())? {
        visibility::add(connection, &batch.visibility)?;
        unmatched::add(connection, &batch.unmatched)?;
    }
    let rows = if findings.is_empty() { 0 } else { batch::write(connection, dictionary, findings)? };
    privacy::seal(connection, sealed)?;
    let told = match telling {
        Some(telling) => tell(connection, dictionary, findings, telling)?,
        None => Committed::default(),
    };
    let dropped_lines = stream::write(connection, &batch.lines, &forgotten)? as u64;
    Ok(Committed { rows, dropped_lines, ..told })
}

/// Makes the alerts of a batch that was written.
fn tell(connection: &Rows, dictionary: &Dictionary, findings: &[Finding], telling: &Telling<'_>) -> rusqlite::Result<Committed> {
    let due = findings.iter().map(|f| &f.sighting).filter(|s| s.is_alert_due());
    let pairs: HashMap<(i64, i64), &Sighting> = due.filter_map(|s| Some((dictionary.pair(s)?, s))).collect();
    let mut committed = Committed::default();
    if pairs.is_empty() {
        return Ok(committed);
    }
    let mut memory = remembered(connection, &pairs)?;
    let due = due_alerts(findings, &mut memory);
    if !due.is_empty() {
        let mut fates = Fates::load(connection, telling.dispatch, clock::now())?;
        let mut alerts: Vec<AlertToPut<'_>> = due
            .into_iter()
            .filter_map(|(due, finding)| word(due, &finding.sighting, dictionary, telling, &mut fates, &mut committed))
            .collect();
        put_alerts(connection, &mut alerts)?;
        fates.save(connection)?;
    }
    let ids: HashMap<(&str, &str), (i64, i64)> = pairs.iter().map(|(pair, s)| ((&*s.client, &*s.service), *pair)).collect();
    let (mut put, mut adopt) = (connection.prepare(PUT_TOLD)?, connection.prepare(ADOPT)?);
    for ((client, service, status), owner, told) in memory.changed() {
        let Some((client, service)) = ids.get(&(client, service)) else { continue };
        let repeats = i64::try_from(told.repeats).unwrap_or(i64::MAX);
        put.execute(params![client, service, status, owner, told.uploaded, told.lapsed, repeats])?;
        if !owner.is_empty() {
            adopt.execute(params![client, service, status])?;
        }
    }
    Ok(committed)
}

/// What was told of these clients and services.
fn remembered<'a>(connection: &Rows, pairs: &HashMap<(i64, i64), &'a Sighting>) -> rusqlite::Result<Memory<'a>> {
    let mut memory = Memory::default();
    let mut known: HashSet<i64> = HashSet::new();
    let mut of_pair = connection.prepare(WHAT_WAS_TOLD)?;
    for ((client, service), s) in pairs {
        let mut rows = of_pair.query([client, service])?;
        while let Some(row) = rows.next()? {
            let told = Told { uploaded: row.get(2)?, lapsed: row.get(3)?, repeats: row.get::<_, i64>(4)?.unsigned_abs() };
            memory.remember((&s.client, &s.service, row.get(0)?), row.get(1)?, told);
            known.insert(*service);
        }
    }
    for ((_, service), s) in pairs {
        if known.insert(*service) && connection.execute(NEW_SERVICE, [service])? > 0 {
            memory.is_new(&s.service);
        }
    }
    Ok(memory)
}

/// The alerts these findings make. A pair's alerts of one batch are joined with its newest sighting: an alert says how things stand at its
/// commit.
fn due_alerts<'a>(findings: &'a [Finding], memory: &mut Memory<'a>) -> Vec<(Due, &'a Finding)> {
    let mut due: Vec<(Due, &'a Finding)> = Vec::new();
    let mut place: HashMap<(&str, &str, u8), usize> = HashMap::new();
    for finding in findings {
        let s = &finding.sighting;
        let Some(alert) = memory.judge(finding) else { continue };
        match place.get(&(&*s.client, &*s.service, s.status as u8)) {
            Some(&at) => due[at].1 = finding,
            None => {
                place.insert((&s.client, &s.service, s.status as u8), due.len());
                due.push((alert, finding));
            }
        }
    }
    due
}

/// An alert, worded, and where it goes; none where it stands in the inventory instead.
fn word<'a>(
    due: Due,
    sighting: &'a Sighting,
    dictionary: &Dictionary,
    telling: &Telling<'a>,
    fates: &mut Fates<'_>,
    committed: &mut Committed,
) -> Option<AlertToPut<'a>> {
    let (client, service) = dictionary.pair(sighting)?;
    if fates.is_young && sighting.status == Status::Unreviewed {
        committed.kept_back.push((due.kind, "inventory"));
        return None;
    }
    let created = clock::now();
    let mut notice = Notice { id: new_id(created), kind: due.kind, created, sighting, repeats: Repeats::default() };
    let severity = notice.severity();
    let about = About { kind: due.kind, severity, team: &sighting.team, service: &sighting.service, client: &sighting.client };
    let decided = fates.decide(&about);
    notice.repeats = repeats(due.repeats, decided.suppressed, due.kind, &sighting.team);
    let is_sent = decided.fate == Fate::Sent;
    let sinks = if is_sent { telling.dispatch.sinks_of(&about) } else { Vec::new() };
    if is_sent {
        committed.alerts += 1;
    } else {
        committed.kept_back.push((due.kind, decided.fate.reason()));
    }
    Some(AlertToPut {
        incident: notice.incident(),
        payload: (telling.render)(&notice),
        key: notice.id,
        created: created.micros(),
        client: Some(client),
        service: Some(service),
        kind: due.kind as u8,
        team: &sighting.team,
        severity: severity as u8,
        fate: decided.fate as u8,
        why: decided.why,
        resolves: 0,
        sinks,
    })
}

/// 32 hexadecimal digits: 48 bits of milliseconds, so that ids sort by time, and 80 random bits.
pub(super) fn new_id(created: Time) -> String {
    let random = rand::random::<u128>() & ((1 << 80) - 1);
    let millis = u128::from(created.0 / 1_000_000) & ((1 << 48) - 1);
    format!("{:032x}", (millis << 80) | random)
}

/// A value as JSON text, to be spread by a statement.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|e| sqlx::Error::Encode(Box::new(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits_and_sort_by_time() {
        let (early, late) = (new_id(Time::new(1_795_417_200, 0)), new_id(Time::new(1_795_417_200, 1_000_000)));
        assert_eq!(early.len(), 32);
        assert!(early < late && early != new_id(Time::new(1_795_417_200, 0)));
    }
}
