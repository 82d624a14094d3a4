//! Incidents: what all alerts of one matter share. One is over when somebody acknowledges it, when the policy allows it, or when the sensor
//! is well again; whoever got an alert of it then gets a letter that says so.

use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use super::commit::{AlertToPut, json, new_id, put_alert};
use super::{Store, StoreError, audit};
use crate::daemon::audit_entry::AuditEntry;
use crate::daemon::clock;
use crate::daemon::notice::State;
use crate::engine::frame::Time;

/// Alerts read at a time.
const PAGE: i64 = 500;

pub(super) const NEWEST: &str = "
    SELECT client_id, service_id, kind, payload, team, severity FROM alert
    WHERE incident = ?1 AND resolved IS NULL AND resolves = 0 ORDER BY id DESC LIMIT 1";
pub(super) const SINKS: &str = "
    SELECT DISTINCT o.sink FROM alert a JOIN outbox o ON o.alert_id = a.id
    WHERE a.incident = ?1 AND a.resolved IS NULL AND a.resolves = 0 AND o.state <> 2 ORDER BY o.sink";
pub(super) const CLOSE: &str = "UPDATE alert SET resolved = ?2 WHERE incident = ?1 AND resolved IS NULL AND resolves = 0";
pub(super) const OPEN: &str = "
    SELECT id, incident, payload, client_id, service_id FROM alert
    WHERE id > ?1 AND client_id IS NOT NULL AND service_id IS NOT NULL AND resolved IS NULL AND resolves = 0 ORDER BY id LIMIT ?2";
pub(super) const LAPSE: &str = "
    UPDATE told SET lapsed = 1 WHERE (client_id, service_id, status) IN (
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))";
pub(super) const FIND: &str = "SELECT id, incident, kind, acknowledged, acknowledged_by FROM alert WHERE key = ?1 AND resolves = 0";
pub(super) const ACKNOWLEDGE: &str = "UPDATE alert SET acknowledged = ?2, acknowledged_by = ?3, note = ?4 WHERE id = ?1";

/// A row of `alert` as it is found to be acknowledged.
type Found = (i64, String, i64, Option<i64>, Option<String>);

/// An alert about a client and a service whose incident is open.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenIncident {
    /// Row of the alert.
    pub alert: i64,
    /// Key of the matter.
    pub incident: String,
    /// What was told.
    pub payload: String,
    /// Client and service, in the store's numbers.
    pub pair: (i64, i64),
}

/// What became of the wish to acknowledge an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    /// It is; whether anybody gets a letter.
    Now(bool),
    /// It was, by whom and when.
    Before(String, Time),
    /// There is no such alert.
    Unknown,
}

/// The newest alert of an incident: client, service, kind, payload, team, severity.
type NewestRow = (Option<i64>, Option<i64>, u8, String, String, u8);

/// Ends an incident, and puts the letter that says so for those that got an alert of it. True where somebody did.
pub(super) async fn resolve(connection: &mut SqliteConnection, incident: &str, now: Time, how: &str) -> Result<bool, StoreError> {
    let newest: Option<NewestRow> = sqlx::query_as(NEWEST).bind(incident).fetch_optional(&mut *connection).await?;
    let Some((client, service, kind, payload, team, severity)) = newest else {
        return Ok(false);
    };
    let sinks: Vec<String> = sqlx::query_scalar(SINKS).bind(incident).fetch_all(&mut *connection).await?;
    sqlx::query(CLOSE).bind(incident).bind(now.micros()).execute(&mut *connection).await?;
    if sinks.is_empty() {
        return Ok(false);
    }
    let key = new_id(clock::now());
    let letter = AlertToPut {
        payload: over(&payload, &key, now, how),
        key,
        created: now.micros(),
        client,
        service,
        kind,
        incident: incident.to_owned(),
        team: &team,
        severity,
        fate: 0,
        why: None,
        resolves: 1,
        sinks: sinks.iter().map(String::as_str).collect(),
    };
    put_alert(connection, letter).await?;
    Ok(true)
}

/// What was told, as a letter that says that it is over, and how.
fn over(payload: &str, key: &str, now: Time, how: &str) -> String {
    let mut told: Value = serde_json::from_str(payload).unwrap_or_default();
    let Some(fields) = told.as_object_mut() else { return payload.to_owned() };
    let before = fields.get("message").and_then(Value::as_str).unwrap_or_default();
    let message = format!("{how} It was: {before}");
    for (field, text) in [("id", key), ("state", State::Resolved.word()), ("created", &clock::rfc3339(now)), ("message", &message)] {
        fields.insert(field.into(), text.into());
    }
    told.to_string()
}

impl Store {
    /// Open alerts about clients behind the one with that number, some at a time.
    ///
    /// # Errors
    /// The database's own.
    pub async fn open_incidents(&self, after: i64) -> Result<Vec<OpenIncident>, StoreError> {
        let rows: Vec<(i64, String, String, i64, i64)> = sqlx::query_as(OPEN).bind(after).bind(PAGE).fetch_all(&self.readers).await?;
        let open = |(alert, incident, payload, client, service)| OpenIncident { alert, incident, payload, pair: (client, service) };
        Ok(rows.into_iter().map(open).collect())
    }

