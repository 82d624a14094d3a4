//! The payload of an alert: versioned JSON, as `docs/alert.schema.json` describes it.

use serde::Serialize;

use crate::daemon::notice::{Notice, NoticeKind};
use crate::daemon::sighting_json::moment;
use crate::daemon::who;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};

/// Name and version of the form; a change that could break a receiver makes it `/2`.
pub const SCHEMA: &str = "shadowtap.alert/1";

/// What signatures and policy know of the service, in words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'a> {
    /// The service's name, as people know it.
    pub service_name: &'a str,
    /// Why its status is what it is.
    pub reason: Option<&'a str>,
    /// What to use instead.
    pub alternative: Option<&'a str>,
}

#[derive(Serialize)]
struct Payload<'a> {
    schema: &'static str,
    id: &'a str,
    kind: &'static str,
    #[serde(serialize_with = "moment")]
    created: Time,
    severity: &'static str,
    client: &'a str,
    host: Option<&'a str>,
    user: Option<&'a str>,
    site: Option<&'a str>,
    team: &'a str,
    service: Service<'a>,
    status: &'static str,
    evidence: &'static str,
    agent: &'static str,
    #[serde(serialize_with = "moment")]
    first_seen: Time,
    #[serde(serialize_with = "moment")]
    last_seen: Time,
    connections: u32,
    bytes_up: u64,
    bytes_down: u64,
    sources: Vec<&'static str>,
    names: Vec<&'a str>,
    reason: Option<&'a str>,
    alternative: Option<&'a str>,
    message: String,
}

#[derive(Serialize)]
struct Service<'a> {
    id: &'a str,
    name: &'a str,
    vendor: &'a str,
    category: &'a str,
}

/// The payload of this alert.
pub fn render(notice: &Notice<'_>, words: &Words<'_>) -> String {
    let s = notice.sighting;
    let payload = Payload {
        schema: SCHEMA,
        id: &notice.id,
        kind: notice.kind.word(),
        created: notice.created,
        severity: severity(s),
        client: &s.client,
        host: s.identity.host.as_deref(),
        user: s.identity.user.as_deref(),
        site: s.identity.site.as_deref(),
        team: &s.team,
        service: Service { id: &s.service, name: words.service_name, vendor: &s.vendor, category: &s.category },
        status: s.status.word(),
        evidence: s.evidence.word(),
        agent: s.agent.word(),
        first_seen: s.first_seen,
        last_seen: s.last_seen,
        connections: s.connections,
        bytes_up: s.bytes_up,
        bytes_down: s.bytes_down,
        sources: s.sources.iter().map(|source| source.word()).collect(),
        names: s.names.iter().map(|name| &**name).collect(),
        reason: words.reason,
        alternative: words.alternative,
        message: message(notice, words),
    };
    // Serialising text and numbers into a String cannot fail.
    serde_json::to_string(&payload).unwrap_or_default()
}

fn severity(s: &Sighting) -> &'static str {
    match (s.status, s.evidence) {
        (Status::Unapproved, Evidence::Uploaded) => "high",
        (Status::Unapproved, _) | (_, Evidence::Uploaded) => "medium",
        _ => "low",
    }
}

/// One sentence a person can act on.
fn message(notice: &Notice<'_>, words: &Words<'_>) -> String {
    let s = notice.sighting;
    let did = match (notice.kind, s.evidence) {
        (NoticeKind::Uploaded, _) | (_, Evidence::Uploaded) => "sent data to",
        (_, Evidence::Engaged) => "uses",
        _ => "contacted",
    };
    let standing = match s.status {
        Status::Unapproved => "which is not approved",
        _ => "about which nobody decided yet",
    };
    let mut text = format!("{} {did} {}, {standing}", who::named(s), words.service_name);
    if let Some(reason) = words.reason {
        text.push_str(&format!(" ({reason})"));
    }
    text.push('.');
    if let Some(alternative) = words.alternative {
        text.push_str(&format!(" Use instead: {alternative}."));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::{SEVEN, sighting};
    use serde_json::Value;

    fn rendered(kind: NoticeKind, sighting: &Sighting, words: &Words<'_>) -> Value {
        let notice = Notice { id: "0".repeat(32), kind, created: SEVEN, sighting };
        serde_json::from_str(&render(&notice, words)).unwrap()
    }

    #[test]
    fn says_who_did_what_and_what_to_use_instead() {
        let banned = Sighting { status: Status::Unapproved, evidence: Evidence::Uploaded, ..sighting() };
        let words = Words { service_name: "ChatGPT", reason: Some("customer data"), alternative: Some("Copilot Chat") };
        let alert = rendered(NoticeKind::FirstUse, &banned, &words);
        assert_eq!(
            alert["message"],
            "ws-14 (10.0.0.5, design) sent data to ChatGPT, which is not approved (customer data). Use instead: Copilot Chat."
        );
        assert_eq!(alert["severity"], "high");
        let plain = rendered(NoticeKind::FirstUse, &sighting(), &Words { service_name: "ChatGPT", ..Words::default() });
        assert_eq!(plain["message"], "ws-14 (10.0.0.5, design) uses ChatGPT, about which nobody decided yet.");
        assert_eq!((&plain["client"], &plain["host"], &plain["user"]), (&"10.0.0.5".into(), &"ws-14".into(), &Value::Null));
        assert_eq!((&plain["severity"], &plain["reason"]), (&Value::from("low"), &Value::Null));
    }

    #[test]
    fn published_schema_lists_exactly_its_fields_and_words() {
        let schema: Value = serde_json::from_str(include_str!("../../../docs/alert.schema.json")).unwrap();
        let alert = rendered(NoticeKind::Uploaded, &sighting(), &Words::default());
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let required = |value: &Value| {
            let mut names: Vec<_> = value["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(keys(&alert)), required(&schema));
        assert_eq!(sorted(keys(&alert)), sorted(keys(&schema["properties"])));
        assert_eq!(sorted(keys(&alert["service"])), required(&schema["properties"]["service"]));
        let words = |field: &str| schema["properties"][field]["enum"].as_array().unwrap().clone();
        assert_eq!(words("kind"), NoticeKind::OF_SIGHTINGS.map(|k| Value::from(k.word())));
        assert_eq!(words("evidence"), Evidence::ALL[1..].iter().map(|e| Value::from(e.word())).collect::<Vec<_>>());
        assert_eq!(words("status"), ["unreviewed", "unapproved"].map(Value::from));
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
    }
}
