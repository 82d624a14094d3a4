//! Alerts that sum up: the inventory at the end of a store's first day, and the digest of what was kept back and what is new.

use sqlx::{Connection, SqliteConnection};

use super::commit::{AlertToPut, new_id, put_alert};
use super::fate::Fate;
use super::milestone::{self, DIGEST, INVENTORY};
use super::{Store, StoreError};
use crate::daemon::dispatch::{About, Dispatch};
use crate::daemon::notice::{NoticeKind, Severity};
use crate::daemon::summary::{AlertCount, MOST, ServiceUse, Summary};
use crate::engine::frame::Time;

/// Services in use under status unreviewed, not only for presence, of which at least a contact was seen.
pub(super) const IN_USE: &str = "
    SELECT s.name, s.vendor, s.category, count(DISTINCT g.client_id), count(*), sum(g.bytes_up), json_group_array(DISTINCT t.name)
    FROM sighting g JOIN service s ON s.id = g.service_id JOIN team t ON t.id = g.team_id
    WHERE g.first_seen >= ?1 AND g.status = 0 AND g.evidence >= 1 AND g.presence_only = 0
    GROUP BY g.service_id ORDER BY 4 DESC, 6 DESC, 1";
/// Asked every two seconds: `fate <> 0` says nothing more, and lets SQLite take the index `alert_held`.
pub(super) const HAS_HELD: &str = "SELECT EXISTS (SELECT 1 FROM alert WHERE fate <> 0 AND digest_id IS NULL AND fate = 1)";
/// What a digest sums up: with `?2` what was kept back, and what was sent since `?1`; else what was held. What was sent is found from the
/// newest back to the first that is older.
pub(super) const COUNTED: &str = "
    FROM alert a LEFT JOIN service s ON s.id = a.service_id
    WHERE a.resolves = 0 AND a.kind NOT IN (13, 14) AND a.id IN (
        SELECT id FROM alert WHERE fate <> 0 AND digest_id IS NULL AND (?2 OR fate = 1)
        UNION ALL
        SELECT id FROM alert WHERE ?2 AND fate = 0 AND digest_id IS NULL
          AND id > coalesce((SELECT back.id FROM alert back WHERE back.created <= ?1 ORDER BY back.id DESC LIMIT 1), 0))";
pub(super) const COUNTS: &str = "
    SELECT a.fate, a.kind, a.team, coalesce(s.name, ''), max(a.severity), min(a.why), count(*)";
pub(super) const COUNTS_BY: &str = " GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 7 DESC, 2, 3, 4";
pub(super) const SUMMED_UP: &str = "UPDATE alert SET digest_id = (SELECT d.id FROM alert d WHERE d.key = ?3) WHERE id IN (SELECT a.id";

/// Makes the payload of what is summed up.
pub type Render<'a> = &'a (dyn Fn(Summary) -> String + Sync);

impl Store {
    /// Makes the inventory once it is due; true where it was made now. It is due once in the life of a store that was empty when the daemon
    /// began with it.
    ///
    /// # Errors
    /// The database's own; it is made later then.
    pub async fn make_inventory(&self, dispatch: &Dispatch, now: Time, render: Render<'_>) -> Result<bool, StoreError> {
        let mut reader = self.readers.acquire().await?;
        let (born, made) = (milestone::born(&mut reader).await?, milestone::get(&mut reader, INVENTORY).await?);
        if made.is_some() || dispatch.is_young(born, now) {
            return Ok(false);
        }
        let is_due = born > Time(0) && dispatch.alerting.inventory_hours > 0;
        let services = if is_due { in_use(&mut reader, born).await? } else { Vec::new() };
        drop(reader);
        let mut connection = self.writer.acquire().await?;
        sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        milestone::put(&mut transaction, INVENTORY, now).await?;
        let is_made = !services.is_empty();
        if is_made {
            let more = services.len().saturating_sub(MOST) as u64;
            let clients = |n: u64| if n == 1 { "1 client".to_owned() } else { format!("{n} clients") };
            let first: Vec<_> = services.iter().take(5).map(|s| format!("{} ({})", s.id, clients(s.clients))).collect();
            let message = format!(
                "In the first {} hours {} services were used about which nobody decided yet, first of them {}. From now on the first use of \
                 another one is an alert of its own.",
                dispatch.alerting.inventory_hours,
                services.len(),
                first.join(", ")
            );
            let services = services.into_iter().take(MOST).collect();
            let id = new_id(now);
            let summary =
                Summary { id, kind: NoticeKind::Inventory, created: now, since: born, message, services, alerts: Vec::new(), more };
            put(&mut transaction, summary, dispatch, render).await?;
        }
        transaction.commit().await?;
        Ok(is_made)
    }

