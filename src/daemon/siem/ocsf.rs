//! OCSF: class Detection Finding (2004) of schema version 1.3.0, in JSON.
//!
//! Attributes and numbers from <https://schema.ocsf.io/1.3.0/classes/detection_finding> and the objects it names, checked 2026-11-23 in
//! <https://github.com/ocsf/ocsf-schema>. Required are `activity_id`, `category_uid`, `class_uid`, `finding_info` (with `title` and `uid`),
//! `metadata` (with `product` and `version`), `severity_id`, `time` and `type_uid`. What OCSF has no attribute for is in `unmapped`.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::record::{Activity, Level, Record};

/// Version of the schema the finding is of.
pub const VERSION: &str = "1.3.0";

/// Class Detection Finding.
const CLASS: u32 = 2004;

/// The finding of a record, in one line.
pub fn finding(record: &Record) -> String {
    let (activity, activity_name) = activity(record.activity);
    let (severity, severity_name) = severity(record.level);
    let mut all = said([
        ("activity_id", json!(activity)),
        ("activity_name", json!(activity_name)),
        ("category_uid", json!(2)),
        ("category_name", json!("Findings")),
        ("class_uid", json!(CLASS)),
        ("class_name", json!("Detection Finding")),
        ("type_uid", json!(CLASS * 100 + activity)),
        ("type_name", json!(format!("Detection Finding: {activity_name}"))),
        ("time", json!(record.time.or(record.last_seen).unwrap_or_default())),
        ("start_time", json!(record.first_seen)),
        ("end_time", json!(record.last_seen)),
        ("severity_id", json!(severity)),
        ("severity", json!(severity_name)),
        ("message", json!(record.message)),
        ("metadata", metadata(record)),
        ("finding_info", finding_info(record)),
        ("evidences", evidences(record)),
        ("unmapped", unmapped(record)),
    ]);
    if record.level > Level::Informational {
        // A sighting is no case that anybody works on.
        let (status, name) = if record.activity == Activity::Close { (4, "Resolved") } else { (1, "New") };
        all.extend([("status_id".to_owned(), json!(status)), ("status".to_owned(), json!(name))]);
    }
    if let Some(remedy) = &record.remedy {
        let references = record.runbook.iter().collect::<Vec<_>>();
        all.insert("remediation".into(), Value::Object(said([("desc", json!(remedy)), ("references", json!(references))])));
    }
    Value::Object(all).to_string()
}

fn metadata(record: &Record) -> Value {
    json!({
        "version": VERSION,
        "uid": record.message_id,
        "product": {"name": "shadowtap", "vendor_name": "shadowtap", "version": env!("CARGO_PKG_VERSION")},
    })
}

fn finding_info(record: &Record) -> Value {
    Value::Object(said([
        ("uid", json!(record.matter)),
        ("title", json!(record.title)),
        ("desc", json!(record.message)),
        ("types", json!([record.kind])),
        ("created_time", json!(record.time)),
        ("first_seen_time", json!(record.first_seen)),
        ("last_seen_time", json!(record.last_seen)),
    ]))
}

/// Who, and whom. The schema asks for at least one thing in each entry: without a client there is none.
fn evidences(record: &Record) -> Value {
    let Some(client) = &record.client else { return Value::Null };
    let source = said([
        ("ip", json!(client.parse::<IpAddr>().ok())),
        ("uid", json!(client)),
        ("hostname", json!(record.host)),
        ("mac", json!(record.mac)),
    ]);
    let mut evidence = said([("src_endpoint", Value::Object(source))]);
    if let Some(name) = record.names.first() {
        evidence.insert("dst_endpoint".into(), json!({"hostname": name}));
    }
    if let Some(user) = &record.user {
        evidence.insert("user".into(), json!({"name": user}));
    }
    json!([evidence])
}

