//! Sightings as they are read: a page at a time, each in one text.

use std::borrow::Cow;

use serde::Deserialize;

use crate::daemon::mac;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Agent, Evidence, Identity, Sighting, Sources, Turns, UseBytes};

/// A page in one JSON text, an array of [`SightingRow`]s: SQLite's binding copies each value of each row by itself.
pub(super) const SIGHTINGS: &str = "
    SELECT json_group_array(json_array(
               c.name, t.name, s.name, s.vendor, s.category, g.status, g.evidence, g.presence_only, g.agent,
               g.first_seen, g.last_seen, g.connections, g.bytes_up, g.bytes_down, g.sources, g.closed,
               g.use_up, g.use_down, g.use_upload, g.active_minutes, g.turns_low, g.turns_high,
               i.host, i.user, i.site, i.mac, i.shared, i.estimate,
               json((SELECT json_group_array(m.name ORDER BY l.key) FROM json_each(g.names) l JOIN name m ON m.id = l.value)))
           ORDER BY g.first_seen, g.id)
    FROM json_each(?1) j CROSS JOIN sighting g ON g.id = j.value
    JOIN client c ON c.id = g.client_id JOIN team t ON t.id = g.team_id JOIN service s ON s.id = g.service_id
    LEFT JOIN identity i ON i.id = g.identity_id";

/// A row of [`SIGHTINGS`], in the order of its columns.
#[derive(Deserialize)]
struct SightingRow<'a> {
    #[serde(borrow)]
    client: Cow<'a, str>,
    #[serde(borrow)]
    team: Cow<'a, str>,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow)]
    vendor: Cow<'a, str>,
    #[serde(borrow)]
    category: Cow<'a, str>,
    status: i64,
    evidence: i64,
    presence_only: u8,
    agent: i64,
    first_seen: i64,
    last_seen: i64,
    connections: u32,
    bytes_up: i64,
    bytes_down: i64,
    sources: u16,
    closed: u8,
    use_up: i64,
    use_down: i64,
    use_upload: i64,
    active_minutes: u32,
    turns_low: u32,
    turns_high: u32,
    #[serde(borrow)]
    host: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow)]
    site: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mac: Option<Cow<'a, str>>,
    shared: Option<u8>,
    estimate: Option<u8>,
    names: Vec<Cow<'a, str>>,
}

/// The sightings of a page.
pub(super) fn sightings(page: &str) -> sqlx::Result<Vec<Sighting>> {
    let rows: Vec<SightingRow<'_>> = serde_json::from_str(page).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    Ok(rows.into_iter().map(sighting).collect())
}

fn sighting(row: SightingRow<'_>) -> Sighting {
    Sighting {
        identity: identity(&row).into(),
        client: row.client.into(),
        team: row.team.into(),
        service: row.service.into(),
        vendor: row.vendor.into(),
        category: row.category.into(),
        status: word_of(&Status::ALL, row.status),
        evidence: word_of(&Evidence::ALL, row.evidence),
        presence_only: row.presence_only != 0,
        agent: word_of(&Agent::ALL, row.agent),
        first_seen: Time::from_micros(row.first_seen),
        last_seen: Time::from_micros(row.last_seen),
        connections: row.connections,
        bytes_up: row.bytes_up.unsigned_abs(),
        bytes_down: row.bytes_down.unsigned_abs(),
        use_bytes: UseBytes { up: row.use_up.unsigned_abs(), down: row.use_down.unsigned_abs(), upload: row.use_upload.unsigned_abs() },
        active_minutes: row.active_minutes,
        turns: Turns { low: row.turns_low, high: row.turns_high },
        sources: Sources(row.sources),
        names: row.names.into_iter().map(Into::into).collect(),
        closed: row.closed != 0,
    }
}

/// Who the client was; nothing known where the sighting has no identity.
fn identity(row: &SightingRow<'_>) -> Identity {
    let text = |text: &Option<Cow<'_, str>>| text.as_deref().filter(|t| !t.is_empty()).map(Into::into);
    Identity {
        host: text(&row.host),
        user: text(&row.user),
        site: text(&row.site),
        mac: row.mac.as_deref().and_then(mac::parse),
        is_shared: row.shared.is_some_and(|flag| flag != 0),
        is_estimate: row.estimate.is_some_and(|flag| flag != 0),
    }
}

/// The word with this number; the vocabulary's first for a number it does not have.
fn word_of<T: Copy>(all: &[T], number: i64) -> T {
    usize::try_from(number).ok().and_then(|n| all.get(n)).copied().unwrap_or(all[0])
}
