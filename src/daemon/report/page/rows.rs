//! The lines of the page's tables.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::decided::Decided;
use super::super::summary::urgency;
use super::super::sums::{count, evidence, status};
use super::{MOST, minute};
use crate::daemon::clock;
use crate::daemon::store::{Crowd, Sum};
use crate::daemon::table::bytes;
use crate::daemon::zone_sight::{ZoneSight, counted, percent, reason_remedy, reason_text, spot_remedy, spot_text};
use crate::engine::event::{BlindSpot, Reason};
use crate::engine::frame::Time;
use crate::engine::policy::{Question, Status};
use crate::engine::sighting::Evidence;
use crate::engine::signature::Signatures;

/// One service under one status, of all teams or of one.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    pub id: String,
    pub name: String,
    pub vendor: String,
    pub category: String,
    pub status: &'static str,
    pub status_text: &'static str,
    pub evidence: &'static str,
    /// More than presence.
    pub is_use: bool,
    pub is_new: bool,
    pub teams: Vec<String>,
    pub clients: u64,
    pub sightings: u64,
    pub uploads: u64,
    pub up: String,
    pub down: String,
    pub last: String,
    #[serde(skip)]
    pub rank: Status,
    #[serde(skip)]
    pub bytes_up: u64,
    #[serde(skip)]
    bytes_down: u64,
    #[serde(skip)]
    strongest: Evidence,
    #[serde(skip)]
    last_seen: i64,
}

/// A team and what it uses.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Team {
    pub name: String,
    pub up: String,
    pub rows: Vec<Row>,
    #[serde(skip)]
    bytes_up: u64,
}

/// Every line.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// What is least allowed and sends most first.
    pub services: Vec<Row>,
    /// What sends most first.
    pub teams: Vec<Team>,
    /// Lines there was no room for.
    pub left_out: usize,
}

impl Rows {
    /// Out of sums of team, service and status.
    pub fn of(sums: &[Sum], crowd: &Crowd, signatures: &Signatures, new: &BTreeSet<String>) -> Self {
        let mut services: BTreeMap<(&str, i64), Row> = BTreeMap::new();
        let mut teams: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        let names: BTreeMap<&str, &str> = signatures.services().map(|service| (&*service.id, &*service.name)).collect();
        let fresh = |sum: &Sum| Row {
            id: sum.service.clone(),
            name: names.get(sum.service.as_str()).map_or_else(|| sum.service.clone(), |name| (*name).to_owned()),
            vendor: sum.vendor.clone(),
            category: sum.category.clone(),
            status: status(sum).word(),
            status_text: text_of(status(sum)),
            rank: status(sum),
            is_new: new.contains(&sum.service),
            ..Row::default()
        };
        for sum in sums {
            services.entry((&sum.service, sum.status)).or_insert_with(|| fresh(sum)).add(sum);
            let mut row = fresh(sum);
            row.add(sum);
            teams.entry(&sum.team).or_default().push(row.finish());
        }
        for (key, row) in &mut services {
            let (clients, _) = crowd.services.get(&(key.0.to_owned(), key.1)).copied().unwrap_or_default();
            row.clients = count(clients);
        }
        let mut rows = Rows { services: sorted(services.into_values().map(Row::finish).collect()), ..Rows::default() };
        rows.add_teams(teams.into_iter().map(Team::of).collect());
        rows
    }

    fn add_teams(&mut self, mut teams: Vec<Team>) {
        teams.sort_by(|a, b| (b.bytes_up, &a.name).cmp(&(a.bytes_up, &b.name)));
        let mut room = MOST;
        for team in &mut teams {
            let kept = team.rows.len().min(room);
            self.left_out = self.left_out.saturating_add(team.rows.len().saturating_sub(kept));
            team.rows.truncate(kept);
            room = room.saturating_sub(kept);
        }
        teams.retain(|team| !team.rows.is_empty());
        self.left_out = self.left_out.saturating_add(self.services.len().saturating_sub(MOST));
        self.services.truncate(MOST);
        self.teams = teams;
    }
}

impl Team {
    fn of((name, rows): (&str, Vec<Row>)) -> Self {
        let bytes_up = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.bytes_up));
        Team { name: name.to_owned(), up: bytes(bytes_up), rows: sorted(rows), bytes_up }
    }
}

impl Row {
    fn add(&mut self, sum: &Sum) {
        self.teams.push(sum.team.clone());
        self.clients = self.clients.saturating_add(count(sum.clients));
        self.sightings = self.sightings.saturating_add(count(sum.sightings));
        self.uploads = self.uploads.saturating_add(count(sum.uploaded));
        self.bytes_up = self.bytes_up.saturating_add(count(sum.bytes_up));
        self.bytes_down = self.bytes_down.saturating_add(count(sum.bytes_down));
        self.strongest = self.strongest.max(evidence(sum));
        self.is_use |= sum.presence_only < sum.sightings;
        self.last_seen = self.last_seen.max(sum.last_seen);
    }