    /// Makes a digest where one is due: at its hour, and once quiet hours are over in which something was held. True where one was made.
    ///
    /// # Errors
    /// The database's own; it is made later then.
    pub async fn make_digest(&self, dispatch: &Dispatch, now: Time, render: Render<'_>) -> Result<bool, StoreError> {
        let mut reader = self.readers.acquire().await?;
        let last = milestone::get(&mut reader, DIGEST).await?;
        let has_held: bool = sqlx::query_scalar(HAS_HELD).fetch_one(&mut *reader).await?;
        drop(reader);
        let Some(last) = last else {
            let mut connection = self.writer.acquire().await?;
            milestone::put(&mut connection, DIGEST, now).await?;
            return Ok(false);
        };
        let is_the_hour = dispatch.alerting.digest.last_due(now) > last;
        if !is_the_hour && (!has_held || dispatch.is_quiet_now(now)) {
            return Ok(false);
        }
        let mut connection = self.writer.acquire().await?;
        sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let counts = counts(&mut transaction, last, is_the_hour).await?;
        if is_the_hour {
            milestone::put(&mut transaction, DIGEST, now).await?;
        }
        let was_kept_back = counts.iter().any(|c| c.fate != Fate::Sent.word());
        let is_made = was_kept_back || (dispatch.alerting.digest.is_asked && !counts.is_empty());
        if is_made {
            let (id, message) = (new_id(now), message(&counts));
            let more = counts.len().saturating_sub(MOST) as u64;
            let alerts = counts.into_iter().take(MOST).collect();
            let (kind, services) = (NoticeKind::Digest, Vec::new());
            let summary = Summary { id: id.clone(), kind, created: now, since: last, message, services, alerts, more };
            put(&mut transaction, summary, dispatch, render).await?;
            let summed_up = sqlx::query(sqlx::AssertSqlSafe(format!("{SUMMED_UP} {COUNTED})")));
            summed_up.bind(last.micros()).bind(is_the_hour).bind(&id).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(is_made)
    }
}

async fn in_use(connection: &mut SqliteConnection, born: Time) -> sqlx::Result<Vec<ServiceUse>> {
    let rows: Vec<(String, String, String, i64, i64, i64, String)> =
        sqlx::query_as(IN_USE).bind(born.micros()).fetch_all(connection).await?;
    let service = |(id, vendor, category, clients, sightings, up, teams): (String, String, String, i64, i64, i64, String)| {
        let mut teams: Vec<String> = serde_json::from_str(&teams).unwrap_or_default();
        teams.sort();
        let [clients, sightings, bytes_up] = [clients, sightings, up].map(i64::unsigned_abs);
        ServiceUse { name: id.clone(), id, vendor, category, teams, clients, sightings, bytes_up }
    };
    Ok(rows.into_iter().map(service).collect())
}

async fn counts(connection: &mut SqliteConnection, since: Time, with_all: bool) -> sqlx::Result<Vec<AlertCount>> {
    type Row = (i64, i64, String, String, i64, Option<String>, i64);
    let query = sqlx::query_as(sqlx::AssertSqlSafe(format!("{COUNTS} {COUNTED} {COUNTS_BY}")));
    let rows: Vec<Row> = query.bind(since.micros()).bind(with_all).fetch_all(connection).await?;
    let count = |(fate, kind, team, service, severity, why, count): Row| {
        let kind = NoticeKind::ALL.get(usize::try_from(kind).unwrap_or(0)).map_or("", |k| k.word());
        let severity = Severity::ALL.get(usize::try_from(severity).unwrap_or(0)).map_or("low", |s| s.word());
        AlertCount { fate: Fate::of(fate).word(), kind, team, service, severity, why, count: count.unsigned_abs() }
    };
    Ok(rows.into_iter().map(count).collect())
}

/// How many met which fate.
fn message(counts: &[AlertCount]) -> String {
    let of = |fate: Fate| counts.iter().filter(|c| c.fate == fate.word()).map(|c| c.count).sum::<u64>();
    let fates = [
        (Fate::Sent, "sent"),
        (Fate::Held, "held over quiet hours"),
        (Fate::Suppressed, "over a team's limit"),
        (Fate::Silenced, "silenced"),
    ];
    let parts: Vec<_> = fates.into_iter().map(|(fate, words)| (of(fate), words)).filter(|(n, _)| *n > 0).collect();
    let total: u64 = parts.iter().map(|(n, _)| n).sum();
    let parts: Vec<_> = parts.into_iter().map(|(n, words)| format!("{n} {words}")).collect();
    format!("{total} alerts: {}. 'shadowtap alerts list' shows each.", parts.join(", "))
}

async fn put(connection: &mut SqliteConnection, summary: Summary, dispatch: &Dispatch, render: Render<'_>) -> Result<(), StoreError> {
    let severity = Severity::Low;
    let about = About { kind: summary.kind, severity, team: "", service: "", client: "" };
    let alert = AlertToPut {
        key: summary.id.clone(),
        created: summary.created.micros(),
        client: None,
        service: None,
        kind: summary.kind as u8,
        incident: summary.id.clone(),
        payload: render(summary),
        team: "",
        severity: severity as u8,
        fate: Fate::Sent as u8,
        why: None,
        resolves: 0,
        sinks: dispatch.sinks_of(&about),
    };
    put_alert(connection, alert).await
}
