//! What could be seen and what could not, hour by hour.

use serde::Serialize;
use sqlx::SqliteConnection;

use super::read::Window;
use super::{Store, StoreError};
use crate::engine::frame::Time;
use crate::engine::visibility::Increment;

const ADD: &str = "
    INSERT INTO visibility (hour, zone, sight, flows, clients)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4 FROM json_each(?1) j
    WHERE true
    ON CONFLICT (hour, zone, sight) DO UPDATE SET flows = flows + excluded.flows, clients = clients + excluded.clients";

const SUM: &str = "
    SELECT zone, sight, sum(flows), max(clients) FROM visibility
    WHERE hour > ?1 - 3600000000 AND hour < ?2 GROUP BY zone, sight ORDER BY zone, sight";

const BY_HOUR: &str = "
    SELECT hour, zone, sight, flows, clients FROM visibility
    WHERE hour > ?1 - 3600000000 AND hour < ?2 ORDER BY hour, zone, sight";

/// Counts of one zone and sight over a window.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SightTotal {
    /// Zone of the clients.
    pub zone: String,
    /// `named`, a reason why not, or a kind of blind spot.
    pub sight: String,
    /// Flows, or look-ups.
    pub flows: u64,
    /// Most different clients in one hour.
    pub clients: u64,
}

/// Whether nothing was added of a capture before; from now on something was. Live capture is always new.
pub(super) async fn is_new(connection: &mut SqliteConnection, capture: Option<&str>) -> sqlx::Result<bool> {
    let Some(digest) = capture else { return Ok(true) };
    let done = sqlx::query("INSERT INTO replay (digest) VALUES (?1) ON CONFLICT DO NOTHING").bind(digest).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// Adds increments, inside the caller's transaction.
pub(super) async fn add(connection: &mut SqliteConnection, increments: &[Increment]) -> sqlx::Result<()> {
    if increments.is_empty() {
        return Ok(());
    }
    let row = |i: &Increment| (i.hour.micros(), i.zone.to_string(), i.sight.word(), i.more.flows, i.more.clients);
    let rows: Vec<_> = increments.iter().map(row).collect();
    let text = serde_json::to_string(&rows).map_err(|e| sqlx::Error::Encode(Box::new(e)))?;
    sqlx::query(ADD).bind(text).execute(connection).await.map(drop)
}

impl Store {
    /// What could be seen in a window, by zone; whole hours.
    ///
    /// # Errors
    /// The database's own.
    pub async fn visibility(&self, window: Window) -> Result<Vec<SightTotal>, StoreError> {
        let since = window.since.map_or(0, Time::micros);
        let until = window.until.map_or(i64::MAX, Time::micros);
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(SUM).bind(since).bind(until).fetch_all(&self.readers).await?;
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        Ok(rows.into_iter().map(|(zone, sight, f, c)| SightTotal { zone, sight, flows: count(f), clients: count(c) }).collect())
    }

    /// The same hour by hour, in order.
    ///
    /// # Errors
    /// The database's own.
    pub async fn visibility_by_hour(&self, window: Window) -> Result<Vec<(Time, SightTotal)>, StoreError> {
        let since = window.since.map_or(0, Time::micros);
        let until = window.until.map_or(i64::MAX, Time::micros);
        let rows: Vec<(i64, String, String, i64, i64)> = sqlx::query_as(BY_HOUR).bind(since).bind(until).fetch_all(&self.readers).await?;
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        let total = |zone, sight, f, c| SightTotal { zone, sight, flows: count(f), clients: count(c) };
        Ok(rows.into_iter().map(|(hour, zone, sight, f, c)| (Time::from_micros(hour), total(zone, sight, f, c))).collect())
    }
}
