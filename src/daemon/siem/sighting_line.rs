//! What is said of a sighting to the streams: one line of JSON when it is opened, raised and closed, as `docs/sighting.schema.json` has it.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::community_id::community_id;
use crate::daemon::hex;
use crate::daemon::sighting_json::SightingJson;
use crate::engine::frame::Time;
use crate::engine::sighting::{Finding, Sighting};

/// Name and version of the form; a change that could break a receiver makes it `/2`.
pub const SCHEMA: &str = "shadowtap.sighting/1";

/// What happened to a sighting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SightingEvent {
    /// It began.
    Opened,
    /// Its evidence rose, or its status became stricter.
    Raised,
    /// It ended.
    Closed,
}

impl SightingEvent {
    /// Every one.
    pub const ALL: [SightingEvent; 3] = [SightingEvent::Opened, SightingEvent::Raised, SightingEvent::Closed];

    /// The word used in lines.
    pub const fn word(self) -> &'static str {
        match self {
            SightingEvent::Opened => "opened",
            SightingEvent::Raised => "raised",
            SightingEvent::Closed => "closed",
        }
    }
}

/// A line on its way to the streams, without its number, which the store gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SightingLine {
    /// Client of the sighting, as it is written.
    pub client: Arc<str>,
    /// When the sighting began: what was forgotten since is not said.
    pub since: Time,
    /// The line.
    pub text: String,
}

/// Words lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scribe {
    /// Name of the sensor.
    pub sensor: String,
    /// Seed of Community IDs.
    pub seed: u16,
    /// Lines that wait for a stream, at most.
    pub most: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    event: &'static str,
    id: String,
    sensor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<String>,
    #[serde(flatten)]
    sighting: SightingJson<'a>,
}

impl Scribe {
    /// The lines of what changed, in order.
    pub fn lines(&self, findings: &[Finding]) -> Vec<SightingLine> {
        findings.iter().flat_map(|finding| events(finding).map(|event| self.line(finding, event))).collect()
    }

    fn line(&self, finding: &Finding, event: SightingEvent) -> SightingLine {
        let s = &finding.sighting;
        let line = Line {
            schema: SCHEMA,
            event: event.word(),
            id: id(s),
            sensor: &self.sensor,
            community_id: finding.by.as_ref().map(|by| community_id(by, self.seed)),
            sighting: SightingJson::from(s),
        };
        // Serialising text and numbers into a String cannot fail.
        SightingLine { client: Arc::clone(&s.client), since: s.first_seen, text: serde_json::to_string(&line).unwrap_or_default() }
    }
}

/// What happened, in order: a short one is opened and closed at once.
fn events(finding: &Finding) -> impl Iterator<Item = SightingEvent> {
    let begun = match finding {
        Finding { is_new: true, .. } => Some(SightingEvent::Opened),
        Finding { reached: Some(_), .. } => Some(SightingEvent::Raised),
        _ => None,
    };
    begun.into_iter().chain(finding.sighting.closed.then_some(SightingEvent::Closed))
}

/// The same for every line of a sighting, and for no other's: of what makes a row of the store.
fn id(s: &Sighting) -> String {
    let digest = digest(&SHA256, format!("{}\0{}\0{}", s.client, s.service, s.first_seen.micros()).as_bytes());
    hex::text(digest.as_ref().get(..16).unwrap_or_default())
}

/// A line with its number.
pub fn numbered(number: i64, text: &str) -> String {
    match text.strip_prefix('{') {
        Some(rest) => format!("{{\"sequence\":{number},{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::daemon::fixture::{finding, sighting};
    use crate::engine::event::{Conversation, Ends, Transport};
    use crate::engine::policy::Status;
    use crate::engine::sighting::{Agent, Evidence};

    fn said(finding: Finding) -> Vec<Value> {
        let scribe = Scribe { sensor: "gw1".into(), seed: 0, most: 10 };
        scribe.lines(&[finding]).iter().map(|line| serde_json::from_str(&numbered(7, &line.text)).unwrap()).collect()
    }

    fn by() -> Option<Conversation> {
        let ends = Ends { client: [128, 232, 110, 120].into(), client_port: 34855, server: [66, 35, 250, 204].into(), server_port: 80 };
        Some(Conversation { transport: Transport::Tcp, ends })
    }

    #[test]
    fn a_sighting_is_opened_raised_and_closed() {
        let events = |is_new, reached: Option<(Evidence, Evidence)>, closed| {
            let said = said(Finding { is_new, reached, ..finding(Sighting { closed, ..sighting() }) });
            said.into_iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let rose = Some((Evidence::Engaged, Evidence::Engaged));
        assert_eq!(events(true, rose, false), ["opened"]);
        assert_eq!(events(false, rose, false), ["raised"]);
        assert_eq!(events(false, None, false), [""; 0]);
        assert_eq!(events(false, None, true), ["closed"]);
        assert_eq!(events(false, rose, true), ["raised", "closed"]);
        assert_eq!(events(true, rose, true), ["opened", "closed"]);
    }

    #[test]
    fn every_line_of_a_sighting_has_its_id() {
        let opened = said(finding(sighting())).remove(0);
        let later = Sighting { last_seen: sighting().last_seen.plus_seconds(9), evidence: Evidence::Uploaded, closed: true, ..sighting() };
        let closed = said(Finding { is_new: false, reached: None, ..finding(later) }).remove(0);
        let other = said(finding(Sighting { service: "openai.api".into(), ..sighting() })).remove(0);
        assert_eq!(opened["id"], closed["id"]);
        assert_ne!(opened["id"], other["id"]);
        assert_eq!((&opened["sequence"], &opened["sensor"], &opened["client"]), (&7.into(), &"gw1".into(), &"10.0.0.5".into()));
    }

    #[test]
    fn published_schema_lists_exactly_its_fields_and_words() {
        let schema: Value = serde_json::from_str(include_str!("../../../docs/sighting.schema.json")).unwrap();
        let identity = crate::engine::sighting::Identity {
            user: Some("anna".into()),
            site: Some("Berlin".into()),
            is_shared: true,
            is_estimate: true,
            ..(*sighting().identity).clone()
        };
        let full = Finding { by: by(), ..finding(Sighting { identity: identity.into(), ..sighting() }) };
        let sorted = |value: &Value| {
            let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let line = said(full).remove(0);
        assert_eq!(line["community_id"], "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(sorted(&line), sorted(&schema["properties"]));
        let bare = said(finding(Sighting { identity: Arc::default(), ..sighting() })).remove(0);
        let mut required: Vec<_> = schema["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();
        required.sort();
        assert_eq!(sorted(&bare), required);
        let words = |field: &str| schema["properties"][field]["enum"].as_array().unwrap().clone();
        assert_eq!(words("event"), SightingEvent::ALL.map(|e| Value::from(e.word())));
        assert_eq!(words("evidence"), Evidence::ALL.map(|e| Value::from(e.word())));
        assert_eq!(words("status"), Status::ALL.map(|s| Value::from(s.word())));
        assert_eq!(words("agent"), Agent::ALL.map(|a| Value::from(a.word())));
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
    }
}
