//! Reading what days amount to: a report of months out of a few thousand rows.

use std::collections::HashMap;

use sqlx::FromRow;

use super::daily::{DAY, days};
use super::{Store, StoreError};
use crate::engine::frame::Time;

/// What one team's sightings of one service under one status amount to, on a day or over several.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct Sum {
    /// Team.
    pub team: String,
    /// Service id.
    pub service: String,
    /// Its vendor.
    pub vendor: String,
    /// Its category.
    pub category: String,
    /// Number of the policy status.
    pub status: i64,
    /// Sightings begun.
    pub sightings: i64,
    /// Of these, mere presence.
    pub presence_only: i64,
    /// Different clients; over several days, of the day on which they were most.
    pub clients: i64,
    /// Number of the strongest evidence.
    pub evidence: i64,
    /// Sightings with an upload.
    pub uploaded: i64,
    /// Flows.
    pub connections: i64,
    /// Payload bytes sent.
    pub bytes_up: i64,
    /// Payload bytes got.
    pub bytes_down: i64,
    /// Minutes in which bytes moved.
    pub active_minutes: i64,
    /// Prompts and answers, at least.
    pub turns_low: i64,
    /// Prompts and answers, at most.
    pub turns_high: i64,
    /// Last moment, microseconds.
    pub last_seen: i64,
}

/// What all teams together amount to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Crowd {
    /// Different clients on the day on which they were most.
    pub clients: i64,
    /// Teams.
    pub teams: i64,
    /// The same by service id and number of the status: clients on the busiest day, and teams.
    pub services: HashMap<(String, i64), (i64, i64)>,
}

/// How many sightings a window has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// Single ones, counted up to a limit.
    pub sightings: i64,
    /// Of days whose single sightings were taken out.
    pub kept: i64,
    /// The last of these days is over at this moment.
    pub kept_until: Option<Time>,
}

/// Sums of whole days; `?1` and `?2` are days, the second exclusive.
const SUMS: &str = "
    SELECT t.name AS team, s.name AS service, s.vendor, s.category, d.status, sum(d.sightings) AS sightings,
           sum(d.presence_only) AS presence_only, max(d.clients) AS clients, max(d.evidence) AS evidence, sum(d.uploaded) AS uploaded,
           sum(d.connections) AS connections, sum(d.bytes_up) AS bytes_up, sum(d.bytes_down) AS bytes_down,
           sum(d.active_minutes) AS active_minutes, sum(d.turns_low) AS turns_low, sum(d.turns_high) AS turns_high,
           max(d.last_seen) AS last_seen
    FROM daily d JOIN team t ON t.id = d.team_id JOIN service s ON s.id = d.service_id
    WHERE d.day >= ?1 AND d.day < ?2
    GROUP BY d.team_id, d.service_id, d.status
    ORDER BY s.name, d.status, t.name";

/// A client is of one team on one day, so those of teams add up within a day.
const SERVICE_CLIENTS: &str = "
    SELECT s.name, d.status, max(d.clients)
    FROM (SELECT service_id, status, sum(clients) AS clients FROM daily
          WHERE day >= ?1 AND day < ?2 GROUP BY day, service_id, status) d
    JOIN service s ON s.id = d.service_id GROUP BY d.service_id, d.status";
const SERVICE_TEAMS: &str = "
    SELECT s.name, d.status, count(DISTINCT d.team_id) FROM daily d JOIN service s ON s.id = d.service_id
    WHERE d.day >= ?1 AND d.day < ?2 GROUP BY d.service_id, d.status";
const ALL: &str = "
    SELECT coalesce((SELECT max(clients) FROM calendar WHERE day >= ?1 AND day < ?2), 0),
           (SELECT count(DISTINCT team_id) FROM daily WHERE day >= ?1 AND day < ?2)";
const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM sighting WHERE first_seen >= ?1 AND first_seen < ?2 LIMIT ?3)";
const KEPT: &str = "
    SELECT coalesce(sum(d.sightings), 0), max(d.day) FROM calendar c CROSS JOIN daily d ON d.day = c.day
    WHERE c.is_kept = 1 AND c.day >= ?1 AND c.day < ?2";

impl Store {
    /// What the days of a window amount to, by team, service and status.
    ///
    /// # Errors
    /// The database's own.
    pub async fn sums(&self, since: Option<Time>, until: Option<Time>) -> Result<Vec<Sum>, StoreError> {
        let (first, end) = days(since, until);
        Ok(sqlx::query_as(SUMS).bind(first).bind(end).fetch_all(&self.readers).await?)
    }

    /// The days of a window that have sums, oldest first: the moment each begins.
    ///
    /// # Errors
    /// The database's own.
    pub async fn days_with_sums(&self, since: Option<Time>, until: Option<Time>) -> Result<Vec<Time>, StoreError> {
        let (first, end) = days(since, until);
        let all = sqlx::query_scalar("SELECT DISTINCT day FROM daily WHERE day >= ?1 AND day < ?2 ORDER BY day");
        let all: Vec<i64> = all.bind(first).bind(end).fetch_all(&self.readers).await?;
        Ok(all.into_iter().map(|day| Time::from_micros(day.saturating_mul(DAY))).collect())
    }

    /// How many clients and teams the days of a window have.
    ///
    /// # Errors
    /// The database's own.
    pub async fn crowd(&self, since: Option<Time>, until: Option<Time>) -> Result<Crowd, StoreError> {
        let (first, end) = days(since, until);
        let (clients, teams) = sqlx::query_as(ALL).bind(first).bind(end).fetch_one(&self.readers).await?;
        let mut services: HashMap<(String, i64), (i64, i64)> = HashMap::new();
        let most: Vec<(String, i64, i64)> = sqlx::query_as(SERVICE_CLIENTS).bind(first).bind(end).fetch_all(&self.readers).await?;
        for (service, status, clients) in most {
            services.entry((service, status)).or_default().0 = clients;
        }
        let most: Vec<(String, i64, i64)> = sqlx::query_as(SERVICE_TEAMS).bind(first).bind(end).fetch_all(&self.readers).await?;
        for (service, status, teams) in most {
            services.entry((service, status)).or_default().1 = teams;
        }
        Ok(Crowd { clients, teams, services })
    }

    /// How many sightings the days of a window have; single ones are counted up to `limit`.
    ///
    /// # Errors
    /// The database's own.
    pub async fn extent(&self, since: Option<Time>, until: Option<Time>, limit: i64) -> Result<Extent, StoreError> {
        let (first, end) = days(since, until);
        let count = sqlx::query_scalar(COUNT).bind(first.saturating_mul(DAY)).bind(end.saturating_mul(DAY)).bind(limit);
        let sightings: i64 = count.fetch_one(&self.readers).await?;
        let (kept, last): (i64, Option<i64>) = sqlx::query_as(KEPT).bind(first).bind(end).fetch_one(&self.readers).await?;
        Ok(Extent { sightings, kept, kept_until: last.map(|day| Time::from_micros(day.saturating_add(1).saturating_mul(DAY))) })
    }
}
