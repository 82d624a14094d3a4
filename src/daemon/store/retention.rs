//! Taking out what is older than it may be, a step at a time: a step is one short transaction, so that no commit waits long behind it.
//!
//! Sightings go by whole days in UTC, each after it was added up; from the first that goes, the day keeps the sums it has. What is still
//! open, and what still went on after the limit, stays until it does not.

use super::commit::json;
use super::daily::DAY;
use super::unmatched::DAYS;
use super::{Store, StoreError};
use crate::engine::frame::Time;

/// Rows of a step.
pub const STEP: usize = 2000;

/// What a step that takes out sightings came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// So many rows went; after 0 the day has none that may go.
    Took(u64),
    /// None went: the day is to be added up first.
    IsStale,
}

const NEXT_DAY: &str = "SELECT min(first_seen) / 86400000000 FROM sighting WHERE first_seen >= ?1 AND first_seen < ?2";
const IS_STALE: &str = "SELECT EXISTS (SELECT 1 FROM calendar WHERE day = ?1 AND changes > added_up AND is_kept = 0)";
pub(super) const TAKE_SIGHTINGS: &str = "
    DELETE FROM sighting WHERE id IN (
        SELECT id FROM sighting
        WHERE first_seen >= ?1 AND first_seen < ?2 AND last_seen < ?3 AND closed = 1 ORDER BY first_seen LIMIT ?4)";
const KEEP: &str = "
    INSERT INTO calendar (day, changes, is_kept) VALUES (?1, 0, 1) ON CONFLICT (day) DO UPDATE SET is_kept = 1";
pub(super) const TAKE_DAILY: &str = "
    DELETE FROM daily WHERE (day, team_id, service_id, status) IN (
        SELECT day, team_id, service_id, status FROM daily WHERE day < ?1 LIMIT ?2)";
/// A day that has neither sightings nor sums is as if it had never been.
pub(super) const TAKE_CALENDAR: &str = "
    DELETE FROM calendar WHERE day < ?1 AND NOT EXISTS (SELECT 1 FROM daily d WHERE d.day = calendar.day)
    AND NOT EXISTS (SELECT 1 FROM sighting g WHERE g.first_seen >= calendar.day * 86400000000
                    AND g.first_seen < (calendar.day + 1) * 86400000000)";
pub(super) const TAKE_VISIBILITY: &str = "
    DELETE FROM visibility WHERE (hour, zone, sight) IN (
        SELECT hour, zone, sight FROM visibility WHERE hour < ?1 LIMIT ?2)";
pub(super) const TAKE_UNMATCHED: &str = "
    DELETE FROM unmatched WHERE (domain, day) IN (SELECT domain, day FROM unmatched WHERE day <= ?1 LIMIT ?2)";
/// Beside the writer: alerts have no index by time.
const OLD_ALERTS: &str = "
    SELECT a.id FROM alert a WHERE a.created < ?1 AND a.id > ?2
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.alert_id = a.id AND o.state = 0) ORDER BY a.id LIMIT ?3";
pub(super) const TAKE_ALERTS: &str = "
    DELETE FROM alert WHERE id IN (SELECT value FROM json_each(?1))
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.alert_id = alert.id AND o.state = 0)";

impl Store {
    /// The first day from `from` on that has sightings and is over before `limit`; days since 1970-01-01 in UTC.
    ///
    /// # Errors
    /// The database's own.
    pub async fn next_day(&self, from: i64, limit: Time) -> Result<Option<i64>, StoreError> {
        let end = limit.micros() / DAY * DAY;
        Ok(sqlx::query_scalar(NEXT_DAY).bind(from.saturating_mul(DAY)).bind(end).fetch_one(&self.readers).await?)
    }

    /// Takes out sightings of a day that ended before `limit`: a step.
    ///
    /// # Errors
    /// The database's own; nothing went then.
    pub async fn take_sightings(&self, day: i64, limit: Time) -> Result<Step, StoreError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let is_stale: bool = sqlx::query_scalar(IS_STALE).bind(day).fetch_one(&mut *transaction).await?;
        if is_stale {
            return Ok(Step::IsStale);
        }
        let take = sqlx::query(TAKE_SIGHTINGS).bind(day.saturating_mul(DAY)).bind(day.saturating_add(1).saturating_mul(DAY));
        let took = take.bind(limit.micros()).bind(STEP as i64).execute(&mut *transaction).await?.rows_affected();
        if took > 0 {
            sqlx::query(KEEP).bind(day).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(Step::Took(took))
    }

    /// Takes out sums of days that were over before `limit`: a step. Returns how many rows; after 0 there are none.
    ///
    /// # Errors
    /// The database's own; nothing went then.
    pub async fn take_daily(&self, limit: Time) -> Result<u64, StoreError> {
        let day = limit.micros() / DAY;
        let took = sqlx::query(TAKE_DAILY).bind(day).bind(STEP as i64).execute(&self.writer).await?.rows_affected();
        if took == 0 {
            sqlx::query(TAKE_CALENDAR).bind(day).execute(&self.writer).await?;
        }
        Ok(took)
    }

    /// Takes out hours of visibility that were over before `limit`: a step. Returns how many rows; after 0 there are none.
    ///
    /// # Errors
    /// The database's own; nothing went then.
    pub async fn take_visibility(&self, limit: Time) -> Result<u64, StoreError> {
        let hour = limit.micros().saturating_sub(3_600_000_000);
        Ok(sqlx::query(TAKE_VISIBILITY).bind(hour).bind(STEP as i64).execute(&self.writer).await?.rows_affected())
    }

    /// Takes out domains that belonged to no service and were remembered for their [`DAYS`]: a step. Returns how many; after 0 there are
    /// none.
    ///
    /// # Errors
    /// The database's own; nothing went then.
    pub async fn take_unmatched(&self, now: Time) -> Result<u64, StoreError> {
        let day = (now.micros() / DAY).saturating_sub(i64::try_from(DAYS).unwrap_or(i64::MAX));
        Ok(sqlx::query(TAKE_UNMATCHED).bind(day).bind(STEP as i64).execute(&self.writer).await?.rows_affected())
    }

    /// Takes out alerts after the one with the number `after` that were made before `limit` and wait for no delivery: a step. Returns the
    /// number to go on after and how many went; `None` where there are no more.
    ///
    /// # Errors
    /// The database's own; nothing went then.
    pub async fn take_alerts(&self, limit: Time, after: i64) -> Result<Option<(i64, u64)>, StoreError> {
        let old = sqlx::query_scalar(OLD_ALERTS).bind(limit.micros()).bind(after).bind(STEP as i64);
        let old: Vec<i64> = old.fetch_all(&self.readers).await?;
        let Some(last) = old.last() else { return Ok(None) };
        // One may have been put back by hand meanwhile.
        let took = sqlx::query(TAKE_ALERTS).bind(json(&old)?).execute(&self.writer).await?.rows_affected();
        Ok(Some((*last, took)))
    }
}
