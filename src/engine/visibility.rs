//! What could be seen, and what could not: encrypted flows by zone, hour and reason, and the protocols behind which use may hide.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::event::{BlindSpot, Reason};
use super::frame::Time;

/// Clients counted one by one in an hour, zone and kind; beyond that the count stands still and says so by being this number.
pub const MAX_CLIENTS: usize = 10_000;
/// Clients remembered of this hour and the one before, over all zones and kinds.
const MAX_SEEN: usize = 100_000;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Sight {
    /// An encrypted flow: named, or why not.
    Flow(Reason),
    /// A flow of a protocol that hides others, or a look-up made on behalf of others.
    Blind(BlindSpot),
}

impl Sight {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Sight> {
        Reason::ALL.into_iter().map(Sight::Flow).chain(BlindSpot::ALL.into_iter().map(Sight::Blind))
    }

    /// The word used in tables, output and labels; no two share one.
    pub const fn word(self) -> &'static str {
        match self {
            Sight::Flow(reason) => reason.word(),
            Sight::Blind(spot) => spot.word(),
        }
    }

    /// The sight a word names.
    pub fn from_word(word: &str) -> Option<Sight> {
        Sight::all().find(|s| s.word() == word)
    }
}

/// Counts of one hour, zone and sight.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    /// Flows, or look-ups.
    pub flows: u64,
    /// Different clients, at most [`MAX_CLIENTS`].
    pub clients: u64,
}

/// What is new in one hour, zone and sight since last asked: to be added to what was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Increment {
    /// Beginning of the hour.
    pub hour: Time,
    /// Zone of the clients.
    pub zone: Arc<str>,
    /// What was seen.
    pub sight: Sight,
    /// How much more.
    pub more: Count,
}

type Key = (Arc<str>, Sight);

/// The account.
#[derive(Debug)]
pub struct Visibility {
    totals: BTreeMap<Key, u64>,
    fresh: BTreeMap<(u64, Key), Count>,
    hour: u64,
    /// By the number of a cell.
    seen: HashSet<(u32, IpAddr), FixedState>,
    /// Hours, zones and sights of which clients are remembered.
    cells: BTreeMap<(u64, Key), Cell>,
    next_cell: u32,
    /// Counts of the cells used last, not added up yet: nearly every flow is of one of them.
    waiting: Vec<Waiting>,
}

/// One hour, zone and sight.
#[derive(Clone, Copy, Debug)]
struct Cell {
    number: u32,
    clients: u64,
}

#[derive(Debug)]
struct Waiting {
    hour: u64,
    key: Key,
    number: u32,
    more: Count,
}

/// Cells that wait at most.
const MAX_WAITING: usize = 8;

impl Visibility {
    /// Nothing seen yet; `seed` keys the hash.
    pub fn new(seed: u64) -> Self {
        let seen = HashSet::with_hasher(FixedState::with_seed(seed));
        let (totals, fresh, cells) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Visibility { totals, fresh, hour: 0, seen, cells, next_cell: 0, waiting: Vec::new() }
    }

    /// Counts one more flow of a client, last seen `at` a moment of the newest hour or the one before; what is older counts in that.
    pub fn count(&mut self, zone: &Arc<str>, sight: Sight, client: IpAddr, at: Time) {
        let hour = (at.seconds() / 3600).max(self.hour.saturating_sub(1));
        if hour > self.hour {
            self.begin(hour);
        }
        let place = self.place(hour, zone, sight);
        let Some(waiting) = self.waiting.get_mut(place) else { return };
        waiting.more.flows = waiting.more.flows.saturating_add(1);
        let is_new = self.seen.len() < MAX_SEEN && self.seen.insert((waiting.number, client));
        if is_new
            && let Some(cell) = self.cells.get_mut(&(hour, waiting.key.clone()))
            && cell.clients < MAX_CLIENTS as u64
        {
            cell.clients = cell.clients.saturating_add(1);
            waiting.more.clients = waiting.more.clients.saturating_add(1);
        }
    }

    /// Another hour: of those before the last one no clients are remembered.
    fn begin(&mut self, hour: u64) {
        self.add_up();
        self.hour = hour;
        self.cells.retain(|(h, _), _| h.saturating_add(1) >= hour);
        let numbers: BTreeSet<u32> = self.cells.values().map(|cell| cell.number).collect();
        self.seen.retain(|(number, _)| numbers.contains(number));
    }

    /// Where the counts of a cell wait.
    fn place(&mut self, hour: u64, zone: &Arc<str>, sight: Sight) -> usize {
        let is_it = |w: &Waiting| w.hour == hour && w.key.1 == sight && (Arc::ptr_eq(&w.key.0, zone) || w.key.0 == *zone);
        if let Some(place) = self.waiting.iter().position(is_it) {
            return place;
        }
        if self.waiting.len() >= MAX_WAITING {
            self.add_up();
        }
        let key = (Arc::clone(zone), sight);
        let next = &mut self.next_cell;
        let cell = self.cells.entry((hour, key.clone())).or_insert_with(|| {
            *next = next.wrapping_add(1);
            Cell { number: *next, clients: 0 }
        });
        self.waiting.push(Waiting { hour, key, number: cell.number, more: Count::default() });
        self.waiting.len().saturating_sub(1)
    }

    /// Adds up what waits.
    fn add_up(&mut self) {
        for Waiting { hour, key, more, .. } in self.waiting.drain(..) {
            let total = self.totals.entry(key.clone()).or_default();
            *total = total.saturating_add(more.flows);
            let fresh = self.fresh.entry((hour, key)).or_default();
            fresh.flows = fresh.flows.saturating_add(more.flows);
            fresh.clients = fresh.clients.saturating_add(more.clients);
        }
    }

    /// Flows by zone and sight since the beginning.
    pub fn totals(&mut self) -> &BTreeMap<(Arc<str>, Sight), u64> {
        self.add_up();
        &self.totals
    }

    /// What is new since last asked, oldest hour first.
    pub fn drain(&mut self) -> Vec<Increment> {
        self.add_up();
        let fresh = std::mem::take(&mut self.fresh);
        let hour = |h: u64| Time::new(h.saturating_mul(3600), 0);
        fresh.into_iter().map(|((h, (zone, sight)), more)| Increment { hour: hour(h), zone, sight, more }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unambiguous() {
        for sight in Sight::all() {
            assert_eq!(Sight::from_word(sight.word()), Some(sight));
        }
    }

    #[test]
    fn counts_flows_and_clients_by_hour_once() {
        let mut v = Visibility::new(1);
        let (zone, sight): (Arc<str>, _) = ("other".into(), Sight::Flow(Reason::Named));
        let ip = |n: u8| IpAddr::from([10, 0, 0, n]);
        for (client, second) in [(1, 0), (1, 5), (2, 10), (1, 3600), (2, 3599), (3, 3599), (1, 3600)] {
            v.count(&zone, sight, ip(client), Time::new(second, 0));
        }
        let fresh = v.drain();
        let told: Vec<_> = fresh.iter().map(|i| (i.hour.seconds(), i.more.flows, i.more.clients)).collect();
        assert_eq!(told, [(0, 5, 3), (3600, 2, 1)]);
        assert!(v.drain().is_empty());
        assert_eq!(v.totals().values().sum::<u64>(), 7);
    }
}
