//! What is said to vendors, held against schemas written from their documentation, and what their answers mean.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::schema::problems;
use super::*;
use crate::daemon::alert::form::Form;
use crate::daemon::sample;

/// Every form of alert, as it is and with as much said as nobody would.
fn forms() -> Vec<Form> {
    let long = |n: usize| "<&> ä\u{1F600}*_".repeat(n);
    let loud = sample::payloads().into_iter().map(|payload| {
        let mut all: Value = serde_json::from_str(&payload).unwrap();
        for (name, value) in all.as_object_mut().unwrap() {
            if value.is_string() && !matches!(name.as_str(), "severity" | "state" | "created" | "schema") {
                *value = long(2000).into();
            }
        }
        for more in ["reason", "rule", "alternative", "tell_user", "decide", "host", "user", "site", "incident", "repeats", "remedy"] {
            all[more] = long(1000).into();
        }
        all["runbook"] = "https://wiki.example/runbook#first-use".into();
        all["service"] = json!({ "id": long(100), "name": long(100) });
        all.to_string()
    });
    let sparse = ["{}".to_owned(), r#"{"id":"a","message":"x"}"#.to_owned()];
    let all: Vec<_> = sample::payloads().into_iter().chain(loud).chain(sparse).collect();
    all.iter().map(|payload| Form::read(payload)).collect()
}

#[track_caller]
fn fits(schema: &str, bodies: impl IntoIterator<Item = Value>) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    for body in bodies {
        assert_eq!(problems(&schema, &body), [] as [String; 0]);
    }
}

#[test]
fn messages_fit_what_slack_documents() {
    fits(include_str!("../../../../tests/fixtures/vendors/slack.schema.json"), forms().iter().map(slack::message));
}

#[test]
fn messages_fit_what_microsoft_documents() {
    fits(include_str!("../../../../tests/fixtures/vendors/teams.schema.json"), forms().iter().map(teams::message));
}

#[test]
fn events_fit_what_pagerduty_documents() {
    let key = "0".repeat(32);
    let forms = forms().into_iter().map(|form| match form.incident.as_str() {
        "" => Form { incident: form.id.clone() + "none", ..form },
        _ => form,
    });
    let events: Vec<_> = forms.map(|form| pagerduty::event(&form, &key)).collect();
    assert!(events.iter().any(|e| e["event_action"] == "resolve") && events.iter().all(|e| e.to_string().len() < 512_000));
    fits(include_str!("../../../../tests/fixtures/vendors/pagerduty.schema.json"), events);
}

#[test]
fn a_schema_refuses_what_does_not_fit() {
    let schema: Value = serde_json::from_str(include_str!("../../../../tests/fixtures/vendors/slack.schema.json")).unwrap();
    let mut message = slack::message(&Form::read(r#"{"id":"a","message":"x"}"#));
    message["blocks"][0]["text"]["text"] = "x".repeat(151).into();
    assert_eq!(problems(&schema, &message).len(), 1, "too long a header");
    message["blocks"] = json!([]);
    message["thread_ts"] = 1.into();
    assert_eq!(problems(&schema, &message).len(), 2, "no block, an unknown field");
}

#[test]
fn an_incident_is_opened_and_closed_under_one_key() {
    let event = |state: &str| {
        let payload = json!({ "id": "a", "incident": "i", "state": state, "severity": "high", "message": "m", "client": "10.0.0.5" });
        pagerduty::event(&Form::read(&payload.to_string()), "k")
    };
    let (open, over) = (event("open"), event("resolved"));
    assert_eq!((&open["event_action"], &over["event_action"]), (&"trigger".into(), &"resolve".into()));
    assert_eq!((&open["dedup_key"], &over["dedup_key"]), (&"i".into(), &"i".into()));
    assert_eq!((&open["payload"]["severity"], &open["payload"]["source"]), (&"critical".into(), &"10.0.0.5".into()));
}

#[test]
fn answers_mean_what_their_vendors_document() {
    let answer = |status: u16, text: &str| Answer {
        status: StatusCode::from_u16(status).unwrap(),
        text: text.into(),
        leave_alone: Some(Duration::from_secs(30)),
    };
    let verdict = |outcome: Outcome| match outcome {
        Outcome::Taken(_) => "taken",
        Outcome::Refused(_) => "refused",
        Outcome::Down { leave_alone: Some(_), .. } => "down, says until when",
        Outcome::Down { leave_alone: None, .. } => "down",
    };
    let down = "down, says until when";
    for (status, text, wanted) in [
        (200, "ok", "taken"),
        (400, "invalid_payload", "refused"),
        (403, "action_prohibited", "refused"),
        (404, "channel_not_found", "refused"),
        (410, "channel_is_archived", "refused"),
        (429, "rate_limited", down),
        (500, "rollup_error", down),
        (302, "", "refused"),
    ] {
        assert_eq!(verdict(Dialect::Slack.judge(answer(status, text))), wanted, "Slack {status} {text}");
    }
    let pagerduty = Dialect::PagerDuty { routing_key_file: "/nonexistent".into() };
    for (status, wanted) in [(202, "taken"), (200, "refused"), (400, "refused"), (429, down), (500, down), (503, down)] {
        assert_eq!(verdict(pagerduty.judge(answer(status, ""))), wanted, "PagerDuty {status}");
    }
    for (status, wanted) in [(202, "taken"), (200, "taken"), (413, "refused"), (429, down), (502, down)] {
        assert_eq!(verdict(Dialect::Teams.judge(answer(status, ""))), wanted, "Teams {status}");
    }
}

#[test]
fn a_body_that_cannot_be_said_refuses_its_letter_alone_and_a_missing_key_stops_the_sink() {
    let text = "[[alert.template]]\nname = \"t\"\nurl = \"http://127.0.0.1:9/\"\nbody = '{{ 1 / bytes_up if bytes_up else 0 }}'\n";
    let (config, problems) = crate::daemon::config::Config::parse(std::path::Path::new("c.toml"), text);
    assert_eq!(problems, []);
    let (_, template) = Dialect::of(&config.sinks[0].kind).expect("goes by HTTP");
    let letter = |payload: &str| Letter { payload: payload.into(), ..sample::letter(crate::engine::frame::Time::default(), false) };
    assert!(template.message(&letter(r#"{"bytes_up":4}"#)).is_ok());
    assert!(
        matches!(template.message(&letter(r#"{"bytes_up":"many"}"#)), Err(Outcome::Refused(why)) if why.starts_with("line 1 of its body"))
    );
    let pagerduty = Dialect::PagerDuty { routing_key_file: "/nonexistent".into() };
    assert!(matches!(pagerduty.message(&letter("{}")), Err(Outcome::Down { .. })));
}