    fn finish(mut self) -> Self {
        self.evidence = self.strongest.word();
        (self.up, self.down) = (bytes(self.bytes_up), bytes(self.bytes_down));
        self.last = minute(Time::from_micros(self.last_seen));
        self
    }
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| (urgency(a.rank), b.bytes_up, &a.id).cmp(&(urgency(b.rank), a.bytes_up, &b.id)));
    rows
}

/// A status as people say it.
const fn text_of(status: Status) -> &'static str {
    match status {
        Status::Unreviewed => "not reviewed",
        Status::Approved => "approved",
        Status::Tolerated => "tolerated",
        Status::InReview => "in review",
        Status::Unapproved => "not approved",
    }
}

/// One team's use of what it may not use, and what it could.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unapproved {
    pub team: String,
    pub service: String,
    pub evidence: &'static str,
    pub is_use: bool,
    pub clients: u64,
    pub up: String,
    pub reason: String,
    pub owner: String,
    pub alternative: String,
    /// What the policy says by now, where that is something else.
    pub now: Option<&'static str>,
}

/// Every use under `unapproved`, what was sent most first; reason and alternative by the policy of today.
pub(super) fn unapproved(sums: &[Sum], decided: Option<&Decided>, at: Time) -> Vec<Unapproved> {
    let mut found: Vec<&Sum> = sums.iter().filter(|sum| status(sum) == Status::Unapproved).collect();
    found.sort_by_key(|sum| (sum.presence_only == sum.sightings, std::cmp::Reverse(sum.bytes_up)));
    found.truncate(MOST);
    found.into_iter().map(|sum| one_unapproved(sum, decided, at)).collect()
}

fn one_unapproved(sum: &Sum, decided: Option<&Decided>, at: Time) -> Unapproved {
    let record = decided.and_then(|d| d.rules.signatures.service(&sum.service));
    let question = record.map(|record| Question::of_service(record, &sum.team).after(evidence(sum), count(sum.bytes_up)));
    let decision = decided.zip(question).map(|(d, question)| d.rules.policy.judge(&question, at));
    let name = |id: &str| decided.and_then(|d| d.rules.signatures.service(id)).map_or_else(|| id.to_owned(), |s| s.name.to_string());
    let fact = |fact: Option<&str>| fact.unwrap_or_default().to_owned();
    Unapproved {
        team: sum.team.clone(),
        service: name(&sum.service),
        evidence: evidence(sum).word(),
        is_use: sum.presence_only < sum.sightings,
        clients: count(sum.clients),
        up: bytes(count(sum.bytes_up)),
        reason: fact(decision.and_then(|d| d.reason)),
        owner: fact(decision.and_then(|d| d.owner)),
        alternative: decision.and_then(|d| d.alternative).map(name).unwrap_or_default(),
        now: decision.map(|d| d.status).filter(|status| *status != Status::Unapproved).map(text_of),
    }
}

/// What could be seen of a zone, and what to do about the rest.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Zone {
    pub name: String,
    pub supported: bool,
    pub why: String,
    pub named: String,
    pub flows: String,
    pub gaps: Vec<Gap>,
}

/// Something unseen.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Gap {
    pub what: &'static str,
    pub how_much: String,
    pub remedy: &'static str,
}

impl Zone {
    /// What an account of a zone says.
    pub fn of(zone: &ZoneSight) -> Self {
        let reason = |(word, flows): (&&str, &u64)| {
            let reason = Reason::ALL.into_iter().find(|reason| reason.word() == *word)?;
            Some(Gap { what: reason_text(reason), how_much: counted(*flows, "flow"), remedy: reason_remedy(reason) })
        };
        let spot = |(word, spot): (&&str, &crate::daemon::zone_sight::Spot)| {
            let kind = BlindSpot::ALL.into_iter().find(|kind| kind.word() == *word)?;
            let how_much = format!("{} of up to {}", counted(spot.flows, "flow"), counted(spot.clients, "client"));
            Some(Gap { what: spot_text(kind), how_much, remedy: spot_remedy(kind) })
        };
        Zone {
            name: zone.zone.clone(),
            supported: zone.supported,
            why: zone.why.join("; "),
            named: percent(zone.named, zone.encrypted),
            flows: counted(zone.encrypted, "encrypted flow"),
            gaps: zone.reasons.iter().filter_map(reason).chain(zone.blind_spots.iter().filter_map(spot)).collect(),
        }
    }
}

/// A day as people write it.
pub(super) fn day(number: i64) -> String {
    let micros = number.saturating_mul(86_400_000_000);
    clock::day_of(Time::from_micros(micros)).to_string()
}
