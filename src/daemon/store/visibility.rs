//! What could be seen and what could not, hour by hour.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::read::Window;
use super::{Store, StoreError};
use crate::engine::frame::Time;
use crate::engine::visibility::Increment;

const ADD: &str = "
    INSERT INTO visibility (hour, zone, sight, flows, clients) VALUES (?1, ?2, ?3, ?4, ?5)
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
pub(super) fn is_new(connection: &Connection, capture: Option<&str>) -> rusqlite::Result<bool> {
    let Some(digest) = capture else { return Ok(true) };
    Ok(connection.execute("INSERT INTO replay (digest) VALUES (?1) ON CONFLICT DO NOTHING", [digest])? > 0)
}

/// Adds increments, inside the caller's transaction.
pub(super) fn add(connection: &Connection, increments: &[Increment]) -> rusqlite::Result<()> {
    if increments.is_empty() {
        return Ok(());
    }
    let mut add = connection.prepare(ADD)?;
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    for i in increments {
        add.execute(params![i.hour.micros(), &*i.zone, i.sight.word(), number(i.more.flows), number(i.more.clients)])?;
    }
    Ok(())
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