fn unmapped(record: &Record) -> Value {
    let fields = said([
        ("team", json!(record.team)),
        ("site", json!(record.site)),
        ("service", json!(record.service)),
        ("service_name", json!(record.service_name)),
        ("vendor", json!(record.vendor)),
        ("category", json!(record.category)),
        ("policy_status", json!(record.status)),
        ("evidence", json!(record.evidence)),
        ("agent", json!(record.agent)),
        ("bytes_up", json!(record.bytes_up)),
        ("bytes_down", json!(record.bytes_down)),
        ("connections", json!(record.connections)),
        ("names", json!(record.names)),
        ("reason", json!(record.reason)),
        ("community_id", json!(record.community_id)),
        ("sensor", json!(record.sensor)),
    ]);
    if fields.is_empty() { Value::Null } else { Value::Object(fields) }
}

/// An object of what is said: neither null nor an empty list.
fn said<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let is_said = |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    fields.into_iter().filter(|(_, value)| is_said(value)).map(|(key, value)| (key.to_owned(), value)).collect()
}

const fn activity(activity: Activity) -> (u32, &'static str) {
    match activity {
        Activity::Create => (1, "Create"),
        Activity::Update => (2, "Update"),
        Activity::Close => (3, "Close"),
    }
}

const fn severity(level: Level) -> (u32, &'static str) {
    match level {
        Level::Informational => (1, "Informational"),
        Level::Low => (2, "Low"),
        Level::Medium => (3, "Medium"),
        Level::High => (4, "High"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Holds = fn(&Value) -> bool;

    /// What the schema requires, with the type of each: paths of the class and its objects.
    const REQUIRED: [(&str, Holds); 11] = [
        ("/activity_id", Value::is_u64),
        ("/category_uid", Value::is_u64),
        ("/class_uid", Value::is_u64),
        ("/severity_id", Value::is_u64),
        ("/time", Value::is_i64),
        ("/type_uid", Value::is_u64),
        ("/finding_info/uid", Value::is_string),
        ("/finding_info/title", Value::is_string),
        ("/metadata/version", Value::is_string),
        ("/metadata/product/vendor_name", Value::is_string),
        ("/metadata/product/name", Value::is_string),
    ];

    fn of(all: &Value) -> Value {
        let record = if all["event"].is_string() { Record::of_sighting(all) } else { Record::of_alert(all, "title".into()) };
        let line = finding(&record);
        assert!(!line.contains('\n'));
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn whatever_happened_has_all_that_the_schema_requires() {
        let alert = json!({"id": "1", "kind": "first_use", "client": "10.0.0.5", "created": "2026-11-23T07:00:00Z", "severity": "high"});
        let sensor = json!({"id": "2", "kind": "capture_lost", "state": "resolved", "remedy": "Look.", "severity": "medium"});
        let sighting = json!({"event": "raised", "id": "3", "client": "p-x", "last_seen": "2026-11-23T07:00:00Z", "sequence": 4});
        for (all, type_uid) in [(&alert, 200_401), (&sensor, 200_403), (&sighting, 200_402), (&json!({}), 200_401)] {
            let finding = of(all);
            for (path, is_typed) in REQUIRED {
                assert!(finding.pointer(path).is_some_and(is_typed), "{path} in {finding}");
            }
            assert_eq!(finding["type_uid"], type_uid);
        }
        assert_eq!(of(&alert)["evidences"][0]["src_endpoint"], json!({"ip": "10.0.0.5", "uid": "10.0.0.5"}));
        assert_eq!((&of(&sensor)["status_id"], &of(&sensor)["remediation"]["desc"]), (&json!(4), &json!("Look.")));
        assert_eq!(of(&sensor)["evidences"], Value::Null);
        assert_eq!((&of(&sighting)["status_id"], &of(&sighting)["metadata"]["uid"]), (&Value::Null, &json!("3-4")));
        assert_eq!(of(&sighting)["evidences"][0]["src_endpoint"], json!({"uid": "p-x"}));
        assert_eq!(of(&sighting)["time"], 1_795_417_200_000_i64);
    }
}
