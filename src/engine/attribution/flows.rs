//! The flows attribution follows: their names, and how far their bytes are counted.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::WAIT_SECONDS;
use super::records::Records;
use crate::engine::agent::Clues;
use crate::engine::event::{Exchanges, FlowId, FlowState, Reason, Source};
use crate::engine::frame::Time;
use crate::engine::host::HostName;
use crate::engine::policy::Status;

/// What is known of one flow.
#[derive(Clone, Debug)]
pub(super) struct FlowRecord {
    pub(super) client: IpAddr,
    pub(super) name: Option<HostName>,
    pub(super) source: Source,
    /// What it tells of the program that speaks.
    pub(super) clues: Clues,
    /// The service and status it counts as a connection of.
    pub(super) counted: Option<(Arc<str>, Status)>,
    /// Its name belongs to no service, by the rules that hold now: nothing of it is entered.
    pub(super) is_ordinary: bool,
    up: u64,
    down: u64,
    exchanges: Exchanges,
    posted: u32,
    /// It was told about by the engine at least once.
    has_begun: bool,
    /// It counts among the encrypted flows already.
    is_encrypted: bool,
    /// It was judged, by the name it has now, whether other use may hide in it.
    is_judged: bool,
    /// Other use may hide in it; it counts so already.
    is_hiding: bool,
    /// Its client was forgotten: nothing more of it is entered.
    is_forgotten: bool,
    waiting: Option<Box<FlowState>>,
}

impl FlowRecord {
    pub(super) fn named(client: IpAddr, name: HostName, source: Source, clues: Clues) -> Self {
        FlowRecord {
            client,
            name: Some(name),
            source,
            clues,
            counted: None,
            is_ordinary: false,
            up: 0,
            down: 0,
            exchanges: Exchanges::default(),
            posted: 0,
            has_begun: false,
            is_encrypted: false,
            is_judged: false,
            is_hiding: false,
            is_forgotten: false,
            waiting: None,
        }
    }
}

/// Whose a flow's bytes are.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) client: IpAddr,
    pub(super) name: HostName,
    pub(super) source: Source,
    pub(super) clues: Clues,
    pub(super) counted: Option<(Arc<str>, Status)>,
}

impl FlowRecord {
    /// What came since last told, and whose it is, where the flow has a name that may belong to a service.
    fn advance(&mut self, state: &FlowState) -> Option<(Named, Fresh)> {
        let name = self.name.as_ref()?;
        let (now, known) = (state.exchanges, self.exchanges);
        let exchanges = Exchanges { streamed: now.streamed.saturating_sub(known.streamed), all: now.all.saturating_sub(known.all) };
        let (up, down) = (state.bytes_up.saturating_sub(self.up), state.bytes_down.saturating_sub(self.down));
        let fresh = Fresh { up, down, exchanges, posted: state.posted.saturating_sub(self.posted) };
        self.posted = self.posted.max(state.posted);
        (self.up, self.down) = (self.up.max(state.bytes_up), self.down.max(state.bytes_down));
        self.exchanges = Exchanges { streamed: known.streamed.max(now.streamed), all: known.all.max(now.all) };
        if self.is_ordinary || self.is_forgotten {
            return None;
        }
        let (name, counted) = (name.clone(), self.counted.clone());
        Some((Named { client: self.client, name, source: self.source, clues: self.clues, counted }, fresh))
    }
}

/// What a state of a flow tells that was not told before.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// It is the first state of the flow.
    pub(super) has_begun: bool,
    /// It is to be judged if other use may hide in the flow: once for each name, until one tells.
    pub(super) may_hide: bool,
    /// The flow is encrypted and has a name, and did not count so before.
    pub(super) is_counted: bool,
    /// What came since last told.
    pub(super) fresh: Option<(Named, Fresh)>,
}

/// What came of a flow since last told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Fresh {
    /// Payload bytes sent by the client.
    pub(super) up: u64,
    /// Payload bytes sent to it.
    pub(super) down: u64,
    /// Exchanges of prompt and answer.
    pub(super) exchanges: Exchanges,
    /// Of the bytes up, those of bodies.
    pub(super) posted: u32,
}

impl Fresh {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Fresh::default()
    }
}

/// Flows by number. Bounded, oldest out first.
pub(super) struct Flows {
    records: Records<FlowRecord>,
    order: VecDeque<FlowId>,
    waiting: VecDeque<(Time, FlowId)>,
    bound: usize,
    evicted: u64,
}

