//! A batch on its way into the store: one row a sighting, handed over as one JSON text and spread over the tables by a few
//! statements, so that ten thousand sightings cost no more awaits than one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Serialize;
use sqlx::SqliteConnection;

use crate::daemon::mac;
use crate::engine::frame::Time;
use crate::engine::sighting::{Evidence, Finding, Identity, Sighting};

/// Where a batch lies before it is spread; it belongs to the connection and is in no file.
const STAGE: &str = "
    CREATE TEMP TABLE IF NOT EXISTS batch (
        client TEXT, team TEXT, service TEXT, vendor TEXT, category TEXT,
        first_seen INTEGER, last_seen INTEGER, status INTEGER, evidence INTEGER, presence_only INTEGER, agent INTEGER,
        connections INTEGER, bytes_up INTEGER, bytes_down INTEGER, sources INTEGER, closed INTEGER, names TEXT,
        use_up INTEGER, use_down INTEGER, use_upload INTEGER,
        active_minutes INTEGER, turns_low INTEGER, turns_high INTEGER,
        host TEXT, user TEXT, site TEXT, mac TEXT, shared INTEGER, estimate INTEGER
    )";

const EMPTY: &str = "DELETE FROM temp.batch";

const LOAD: &str = "
    INSERT INTO temp.batch
    SELECT value ->> 'client', value ->> 'team', value ->> 'service', value ->> 'vendor', value ->> 'category',
           value ->> 'first_seen', value ->> 'last_seen', value ->> 'status', value ->> 'evidence', value ->> 'presence_only',
           value ->> 'agent', value ->> 'connections', value ->> 'bytes_up', value ->> 'bytes_down', value ->> 'sources',
           value ->> 'closed', value -> 'names', value ->> 'use_up', value ->> 'use_down', value ->> 'use_upload',
           value ->> 'active_minutes', value ->> 'turns_low', value ->> 'turns_high', value ->> 'host', value ->> 'user', value ->> 'site',
           value ->> 'mac', value ->> 'shared', value ->> 'estimate'
    FROM json_each(?1)";

/// From the stage into the tables, dictionaries first. `WHERE true` keeps SQLite from reading ON CONFLICT as a join's ON; CROSS JOIN
/// keeps it from walking a table where the batch leads (<https://www.sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join>).
pub(super) const SPREAD: [&str; 7] = [
    "INSERT INTO client (name) SELECT DISTINCT client FROM temp.batch WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO team (name) SELECT DISTINCT team FROM temp.batch WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO service (name, vendor, category) SELECT DISTINCT service, vendor, category FROM temp.batch WHERE true
     ON CONFLICT (name) DO UPDATE SET vendor = excluded.vendor, category = excluded.category
     WHERE vendor <> excluded.vendor OR category <> excluded.category",
    "INSERT INTO name (name) SELECT DISTINCT n.value FROM temp.batch b, json_each(b.names) n WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO identity (host, user, site, mac, shared, estimate)
     SELECT DISTINCT host, user, site, mac, shared, estimate FROM temp.batch WHERE host IS NOT NULL ON CONFLICT DO NOTHING",
    "INSERT INTO sighting (client_id, service_id, first_seen, last_seen, team_id, status, evidence, presence_only, agent,
                           connections, bytes_up, bytes_down, sources, closed, use_up, use_down, use_upload,
                           active_minutes, turns_low, turns_high, identity_id)
     SELECT c.id, s.id, b.first_seen, b.last_seen, t.id, b.status, b.evidence, b.presence_only, b.agent,
            b.connections, b.bytes_up, b.bytes_down, b.sources, b.closed, b.use_up, b.use_down, b.use_upload,
            b.active_minutes, b.turns_low, b.turns_high,
            (SELECT i.id FROM identity i WHERE i.host = b.host AND i.user = b.user AND i.site = b.site AND i.mac = b.mac
             AND i.shared = b.shared AND i.estimate = b.estimate)
     FROM temp.batch b CROSS JOIN client c ON c.name = b.client CROSS JOIN service s ON s.name = b.service
     CROSS JOIN team t ON t.name = b.team
     WHERE true
     ON CONFLICT (client_id, service_id, first_seen) DO UPDATE SET
         last_seen = excluded.last_seen, team_id = excluded.team_id, status = excluded.status,
         evidence = max(evidence, excluded.evidence), presence_only = excluded.presence_only, agent = excluded.agent,
         connections = excluded.connections, bytes_up = excluded.bytes_up, bytes_down = excluded.bytes_down,
         sources = excluded.sources, closed = excluded.closed,
         use_up = excluded.use_up, use_down = excluded.use_down, use_upload = excluded.use_upload,
         active_minutes = excluded.active_minutes, turns_low = excluded.turns_low, turns_high = excluded.turns_high,
         identity_id = excluded.identity_id",
    "INSERT INTO sighting_name (sighting_id, position, name_id)
     SELECT g.id, n.key, m.id
     FROM temp.batch b CROSS JOIN client c ON c.name = b.client CROSS JOIN service s ON s.name = b.service
     CROSS JOIN sighting g ON g.client_id = c.id AND g.service_id = s.id AND g.first_seen = b.first_seen
     CROSS JOIN json_each(b.names) n CROSS JOIN name m ON m.name = n.value
     WHERE true
     ON CONFLICT (sighting_id, position) DO UPDATE SET name_id = excluded.name_id WHERE name_id <> excluded.name_id",
];

