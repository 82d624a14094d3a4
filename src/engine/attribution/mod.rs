//! From observations and flow states to sightings: which service a name belongs to, which client used it, whether that is allowed.
//! It sits after the channel, once for all engines: an answer may come by another thread than the flow it names.

mod bounds;
mod flows;
mod following;
mod records;
mod resolvers;
#[cfg(test)]
mod tests;
mod texts;
#[cfg(test)]
mod volume_tests;
mod who;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::agent::{self, Clues, Place, Verdict};
use super::counters::Table;
use super::dns_memory::DnsMemory;
use super::event::{BlindSpot, Conversation, Detail, Event, Exchanges, Observation, Source};
use super::frame::Time;
use super::group::Groups;
use super::host::HostName;
use super::identity::{Bindings, Client, Directory, Excluded, Exclusion, Who};
use super::ledger::{Entry, Heading, Ledger, SightingKey, Thresholds};
use super::policy::{Policy, Question};
use super::privacy::{Person, Privacy, Unsealed};
use super::sighting::{Finding, Identity, Sighting};
use super::signature::{Category, Role, Signatures};
use super::unmatched::{Remembered, Unmatched};
use super::visibility::{Sight, Visibility};
use flows::{FlowRecord, Flows};
use resolvers::{LookUp, Resolvers};
use texts::Texts;
use who::{enriched, is_other_person, joined, who_of};

/// Packet time a nameless flow waits before the DNS memory is asked, in seconds.
pub const WAIT_SECONDS: u64 = 2;

/// What names and clients are judged by.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Which name belongs to which service.
    pub signatures: Arc<Signatures>,
    /// Which service is allowed for whom.
    pub policy: Arc<Policy>,
    /// Which client is in which team.
    pub teams: Arc<Groups>,
    /// Which client is in which zone.
    pub zones: Arc<Groups>,
    /// Networks whose clients get sightings; empty: every client.
    pub inside: Arc<[IpNet]>,
    /// What the site knows of its clients.
    pub directory: Arc<Directory>,
    /// Whom the site leaves out.
    pub exclude: Exclusion,
    /// Networks whose addresses are shared by many: NAT, proxies.
    pub shared: Arc<[IpNet]>,
    /// What counts as use.
    pub thresholds: Thresholds,
}

/// Bounds of what is kept.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Named or nameless flows followed.
    pub flows: usize,
    /// Pairs of client and address in the DNS memory.
    pub dns_memory: usize,
    /// Open sightings.
    pub sightings: usize,
    /// Addresses of which it is known who has them, and as many machines.
    pub bindings: usize,
    /// Keys the hashes.
    pub seed: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { flows: 1_000_000, dns_memory: 500_000, sightings: 500_000, bindings: 100_000, seed: 0 }
    }
}

/// Turns events into sightings. Deterministic: the same events give the same sightings.
pub struct Attribution {
    judgement: Judgement,
    privacy: Privacy,
    ledger: Ledger,
    memory: DnsMemory,
    flows: Flows,
    fingerprints: agent::Table,
    now: Time,
    visibility: Visibility,
    resolvers: Resolvers,
    unmatched: Option<Unmatched>,
    bindings: Bindings,
    excluded: Excluded,
    texts: Texts,
    /// The word of each category, in the order of their numbers.
    categories: Vec<Arc<str>>,
}

/// What a name means for a client.
struct Detection {
    key: SightingKey,
    is_use: bool,
    is_upload: bool,
    place: Place,
    /// Position of its service among the signatures.
    index: usize,
    identity: Identity,
    team: Arc<str>,
}

impl Detection {
    /// Exchanges of this host that are turns: an API's answer may come in one piece, a page's is streamed.
    fn turns(&self, exchanges: Exchanges) -> u32 {
        let turns = match self.place.role {
            Role::Api if self.is_use => exchanges.all,
            Role::Web | Role::Voice if self.is_use => exchanges.streamed,
            _ => 0,
        };
        turns.into()
    }
}

