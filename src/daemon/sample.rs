//! A sample alert: of the very form of a real one, and marked as a sample in every text a receiver shows. What `alerts test` sends, and what a
//! site's templates are tried on.

use std::sync::Arc;

use rand::RngExt;
use serde_json::Value;

use super::alert::digest_payload;
use super::alert::payload::{self, Words};
use super::alert::sensor_payload;
use super::letter::Letter;
use super::notice::{Notice, NoticeKind, Repeats, SensorNotice, State, incident};
use super::summary::{AlertCount, ServiceUse, Summary};
use crate::engine::event::Source;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Agent, Evidence, Identity, Sighting, Sources, Turns, UseBytes};

/// Client, team and names of a sample: nobody's.
const NOBODY: &str = "sample";
const SERVICE: &str = "Sample service";
const REASON: &str = "this is a sample sent by 'shadowtap alerts test', nothing happened";

/// A sample as it would wait for a sink; `is_over`: it says that the sample sent before is over.
pub fn letter(now: Time, is_over: bool) -> Letter {
    let id: String = rand::rng().random::<[u8; 16]>().iter().map(|byte| format!("{byte:02x}")).collect();
    let payload = payload(&id, now, is_over);
    Letter { alert: 0, id, payload, attempts: 0, since: now, next_attempt: now }
}

/// A payload of each form an alert may have: open, over, about the sensor, summing up.
pub fn payloads() -> Vec<String> {
    let (now, id) = (Time::default(), "0".repeat(32));
    let of_the_sensor = SensorNotice::new(NoticeKind::CaptureLost, NOBODY, now, format!("Sample: {REASON}."), "Nothing.");
    vec![payload(&id, now, false), payload(&id, now, true), sensor_payload::render(&of_the_sensor, ""), digest(now)]
}

/// The payload of a sample.
fn payload(id: &str, now: Time, is_over: bool) -> String {
    let (sighting, words) = (sighting(now), Words { service_name: SERVICE, reason: Some(REASON), ..Words::default() });
    let notice = Notice { id: id.to_owned(), kind: NoticeKind::FirstUse, created: now, sighting: &sighting, repeats: Repeats::default() };
    let mut payload: Value = serde_json::from_str(&payload::render(&notice, &words)).unwrap_or_default();
    if let Value::Object(fields) = &mut payload {
        // The matter of every sample, so that a later one can say that it is over.
        fields.insert("incident".into(), incident(&[NOBODY]).into());
        fields.insert("state".into(), if is_over { State::Resolved } else { State::Open }.word().into());
        fields.insert("message".into(), format!("Sample, {}: {REASON}.", if is_over { "over" } else { "not an alert" }).into());
    }
    payload.to_string()
}

fn digest(now: Time) -> String {
    let text = || NOBODY.to_owned();
    let service = ServiceUse {
        id: text(),
        name: SERVICE.into(),
        vendor: text(),
        category: text(),
        teams: vec![text()],
        clients: 1,
        sightings: 1,
        bytes_up: 1,
    };
    let alert =
        AlertCount { fate: "held", kind: "first_use", team: text(), service: text(), severity: "low", why: Some(REASON.into()), count: 1 };
    let summary = Summary {
        id: "0".repeat(32),
        kind: NoticeKind::Digest,
        created: now,
        since: now,
        message: format!("Sample: {REASON}."),
        services: vec![service],
        alerts: vec![alert],
        more: 1,
    };
    digest_payload::render(&summary, "")
}

fn sighting(now: Time) -> Sighting {
    let text: Arc<str> = NOBODY.into();
    let mut sources = Sources::default();
    sources.insert(Source::TlsSni);
    Sighting {
        client: Arc::clone(&text),
        identity: Identity::default().into(),
        team: Arc::clone(&text),
        service: "sample.service".into(),
        vendor: Arc::clone(&text),
        category: Arc::clone(&text),
        status: Status::Unreviewed,
        evidence: Evidence::Contacted,
        presence_only: false,
        agent: Agent::Unknown,
        first_seen: now,
        last_seen: now,
        connections: 1,
        bytes_up: 1,
        bytes_down: 1,
        use_bytes: UseBytes { up: 0, down: 0, upload: 0 },
        active_minutes: 1,
        turns: Turns { low: 0, high: 0 },
        sources,
        names: vec!["sample.invalid".into()],
        closed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::alert::form::Form;
    use crate::daemon::fixture::SEVEN;

    #[test]
    fn every_sample_has_an_id_of_its_own_and_one_incident_and_says_what_it_is() {
        let (open, over) = (letter(SEVEN, false), letter(SEVEN, true));
        assert_ne!(open.id, over.id);
        let (open, over) = (Form::read(&open.payload), Form::read(&over.payload));
        assert_eq!((open.schema.as_str(), open.is_resolved, over.is_resolved), ("shadowtap.alert/1", false, true));
        assert_eq!(open.incident, over.incident);
        assert!(open.message.starts_with("Sample") && open.title().contains("Sample"), "{open:?}");
    }
}