#[derive(Serialize)]
struct Row<'a> {
    client: &'a str,
    team: &'a str,
    service: &'a str,
    vendor: &'a str,
    category: &'a str,
    first_seen: i64,
    last_seen: i64,
    status: u8,
    evidence: u8,
    presence_only: u8,
    agent: u8,
    connections: u32,
    bytes_up: i64,
    bytes_down: i64,
    sources: u16,
    closed: u8,
    names: Vec<&'a str>,
    use_up: i64,
    use_down: i64,
    use_upload: i64,
    active_minutes: u32,
    turns_low: u32,
    turns_high: u32,
    #[serde(flatten)]
    identity: Option<IdentityRow<'a>>,
}

/// An identity of which something is known; without one its columns are NULL.
#[derive(Serialize)]
struct IdentityRow<'a> {
    host: &'a str,
    user: &'a str,
    site: &'a str,
    mac: String,
    shared: u8,
    estimate: u8,
}

impl<'a> IdentityRow<'a> {
    fn new(identity: &'a Identity) -> Option<Self> {
        (!identity.is_unknown()).then(|| IdentityRow {
            host: identity.host.as_deref().unwrap_or_default(),
            user: identity.user.as_deref().unwrap_or_default(),
            site: identity.site.as_deref().unwrap_or_default(),
            mac: identity.mac.map(mac::text).unwrap_or_default(),
            shared: identity.is_shared.into(),
            estimate: identity.is_estimate.into(),
        })
    }
}

impl<'a> Row<'a> {
    fn new(s: &'a Sighting, evidence: Evidence) -> Self {
        Row {
            client: &s.client,
            team: &s.team,
            service: &s.service,
            vendor: &s.vendor,
            category: &s.category,
            first_seen: s.first_seen.micros(),
            last_seen: s.last_seen.micros(),
            status: s.status as u8,
            evidence: evidence as u8,
            presence_only: s.presence_only.into(),
            agent: s.agent as u8,
            connections: s.connections,
            bytes_up: whole(s.bytes_up),
            bytes_down: whole(s.bytes_down),
            sources: s.sources.0,
            closed: s.closed.into(),
            names: s.names.iter().map(|n| &**n).collect(),
            use_up: whole(s.use_bytes.up),
            use_down: whole(s.use_bytes.down),
            use_upload: whole(s.use_bytes.upload),
            active_minutes: s.active_minutes,
            turns_low: s.turns.low,
            turns_high: s.turns.high,
            identity: IdentityRow::new(&s.identity),
        }
    }
}

fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Makes the stage on a new connection.
pub(super) async fn prepare(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query(STAGE).execute(connection).await.map(drop)
}

/// Writes the sightings of a batch, inside the caller's transaction, and leaves them on the stage. Returns how many rows.
pub(super) async fn write(connection: &mut SqliteConnection, findings: &[Finding]) -> sqlx::Result<usize> {
    let rows = last_of_each(findings);
    let text = serde_json::to_string(&rows).map_err(|e| sqlx::Error::Encode(Box::new(e)))?;
    sqlx::query(EMPTY).execute(&mut *connection).await?;
    sqlx::query(LOAD).bind(text).execute(&mut *connection).await?;
    for statement in SPREAD {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(rows.len())
}

/// The last copy of each sighting, with the strongest evidence any of its copies had.
fn last_of_each(findings: &[Finding]) -> Vec<Row<'_>> {
    let mut place: HashMap<(&str, &str, Time), usize> = HashMap::with_capacity(findings.len());
    let mut kept: Vec<(&Sighting, Evidence)> = Vec::with_capacity(findings.len());
    for s in findings.iter().map(|f| &f.sighting) {
        match place.entry((&s.client, &s.service, s.first_seen)) {
            Entry::Vacant(free) => {
                free.insert(kept.len());
                kept.push((s, s.evidence));
            }
            Entry::Occupied(at) => {
                let earlier = &mut kept[*at.get()];
                *earlier = (s, earlier.1.max(s.evidence));
            }
        }
    }
    kept.into_iter().map(|(s, evidence)| Row::new(s, evidence)).collect()
}