impl Attribution {
    /// Nothing seen yet.
    pub fn new(judgement: Judgement, bounds: Bounds) -> Self {
        Attribution {
            privacy: Privacy::Full,
            ledger: Ledger::new(judgement.thresholds.clone(), bounds.sightings, bounds.seed),
            memory: DnsMemory::new(bounds.dns_memory, bounds.seed),
            flows: Flows::new(bounds.flows, bounds.seed),
            fingerprints: agent::Table::shipped(),
            judgement,
            now: Time::default(),
            visibility: Visibility::new(bounds.seed),
            resolvers: Resolvers::default(),
            unmatched: None,
            bindings: Bindings::new(bounds.bindings, bounds.seed),
            excluded: Excluded::default(),
            texts: Texts::new(bounds.seed),
            categories: Category::WORDS.iter().map(|word| (*word).into()).collect(),
        }
    }

    /// Takes an event.
    pub fn event(&mut self, event: &Event) {
        if self.is_left_out(event) {
            return;
        }
        match event {
            Event::Binding(binding) => {
                self.tick(binding.time);
                self.binding(binding);
            }
            Event::Name(observation) => {
                self.tick(observation.time);
                self.observation(observation);
            }
            Event::Flow(state) => {
                self.tick(state.last_seen);
                self.flow(state);
            }
        }
    }

    /// Lets packet time pass.
    pub fn tick(&mut self, now: Time) {
        if now.seconds() <= self.now.seconds() {
            self.now = self.now.max(now);
            return;
        }
        self.now = now;
        if self.privacy.tick(now) {
            self.ledger.end_where(|_, _| true);
        }
        while let Some(state) = self.flows.waited(now) {
            self.ask(&state);
        }
        while let Some(look_up) = self.resolvers.waited(now) {
            self.look_up(&look_up);
        }
        self.ledger.end_silent(now);
    }

    /// Packet time: the latest moment told.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The clock was set back: packet time goes on at `to`. Every open sighting ends, as it would begin behind its end.
    pub fn set_back(&mut self, to: Time) {
        self.stop_waiting();
        self.ledger.end_where(|_, _| true);
        self.privacy.begin_anew();
        self.now = to;
        self.privacy.tick(to);
    }

    /// Judges by new rules from now on. Open sightings that would be judged differently, or be somebody else's, end, so that each keeps the
    /// status it had; to the others is added what is known now.
    pub fn judge_by(&mut self, judgement: Judgement) {
        self.judgement = judgement;
        self.ledger.set_thresholds(self.privacy.thresholds(self.judgement.thresholds.clone()));
        let (judgement, bindings, now) = (&self.judgement, &self.bindings, self.now);
        let mut has_ended_cell = false;
        self.ledger.end_where(|key, sighting| {
            if key.team.is_some() {
                // Of many clients, each judged for itself at every entry; what became stricter on top may not be so any more.
                let is_over = sighting.status != key.status;
                has_ended_cell |= is_over;
                return is_over;
            }
            let who = who_of(bindings, key, sighting);
            let (identity, team) = joined(judgement, &who, now);
            let is_out =
                judgement.exclude.holds_address(key.client.address()) || identity.mac.is_some_and(|mac| judgement.exclude.holds_mac(mac));
            is_out
                || team != sighting.team
                || is_other_person(&sighting.identity, &identity)
                || !bounds::stands(judgement, key, sighting, now)
        });
        let privacy = &mut self.privacy;
        if has_ended_cell {
            privacy.begin_anew();
        }
        self.ledger.update(|key, sighting| enriched(judgement, privacy, &who_of(bindings, key, sighting), key, sighting, now));
        self.memory.forget_where(|client| judgement.exclude.holds_address(client));
        self.flows.forget_detections();
    }

    /// Keeps so much of clients from now on. Every open sighting ends: none is kept partly in one way and partly in the other.
    pub fn keep_by(&mut self, privacy: Privacy) {
        self.privacy = privacy;
        self.privacy.tick(self.now);
        self.ledger.set_thresholds(self.privacy.thresholds(self.judgement.thresholds.clone()));
        self.ledger.end_where(|_, _| true);
    }

    /// Who stands behind new pseudonyms, since last asked.
    pub fn drain_unsealed(&mut self) -> Vec<Unsealed> {
        self.privacy.drain()
    }

    /// Entries that were not kept because too few clients were there to hide among: cumulative.
    pub fn withheld(&self) -> u64 {
        self.privacy.withheld()
    }

