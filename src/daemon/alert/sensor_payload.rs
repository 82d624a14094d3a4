//! The payload of an alert about the sensor itself: versioned JSON, as `docs/sensor-alert.schema.json` describes it.

use serde::Serialize;

use super::payload::runbook;
use crate::daemon::notice::SensorNotice;
use crate::daemon::sighting_json::moment;
use crate::engine::frame::Time;

/// Name and version of the form; a change that could break a receiver makes it `/2`.
pub const SCHEMA: &str = "shadowtap.sensor/1";

#[derive(Serialize)]
struct Payload<'a> {
    schema: &'static str,
    id: &'a str,
    incident: String,
    state: &'static str,
    kind: &'static str,
    #[serde(serialize_with = "moment")]
    created: Time,
    severity: &'static str,
    subject: &'a str,
    message: &'a str,
    remedy: &'a str,
    runbook: String,
}

/// The payload of this alert. `runbook_base` is where the runbook is.
pub fn render(notice: &SensorNotice, runbook_base: &str) -> String {
    let payload = Payload {
        schema: SCHEMA,
        id: &notice.id,
        incident: notice.incident(),
        state: notice.state.word(),
        kind: notice.kind.word(),
        created: notice.created,
        severity: notice.kind.sensor_severity().word(),
        subject: &notice.subject,
        message: &notice.message,
        remedy: notice.remedy,
        runbook: runbook(runbook_base, notice.kind),
    };
    // Serialising text into a String cannot fail.
    serde_json::to_string(&payload).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::SEVEN;
    use crate::daemon::notice::{NoticeKind, Severity, State};
    use serde_json::Value;

    #[test]
    fn published_schema_lists_exactly_its_fields_and_words() {
        let schema: Value = serde_json::from_str(include_str!("../../../docs/sensor-alert.schema.json")).unwrap();
        let notice = SensorNotice::new(NoticeKind::CaptureLost, "1", SEVEN, "Interface eth0 is gone.".into(), "Look at it.").of("eth0");
        let alert: Value = serde_json::from_str(&render(&notice, "runbook.md")).unwrap();
        let keys = |value: &Value| {
            let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let mut required: Vec<_> = schema["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();
        required.sort();
        assert_eq!(keys(&alert), required);
        assert_eq!(keys(&alert), keys(&schema["properties"]));
        let words = |field: &str| schema["properties"][field]["enum"].clone();
        assert_eq!(words("kind"), Value::from(NoticeKind::OF_THE_SENSOR.map(|k| Value::from(k.word())).to_vec()));
        assert_eq!(words("severity"), Value::from(Severity::WORDS.map(Value::from).to_vec()));
        assert_eq!(words("state"), Value::from([State::Open, State::Resolved].map(|s| Value::from(s.word())).to_vec()));
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
        assert_eq!((&alert["message"], &alert["severity"]), (&"Interface eth0 is gone.".into(), &"high".into()));
        assert_eq!((&alert["runbook"], &alert["subject"]), (&"runbook.md#capture_lost".into(), &"eth0".into()));
    }
}