    /// Ends these incidents and says how. What was told of these clients and services under these statuses has lapsed: if it is not allowed any
    /// more one day, it is told again. Returns how many letters go out.
    ///
    /// # Errors
    /// The database's own; nothing was kept then.
    pub async fn end_incidents(&self, incidents: &[String], lapsed: &[(i64, i64, u8)], now: Time, how: &str) -> Result<usize, StoreError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut letters = 0;
        for incident in incidents {
            letters += usize::from(resolve(&mut transaction, incident, now, how).await?);
        }
        sqlx::query(LAPSE).bind(json(lapsed)?).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(letters)
    }

    /// Acknowledges an alert, which ends its incident, and notes it in the audit log with the entry that `entry` makes of its kind's number.
    ///
    /// # Errors
    /// The database's own; nothing was kept then.
    pub async fn acknowledge(
        &self,
        id: &str,
        note: &str,
        now: Time,
        entry: impl FnOnce(i64) -> AuditEntry,
    ) -> Result<Acknowledged, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let found: Option<Found> = sqlx::query_as(FIND).bind(id).fetch_optional(&mut *transaction).await?;
        let (alert, incident, kind) = match found {
            None => return Ok(Acknowledged::Unknown),
            Some((.., Some(at), by)) => return Ok(Acknowledged::Before(by.unwrap_or_default(), Time::from_micros(at))),
            Some((alert, incident, kind, None, _)) => (alert, incident, kind),
        };
        let entry = entry(kind);
        let noted = sqlx::query(ACKNOWLEDGE).bind(alert).bind(now.micros()).bind(&entry.actor).bind(note);
        noted.execute(&mut *transaction).await?;
        let how = format!("Acknowledged by {}: {}.", entry.actor, note.trim_end_matches('.'));
        let is_told = resolve(&mut transaction, &incident, now, &how).await?;
        audit::append(&mut transaction, &entry).await?;
        transaction.commit().await?;
        Ok(Acknowledged::Now(is_told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::audit_entry::AuditKind;
    use crate::daemon::dispatch::Dispatch;
    use crate::daemon::fixture::{SEVEN, finding, sighting};
    use crate::daemon::letter::Given;
    use crate::daemon::notice::{Notice, NoticeKind};
    use crate::daemon::store::Telling;
    use crate::engine::policy::Status;
    use crate::engine::sighting::{Evidence, Sighting};

    fn payload(notice: &Notice<'_>) -> String {
        serde_json::json!({ "id": notice.id, "state": "open", "message": "M.", "incident": notice.incident() }).to_string()
    }

    async fn tell(store: &Store, sighting: &Sighting, sinks: &[&str]) {
        let telling = Telling { dispatch: &Dispatch::at_once(sinks), render: &payload };
        store.commit(&vec![finding(sighting.clone())].into(), Some(&telling)).await.unwrap();
    }

    #[tokio::test]
    async fn acknowledging_tells_whoever_got_the_alert_that_it_is_over() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        tell(&store, &sighting(), &["soc"]).await;
        tell(&store, &Sighting { evidence: Evidence::Uploaded, ..sighting() }, &["soc", "pager"]).await;
        let first = store.letters("soc", 9).await.unwrap().remove(0);
        store.settle(&first, "soc", &Given::Delivered).await.unwrap();
        let entry = |_| AuditEntry { actor: "anna".into(), kind: AuditKind::Acknowledge, detail: serde_json::json!({}) };
        assert_eq!(store.acknowledge(&first.id, "known", SEVEN, entry).await.unwrap(), Acknowledged::Now(true));
        assert_eq!(store.acknowledge(&first.id, "again", SEVEN, entry).await.unwrap(), Acknowledged::Before("anna".into(), SEVEN));
        assert_eq!(store.acknowledge("none", "", SEVEN, entry).await.unwrap(), Acknowledged::Unknown);
        for sink in ["soc", "pager"] {
            let upload = store.letters(sink, 9).await.unwrap();
            assert_eq!(upload.len(), 1, "what came before goes first");
            store.settle(&upload[0], sink, &Given::Delivered).await.unwrap();
            let over = store.letters(sink, 9).await.unwrap().remove(0);
            let told: Value = serde_json::from_str(&over.payload).unwrap();
            assert_eq!((&told["state"], &told["message"]), (&"resolved".into(), &"Acknowledged by anna: known. It was: M.".into()));
            assert_eq!(told["id"], over.id);
            assert_ne!(over.id, first.id);
        }
        assert!(store.open_incidents(0).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_the_policy_allowed_and_bans_again_is_told_again() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let banned = Sighting { status: Status::Unapproved, ..sighting() };
        tell(&store, &banned, &["soc"]).await;
        tell(&store, &banned, &["soc"]).await;
        let open = store.open_incidents(0).await.unwrap();
        assert_eq!(open.len(), 1);
        let (incident, (client, service)) = (open[0].incident.clone(), open[0].pair);
        assert_eq!(store.end_incidents(&[incident], &[(client, service, 4)], SEVEN, "Allowed.").await.unwrap(), 1);
        assert!(store.open_incidents(0).await.unwrap().is_empty());
        tell(&store, &banned, &["soc"]).await;
        tell(&store, &banned, &["soc"]).await;
        let kinds: Vec<_> = store.alerts().await.unwrap().into_iter().map(|a| (a.kind, a.is_over)).collect();
        let wanted = [(NoticeKind::FirstUse, false), (NoticeKind::FirstUse, true), (NoticeKind::StatusChanged, false)];
        assert_eq!(kinds, wanted);
    }
}
