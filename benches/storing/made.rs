//! Sightings to store: seeded by their number, so that every run stores the same.

use std::sync::Arc;

use shadowtap::engine::event::Source;
use shadowtap::engine::frame::Time;
use shadowtap::engine::policy::Status;
use shadowtap::engine::sighting::{Agent, Evidence, Finding, Identity, Sighting, Sources, Turns, UseBytes};

/// 2026-11-01T00:00:00Z.
pub const BEGIN: Time = Time::new(1_793_491_200, 0);
/// Over so many days they spread.
pub const DAYS: u64 = 30;

/// A finding that says how a sighting stands.
pub fn finding(sighting: Sighting) -> Finding {
    Finding { reached: None, due: false, sighting, is_new: false, by: None }
}

/// One of `all` sightings, in the order of time: 5,000 clients, 60 services used by rank, up to four names.
pub fn sighting(n: u64, all: u64, closed: bool) -> Sighting {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let client = mixed % 5_000;
    let service = (mixed >> 16) % 60 * ((mixed >> 24) % 60) / 60;
    let first_seen = Time(BEGIN.0 + n * (DAYS * 86_400_000_000_000 / all.max(1)));
    let text = |t: String| -> Arc<str> { t.into() };
    let mut sources = Sources::default();
    sources.insert(Source::TlsSni);
    Sighting {
        client: text(format!("10.{}.{}.{}", client >> 12, client >> 8 & 15, client & 255)),
        identity: Identity { host: Some(text(format!("ws-{client:04}"))), ..Identity::default() }.into(),
        team: text(format!("team-{}", client % 50)),
        service: text(format!("vendor{service}.service")),
        vendor: text(format!("Vendor {service}")),
        category: "chat".into(),
        status: Status::ALL[(service % 5) as usize],
        evidence: Evidence::ALL[(mixed >> 32) as usize % 4],
        presence_only: false,
        agent: Agent::Browser,
        first_seen,
        last_seen: first_seen.plus_seconds(mixed >> 20 & 1023),
        connections: 7,
        bytes_up: mixed >> 10 & 0xf_ffff,
        bytes_down: mixed >> 5 & 0xff_ffff,
        use_bytes: UseBytes { up: mixed >> 10 & 0xf_ffff, down: mixed >> 5 & 0xff_ffff, upload: 0 },
        active_minutes: 3,
        turns: Turns { low: 4, high: 6 },
        sources,
        names: (0..1 + mixed % 4).map(|k| text(format!("host{k}.vendor{service}.example"))).collect(),
        closed,
    }
}
