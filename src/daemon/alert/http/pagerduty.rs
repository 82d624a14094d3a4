//! PagerDuty: an event of Events API v2, `trigger` for what is open and `resolve` for what is over, both under the incident's key. As the
//! documentation had it on 2026-11-23:
//! - <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>: the fields; a summary of 1,024 characters, a key of 255, 512 KB in all
//! - <https://github.com/PagerDuty/api-schema>, `reference/events-v2/openapiv3.json`: 202 is accepted; 400 is not to be retried; 429, 5xx are

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::short::{link, short};
use crate::daemon::alert::form::{Form, Severity};
use crate::daemon::alert::outbox::Outcome;

const SUMMARY: usize = 1024;
const KEY: usize = 255;
/// Bytes of a payload that is sent along whole, with room below 512 KB.
const DETAILS: usize = 400_000;

/// The event for an alert.
pub(super) fn event(form: &Form, routing_key: &str) -> Value {
    let key = short(&form.incident, KEY);
    if form.is_resolved {
        return json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": key });
    }
    let links: Vec<_> = form.runbook.as_deref().and_then(link).map(|href| json!({ "href": href, "text": "Runbook" })).into_iter().collect();
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "shadowtap",
        "links": links,
        "payload": {
            "summary": short(&summary(form), SUMMARY),
            "timestamp": form.created,
            "severity": severity(form.severity),
            "source": short(form.client.as_deref().unwrap_or("shadowtap"), SUMMARY),
            "component": short(form.service.as_deref().unwrap_or("sensor"), SUMMARY),
            "group": short(form.team.as_deref().unwrap_or("shadowtap"), SUMMARY),
            "class": form.kind,
            "custom_details": details(form),
        },
    })
}

/// What an answer means: 202 alone says that an event was taken.
pub(super) fn judge(answer: Answer) -> Outcome {
    match answer.status {
        StatusCode::ACCEPTED => Outcome::Taken(answer.to_string()),
        status if status.is_success() => Outcome::Refused(format!("no answer of PagerDuty's: {answer}")),
        _ => answer.by_status(),
    }
}

/// High pages, medium and low wait for office hours under PagerDuty's usual rules of urgency.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "critical",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}

fn summary(form: &Form) -> String {
    if form.message.is_empty() { form.title() } else { form.message.clone() }
}

/// The facts by their labels, and the payload where there is room.
fn details(form: &Form) -> Value {
    let mut details: serde_json::Map<_, _> =
        form.facts().into_iter().map(|(label, value)| (label.to_owned(), short(&value, SUMMARY).into())).collect();
    if form.all.to_string().len() <= DETAILS {
        details.insert("alert".into(), form.all.clone());
    }
    details.into()
}
