//! The summary: what each service under each status amounts to, and what it all amounts to.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use crate::daemon::clock;
use crate::daemon::table::{bytes, layout};
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};

/// What a set of sightings amounts to.
#[derive(Clone, Debug, Default)]
pub(super) struct Amount {
    clients: HashSet<Arc<str>>,
    teams: HashSet<Arc<str>>,
    sightings: u64,
    connections: u64,
    bytes_up: u64,
    bytes_down: u64,
    evidence: Evidence,
    used: bool,
    last_seen: Time,
}

impl Amount {
    fn add(&mut self, s: &Sighting) {
        if !self.clients.contains(&s.client) {
            self.clients.insert(Arc::clone(&s.client));
        }
        if !self.teams.contains(&s.team) {
            self.teams.insert(Arc::clone(&s.team));
        }
        self.sightings += 1;
        self.connections += u64::from(s.connections);
        self.bytes_up = self.bytes_up.saturating_add(s.bytes_up);
        self.bytes_down = self.bytes_down.saturating_add(s.bytes_down);
        self.evidence = self.evidence.max(s.evidence);
        self.used |= !s.presence_only;
        self.last_seen = self.last_seen.max(s.last_seen);
    }
}

/// All sightings, added up by service and status.
#[derive(Default)]
pub(super) struct Summary {
    services: BTreeMap<(Arc<str>, Status), Line>,
    all: Amount,
}

struct Line {
    vendor: Arc<str>,
    category: Arc<str>,
    amount: Amount,
}

/// What everything amounts to, as the JSON report's `totals`.
#[derive(Serialize)]
pub(super) struct Totals {
    sightings: u64,
    clients: usize,
    teams: usize,
    services: usize,
    connections: u64,
    bytes_up: u64,
    bytes_down: u64,
}

impl Summary {
    /// Adds a sighting.
    pub fn add(&mut self, s: &Sighting) {
        let key = (Arc::clone(&s.service), s.status);
        let new = || Line { vendor: Arc::clone(&s.vendor), category: Arc::clone(&s.category), amount: Amount::default() };
        self.services.entry(key).or_insert_with(new).amount.add(s);
        self.all.add(s);
    }

    /// What everything amounts to.
    pub fn totals(&self) -> Totals {
        let services: HashSet<_> = self.services.keys().map(|(service, _)| service).collect();
        Totals {
            sightings: self.all.sightings,
            clients: self.all.clients.len(),
            teams: self.all.teams.len(),
            services: services.len(),
            connections: self.all.connections,
            bytes_up: self.all.bytes_up,
            bytes_down: self.all.bytes_down,
        }
    }

    /// For people: a line a service, what is least allowed and most used first, and a sentence.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines: Vec<_> = self.services.iter().collect();
        lines.sort_by_key(|((service, status), line)| (urgency(*status), u64::MAX - line.amount.bytes_up, Arc::clone(service)));
        let header = [
            "service",
            "vendor",
            "category",
            "status",
            ">clients",
            ">teams",
            ">sightings",
            ">connections",
            ">up",
            ">down",
            "evidence",
            "last seen",
        ];
        let rows = lines.into_iter().map(|((service, status), line)| row(service, *status, line));
        if !self.services.is_empty() {
            writeln!(out, "{}\n", layout(&header, rows))?;
        }
        let t = self.totals();
        writeln!(
            out,
            "sightings: {}, services: {}, clients: {}, teams: {}, up: {}, down: {}",
            t.sightings,
            t.services,
            t.clients,
            t.teams,
            bytes(t.bytes_up),
            bytes(t.bytes_down)
        )
    }
}

fn row(service: &str, status: Status, Line { vendor, category, amount: a }: &Line) -> Vec<String> {
    let evidence = if a.used { a.evidence.word().to_owned() } else { format!("{} (present, not used)", a.evidence.word()) };
    vec![
        service.to_owned(),
        vendor.to_string(),
        category.to_string(),
        status.word().to_owned(),
        a.clients.len().to_string(),
        a.teams.len().to_string(),
        a.sightings.to_string(),
        a.connections.to_string(),
        bytes(a.bytes_up),
        bytes(a.bytes_down),
        evidence,
        clock::rfc3339(a.last_seen).chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect(),
    ]
}

/// Place in the table: what somebody must act on first.
const fn urgency(status: Status) -> u8 {
    match status {
        Status::Unapproved => 0,
        Status::Unreviewed => 1,
        Status::InReview => 2,
        Status::Tolerated => 3,
        Status::Approved => 4,
    }
}
