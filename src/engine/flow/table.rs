//! The table itself: look-up, eviction, and a wheel of deadlines.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::{Dialogue, Direction, Flow, FlowKey, Phase};
use crate::engine::event::{FlowId, Source};
use crate::engine::frame::Time;
use crate::engine::minutes::Minutes;

/// Flows looked at to find the one that goes when the table is full.
const WINDOW: usize = 32;
/// Slots of the wheel, one a second; the longest deadline is one less.
const SLOTS: u64 = 1024;
const NONE: u32 = u32::MAX;
/// Flows that the wheel can link.
const MOST: usize = NONE as usize - 1;

/// The flows.
#[derive(Debug)]
pub struct FlowTable<O> {
    index: HashTable<u32>,
    flows: Vec<Option<Flow<O>>>,
    free: Vec<u32>,
    hasher: FixedState,
    wheel: Vec<u32>,
    second: u64,
    hand: usize,
    bound: usize,
    next_id: u64,
}

impl<O> FlowTable<O> {
    /// An empty table of at most `bound` flows; `engine` makes their numbers unique, `seed` keys the hash.
    pub fn new(bound: usize, engine: u16, seed: u64) -> Self {
        FlowTable {
            index: HashTable::new(),
            flows: Vec::new(),
            free: Vec::new(),
            hasher: FixedState::with_seed(seed),
            wheel: vec![NONE; SLOTS as usize],
            second: 0,
            hand: 0,
            bound: bound.clamp(1, MOST),
            next_id: u64::from(engine) << 48 | 1,
        }
    }

    /// Number of open flows.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Whether another flow needs a [`Self::victim`] first.
    pub fn is_full(&self) -> bool {
        self.index.len() >= self.bound
    }

    /// The flow at an index.
    #[inline]
    pub fn flow(&mut self, at: u32) -> Option<&mut Flow<O>> {
        self.flows.get_mut(at as usize)?.as_mut()
    }

    /// Index of the flow with this key.
    #[inline]
    pub fn find(&self, key: &FlowKey) -> Option<u32> {
        let flows = &self.flows;
        let is_it = |at: &u32| flows.get(*at as usize).and_then(Option::as_ref).is_some_and(|f| f.key == *key);
        self.index.find(self.hasher.hash_one(key), is_it).copied()
    }

