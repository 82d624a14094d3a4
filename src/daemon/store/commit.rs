//! Commit: a batch of findings and the alerts it makes, in one transaction.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use serde::Serialize;
use sqlx::{Connection, SqliteConnection};

use super::dictionary::Dictionary;
use super::fate::{Fate, Fates, repeats};
use super::stream::{self, Lines};
use super::told::{Due, Memory, Told};
use super::{Store, StoreError, batch, privacy, unmatched, visibility};
use crate::daemon::clock;
use crate::daemon::dispatch::{About, Dispatch};
use crate::daemon::notice::{Notice, NoticeKind, Repeats};
use crate::daemon::sealed::Sealed;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Finding, Sighting};
use crate::engine::unmatched::Remembered;
use crate::engine::visibility::Increment;

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
    SELECT t.client_id, t.service_id, t.status, t.owner, t.uploaded, t.lapsed, t.repeats
    FROM json_each(?1) j CROSS JOIN told t ON t.client_id = j.value ->> 0 AND t.service_id = j.value ->> 1";

/// Services of which nothing was ever told; from now on something is.
const NEW_SERVICES: &str = "
    INSERT INTO known_service SELECT value FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING RETURNING service_id";

pub(super) const PUT_ALERTS: &str = "
    INSERT INTO alert (key, created, client_id, service_id, kind, payload, incident, team, severity, fate, why, resolves)
    SELECT value ->> 'key', value ->> 'created', value ->> 'client', value ->> 'service', value ->> 'kind', value ->> 'payload',
           value ->> 'incident', value ->> 'team', value ->> 'severity', value ->> 'fate', value ->> 'why',
           value ->> 'resolves'
    FROM json_each(?1) ORDER BY key";

pub(super) const PUT_OUTBOX: &str = "
    INSERT INTO outbox (alert_id, sink, state, attempts, since, next_attempt)
    SELECT a.id, k.value, 0, 0, a.created, a.created
    FROM json_each(?1) j CROSS JOIN alert a ON a.key = j.value ->> 'key' CROSS JOIN json_each(j.value ->> 'sinks') k";

pub(super) const PUT_TOLD: &str = "
    INSERT INTO told (client_id, service_id, status, owner, uploaded, lapsed, repeats)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 FROM json_each(?1) WHERE true
    ON CONFLICT (client_id, service_id, status, owner)
    DO UPDATE SET uploaded = excluded.uploaded, lapsed = excluded.lapsed, repeats = excluded.repeats";

/// What was told of nobody known is the owner's who is known now.
pub(super) const ADOPT: &str = "
    DELETE FROM told WHERE (client_id, service_id, status, owner) IN (
        SELECT value ->> 0, value ->> 1, value ->> 2, '' FROM json_each(?1) WHERE value ->> 3 <> '')";

/// An alert on its way into its tables.
#[derive(Serialize)]
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

/// Puts alerts and their deliveries.
pub(super) async fn put_alerts(connection: &mut SqliteConnection, alerts: &[AlertToPut<'_>]) -> sqlx::Result<()> {
    if alerts.is_empty() {
        return Ok(());
    }
    let text = json(alerts)?;
    sqlx::query(PUT_ALERTS).bind(&text).execute(&mut *connection).await?;
    sqlx::query(PUT_OUTBOX).bind(&text).execute(&mut *connection).await.map(drop)
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
        let findings = &batch.findings;
        if batch.is_empty() {
            return Ok(Committed::default());
        }
        let mut connection = self.writer.acquire().await?;
        let waits_for_disk = telling.is_some() && findings.iter().any(|f| f.sighting.is_alert_due());
        let synchronous = if waits_for_disk { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
        sqlx::query(synchronous).execute(&mut *connection).await?;
        let mut dictionary = self.dictionary.lock().await;
        let committed = commit(&mut connection, &mut dictionary, batch, telling).await;
        if committed.is_err() {
            // Ids given in a transaction that came to nothing are nobody's.
            dictionary.forget();
        }
        Ok(Committed { seconds: started.elapsed().as_secs_f64(), ..committed? })
    }
}

/// The transaction of a batch.
async fn commit(
    connection: &mut SqliteConnection,
    dictionary: &mut Dictionary,
    batch: &Batch,
    telling: Option<&Telling<'_>>,
) -> sqlx::Result<Committed> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let forgotten = privacy::forgotten(&mut transaction).await?;
    let (mut findings, mut sealed) = (&batch.findings, &batch.sealed);
    let remaining;
    if !forgotten.is_empty() {
        remaining = privacy::remaining(&forgotten, findings, sealed);
        (findings, sealed) = (&remaining.0, &remaining.1);
    }
    let adds_up = !batch.visibility.is_empty() || !batch.unmatched.is_empty();
    if adds_up && visibility::is_new(&mut transaction, batch.capture.as_deref()).await? {
        visibility::add(&mut transaction, &batch.visibility).await?;
        unmatched::add(&mut transaction, &batch.unmatched).await?;
    }
    let rows = if findings.is_empty() { 0 } else { batch::write(&mut transaction, dictionary, findings).await? };
    privacy::seal(&mut transaction, sealed).await?;
    let told = match telling {
        Some(telling) => tell(&mut transaction, dictionary, findings, telling).await?,
        None => Committed::default(),
    };
    let dropped_lines = stream::write(&mut transaction, &batch.lines, &forgotten).await?;
    transaction.commit().await?;
    Ok(Committed { rows, dropped_lines, ..told })
}

