//! The ledger: open sightings, one for each client, service and policy status, and when each session ends.

mod bucket;
mod open;
mod places;
mod standing;
mod thresholds;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::agent::{Portrait, Verdict};
use super::event::{Conversation, Source};
use super::frame::Time;
use super::identity::Client;
use super::minutes::Minutes;
use super::policy::Status;
use super::sighting::{Agent, Evidence, Finding, Identity, Sighting};
use bucket::Bucket;
use open::Open;
use places::Places;

pub use open::Entry;
pub use standing::Standing;
pub use thresholds::{Limits, SpecialLimits, Thresholds};

/// Ended findings searched for one that no alert waits for, when one must be given up.
const SEARCHED: usize = 64;

/// What makes observations one sighting.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SightingKey {
    /// Who; the unspecified address where a team stands for its clients.
    pub client: Client,
    /// Number of the owner of that address: another one's use is another sighting.
    pub tenure: u32,
    /// The team that stands for its clients, where privacy keeps no single one.
    pub team: Option<Arc<str>>,
    /// Service id.
    pub service: Arc<str>,
    /// Policy status by which it was opened: two names of one service may be judged differently. The sighting's own may have become
    /// stricter since.
    pub status: Status,
}

/// What is written into a new sighting besides its key.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The client as it is written down.
    pub client: Arc<str>,
    /// What else is known of who that is.
    pub identity: Arc<Identity>,
    /// Group of the client.
    pub team: Arc<str>,
    /// Vendor of the service.
    pub vendor: Arc<str>,
    /// Category of the service.
    pub category: Arc<str>,
    /// The moment it begins and ends at, where it shall tell no other; `None`: that of its entries.
    pub moment: Option<Time>,
}

/// The open sightings. Bounded, longest silent out first.
#[derive(Debug)]
pub struct Ledger {
    thresholds: Thresholds,
    bound: usize,
    open: Places,
    ends: BinaryHeap<Reverse<(u64, u32, Time)>>,
    dirty: Vec<u32>,
    closed: VecDeque<Finding>,
    /// Those of `dirty` that became due.
    due: Vec<u32>,
    has_ended_due: bool,
    evicted: u64,
}

impl Ledger {
    /// An empty ledger of at most `bound` open sightings; `seed` keys the hash.
    pub fn new(thresholds: Thresholds, bound: usize, seed: u64) -> Self {
        Ledger {
            thresholds,
            bound: bound.max(1),
            open: Places::new(seed),
            ends: BinaryHeap::new(),
            dirty: Vec::new(),
            closed: VecDeque::new(),
            due: Vec::new(),
            has_ended_due: false,
            evicted: 0,
        }
    }

