//! What sightings amount to by day, team, service and status. It outlives the sightings, and a report of months reads it in their place.
//!
//! A commit marks the days it touched ([`super::batch::STALE`]); [`Store::add_up`] adds one of them up anew, by reading beside the writer and
//! then writing a few hundred rows. Days of which sightings were already taken out ([`super::retention`]) keep the sums they have.

use super::commit::json;
use super::{Store, StoreError};
use crate::engine::frame::Time;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// A row of `daily` behind its day.
type Row = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);

/// One day's sightings, between two moments, added up to rows of `daily`.
pub(super) const ADD_UP: &str = "
    SELECT team_id, service_id, status, count(*), sum(presence_only), count(DISTINCT client_id), max(evidence), sum(evidence = 3),
           sum(connections), sum(bytes_up), sum(bytes_down), sum(active_minutes), sum(turns_low), sum(turns_high), max(last_seen)
    FROM sighting WHERE first_seen >= ?1 AND first_seen < ?2 GROUP BY team_id, service_id, status";
/// Different clients of a day, out of the key alone.
pub(super) const CLIENTS: &str = "SELECT count(DISTINCT client_id) FROM sighting WHERE first_seen >= ?1 AND first_seen < ?2";
const PUT: &str = "
    INSERT INTO daily SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
           value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14
    FROM json_each(?2)";

const STALE_DAYS: &str = "
    SELECT day, added_at FROM calendar INDEXED BY calendar_stale
    WHERE changes > added_up AND is_kept = 0 AND day >= ?1 AND day < ?2 ORDER BY day";

/// Kept only where the sums that stand are older: another process may have added up the same day meanwhile.
const SETTLE: &str = "
    UPDATE calendar SET added_up = ?2, added_at = ?3, clients = ?4 WHERE day = ?1 AND added_up < ?2 AND is_kept = 0";

/// A day whose sums are not right any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StaleDay {
    /// Days since 1970-01-01, in UTC.
    pub day: i64,
    /// When it was last added up; the beginning of time where it never was.
    pub added_at: Time,
}

/// The days a window touches: the first, and the one after the last.
pub(super) fn days(since: Option<Time>, until: Option<Time>) -> (i64, i64) {
    (since.map_or(0, |t| t.micros() / DAY), until.map_or(i64::MAX / DAY, |t| t.micros().saturating_add(DAY - 1) / DAY))
}

impl Store {
    /// Days of a window that changed since they were added up, oldest first.
    ///
    /// # Errors
    /// The database's own.
    pub async fn stale_days(&self, since: Option<Time>, until: Option<Time>) -> Result<Vec<StaleDay>, StoreError> {
        let (first, end) = days(since, until);
        let rows: Vec<(i64, i64)> = sqlx::query_as(STALE_DAYS).bind(first).bind(end).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(|(day, at)| StaleDay { day, added_at: Time::from_micros(at) }).collect())
    }

    /// Adds up a day anew. It reads beside the writer, and keeps it only for the few rows that come of it.
    ///
    /// # Errors
    /// The database's own; the day stays to be added up.
    pub async fn add_up(&self, day: i64, now: Time) -> Result<(), StoreError> {
        let changes: Option<i64> =
            sqlx::query_scalar("SELECT changes FROM calendar WHERE day = ?1").bind(day).fetch_optional(&self.readers).await?;
        let (from, to) = (day.saturating_mul(DAY), day.saturating_add(1).saturating_mul(DAY));
        let rows: Vec<Row> = sqlx::query_as(ADD_UP).bind(from).bind(to).fetch_all(&self.readers).await?;
        let clients: i64 = sqlx::query_scalar(CLIENTS).bind(from).bind(to).fetch_one(&self.readers).await?;
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let settle = sqlx::query(SETTLE).bind(day).bind(changes).bind(now.micros()).bind(clients);
        if settle.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(());
        }
        sqlx::query("DELETE FROM daily WHERE day = ?1").bind(day).execute(&mut *transaction).await?;
        sqlx::query(PUT).bind(day).bind(json(&rows)?).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }
}