    /// Forgets clients of whom `is_meant` says so by what is written for them: their sightings, and their flows, of which nothing more is
    /// entered. Gives back the sightings that were open, as ended.
    pub fn forget(&mut self, is_meant: &dyn Fn(&str) -> bool) -> Vec<Sighting> {
        self.privacy.forget(is_meant);
        let (privacy, bindings, now) = (&self.privacy, &mut self.bindings, self.now);
        let written = |address| privacy.written(&bindings.who(address, now).client.to_string());
        self.flows.forget_where(written, is_meant);
        self.ledger.forget_where(|sighting| is_meant(&sighting.client))
    }

    /// Puts an open sighting of an earlier run back. False where it cannot go on: its client is no address or prefix that can be met again,
    /// clients are not kept by their addresses any more, or another one goes on in its place.
    pub fn restore(&mut self, sighting: Sighting) -> bool {
        let Some(client) = sighting.client.parse::<Client>().ok().filter(|_| self.privacy.is_full()) else { return false };
        self.bindings.restore(client, &sighting.identity);
        let status = bounds::first_status(&self.judgement, client.address(), &sighting);
        let key = SightingKey { client, tenure: 0, team: None, service: Arc::clone(&sighting.service), status };
        self.ledger.restore(key, sighting)
    }

    /// The end of a capture: every sighting ends.
    pub fn finish(&mut self) {
        self.stop_waiting();
        self.ledger.end_where(|_, _| true);
    }

    /// The same; each that ends is given away, behind those that had ended.
    pub fn finish_each(&mut self, each: impl FnMut(Finding)) {
        self.stop_waiting();
        self.ledger.end_each(each);
    }

    /// What waits for an answer gets none any more.
    fn stop_waiting(&mut self) {
        for state in self.flows.drain_waiting() {
            self.ask(&state);
        }
        while let Some(look_up) = self.resolvers.waited(Time(u64::MAX)) {
            self.look_up(&look_up);
        }
    }

    /// The open sightings.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Findings since last asked.
    pub fn drain(&mut self) -> Vec<Finding> {
        self.ledger.drain()
    }

    /// Findings that must be stored at once, since last asked, and those of sightings that ended.
    pub fn drain_due(&mut self) -> Vec<Finding> {
        self.ledger.drain_due()
    }

    /// Remembers names that belong to no service from now on, or nothing of them.
    pub fn remember_unmatched(&mut self, unmatched: Option<Unmatched>) {
        self.unmatched = unmatched;
    }

    /// What is new among names that belong to no service.
    pub fn drain_unmatched(&mut self) -> Vec<Remembered> {
        self.unmatched.as_mut().map(Unmatched::drain).unwrap_or_default()
    }

    /// What could be seen and what could not.
    pub fn visibility(&mut self) -> &mut Visibility {
        &mut self.visibility
    }

    /// Evictions of the tables kept here: cumulative.
    pub fn evictions(&self) -> [(Table, u64); 5] {
        let (bindings, machines) = self.bindings.evicted();
        [
            (Table::DnsMemory, self.memory.evicted()),
            (Table::Sightings, self.ledger.evicted()),
            (Table::Attributions, self.flows.evicted()),
            (Table::Bindings, bindings),
            (Table::Machines, machines),
        ]
    }

    /// Flows whose names are known now; they are lost with a crash.
    pub fn open_flows(&self) -> usize {
        self.flows.len()
    }

    fn is_inside(&self, client: IpAddr) -> bool {
        self.judgement.inside.is_empty() || self.judgement.inside.iter().any(|net| net.contains(&client))
    }

    fn observation(&mut self, o: &Observation) {
        if !self.is_inside(o.ends.client) {
            return;
        }
        self.meet(o);
        if o.source.is_clients_own() {
            return;
        }
        self.notice(o.ends.client, o.time);
        let name = self.texts.shared(&o.name);
        if let Detail::Answer { addresses, .. } = &o.detail {
            for (address, ttl) in addresses {
                self.memory.remember(o.ends.client, &name, *address, *ttl, o.time);
            }
        }
        match o.flow {
            Some(_) if is_hidden(&o.detail) => {}
            Some(id) => {
                let clues = Clues::of(o, &self.fingerprints);
                let record = FlowRecord::named(o.ends.client, name, o.source, clues);
                self.flows.name(id, record);
            }
            None => self.asked(o, name),
        }
    }

