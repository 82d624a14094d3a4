//! What happened, as CEF and OCSF both want to know it: read back from the JSON of an alert or of a sighting.

use serde_json::Value;

use super::text;
use crate::daemon::clock;

/// Whether something begins, goes on or is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// It is new.
    Create,
    /// It was told before, and is more now.
    Update,
    /// It is over.
    Close,
}

/// How grave it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Nobody needs to look: a sighting, for the record.
    Informational,
    /// Somebody should look, some day.
    Low,
    /// Somebody should look.
    Medium,
    /// Somebody should look now.
    High,
}

/// What happened. Times are milliseconds since 1970.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// The matter: the same each time something is said of it.
    pub matter: String,
    /// This message: the same each time it is sent.
    pub message_id: String,
    /// The kind of alert, or `sighting`.
    pub kind: String,
    /// Begins, goes on, is over.
    pub activity: Activity,
    /// How grave.
    pub level: Level,
    /// When it came into being.
    pub time: Option<i64>,
    /// First observation.
    pub first_seen: Option<i64>,
    /// Last observation.
    pub last_seen: Option<i64>,
    /// One line, for a heading.
    pub title: String,
    /// One sentence.
    pub message: String,
    /// Client, as privacy allows.
    pub client: Option<String>,
    /// Host name of the client.
    pub host: Option<String>,
    /// Person or account.
    pub user: Option<String>,
    /// MAC address of the client.
    pub mac: Option<String>,
    /// Place.
    pub site: Option<String>,
    /// Team of the client.
    pub team: Option<String>,
    /// Id of the service.
    pub service: Option<String>,
    /// Its name, as people know it.
    pub service_name: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// What it is.
    pub category: Option<String>,
    /// Policy status.
    pub status: Option<String>,
    /// How strong the evidence is.
    pub evidence: Option<String>,
    /// Kind of program.
    pub agent: Option<String>,
    /// Bytes sent by the client.
    pub bytes_up: Option<u64>,
    /// Bytes sent to the client.
    pub bytes_down: Option<u64>,
    /// Flows.
    pub connections: Option<u64>,
    /// Names seen.
    pub names: Vec<String>,
    /// Why its status is what it is.
    pub reason: Option<String>,
    /// What to do about it, for the security team or for the user.
    pub remedy: Option<String>,
    /// Where to read on.
    pub runbook: Option<String>,
    /// Community ID of the flow.
    pub community_id: Option<String>,
    /// Name of the sensor.
    pub sensor: Option<String>,
}

impl Record {
    /// Out of the JSON of an alert, of whatever schema; `title` is the line people know it by.
    pub fn of_alert(all: &Value, title: String) -> Self {
        let service = &all["service"];
        let is_resolved = all["state"] == "resolved";
        let id = text(all, "id").unwrap_or_default();
        Record {
            matter: text(all, "incident").unwrap_or_else(|| id.clone()),
            message_id: id,
            kind: text(all, "kind").unwrap_or_default(),
            activity: if is_resolved { Activity::Close } else { Activity::Create },
            level: match all["severity"].as_str() {
                Some("high") => Level::High,
                Some("medium") => Level::Medium,
                _ => Level::Low,
            },
            title,
            service: text(service, "id"),
            service_name: text(service, "name"),
            vendor: text(service, "vendor"),
            category: text(service, "category"),
            remedy: text(all, "tell_user").or_else(|| text(all, "remedy")),
            ..Record::common(all)
        }
    }

    /// Out of the JSON of a sighting, `shadowtap.sighting/1`.
    pub fn of_sighting(all: &Value) -> Self {
        let said = |key| text(all, key).unwrap_or_default();
        let (event, service) = (said("event"), said("service"));
        Record {
            matter: said("id"),
            message_id: format!("{}-{}", said("id"), all["sequence"].as_u64().unwrap_or_default()),
            kind: "sighting".into(),
            activity: match &*event {
                "opened" => Activity::Create,
                "closed" => Activity::Close,
                _ => Activity::Update,
            },
            level: Level::Informational,
            title: format!("Sighting {event}: {service}"),
            message: format!("{} {}: {service}, {}", said("client"), said("evidence"), said("status")),
            service: text(all, "service"),
            vendor: text(all, "vendor"),
            category: text(all, "category"),
            ..Record::common(all)
        }
    }

    /// What both say alike.
    fn common(all: &Value) -> Self {
        let time = |key| all[key].as_str().and_then(clock::parse_rfc3339).and_then(|t| i64::try_from(t.0 / 1_000_000).ok());
        let names = all["names"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Record {
            matter: String::new(),
            message_id: String::new(),
            kind: String::new(),
            activity: Activity::Create,
            level: Level::Low,
            time: time("created"),
            first_seen: time("first_seen"),
            last_seen: time("last_seen"),
            title: String::new(),
            message: text(all, "message").unwrap_or_default(),
            client: text(all, "client"),
            host: text(all, "host"),
            user: text(all, "user"),
            mac: text(all, "mac"),
            site: text(all, "site"),
            team: text(all, "team"),
            service: None,
            service_name: None,
            vendor: None,
            category: None,
            status: text(all, "status"),
            evidence: text(all, "evidence"),
            agent: text(all, "agent"),
            bytes_up: all["bytes_up"].as_u64(),
            bytes_down: all["bytes_down"].as_u64(),
            connections: all["connections"].as_u64(),
            names,
            reason: text(all, "reason"),
            remedy: None,
            runbook: text(all, "runbook"),
            community_id: text(all, "community_id"),
            sensor: text(all, "sensor"),
        }
    }
}