    /// Sightings ended early because the ledger was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Sightings open now.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.len() == 0
    }

    /// Changes what counts from now on.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// Puts an open sighting of an earlier run back; false where one with its key is open already.
    pub fn restore(&mut self, key: SightingKey, sighting: Sighting) -> bool {
        if self.is_open(&key) {
            return false;
        }
        let is_use = !sighting.presence_only;
        let (evidence, was_due) = (sighting.evidence, sighting.is_alert_due());
        self.put(Open {
            key,
            // The minute of its last byte counts already. What it sent in one go begins anew: evidence that it gave stands.
            minutes: if sighting.active_minutes > 0 { Minutes::until(sighting.last_seen) } else { Minutes::default() },
            sent: Bucket::default(),
            posted: Bucket::default(),
            sent_as_files: Bucket::default(),
            has_used_lookup: is_use,
            has_used_contact: is_use && evidence > Evidence::Resolved,
            is_dirty: false,
            told: Some(evidence),
            was_due,
            is_newly_due: false,
            portrait: Portrait::known(sighting.agent),
            is_tightened: false,
            tells_no_time: false,
            by: None,
            sighting,
        });
        true
    }

    /// Writes an entry at a moment; `by` is the flow or look-up it comes of, where that may be told. A sighting is opened where none is; true
    /// where this did so.
    pub fn enter(
        &mut self,
        key: &SightingKey,
        entry: &Entry,
        by: Option<Conversation>,
        now: Time,
        heading: impl FnOnce() -> Heading,
    ) -> bool {
        self.end_silent(now);
        let known = self.open.find(key);
        let at = known.unwrap_or_else(|| self.begin(key, now, heading()));
        let Some(open) = self.open.at_mut(at) else { return false };
        let (before, was_due) = (open.sighting.evidence, open.is_newly_due);
        open.enter(entry, now);
        open.judge(&self.thresholds.of(&open.key.service, &open.sighting.team));
        if known.is_none() || open.sighting.evidence > before {
            open.by = by;
        }
        if open.is_newly_due && !was_due {
            self.due.push(at);
        }
        if !open.is_dirty {
            open.is_dirty = true;
            self.dirty.push(at);
        }
        known.is_none()
    }

    /// Whether a sighting with this key is open.
    pub fn is_open(&self, key: &SightingKey) -> bool {
        self.open.find(key).is_some()
    }

    /// Notes how and under which name a sighting was seen, and by what kind of program, as far as that flow tells.
    pub fn note(&mut self, key: &SightingKey, source: Source, name: &Arc<str>, verdict: Verdict) {
        let Some(open) = self.open.find(key).and_then(|at| self.open.at_mut(at)) else { return };
        let s = &mut open.sighting;
        s.sources.insert(source);
        if s.names.len() < Sighting::MAX_NAMES && !s.names.iter().any(|n| n == name) {
            // Most have one name, and room for one.
            s.names.reserve_exact(1);
            s.names.push(Arc::clone(name));
        }
        open.portrait.add(verdict);
        s.agent = open.portrait.agent();
    }

    /// Changes the open sightings of one owner; `change` says whether it did.
    pub fn enrich(&mut self, client: Client, tenure: u32, mut change: impl FnMut(&SightingKey, &mut Sighting) -> bool) {
        let places: Vec<u32> = self.open.of_client(client).collect();
        self.change(places, |key, sighting| key.tenure == tenure && change(key, sighting));
    }

    /// Changes open sightings; `change` says whether it did.
    pub fn update(&mut self, change: impl FnMut(&SightingKey, &mut Sighting) -> bool) {
        self.change(self.open.all(), change);
    }

    fn change(&mut self, places: impl IntoIterator<Item = u32>, mut change: impl FnMut(&SightingKey, &mut Sighting) -> bool) {
        for at in places {
            let Some(open) = self.open.at_mut(at) else { continue };
            if change(&open.key, &mut open.sighting) && !std::mem::replace(&mut open.is_dirty, true) {
                self.dirty.push(at);
            }
        }
    }

    /// Ends sightings that were silent for a session.
    pub fn end_silent(&mut self, now: Time) {
        while let Some(Reverse((second, at, first_seen))) = self.ends.peek().copied() {
            if second > now.seconds() {
                return;
            }
            self.ends.pop();
            let session = self.thresholds.session_seconds;
            let Some(open) = self.open.at(at).filter(|o| o.sighting.first_seen == first_seen) else { continue };
            let end = open.sighting.last_seen.plus_seconds(session);
            if end < now {
                self.end(at);
            } else {
                self.ends.push(Reverse((end.seconds().saturating_add(1), at, first_seen)));
            }
        }
    }

    /// Ends every open sighting whose key `is_over`: a reload that judges it differently, or the end of a capture.
    pub fn end_where(&mut self, is_over: impl FnMut(&SightingKey, &Sighting) -> bool) {
        self.by_age(is_over).into_iter().for_each(|at| self.end(at));
    }

    /// Ends every open sighting and gives each away as it ends, behind those that had ended: so many at once need no room.
    pub fn end_each(&mut self, mut each: impl FnMut(Finding)) {
        self.drain_ended().into_iter().for_each(&mut each);
        for at in self.by_age(|_, _| true) {
            self.end(at);
            self.closed.drain(..).for_each(&mut each);
        }
        self.has_ended_due = false;
    }

    /// Places of the open sightings of which `is_meant`, the oldest first.
    fn by_age(&self, mut is_meant: impl FnMut(&SightingKey, &Sighting) -> bool) -> Vec<u32> {
        let is_meant = |at: &u32| self.open.at(*at).is_some_and(|o| is_meant(&o.key, &o.sighting));
        let mut places: Vec<u32> = self.open.all().filter(is_meant).collect();
        places.sort_by_cached_key(|at| self.open.at(*at).map(|o| (o.sighting.first_seen, o.key.client, o.key.service.clone())));
        places
    }

    /// Lets go of sightings, open or ended and not drained yet: none of them will be drained. Gives back the open ones, as ended.
    pub fn forget_where(&mut self, is_meant: impl Fn(&Sighting) -> bool) -> Vec<Sighting> {
        self.closed.retain(|f| !is_meant(&f.sighting));
        let mut forgotten = Vec::new();
        for at in self.open.all() {
            if self.open.at(at).is_some_and(|open| is_meant(&open.sighting)) {
                forgotten.extend(self.open.take(at).map(|open| Sighting { closed: true, ..open.sighting }));
            }
        }
        forgotten
    }

    /// Whether a sighting that is due waits to be drained.
    pub fn has_due(&self) -> bool {
        self.has_ended_due || !self.due.is_empty()
    }

    /// How many sightings changed since they were drained.
    pub fn changed(&self) -> usize {
        self.dirty.len().saturating_add(self.closed.len())
    }

    /// Sightings that ended, with what they reached since last drained.
    pub fn drain_ended(&mut self) -> Vec<Finding> {
        self.has_ended_due = false;
        std::mem::take(&mut self.closed).into()
    }

    /// Sightings that became due since last drained, behind those that ended. The others stay, so that what changes often is drained seldom.
    pub fn drain_due(&mut self) -> Vec<Finding> {
        let mut findings = self.drain_ended();
        for at in std::mem::take(&mut self.due) {
            if let Some(open) = self.open.at_mut(at).filter(|o| o.is_newly_due) {
                open.is_dirty = false;
                findings.push(open.finding());
            }
        }
        findings
    }

    /// All sightings that changed since last drained, ended ones first.
    pub fn drain(&mut self) -> Vec<Finding> {
        let mut findings = self.drain_ended();
        for at in std::mem::take(&mut self.dirty) {
            if let Some(open) = self.open.at_mut(at).filter(|o| o.is_dirty) {
                open.is_dirty = false;
                findings.push(open.finding());
            }
        }
        self.due.clear();
        findings
    }

    fn begin(&mut self, key: &SightingKey, now: Time, heading: Heading) -> u32 {
        if self.open.len() >= self.bound {
            self.evict();
        }
        let Heading { client, identity, team, vendor, category, moment } = self.shared(key, heading);
        let first_seen = moment.unwrap_or(now);
        self.put(Open {
            key: key.clone(),
            sighting: Sighting {
                client,
                identity,
                team,
                service: Arc::clone(&key.service),
                vendor,
                category,
                status: key.status,
                evidence: Evidence::Resolved,
                presence_only: true,
                agent: Agent::Unknown,
                first_seen,
                last_seen: first_seen,
                connections: 0,
                bytes_up: 0,
                bytes_down: 0,
                use_bytes: Default::default(),
                active_minutes: 0,
                turns: Default::default(),
                sources: Default::default(),
                names: Vec::new(),
                closed: false,
            },
            minutes: Minutes::default(),
            sent: Bucket::default(),
            posted: Bucket::default(),
            sent_as_files: Bucket::default(),
            has_used_lookup: false,
            has_used_contact: false,
            is_dirty: false,
            told: None,
            was_due: false,
            is_newly_due: false,
            portrait: Portrait::default(),
            is_tightened: false,
            tells_no_time: moment.is_some(),
            by: None,
        })
    }

    /// The heading, with what another open sighting of the client has already.
    fn shared(&self, key: &SightingKey, heading: Heading) -> Heading {
        let other = self.open.of_client(key.client).next().and_then(|at| self.open.at(at)).map(|open| &open.sighting);
        let Some(other) = other else { return heading };
        let client = if other.client == heading.client { Arc::clone(&other.client) } else { heading.client };
        let identity = if other.identity == heading.identity { Arc::clone(&other.identity) } else { heading.identity };
        Heading { client, identity, ..heading }
    }

    fn put(&mut self, open: Open) -> u32 {
        let first_seen = open.sighting.first_seen;
        let end = open.sighting.last_seen.plus_seconds(self.thresholds.session_seconds).seconds().saturating_add(1);
        let at = self.open.insert(open);
        self.ends.push(Reverse((end, at, first_seen)));
        self.tidy();
        at
    }

    /// Drops places of the list of changed ones that stand for nothing any more: sightings that ended while nobody drains.
    fn tidy(&mut self) {
        if self.dirty.len() > self.open.all().len().saturating_mul(2) {
            let open = &self.open;
            self.dirty.retain(|at| open.at(*at).is_some_and(|o| o.is_dirty));
            self.dirty.sort_unstable();
            self.dirty.dedup();
        }
    }

    /// Ends the sighting whose session would end first.
    fn evict(&mut self) {
        while let Some(Reverse((second, at, first_seen))) = self.ends.pop() {
            let open = self.open.at(at).filter(|o| o.sighting.first_seen == first_seen);
            let Some(open) = open else { continue };
            let end = open.sighting.last_seen.plus_seconds(self.thresholds.session_seconds).seconds().saturating_add(1);
            if end <= second {
                self.evicted = self.evicted.saturating_add(1);
                return self.end(at);
            }
            self.ends.push(Reverse((end, at, first_seen)));
        }
    }

    fn end(&mut self, at: u32) {
        let Some(mut open) = self.open.take(at) else { return };
        open.sighting.closed = true;
        // Nobody drains while the store cannot be written: what ended first is given up first.
        if self.closed.len() >= self.bound {
            let not_due = self.closed.iter().take(SEARCHED).position(|f| !f.due).unwrap_or(0);
            self.closed.remove(not_due);
            self.evicted = self.evicted.saturating_add(1);
        }
        let finding = open.finding();
        self.has_ended_due |= finding.due;
        self.closed.push_back(finding);
    }
}
