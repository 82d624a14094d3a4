//! Forgetting a client: every row about it in one transaction, overwritten in the file (`secure_delete`), and out of the write-ahead log.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::batch::STALE;
use super::commit::json;
use super::{Store, StoreError, audit, stream};
use crate::daemon::audit_entry::AuditEntry;
use crate::daemon::forgotten::Forgotten;
use crate::engine::frame::Time;

/// How often the log is tried to be emptied while others read.
const TRIES: u32 = 60;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// By what a client is known; each is enough.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Whom {
    /// As sightings name it: addresses, pseudonyms.
    pub clients: Vec<String>,
    /// Host name or user, in any case.
    pub name: Option<String>,
    /// Link-layer address, lower-case hex with colons.
    pub mac: Option<String>,
}

/// What was erased.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Erased {
    /// Rows, by table.
    pub sightings: u64,
    /// Alerts.
    pub alerts: u64,
    /// Deliveries of alerts.
    pub deliveries: u64,
    /// What was told.
    pub told: u64,
    /// Sealed identities.
    pub sealed: u64,
    /// Identities.
    pub identities: u64,
    /// Clients.
    pub clients: u64,
    /// What stood in the erased rows and stands in no other: it is to be found nowhere any more.
    #[serde(skip)]
    pub texts: Vec<String>,
}

const CLIENTS: &str = "SELECT id FROM client WHERE name IN (SELECT value FROM json_each(?1))";
const IDENTITIES: &str = "SELECT id FROM identity WHERE host = ?1 COLLATE NOCASE OR user = ?1 COLLATE NOCASE OR mac = ?2";
const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM sighting";

/// Sightings of these clients and identities, among those after one number and up to another.
const SIGHTINGS_OF: &str = "
    SELECT id, client_id, identity_id, first_seen / 86400000000 FROM sighting
    WHERE id > ?1 AND id <= ?2
      AND (client_id IN (SELECT value FROM json_each(?3)) OR identity_id IN (SELECT value FROM json_each(?4)))";
/// Of the clients and identities of erased sightings, those that others have too.
const KEPT: &str = "
    SELECT DISTINCT client_id, identity_id FROM sighting
    WHERE id > ?1 AND id <= ?2
      AND (client_id IN (SELECT value FROM json_each(?3)) OR identity_id IN (SELECT value FROM json_each(?4)))
      AND id NOT IN (SELECT value FROM json_each(?5))";

pub(super) const SIGHTINGS: &str = "DELETE FROM sighting WHERE id IN (SELECT value FROM json_each(?1))";
pub(super) const DELIVERIES: &str =
    "DELETE FROM outbox WHERE alert_id IN (SELECT a.id FROM json_each(?1) j CROSS JOIN alert a ON a.client_id = j.value)";
pub(super) const ALERTS: &str = "DELETE FROM alert WHERE client_id IN (SELECT value FROM json_each(?1))";
pub(super) const TOLD: &str = "DELETE FROM told WHERE client_id IN (SELECT value FROM json_each(?1))";
/// Silences that name a client, and what the client is called.
pub(super) const SILENCES: &str = "
    DELETE FROM silence WHERE client IN (SELECT c.name FROM json_each(?1) j CROSS JOIN client c ON c.id = j.value)
    OR client IN (SELECT value FROM json_each(?2))";
pub(super) const SEALED: &str = "DELETE FROM sealed WHERE client_id IN (SELECT value FROM json_each(?1))";
pub(super) const IDENTITY_ROWS: &str = "DELETE FROM identity WHERE id IN (SELECT value FROM json_each(?1)) RETURNING host, user, mac";
pub(super) const CLIENT_ROWS: &str = "DELETE FROM client WHERE id IN (SELECT value FROM json_each(?1)) RETURNING name";
const CLIENT_NAMES: &str = "SELECT name FROM client WHERE id IN (SELECT value FROM json_each(?1))";
const REMAINS: &str = "SELECT EXISTS (SELECT 1 FROM identity WHERE host = ?1 OR user = ?1 OR mac = ?1)";
const HIDE: &str = "INSERT INTO forgotten (at, key, mark) VALUES (?1, ?2, ?3)";

