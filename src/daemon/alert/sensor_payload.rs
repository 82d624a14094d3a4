//! The payload of an alert about the sensor itself: versioned JSON, as `docs/sensor-alert.schema.json` describes it.

use serde::Serialize;

use crate::daemon::notice::SensorNotice;
use crate::daemon::sighting_json::moment;
use crate::engine::frame::Time;

/// Name and version of the form; a change that could break a receiver makes it `/2`.
pub const SCHEMA: &str = "shadowtap.sensor/1";

#[derive(Serialize)]
struct Payload<'a> {
    schema: &'static str,
    id: &'a str,
    kind: &'static str,
    #[serde(serialize_with = "moment")]
    created: Time,
    severity: &'static str,
    message: &'a str,
    remedy: &'a str,
}

/// The payload of this alert.
pub fn render(notice: &SensorNotice) -> String {
    let payload = Payload {
        schema: SCHEMA,
        id: &notice.id,
        kind: notice.kind.word(),
        created: notice.created,
        severity: "medium",
        message: &notice.message,
        remedy: notice.remedy,
    };
    // Serialising text into a String cannot fail.
    serde_json::to_string(&payload).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::SEVEN;
    use crate::daemon::notice::NoticeKind;
    use serde_json::Value;

    #[test]
    fn published_schema_lists_exactly_its_fields_and_words() {
        let schema: Value = serde_json::from_str(include_str!("../../../docs/sensor-alert.schema.json")).unwrap();
        let notice = SensorNotice::new(NoticeKind::UpdateRefused, "1", SEVEN, "An update was refused.".into(), "Ask for another.");
        let alert: Value = serde_json::from_str(&render(&notice)).unwrap();
        let keys = |value: &Value| {
            let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let mut required: Vec<_> = schema["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();
        required.sort();
        assert_eq!(keys(&alert), required);
        assert_eq!(keys(&alert), keys(&schema["properties"]));
        assert_eq!(schema["properties"]["kind"]["enum"], Value::from(NoticeKind::OF_THE_SENSOR.map(|k| Value::from(k.word())).to_vec()));
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
        assert_eq!(alert["message"], "An update was refused.");
    }
}