    /// A look-up. One made by a client that answers others is theirs, whoever they are.
    fn asked(&mut self, o: &Observation, name: HostName) {
        let is_answer = o.source == Source::DnsAnswer;
        self.resolvers.note(o.ends.client, o.ends.server, is_answer);
        if !name.is_host() {
            return;
        }
        let conversation = Conversation { transport: o.transport, ends: o.ends };
        let look_up = LookUp { client: o.ends.client, name, source: o.source, time: o.time, conversation };
        if self.resolvers.may_answer_others(o.ends.client) {
            self.resolvers.wait(look_up, self.now.plus_seconds(WAIT_SECONDS));
        } else {
            self.look_up(&look_up);
        }
    }

    fn look_up(&mut self, l: &LookUp) {
        if self.resolvers.answers_others(l.client) {
            if l.source == Source::DnsQuery {
                self.count(l.client, Sight::Blind(BlindSpot::BehindResolver), l.time);
            }
            return;
        }
        let Some(detection) = self.detect(l.client, l.name.as_str(), l.time, l.time) else {
            return self.unmatched(l.client, &l.name, l.time);
        };
        let Some(detection) = self.admit(detection) else { return };
        self.enter(&detection, &Entry::LookUp { is_use: detection.is_use }, l.conversation, l.time);
        self.ledger.note(&detection.key, l.source, &l.name.text(), Verdict::default());
    }

    /// A name that belongs to no service.
    fn unmatched(&mut self, client: IpAddr, name: &HostName, at: Time) {
        if let Some(unmatched) = &mut self.unmatched {
            unmatched.note(name.as_str(), client, at);
        }
    }

    /// What a name means for who had an address at a moment.
    fn detect(&mut self, client: IpAddr, name: &str, held: Time, now: Time) -> Option<Detection> {
        self.judgement.signatures.match_name(name)?;
        let who = self.bindings.who(client, held);
        detect(&self.judgement, &who, name, now)
    }

    fn enter(&mut self, detection: &Detection, entry: &Entry, by: Conversation, now: Time) {
        let by = self.privacy.is_full().then_some(by);
        let (judgement, categories, key) = (&self.judgement, &self.categories, &detection.key);
        let privacy = &mut self.privacy;
        self.ledger.enter(key, entry, by, now, || privacy.heading(key, heading(judgement, categories, detection), now));
    }

    /// What privacy lets in of a detection; `None` where nothing of it may be kept.
    fn admit(&mut self, detection: Detection) -> Option<Detection> {
        let person = Person::of(detection.key.client, &detection.identity);
        let key = self.privacy.key(detection.key, &person, &detection.team)?;
        Some(Detection { key, ..detection })
    }

    /// Privacy may have to know how many are there.
    fn notice(&mut self, address: IpAddr, at: Time) {
        let bindings = &self.bindings;
        self.privacy.notice(self.now, || Person::at(address, bindings.mac_of(address, at)));
    }

    fn count(&mut self, client: IpAddr, sight: Sight, at: Time) {
        let zone = self.judgement.zones.name_of(client);
        self.visibility.count(zone, sight, client, at);
    }
}

/// Whether a hello's outer name is a cover.
fn is_hidden(detail: &Detail) -> bool {
    matches!(detail, Detail::Hello(hello) if hello.ech == super::event::Ech::Real)
}

fn detect(judgement: &Judgement, who: &Who, name: &str, now: Time) -> Option<Detection> {
    let matched = judgement.signatures.match_name(name)?;
    let (identity, team) = joined(judgement, who, now);
    let status = judgement.policy.decide(&Question::new(&matched, name, &team, Some(who.client.address())), now).status;
    let key = SightingKey { client: who.client, tenure: who.tenure, team: None, service: Arc::clone(&matched.service.id), status };
    let place = Place { role: matched.role, category: matched.service.category };
    let (is_use, index) = (matched.is_use(), matched.index);
    Some(Detection { key, is_use, is_upload: matched.role == Role::Upload && is_use, place, index, identity, team })
}

fn heading(judgement: &Judgement, categories: &[Arc<str>], detection: &Detection) -> Heading {
    let known = judgement.signatures.at(detection.index);
    Heading {
        client: detection.key.client.to_string().into(),
        identity: Arc::new(detection.identity.clone()),
        team: Arc::clone(&detection.team),
        vendor: known.map_or_else(|| "".into(), |s| Arc::clone(&s.vendor)),
        category: known.and_then(|s| categories.get(s.category as usize)).map_or_else(|| "".into(), Arc::clone),
        moment: None,
    }
}