/// Ids of what goes.
#[derive(Default)]
struct Gone {
    sightings: Vec<i64>,
    /// Every client of a sighting that goes.
    clients: BTreeSet<i64>,
    identities: BTreeSet<i64>,
    days: BTreeSet<i64>,
    /// Of these, what others have too.
    kept_clients: BTreeSet<i64>,
    kept_identities: BTreeSet<i64>,
}

impl Gone {
    /// Finds what is meant among the sightings of a range of ids. No index leads from a client to its sightings: this walks the range.
    async fn find(&mut self, connection: &mut SqliteConnection, (after, until): (i64, i64)) -> sqlx::Result<()> {
        let (clients, identities) = (json(&self.clients)?, json(&self.identities)?);
        let query = sqlx::query_as(SIGHTINGS_OF).bind(after).bind(until).bind(&clients).bind(&identities);
        let found: Vec<(i64, i64, Option<i64>, i64)> = query.fetch_all(&mut *connection).await?;
        for (id, client, identity, day) in found {
            self.sightings.push(id);
            self.clients.insert(client);
            self.identities.extend(identity);
            self.days.insert(day);
        }
        Ok(())
    }

    /// Finds what others have too.
    async fn spare(&mut self, connection: &mut SqliteConnection, (after, until): (i64, i64)) -> sqlx::Result<()> {
        let query = sqlx::query_as(KEPT).bind(after).bind(until).bind(json(&self.clients)?).bind(json(&self.identities)?);
        let kept: Vec<(i64, Option<i64>)> = query.bind(json(&self.sightings)?).fetch_all(connection).await?;
        for (client, identity) in kept {
            self.kept_clients.insert(client);
            self.kept_identities.extend(identity);
        }
        Ok(())
    }
}

impl Store {
    /// Erases everything about a client, and notes it in the audit log with the entry that `entry` makes of the counts.
    ///
    /// Alerts and what was told go with the address they were about, whoever else had it. A daemon at work does not write back what it
    /// holds of the client in memory.
    ///
    /// # Errors
    /// The database's own; nothing was erased then.
    pub async fn forget(&self, whom: &Whom, now: Time, entry: impl FnOnce(&Erased) -> AuditEntry) -> Result<Erased, StoreError> {
        // The long walks are made beside the writer; those of what came meanwhile are short.
        let mut reader = self.readers.acquire().await?;
        let newest: i64 = sqlx::query_scalar(NEWEST).fetch_one(&mut *reader).await?;
        let gone = found(&mut reader, whom, newest).await?;
        drop(reader);
        let mut connection = self.writer.acquire().await?;
        let mut dictionary = self.dictionary.lock().await;
        dictionary.forget();
        let mut transaction = sqlx::Connection::begin_with(&mut *connection, "BEGIN IMMEDIATE").await?;
        let erased = erase(&mut transaction, whom, now, gone, newest).await?;
        audit::append(&mut transaction, &entry(&erased)).await?;
        transaction.commit().await?;
        Ok(erased)
    }

    /// Moves the write-ahead log into the file and empties it; false where somebody reads on and on.
    ///
    /// # Errors
    /// The database's own.
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let (is_busy, ..): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.writer).await?;
            if is_busy == 0 {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }

    /// Writes the whole file anew, so that no byte of an erased row is left anywhere in it. Nobody else can write meanwhile.
    ///
    /// # Errors
    /// The database's own, a full disk among them.
    pub async fn rewrite(&self) -> Result<(), StoreError> {
        // In memory the copy could be larger than the machine.
        sqlx::query("PRAGMA temp_store = FILE").execute(&self.writer).await?;
        sqlx::query("VACUUM").execute(&self.writer).await?;
        Ok(())
    }
}

/// What is meant, as far as it is there.
async fn found(connection: &mut SqliteConnection, whom: &Whom, newest: i64) -> sqlx::Result<Gone> {
    let mut gone = named(connection, whom).await?;
    gone.find(connection, (0, newest)).await?;
    gone.spare(connection, (0, newest)).await?;
    Ok(gone)
}

