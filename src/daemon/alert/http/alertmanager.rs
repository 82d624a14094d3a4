//! Alertmanager, API v2. As the documentation had it on 2026-11-23:
//! - <https://prometheus.io/docs/alerting/latest/alerts_api/>: `POST /api/v2/alerts`, a list of labels, annotations, `startsAt`, `endsAt`; alerts with
//!   the same labels are one, annotations are those of the last; a client sends an alert again until it is over, or says when it ends
//! - <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>: 200 is taken, 400 is not, 500 passes
//!
//! A letter is sent once and not again and again, so an open alert says that it ends `open_hours` from now, and one that is over that it ends now.
//! Severity is a label, because routes ask for it: an alert says of its incident at every other severity that it is over, so that one that rises
//! does not stay open where it was. An Alertmanager that loses its memory has lost the open ones with it; who was told of them was told.

use serde_json::{Map, Value, json};

use crate::daemon::alert::digest_payload;
use crate::daemon::alert::form::{Form, Severity};
use crate::daemon::clock;
use crate::engine::frame::Time;

/// What an Alertmanager is told besides the alert.
pub(super) struct Settings {
    /// How long an alert stays open if nothing says that it is over.
    pub open_hours: u64,
    /// Added to the labels.
    pub labels: Vec<(String, String)>,
}

/// The alerts to post: one for each severity the incident may have had.
pub(super) fn alerts(form: &Form, settings: &Settings, now: Time) -> Value {
    let begun = clock::parse_rfc3339(&form.created).unwrap_or(now).min(now);
    // A digest is no state of anything: it is over when it has been told.
    let open_hours = if form.schema == digest_payload::SCHEMA { 1 } else { settings.open_hours };
    let open_until = now.plus_seconds(open_hours.saturating_mul(3600));
    let annotations = annotations(form);
    let alert = |severity: Severity| {
        let is_open = severity == form.severity && !form.is_resolved;
        json!({
            "labels": labels(form, severity, settings),
            "annotations": annotations,
            "startsAt": clock::rfc3339(begun),
            "endsAt": clock::rfc3339(if is_open { open_until } else { now }),
        })
    };
    Severity::ALL.into_iter().map(alert).collect()
}

/// What tells an alert from others; the same for all alerts of an incident but for the severity.
fn labels(form: &Form, severity: Severity, settings: &Settings) -> Map<String, Value> {
    let name = match &form.service {
        Some(_) => "ShadowtapUse".to_owned(),
        None => format!("Shadowtap{}", joined(&form.kind)),
    };
    let own = [
        ("alertname", Some(name)),
        ("incident", Some(form.incident.clone())),
        ("severity", Some(severity.word().to_owned())),
        ("client", form.client.clone()),
        ("team", form.team.clone()),
        ("service", form.service.clone()),
    ];
    let own = own.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?)));
    settings.labels.iter().cloned().chain(own).filter(|(_, value)| !value.is_empty()).map(|(label, value)| (label, value.into())).collect()
}

/// `capture_lost` as `CaptureLost`.
fn joined(words: &str) -> String {
    let word = |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>();
    words.split('_').map(word).collect()
}

fn annotations(form: &Form) -> Map<String, Value> {
    let facts = form.facts().into_iter().filter(|(label, _)| *label != "Runbook");
    let named = facts.map(|(label, value)| (label.to_lowercase().replace(' ', "_"), value));
    let always =
        [("summary", form.title()), ("description", form.message.clone()), ("alert_id", form.id.clone()), ("kind", form.kind.clone())];
    let always = always.into_iter().chain(form.runbook.clone().map(|url| ("runbook_url", url)));
    named.chain(always.map(|(name, value)| (name.to_owned(), value))).map(|(name, value)| (name, value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::SEVEN;

    fn posted(payload: &str) -> Vec<Value> {
        let settings = Settings { open_hours: 2, labels: vec![("sensor".into(), "gw1".into()), ("team".into(), "nobody".into())] };
        alerts(&Form::read(payload), &settings, SEVEN).as_array().unwrap().clone()
    }

    #[test]
    fn an_incident_is_open_at_one_severity() {
        let payload = r#"{"id":"a","incident":"i","severity":"medium","created":"2026-11-23T06:00:00Z","client":"10.0.0.5","team":"lab",
            "service":{"id":"x.y"}}"#;
        let open = posted(payload);
        let ends: Vec<_> = open.iter().map(|a| (a["labels"]["severity"].as_str().unwrap(), a["endsAt"].as_str().unwrap())).collect();
        let (now, later) = ("2026-11-23T07:00:00.123456Z", "2026-11-23T09:00:00.123456Z");
        assert_eq!(ends, [("low", now), ("medium", later), ("high", now)]);
        assert!(open.iter().all(|a| a["startsAt"] == "2026-11-23T06:00:00.000000Z"), "{open:?}");
        assert_eq!((&open[1]["labels"]["sensor"], &open[1]["labels"]["team"]), (&json!("gw1"), &json!("lab")), "the alert's own win");
        let over = posted(&payload.replace("\"id\":\"a\"", "\"id\":\"b\",\"state\":\"resolved\""));
        assert!(over.iter().zip(&open).all(|(over, open)| over["endsAt"] == now && over["labels"] == open["labels"]), "{over:?}");
    }

    #[test]
    fn an_alert_about_the_sensor_has_its_kind_as_name_and_a_clock_set_back_gives_no_negative_time() {
        let alerts = posted(r#"{"id":"a","kind":"capture_lost","created":"2030-01-01T00:00:00Z"}"#);
        assert_eq!(alerts[0]["labels"]["alertname"], "ShadowtapCaptureLost");
        assert!(alerts.iter().all(|a| a["startsAt"].as_str() <= a["endsAt"].as_str()), "{alerts:?}");
    }
}
