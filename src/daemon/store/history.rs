//! Out of sums of days: since when a team uses a service, and how use goes on from day to day.

use sqlx::FromRow;

use super::daily::{DAY, days};
use super::{Store, StoreError};
use crate::engine::frame::Time;

/// The first day of a team's use of a service that the store knows of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirstDay {
    /// Team.
    pub team: String,
    /// Service id.
    pub service: String,
    /// The moment the day begins.
    pub day: Time,
}

/// What one day amounts to under one status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromRow)]
pub struct DayTotal {
    /// Days since 1970-01-01, in UTC.
    pub day: i64,
    /// Number of the policy status.
    pub status: i64,
    /// Payload bytes sent.
    pub bytes_up: i64,
}

const FIRST_DAYS: &str = "
    SELECT t.name, s.name, d.day FROM (SELECT team_id, service_id, min(day) AS day FROM daily GROUP BY team_id, service_id) d
    JOIN team t ON t.id = d.team_id JOIN service s ON s.id = d.service_id ORDER BY d.day, s.name, t.name";
const DAY_TOTALS: &str = "
    SELECT day, status, sum(bytes_up) AS bytes_up FROM daily WHERE day >= ?1 AND day < ?2 GROUP BY day, status ORDER BY day, status";

impl Store {
    /// When each team was first seen to use each service, earliest first; as far back as days were added up.
    ///
    /// # Errors
    /// The database's own.
    pub async fn first_days(&self) -> Result<Vec<FirstDay>, StoreError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(FIRST_DAYS).fetch_all(&self.readers).await?;
        Ok(rows
            .into_iter()
            .map(|(team, service, day)| FirstDay { team, service, day: Time::from_micros(day.saturating_mul(DAY)) })
            .collect())
    }

    /// What each day of a window amounts to, by status.
    ///
    /// # Errors
    /// The database's own.
    pub async fn day_totals(&self, since: Option<Time>, until: Option<Time>) -> Result<Vec<DayTotal>, StoreError> {
        let (first, end) = days(since, until);
        Ok(sqlx::query_as(DAY_TOTALS).bind(first).bind(end).fetch_all(&self.readers).await?)
    }
}
