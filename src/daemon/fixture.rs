//! Sightings for tests.

use crate::engine::event::Source;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Agent, Evidence, Finding, Identity, Sighting, Sources, Turns, UseBytes};

/// 2026-11-23T07:00:00.123456Z.
pub(crate) const SEVEN: Time = Time(1_795_417_200_123_456_000);

/// Somebody's session with ChatGPT: unreviewed, engaged, still open.
pub(crate) fn sighting() -> Sighting {
    let mut sources = Sources::default();
    sources.insert(Source::TlsSni);
    sources.insert(Source::DnsQuery);
    Sighting {
        client: "10.0.0.5".into(),
        identity: Identity { host: Some("ws-14".into()), mac: Some([2, 0, 0, 0, 0, 5]), ..Identity::default() }.into(),
        team: "design".into(),
        service: "openai.chatgpt".into(),
        vendor: "OpenAI".into(),
        category: "chat".into(),
        status: Status::Unreviewed,
        evidence: Evidence::Engaged,
        presence_only: false,
        agent: Agent::Browser,
        first_seen: SEVEN,
        last_seen: SEVEN.plus_seconds(60),
        connections: 3,
        bytes_up: 12_000,
        bytes_down: 340_000,
        use_bytes: UseBytes { up: 12_000, down: 340_000, upload: 0 },
        active_minutes: 2,
        turns: Turns { low: 4, high: 6 },
        sources,
        names: vec!["chatgpt.com".into(), "ab.chatgpt.com".into()],
        closed: false,
    }
}

/// A finding that says how a sighting stands, with every level reached.
pub(crate) fn finding(sighting: Sighting) -> Finding {
    let due = sighting.is_alert_due();
    Finding { reached: Some((Evidence::Resolved, sighting.evidence)), due, sighting, is_new: true, by: None }
}