    /// Adds a flow that is not there yet; its first deadline is in `seconds`.
    pub fn insert(&mut self, key: FlowKey, vlan: u64, now: Time, seconds: u64) -> u32 {
        let id = FlowId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let flow = Flow {
            key,
            id,
            first_seen: now,
            last_seen: now,
            directions: [Direction::default(); 2],
            vlan,
            macs: Default::default(),
            ttls: [0; 2],
            vlans: Default::default(),
            opening_digest: 0,
            client: None,
            phase: Phase::Opening,
            tries: 0,
            name: None,
            source: Source::TlsSni,
            reason: None,
            is_encrypted: false,
            blind_spot: None,
            proxied: None,
            is_http: false,
            is_closed: false,
            is_told: true,
            is_resting: false,
            dialogue: Dialogue::default(),
            minutes: Minutes::default(),
            posted: 0,
            open: None,
            slot: 0,
            is_armed: false,
            previous: NONE,
            following: NONE,
        };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.flows.get_mut(at as usize) {
                    *place = Some(flow);
                }
                at
            }
            None => {
                let at = self.flows.len() as u32;
                self.flows.push(Some(flow));
                at
            }
        };
        let (flows, hasher) = (&self.flows, &self.hasher);
        let rehash = |at: &u32| flows.get(*at as usize).and_then(Option::as_ref).map_or(0, |f| hasher.hash_one(f.key));
        self.index.insert_unique(hasher.hash_one(key), at, rehash);
        self.arm(at, now, seconds);
        at
    }

    /// Takes a flow out.
    pub fn remove(&mut self, at: u32) -> Option<Flow<O>> {
        self.disarm(at);
        let flow = self.flows.get_mut(at as usize)?.take()?;
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(flow.key), |i| *i == at) {
            entry.remove();
        }
        self.free.push(at);
        Some(flow)
    }

    /// Gives a flow another key: its client went on from another address or port. `is_turned` where its ends change places by that.
    pub fn rekey(&mut self, at: u32, key: FlowKey, is_turned: bool) {
        let Some(flow) = self.flow(at) else { return };
        let old = std::mem::replace(&mut flow.key, key);
        if is_turned {
            flow.directions.swap(0, 1);
            flow.macs.swap(0, 1);
            flow.ttls.swap(0, 1);
            flow.client = flow.client.map(|c| 1 ^ c);
        }
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(old), |i| *i == at) {
            entry.remove();
        }
        let (flows, hasher) = (&self.flows, &self.hasher);
        let rehash = |at: &u32| flows.get(*at as usize).and_then(Option::as_ref).map_or(0, |f| hasher.hash_one(f.key));
        self.index.insert_unique(hasher.hash_one(key), at, rehash);
    }

    /// The flow to give up for a new one: the longest silent of the next [`WINDOW`].
    pub fn victim(&mut self) -> Option<u32> {
        let total = self.flows.len();
        let mut oldest: Option<(Time, u32)> = None;
        for _ in 0..WINDOW.min(total) {
            self.hand = Some(self.hand.saturating_add(1)).filter(|next| *next < total).unwrap_or(0);
            if let Some(Some(flow)) = self.flows.get(self.hand)
                && oldest.is_none_or(|(time, _)| flow.last_seen < time)
            {
                oldest = Some((flow.last_seen, self.hand as u32));
            }
        }
        oldest.map(|(_, at)| at).or_else(|| self.any())
    }

    /// Indexes of all flows in the order in which they were opened; for the end, when all are closed.
    pub fn by_number(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.index.iter().copied().collect();
        all.sort_unstable_by_key(|at| self.flows.get(*at as usize).and_then(Option::as_ref).map(|f| f.id));
        all
    }

    /// Index of any flow.
    fn any(&self) -> Option<u32> {
        self.index.iter().next().copied()
    }

    /// Sets a flow's next deadline, `seconds` from now.
    pub fn arm(&mut self, at: u32, now: Time, seconds: u64) {
        self.disarm(at);
        if self.second == 0 {
            self.second = now.seconds();
        }
        let second = now.seconds().max(self.second).saturating_add(seconds.clamp(1, SLOTS - 1));
        let slot = (second % SLOTS) as usize;
        let head = self.wheel.get(slot).copied().unwrap_or(NONE);
        if let Some(flow) = self.flow(at) {
            (flow.slot, flow.is_armed, flow.previous, flow.following) = (slot as u16, true, NONE, head);
        }
        if let Some(next) = self.flow(head) {
            next.previous = at;
        }
        if let Some(place) = self.wheel.get_mut(slot) {
            *place = at;
        }
    }

    /// The clock was set: flows keep their age, and each has a deadline in `seconds`.
    pub fn move_clock(&mut self, from: Time, to: Time, seconds: u64) {
        self.wheel.fill(NONE);
        self.second = to.seconds();
        for at in 0..self.flows.len() as u32 {
            let Some(flow) = self.flow(at) else { continue };
            (flow.first_seen, flow.last_seen) = (flow.first_seen.moved(from, to), flow.last_seen.moved(from, to));
            flow.minutes = flow.minutes.moved(from, to);
            flow.is_armed = false;
            self.arm(at, to, seconds);
        }
    }

    fn disarm(&mut self, at: u32) {
        let Some(flow) = self.flow(at).filter(|f| f.is_armed) else { return };
        flow.is_armed = false;
        let (slot, previous, following) = (flow.slot, flow.previous, flow.following);
        match self.flow(previous) {
            Some(before) => before.following = following,
            None => {
                if let Some(place) = self.wheel.get_mut(slot as usize) {
                    *place = following;
                }
            }
        }
        if let Some(after) = self.flow(following) {
            after.previous = previous;
        }
    }

    /// Next flow whose deadline has passed; it is disarmed and must be armed again or removed.
    pub fn due(&mut self, now: Time) -> Option<u32> {
        let now = now.seconds();
        // The first moment, or a gap longer than the wheel: every slot is looked at once.
        self.second = self.second.max(now.saturating_sub(SLOTS - 1));
        loop {
            let slot = (self.second % SLOTS) as usize;
            let head = self.wheel.get(slot).copied().unwrap_or(NONE);
            if head != NONE {
                self.disarm(head);
                return Some(head);
            }
            if self.second >= now {
                return None;
            }
            self.second = self.second.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Transport;
    use crate::engine::packet::Address;

    fn key(n: u32) -> FlowKey {
        FlowKey { low: Address(n.into()), high: Address(u128::MAX), ports: 1, transport: Transport::Tcp, isolation: 0 }
    }

    #[test]
    fn deadlines_come_in_their_second_and_once() {
        let mut table: FlowTable<()> = FlowTable::new(10, 0, 1);
        let start = Time::new(1_000_000, 0);
        let a = table.insert(key(1), 0, start, 5);
        let b = table.insert(key(2), 0, start, 900);
        assert_eq!(table.due(start.plus_seconds(4)), None);
        assert_eq!(table.due(start.plus_seconds(5)), Some(a));
        assert_eq!(table.due(start.plus_seconds(5)), None);
        table.arm(a, start.plus_seconds(5), 5);
        let rest = [table.due(start.plus_seconds(100_000)), table.due(start.plus_seconds(100_000))];
        assert!(rest.contains(&Some(a)) && rest.contains(&Some(b)));
        assert_eq!(table.due(start.plus_seconds(100_000)), None);
    }

    #[test]
    fn a_flood_stays_inside_the_bound_and_spares_flows_that_go_on() {
        let mut table: FlowTable<()> = FlowTable::new(1000, 0, 1);
        let active = table.insert(key(0), 0, Time(1), 5);
        for n in 1..100_000u32 {
            let now = Time(u64::from(n) * 1000);
            table.flow(active).unwrap().last_seen = now;
            if table.is_full() {
                let victim = table.victim().unwrap();
                table.remove(victim);
            }
            table.insert(key(n), 0, now, 5);
        }
        assert_eq!(table.len(), 1000);
        assert_eq!(table.find(&key(0)), Some(active));
        assert!(table.flows.len() <= 1000);
    }
}