impl Flows {
    pub(super) fn new(bound: usize, seed: u64) -> Self {
        Flows { records: Records::new(seed), order: VecDeque::new(), waiting: VecDeque::new(), bound: bound.max(1), evicted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Gives a flow its name, or the next one: the innermost, said last, counts.
    pub(super) fn name(&mut self, id: FlowId, record: FlowRecord) {
        match self.records.get_mut(id) {
            Some(known) => {
                let is_same = known.name == record.name;
                known.clues = record.clues.behind(known.clues);
                (known.name, known.source, known.client) = (record.name, record.source, record.client);
                known.is_ordinary &= is_same;
                known.is_judged &= is_same;
                known.waiting = None;
            }
            None => self.insert(id, record),
        }
    }

    /// Gives a flow the name its state carries, where the observation that said it was lost.
    fn heal(&mut self, state: &FlowState) {
        let Some((name, source)) = &state.name else { return };
        if self.records.get(state.id).is_none_or(|r| r.name.is_none()) {
            self.name(state.id, FlowRecord::named(state.ends.client, name.clone(), *source, Clues::default()));
        }
    }

    /// Takes a flow's state; one without a record gets one. From the first on, one that has no name of its own waits for an answer that
    /// names it.
    pub(super) fn take(&mut self, state: &FlowState, now: Time) -> Told {
        self.heal(state);
        if !self.records.contains(state.id) {
            let mut record = FlowRecord::named(state.ends.client, HostName::default(), Source::DnsMemory, Clues::default());
            record.name = None;
            self.insert(state.id, record);
        }
        let Some(record) = self.records.get_mut(state.id) else { return Told::default() };
        let has_begun = !std::mem::replace(&mut record.has_begun, true);
        let begins_to_wait = has_begun && state.reason != Reason::Named;
        match &mut record.waiting {
            Some(waiting) => **waiting = state.clone(),
            None if begins_to_wait => record.waiting = Some(Box::new(state.clone())),
            None => {}
        }
        let may_hide = !record.is_hiding && (!std::mem::replace(&mut record.is_judged, true) || state.blind_spot.is_some());
        let is_named = state.is_encrypted && state.reason == Reason::Named;
        let is_counted = is_named && !std::mem::replace(&mut record.is_encrypted, true);
        let fresh = record.advance(state);
        if begins_to_wait {
            // One too many makes the oldest leave; it is asked for when it closes.
            if self.waiting.len() >= self.bound.saturating_mul(2) {
                self.waiting.pop_front();
            }
            self.waiting.push_back((now.plus_seconds(WAIT_SECONDS), state.id));
        }
        Told { has_begun, may_hide, is_counted, fresh }
    }

    fn insert(&mut self, id: FlowId, record: FlowRecord) {
        // Closed flows leave their place in the queue; it is cleared of them when they are most of it.
        if self.order.len() > self.records.len().max(1024).saturating_mul(2) {
            let records = &self.records;
            self.order.retain(|id| records.contains(*id));
        }
        while self.records.len() >= self.bound {
            let Some(oldest) = self.order.pop_front() else { break };
            if self.records.remove(oldest).is_some() {
                self.evicted = self.evicted.saturating_add(1);
            }
        }
        self.records.insert(id, record);
        self.order.push_back(id);
    }

    /// What came since last told, where the flow has a name that may belong to a service.
    pub(super) fn advance(&mut self, state: &FlowState) -> Option<(Named, Fresh)> {
        self.records.get_mut(state.id)?.advance(state)
    }

    /// The flow counts as a connection of this service with this status.
    pub(super) fn counted(&mut self, id: FlowId, service: &Arc<str>, status: Status) {
        if let Some(record) = self.records.get_mut(id) {
            record.counted = Some((Arc::clone(service), status));
        }
    }

    /// The flow's name belongs to no service.
    pub(super) fn ordinary(&mut self, id: FlowId) {
        if let Some(record) = self.records.get_mut(id) {
            record.is_ordinary = true;
        }
    }

    /// Whether the flow did not count among the encrypted ones before; from now on it does.
    pub(super) fn is_first_count(&mut self, id: FlowId) -> bool {
        self.records.get_mut(id).is_some_and(|r| !std::mem::replace(&mut r.is_encrypted, true))
    }

    /// Other use may hide in the flow.
    pub(super) fn hides(&mut self, id: FlowId) {
        if let Some(record) = self.records.get_mut(id) {
            record.is_hiding = true;
        }
    }

    pub(super) fn is_named(&self, id: FlowId) -> bool {
        self.records.get(id).is_some_and(|r| r.name.is_some())
    }

    /// The name of a flow, where it has one.
    pub(super) fn name_of(&self, id: FlowId) -> Option<&HostName> {
        self.records.get(id)?.name.as_ref()
    }

    /// The next flow that has waited long enough.
    pub(super) fn waited(&mut self, now: Time) -> Option<FlowState> {
        while let Some((until, id)) = self.waiting.front().copied() {
            if until > now {
                return None;
            }
            self.waiting.pop_front();
            if let Some(state) = self.records.get_mut(id).and_then(|r| r.waiting.take()) {
                return Some(*state);
            }
        }
        None
    }

    /// All that wait, in order.
    pub(super) fn drain_waiting(&mut self) -> Vec<FlowState> {
        std::iter::from_fn(|| self.waited(Time(u64::MAX))).collect()
    }

    /// Forgets a closed flow; where it still waited its last state comes back, and the record stays until that is dealt with.
    pub(super) fn close(&mut self, id: FlowId) -> Option<FlowState> {
        if let Some(waiting) = self.records.get_mut(id).and_then(|r| r.waiting.take()) {
            return Some(*waiting);
        }
        self.records.remove(id);
        None
    }

    /// Nothing more is entered of the flows of these clients.
    pub(super) fn forget_where(&mut self, mut written: impl FnMut(IpAddr) -> Option<Arc<str>>, is_meant: &dyn Fn(&str) -> bool) {
        let mut known: HashMap<IpAddr, bool, FixedState> = HashMap::with_hasher(FixedState::with_seed(0));
        for record in self.records.values_mut() {
            record.is_forgotten |= *known.entry(record.client).or_insert_with(|| written(record.client).is_some_and(|w| is_meant(&w)));
        }
    }

    /// After a reload any name may belong to a service.
    pub(super) fn forget_detections(&mut self) {
        for record in self.records.values_mut() {
            record.is_ordinary = false;
        }
    }
}
