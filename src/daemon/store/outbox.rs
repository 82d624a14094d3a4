//! The outbox: each alert and each sink it must still reach. A row leaves only by delivery; given up, it stays and is listed.

use super::commit::json;
use super::{Store, StoreError};
use crate::daemon::clock;
use crate::daemon::letter::{Given, Letter};
use crate::engine::frame::Time;

pub(super) const PENDING: i64 = 0;
pub(super) const DELIVERED: i64 = 1;
pub(super) const GIVEN_UP: i64 = 2;

/// Why letters to a sink of yesterday are given up.
const REMOVED: &str = "sink removed from the configuration";

/// The first letter of each client and service, and of each matter of the sensor's; the others wait behind it, so that each pair's alerts
/// arrive in order.
pub(super) const HEADS: &str = "
    SELECT o.alert_id, a.key, a.payload, o.attempts, o.since, o.next_attempt
    FROM outbox o JOIN alert a ON a.id = o.alert_id
    WHERE o.sink = ?1 AND o.state = 0 AND NOT EXISTS (
        SELECT 1 FROM alert e JOIN outbox p ON p.alert_id = e.id AND p.sink = o.sink AND p.state = 0
        WHERE e.client_id IS a.client_id AND e.service_id IS a.service_id AND e.id < a.id
          AND (a.client_id IS NOT NULL OR e.incident = a.incident))
    ORDER BY o.next_attempt, o.alert_id
    LIMIT ?2";

pub(super) const SETTLE: &str = "
    UPDATE outbox SET state = ?3, attempts = attempts + 1, next_attempt = coalesce(?4, next_attempt), last_error = ?5
    WHERE alert_id = ?1 AND sink = ?2 AND state = 0 AND ?6 = (SELECT key FROM alert WHERE id = ?1)";

/// Letters of sinks that are not configured any more.
const STRAY: &str = "
    UPDATE outbox SET state = 2, last_error = ?2
    WHERE state = 0 AND sink NOT IN (SELECT value FROM json_each(?1))";

/// Letters whose alert is put to the sinks of the configuration instead: those of other sinks that did not arrive.
const FORGET: &str = "
    DELETE FROM outbox
    WHERE state <> 1 AND sink NOT IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR alert_id = (SELECT id FROM alert WHERE key = ?2))
    RETURNING alert_id";

/// Alerts that had no sink, or none but those just forgotten. What was kept back goes out only by its id.
const ADDRESS: &str = "
    INSERT INTO outbox (alert_id, sink, state, attempts, since, next_attempt)
    SELECT a.id, k.value, 0, 0, ?3, ?3 FROM alert a CROSS JOIN json_each(?1) k
    WHERE (a.key = ?2 OR ?2 IS NULL AND a.fate = 0)
      AND (a.id IN (SELECT value FROM json_each(?4)) OR NOT EXISTS (SELECT 1 FROM outbox o WHERE o.alert_id = a.id))
    ON CONFLICT DO NOTHING";

const RETRY: &str = "
    UPDATE outbox SET state = 0, attempts = 0, since = ?1, next_attempt = ?1
    WHERE state <> 1 AND sink IN (SELECT value FROM json_each(?3)) AND (?2 IS NULL OR alert_id = (SELECT id FROM alert WHERE key = ?2))";

impl Store {
    /// Letters for a sink that no earlier one of the same client and service keeps waiting, the most urgent first. Those whose
    /// `next_attempt` is still to come are among them.
    ///
    /// # Errors
    /// The database's own.
    pub async fn letters(&self, sink: &str, limit: u32) -> Result<Vec<Letter>, StoreError> {
        let rows: Vec<(i64, String, String, i64, i64, i64)> = sqlx::query_as(HEADS).bind(sink).bind(limit).fetch_all(&self.readers).await?;
        let letter = |(alert, id, payload, attempts, since, next): (i64, String, String, i64, i64, i64)| Letter {
            alert,
            id,
            payload,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            since: Time::from_micros(since),
            next_attempt: Time::from_micros(next),
        };
        Ok(rows.into_iter().map(letter).collect())
    }

    /// Notes what became of an attempt. A letter of a store that was set aside since is no letter of this one.
    ///
    /// # Errors
    /// The database's own; the letter is then tried again, with the same id.
    pub async fn settle(&self, letter: &Letter, sink: &str, given: &Given) -> Result<(), StoreError> {
        let (state, at, error) = match given {
            Given::Delivered => (DELIVERED, None, None),
            Given::Again { at, error } => (PENDING, Some(at.micros()), Some(error)),
            Given::Up { error } => (GIVEN_UP, None, Some(error)),
        };
        let query = sqlx::query(SETTLE).bind(letter.alert).bind(sink).bind(state).bind(at).bind(error);
        query.bind(&letter.id).execute(&self.writer).await?;
        Ok(())
    }

    /// Gives up what waits for a sink that is not among `sinks`, those of the configuration. Returns how many deliveries.
    ///
    /// # Errors
    /// The database's own.
    pub async fn give_up_strays(&self, sinks: &[String]) -> Result<u64, StoreError> {
        let done = sqlx::query(STRAY).bind(json(sinks)?).bind(REMOVED).execute(&self.writer).await?;
        Ok(done.rows_affected())
    }

    /// Puts back what was given up, and hurries what waits: one alert, or all. What was for a sink that is not among `sinks`, and what had
    /// none, goes to all of `sinks` instead; with no sink it stays as it is. Returns how many deliveries.
    ///
    /// # Errors
    /// The database's own.
    pub async fn retry(&self, id: Option<&str>, sinks: &[String]) -> Result<u64, StoreError> {
        let (now, sinks_text) = (clock::now().micros(), json(sinks)?);
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        if !sinks.is_empty() {
            let strays: Vec<i64> = sqlx::query_scalar(FORGET).bind(&sinks_text).bind(id).fetch_all(&mut *transaction).await?;
            sqlx::query(ADDRESS).bind(&sinks_text).bind(id).bind(now).bind(json(&strays)?).execute(&mut *transaction).await?;
        }
        let again = sqlx::query(RETRY).bind(now).bind(id).bind(&sinks_text).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(again.rows_affected())
    }

    /// Deliveries still to be made.
    ///
    /// # Errors
    /// The database's own.
    pub async fn outbox_depth(&self) -> Result<u64, StoreError> {
        let depth: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE state = 0").fetch_one(&self.readers).await?;
        Ok(depth.unsigned_abs())
    }
}