/// Makes the alerts of a batch that was written.
async fn tell(
    connection: &mut SqliteConnection,
    dictionary: &Dictionary,
    findings: &[Finding],
    telling: &Telling<'_>,
) -> sqlx::Result<Committed> {
    let due = findings.iter().map(|f| &f.sighting).filter(|s| s.is_alert_due());
    let pairs: HashMap<(i64, i64), &Sighting> = due.filter_map(|s| Some((dictionary.pair(s)?, s))).collect();
    let mut committed = Committed::default();
    if pairs.is_empty() {
        return Ok(committed);
    }
    let mut memory = remembered(&mut *connection, &pairs).await?;
    let due = due_alerts(findings, &mut memory);
    if !due.is_empty() {
        let mut fates = Fates::load(&mut *connection, telling.dispatch, clock::now()).await?;
        let alerts: Vec<AlertToPut<'_>> = due
            .into_iter()
            .filter_map(|(due, finding)| word(due, &finding.sighting, dictionary, telling, &mut fates, &mut committed))
            .collect();
        put_alerts(&mut *connection, &alerts).await?;
        fates.save(&mut *connection).await?;
    }
    let ids: HashMap<(&str, &str), (i64, i64)> = pairs.iter().map(|(pair, s)| ((&*s.client, &*s.service), *pair)).collect();
    let told = memory.changed().filter_map(|((client, service, status), owner, told)| {
        let (client, service) = ids.get(&(client, service))?;
        Some((*client, *service, status, owner, u8::from(told.uploaded), u8::from(told.lapsed), told.repeats))
    });
    let told: Vec<_> = told.collect();
    if !told.is_empty() {
        let text = json(&told)?;
        sqlx::query(PUT_TOLD).bind(&text).execute(&mut *connection).await?;
        sqlx::query(ADOPT).bind(&text).execute(&mut *connection).await?;
    }
    Ok(committed)
}

/// What was told of these clients and services.
async fn remembered<'a>(connection: &mut SqliteConnection, pairs: &HashMap<(i64, i64), &'a Sighting>) -> sqlx::Result<Memory<'a>> {
    let asked = json(&pairs.keys().collect::<Vec<_>>())?;
    let rows: Vec<(i64, i64, u8, String, bool, bool, i64)> = sqlx::query_as(WHAT_WAS_TOLD).bind(asked).fetch_all(&mut *connection).await?;
    let mut memory = Memory::default();
    let mut known: HashSet<i64> = HashSet::new();
    for (client, service, status, owner, uploaded, lapsed, repeats) in rows {
        known.insert(service);
        if let Some(s) = pairs.get(&(client, service)) {
            memory.remember((&s.client, &s.service, status), owner, Told { uploaded, lapsed, repeats: repeats.unsigned_abs() });
        }
    }
    let unknown: Vec<i64> = pairs.keys().map(|(_, service)| *service).filter(|service| !known.contains(service)).collect();
    if !unknown.is_empty() {
        let new: HashSet<i64> = sqlx::query_scalar(NEW_SERVICES).bind(json(&unknown)?).fetch_all(connection).await?.into_iter().collect();
        pairs.iter().filter(|((_, service), _)| new.contains(service)).for_each(|(_, s)| memory.is_new(&s.service));
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
