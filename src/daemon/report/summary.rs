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
#[derive(Serialize, Default)]
pub(super) struct Totals {
    pub sightings: u64,
    pub clients: usize,
    pub teams: usize,
    pub services: usize,
    pub connections: u64,
    pub bytes_up: u64,
    pub bytes_down: u64,
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

    /// For people: see [`write`].
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let line = |((service, status), Line { vendor, category, amount: a }): (&(Arc<str>, Status), &Line)| ServiceLine {
            service: service.to_string(),
            vendor: vendor.to_string(),
            category: category.to_string(),
            status: *status,
            clients: a.clients.len() as u64,
            teams: a.teams.len() as u64,
            sightings: a.sightings,
            connections: a.connections,
            bytes_up: a.bytes_up,
            bytes_down: a.bytes_down,
            evidence: a.evidence,
            used: a.used,
            last_seen: a.last_seen,
        };
        write(self.services.iter().map(line).collect(), &self.totals(), out)
    }
}

/// What one service under one status amounts to.
#[derive(Default)]
pub(super) struct ServiceLine {
    pub service: String,
    pub vendor: String,
    pub category: String,
    pub status: Status,
    pub clients: u64,
    pub teams: u64,
    pub sightings: u64,
    pub connections: u64,
    pub bytes_up: u64,
    pub bytes_down: u64,
    pub evidence: Evidence,
    /// Not mere presence.
    pub used: bool,
    pub last_seen: Time,
}

/// For people: a line a service, what is least allowed and most used first, and a sentence.
pub(super) fn write(mut lines: Vec<ServiceLine>, totals: &Totals, out: &mut dyn Write) -> io::Result<()> {
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
    lines.sort_by(|a, b| (urgency(a.status), b.bytes_up, &a.service).cmp(&(urgency(b.status), a.bytes_up, &b.service)));
    if !lines.is_empty() {
        writeln!(out, "{}\n", layout(&header, lines.into_iter().map(row)))?;
    }
    let t = totals;
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

fn row(line: ServiceLine) -> Vec<String> {
    let evidence = evidence(line.evidence, line.used);
    vec![
        line.service,
        line.vendor,
        line.category,
        line.status.word().to_owned(),
        line.clients.to_string(),
        line.teams.to_string(),
        line.sightings.to_string(),
        line.connections.to_string(),
        bytes(line.bytes_up),
        bytes(line.bytes_down),
        evidence,
        clock::rfc3339(line.last_seen).chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect(),
    ]
}

/// How strong the evidence is, and whether it is of use.
pub(super) fn evidence(evidence: Evidence, used: bool) -> String {
    if used { evidence.word().to_owned() } else { format!("{} (present, not used)", evidence.word()) }
}

/// Place in the table: what somebody must act on first.
pub(super) const fn urgency(status: Status) -> u8 {
    match status {
        Status::Unapproved => 0,
        Status::Unreviewed => 1,
        Status::InReview => 2,
        Status::Tolerated => 3,
        Status::Approved => 4,
    }
}
