//! Two policies on the same sightings: statuses, alerts, and whom a change would touch.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::daemon::rejudge::{Rejudged, rejudge};
use crate::daemon::rules::Rules;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};

/// Today's policy beside another.
pub(super) struct Comparison<'r> {
    sides: [Side<'r>; 2],
    /// Sightings and clients by status under either.
    pub transitions: BTreeMap<(Status, Status), Amount>,
    /// Sightings that would stand otherwise, by team, service and both statuses.
    pub changes: BTreeMap<ChangeKey, Change<'r>>,
    /// Alerts under either, by team.
    pub alerts: BTreeMap<Arc<str>, [u64; 2]>,
    /// Sightings judged.
    pub judged: u64,
    /// Sightings whose service the catalogue does not know any more.
    pub unknown: u64,
    /// Services of these.
    pub unknown_services: BTreeSet<Arc<str>>,
    /// Sightings whose client is no address, where a rule asks for subnets.
    pub without_address: u64,
    /// Sightings that today's policy would judge otherwise than they were judged.
    pub judged_otherwise: u64,
}

/// Team, service, status today, status under the other policy.
pub(super) type ChangeKey = (Arc<str>, Arc<str>, Status, Status);

/// So many sightings of so many clients.
#[derive(Default)]
pub(super) struct Amount {
    pub sightings: u64,
    pub clients: HashSet<Arc<str>>,
}

/// What would stand otherwise.
pub(super) struct Change<'r> {
    pub amount: Amount,
    pub bytes_up: u64,
    /// The strongest.
    pub evidence: Evidence,
    /// Alerts under either.
    pub alerts: [u64; 2],
    /// Of the first of them, on whose word under either.
    pub by: [Rejudged<'r>; 2],
    /// The first of them.
    pub example: Example,
}

/// One sighting that would stand otherwise.
pub(super) struct Example {
    pub client: Arc<str>,
    pub name: Option<Arc<str>>,
    pub first_seen: Time,
}

/// One policy, and what was told under it.
struct Side<'r> {
    rules: &'r Rules,
    has_subnets: bool,
    told: HashMap<(Arc<str>, Arc<str>, Status), bool>,
}

impl<'r> Comparison<'r> {
    /// Nothing compared yet.
    pub(super) fn new(today: &'r Rules, new: &'r Rules) -> Self {
        Comparison {
            sides: [Side::new(today), Side::new(new)],
            transitions: BTreeMap::new(),
            changes: BTreeMap::new(),
            alerts: BTreeMap::new(),
            judged: 0,
            unknown: 0,
            unknown_services: BTreeSet::new(),
            without_address: 0,
            judged_otherwise: 0,
        }
    }

    /// The rules of either.
    pub(super) fn rules(&self) -> [&'r Rules; 2] {
        [self.sides[0].rules, self.sides[1].rules]
    }

    /// Judges a sighting by both. They are added in the order in which they began.
    pub(super) fn add(&mut self, sighting: Sighting) {
        let [Some(today), Some(new)] = [self.sides[0].judge(&sighting), self.sides[1].judge(&sighting)] else {
            self.unknown += 1;
            self.unknown_services.insert(sighting.service);
            return;
        };
        self.judged += 1;
        self.judged_otherwise += u64::from(today.decision.status != sighting.status);
        if self.sides.iter().any(|s| s.has_subnets) && sighting.client.parse::<IpAddr>().is_err() {
            self.without_address += 1;
        }
        let alerts = [self.sides[0].alerts(&sighting, today), self.sides[1].alerts(&sighting, new)];
        let by_team = self.alerts.entry(Arc::clone(&sighting.team)).or_default();
        by_team.iter_mut().zip(alerts).for_each(|(sum, more)| *sum += more);
        let statuses = (today.decision.status, new.decision.status);
        self.transitions.entry(statuses).or_default().add(&sighting);
        if today.first != new.first || statuses.0 != statuses.1 {
            let key = (Arc::clone(&sighting.team), Arc::clone(&sighting.service), statuses.0, statuses.1);
            self.changes.entry(key).or_insert_with(|| Change::new(&sighting, [today, new])).add(&sighting, alerts);
        }
    }

    /// All alerts under either.
    pub(super) fn all_alerts(&self) -> [u64; 2] {
        self.alerts.values().fold([0, 0], |[a, b], [c, d]| [a + c, b + d])
    }
}

impl Amount {
    fn add(&mut self, sighting: &Sighting) {
        self.sightings += 1;
        if !self.clients.contains(&sighting.client) {
            self.clients.insert(Arc::clone(&sighting.client));
        }
    }
}

impl<'r> Change<'r> {
    fn new(s: &Sighting, by: [Rejudged<'r>; 2]) -> Self {
        let example = Example { client: Arc::clone(&s.client), name: s.names.first().cloned(), first_seen: s.first_seen };
        Change { amount: Amount::default(), bytes_up: 0, evidence: Evidence::Resolved, alerts: [0, 0], by, example }
    }

    fn add(&mut self, s: &Sighting, alerts: [u64; 2]) {
        self.amount.add(s);
        self.bytes_up = self.bytes_up.saturating_add(s.bytes_up);
        self.evidence = self.evidence.max(s.evidence);
        self.alerts.iter_mut().zip(alerts).for_each(|(sum, more)| *sum += more);
    }
}

impl<'r> Side<'r> {
    fn new(rules: &'r Rules) -> Self {
        let has_subnets = rules.policy.rules().iter().any(|r| !r.subnets.is_empty());
        Side { rules, has_subnets, told: HashMap::new() }
    }

    /// What this policy says of a sighting as of its beginning; where its names stand differently, the strictest.
    fn judge(&self, sighting: &Sighting) -> Option<Rejudged<'r>> {
        let all = rejudge(&self.rules.signatures, &self.rules.policy, sighting, sighting.first_seen);
        all.into_iter().reduce(|a, b| if b.decision.status.is_stricter_than(a.decision.status) { b } else { a })
    }

    /// Alerts it makes as if nothing had been told before: one for a client, a service and a status, one more for an upload under it. A
    /// sighting that becomes stricter was contacted under its first status.
    fn alerts(&mut self, sighting: &Sighting, judged: Rejudged<'_>) -> u64 {
        let first = Evidence::Contacted.min(sighting.evidence);
        let stages = [(judged.first, first), (judged.decision.status, sighting.evidence)];
        let stages = if judged.first == judged.decision.status { &stages[1..] } else { &stages[..] };
        stages.iter().filter(|(status, evidence)| self.is_told(sighting, *status, *evidence)).count() as u64
    }

    /// Whether an alert is made of it under a status, and remembered.
    fn is_told(&mut self, s: &Sighting, status: Status, evidence: Evidence) -> bool {
        if !s.would_alert(status, evidence) {
            return false;
        }
        let is_upload = evidence == Evidence::Uploaded;
        match self.told.entry((Arc::clone(&s.client), Arc::clone(&s.service), status)) {
            Entry::Vacant(free) => {
                free.insert(is_upload);
                true
            }
            Entry::Occupied(mut uploaded) => is_upload && !std::mem::replace(uploaded.get_mut(), true),
        }
    }
}
