//! The payload of an alert that sums up: versioned JSON, as `docs/digest.schema.json` describes it.

use serde::Serialize;

use super::payload::runbook;
use crate::daemon::notice::{Severity, State};
use crate::daemon::sighting_json::moment;
use crate::daemon::summary::{AlertCount, ServiceUse, Summary};
use crate::engine::frame::Time;

/// Name and version of the form; a change that could break a receiver makes it `/2`.
pub const SCHEMA: &str = "shadowtap.digest/1";

#[derive(Serialize)]
struct Payload<'a> {
    schema: &'static str,
    id: &'a str,
    incident: &'a str,
    state: &'static str,
    kind: &'static str,
    #[serde(serialize_with = "moment")]
    created: Time,
    severity: &'static str,
    #[serde(serialize_with = "moment")]
    since: Time,
    message: &'a str,
    services: &'a [ServiceUse],
    alerts: &'a [AlertCount],
    more: u64,
    runbook: String,
}

/// The payload of this alert. `runbook_base` is where the runbook is.
pub fn render(summary: &Summary, runbook_base: &str) -> String {
    let payload = Payload {
        schema: SCHEMA,
        id: &summary.id,
        // Each is a matter of its own: nothing closes it.
        incident: &summary.id,
        state: State::Open.word(),
        kind: summary.kind.word(),
        created: summary.created,
        severity: Severity::Low.word(),
        since: summary.since,
        message: &summary.message,
        services: &summary.services,
        alerts: &summary.alerts,
        more: summary.more,
        runbook: runbook(runbook_base, summary.kind),
    };
    // Serialising text and numbers into a String cannot fail.
    serde_json::to_string(&payload).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::SEVEN;
    use crate::daemon::notice::NoticeKind;
    use crate::daemon::summary::MOST;
    use serde_json::Value;

    #[test]
    fn published_schema_lists_exactly_its_fields_and_words() {
        let schema: Value = serde_json::from_str(include_str!("../../../docs/digest.schema.json")).unwrap();
        let service = ServiceUse {
            id: "openai.chatgpt".into(),
            name: "ChatGPT".into(),
            vendor: "OpenAI".into(),
            category: "chat".into(),
            teams: vec!["design".into()],
            clients: 3,
            sightings: 7,
            bytes_up: 90_000,
        };
        let count = AlertCount {
            fate: "held",
            kind: "first_use",
            team: "design".into(),
            service: "openai.chatgpt".into(),
            severity: "low",
            why: Some("quiet hours".into()),
            count: 4,
        };
        let summary = Summary {
            id: "0".repeat(32),
            kind: NoticeKind::Digest,
            created: SEVEN,
            since: SEVEN,
            message: "4 alerts.".into(),
            services: vec![service],
            alerts: vec![count],
            more: 0,
        };
        let digest: Value = serde_json::from_str(&render(&summary, "runbook.md")).unwrap();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let keys = |value: &Value| sorted(value.as_object().unwrap().keys().cloned().collect());
        let required = |schema: &Value| {
            let listed = schema["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned());
            assert_eq!(sorted(listed.clone().collect()), keys(&schema["properties"]));
            sorted(listed.collect())
        };
        assert_eq!(keys(&digest), required(&schema));
        assert_eq!(keys(&digest["services"][0]), required(&schema["properties"]["services"]["items"]));
        assert_eq!(keys(&digest["alerts"][0]), required(&schema["properties"]["alerts"]["items"]));
        assert_eq!(schema["properties"]["kind"]["enum"], Value::from(NoticeKind::OF_DIGESTS.map(|k| Value::from(k.word())).to_vec()));
        let alerts = &schema["properties"]["alerts"]["items"]["properties"];
        assert_eq!(alerts["kind"]["enum"], Value::from(NoticeKind::WORDS.map(Value::from).to_vec()));
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
        assert_eq!(schema["properties"]["alerts"]["maxItems"], MOST);
        assert_eq!(digest["runbook"], "runbook.md#digest");
    }
}