/// Clients and identities that are meant by name.
async fn named(connection: &mut SqliteConnection, whom: &Whom) -> sqlx::Result<Gone> {
    let clients: Vec<i64> = sqlx::query_scalar(CLIENTS).bind(json(&whom.clients)?).fetch_all(&mut *connection).await?;
    let identities: Vec<i64> = sqlx::query_scalar(IDENTITIES).bind(&whom.name).bind(&whom.mac).fetch_all(connection).await?;
    Ok(Gone { clients: clients.into_iter().collect(), identities: identities.into_iter().collect(), ..Gone::default() })
}

async fn erase(connection: &mut SqliteConnection, whom: &Whom, now: Time, mut gone: Gone, newest: i64) -> sqlx::Result<Erased> {
    let mut late = named(connection, whom).await?;
    late.find(connection, (newest, i64::MAX)).await?;
    gone.sightings.append(&mut late.sightings);
    gone.clients.append(&mut late.clients);
    gone.identities.append(&mut late.identities);
    gone.days.append(&mut late.days);
    gone.spare(connection, (newest, i64::MAX)).await?;
    let (sightings, clients) = (json(&gone.sightings)?, json(&gone.clients)?);
    hide(connection, &whom.clients, &clients, now).await?;
    let mut erased = Erased::default();
    for (statement, ids, count) in [
        (SIGHTINGS, &sightings, &mut erased.sightings),
        (DELIVERIES, &clients, &mut erased.deliveries),
        (ALERTS, &clients, &mut erased.alerts),
        (TOLD, &clients, &mut erased.told),
    ] {
        *count = sqlx::query(statement).bind(ids).execute(&mut *connection).await?.rows_affected();
    }
    forget_lines(connection, whom, &clients).await?;
    sqlx::query(SILENCES).bind(&clients).bind(json(&whom.clients)?).execute(&mut *connection).await?;
    // What they amounted to is added up again without them.
    for day in &gone.days {
        sqlx::query(STALE).bind(day).execute(&mut *connection).await?;
    }
    let clients: Vec<_> = gone.clients.difference(&gone.kept_clients).collect();
    let identities: Vec<_> = gone.identities.difference(&gone.kept_identities).collect();
    erased.sealed = sqlx::query(SEALED).bind(json(&clients)?).execute(&mut *connection).await?.rows_affected();
    erased.texts = sqlx::query_scalar(CLIENT_ROWS).bind(json(&clients)?).fetch_all(&mut *connection).await?;
    erased.clients = erased.texts.len() as u64;
    let identities: Vec<(String, String, String)> =
        sqlx::query_as(IDENTITY_ROWS).bind(json(&identities)?).fetch_all(&mut *connection).await?;
    erased.identities = identities.len() as u64;
    for text in identities.into_iter().flat_map(|(host, user, mac)| [host, user, mac]).filter(|t| !t.is_empty()) {
        let remains: bool = sqlx::query_scalar(REMAINS).bind(&text).fetch_one(&mut *connection).await?;
        if !remains && !erased.texts.contains(&text) {
            erased.texts.push(text);
        }
    }
    Ok(erased)
}

/// Lines that wait for a stream go with their clients, and with who is known by the same names.
async fn forget_lines(connection: &mut SqliteConnection, whom: &Whom, ids: &str) -> sqlx::Result<()> {
    let mut names: Vec<String> = sqlx::query_scalar(CLIENT_NAMES).bind(ids).fetch_all(&mut *connection).await?;
    names.extend(whom.clients.iter().cloned());
    sqlx::query(stream::FORGET).bind(json(&names)?).bind(&whom.name).bind(&whom.mac).execute(connection).await?;
    Ok(())
}

/// Keeps a daemon at work from writing back what it holds of these clients, and of those whose rows go, in memory.
async fn hide(connection: &mut SqliteConnection, clients: &[String], ids: &str, now: Time) -> sqlx::Result<()> {
    let mut names: Vec<String> = sqlx::query_scalar(CLIENT_NAMES).bind(ids).fetch_all(&mut *connection).await?;
    names.extend(clients.iter().cloned());
    names.sort_unstable();
    names.dedup();
    for Forgotten { at, key, mark, .. } in names.iter().map(|name| Forgotten::new(name, now)) {
        sqlx::query(HIDE).bind(at.micros()).bind(key).bind(mark).execute(&mut *connection).await?;
    }
    Ok(())
}
