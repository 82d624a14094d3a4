//! The DNS memory: which names a client asked for a moment ago, by the addresses it was given. It names flows that carry no name.

use std::collections::VecDeque;
use std::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::frame::Time;
use super::host::HostName;

/// Names remembered for one client and address; shared hosting gives many, and many mean nothing.
const MAX_NAMES: usize = 8;
/// A client may use an answer a while longer than its time to live says (seconds); browsers do.
const GRACE: u64 = 60;
/// Bounds of the time to live that counts (seconds).
const TTL: (u64, u64) = (60, 86_400);
/// Places in the queue from which on stale ones are looked for.
const PLACES: usize = 64;

/// Addresses and the names they were given for, by client. Bounded, oldest out first.
#[derive(Debug)]
pub struct DnsMemory {
    entries: HashMap<(IpAddr, IpAddr), Entry, FixedState>,
    order: VecDeque<(IpAddr, IpAddr, u64)>,
    bound: usize,
    evicted: u64,
    counter: u64,
}

#[derive(Debug)]
struct Entry {
    names: Vec<(HostName, Time)>,
    /// Number of the latest place in `order` that stands for this entry.
    place: u64,
}

impl DnsMemory {
    /// Remembers nothing yet; at most `bound` pairs of client and address. `seed` keys the hash.
    pub fn new(bound: usize, seed: u64) -> Self {
        let entries = HashMap::with_hasher(FixedState::with_seed(seed));
        DnsMemory { entries, order: VecDeque::new(), bound: bound.max(1), evicted: 0, counter: 0 }
    }

    /// Pairs given up because the memory was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Pairs remembered now.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Remembers that `client` asked for `name` and was given `address` for `ttl` seconds.
    pub fn remember(&mut self, client: IpAddr, name: &HostName, address: IpAddr, ttl: u32, now: Time) {
        let until = now.plus_seconds(u64::from(ttl).clamp(TTL.0, TTL.1) + GRACE);
        self.counter = self.counter.wrapping_add(1);
        let place = self.counter;
        let entry = self.entries.entry((client, address)).or_insert_with(|| Entry { names: Vec::with_capacity(1), place });
        entry.place = place;
        entry.names.retain(|(n, end)| n != name && *end >= now);
        if entry.names.len() >= MAX_NAMES {
            entry.names.remove(0);
        }
        entry.names.push((name.clone(), until));
        self.order.push_back((client, address, place));
        self.trim();
    }

    /// Forgets what clients asked for.
    pub fn forget_where(&mut self, is_meant: impl Fn(IpAddr) -> bool) {
        self.entries.retain(|(client, _), _| !is_meant(*client));
        self.order.retain(|(client, _, _)| !is_meant(*client));
    }

    /// The names `client` knows `address` by at this moment; an address that was never asked for gives none.
    pub fn names(&self, client: IpAddr, address: IpAddr, now: Time) -> impl Iterator<Item = &HostName> {
        let names = self.entries.get(&(client, address)).map_or(&[][..], |e| &e.names);
        names.iter().filter(move |(_, until)| *until >= now).map(|(name, _)| name)
    }

    fn trim(&mut self) {
        // Names that are asked for again and again leave their older places behind.
        if self.order.len() > self.entries.len().saturating_mul(2).max(PLACES) {
            let entries = &self.entries;
            self.order.retain(|(client, address, place)| entries.get(&(*client, *address)).is_some_and(|e| e.place == *place));
        }
        while self.entries.len() > self.bound {
            let Some((client, address, place)) = self.order.pop_front() else { return };
            // An entry refreshed since stands further back in the queue.
            if self.entries.get(&(client, address)).is_some_and(|e| e.place == place) {
                self.entries.remove(&(client, address));
                self.evicted = self.evicted.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    fn names(memory: &DnsMemory, client: u8, address: u8, now: Time) -> Vec<&str> {
        memory.names(ip(client), ip(address), now).map(HostName::as_str).collect()
    }

    #[test]
    fn forgets_when_the_answer_is_stale_and_tells_clients_apart() {
        let mut memory = DnsMemory::new(10, 1);
        let start = Time::new(1000, 0);
        memory.remember(ip(1), &HostName::unchecked("chatgpt.com"), ip(9), 300, start);
        assert_eq!(names(&memory, 1, 9, start.plus_seconds(360)), ["chatgpt.com"]);
        assert!(names(&memory, 1, 9, start.plus_seconds(361)).is_empty());
        assert!(names(&memory, 2, 9, start).is_empty());
    }

    #[test]
    fn several_names_of_one_address_are_all_told() {
        let mut memory = DnsMemory::new(10, 1);
        for name in ["a.example", "b.example", "a.example"] {
            memory.remember(ip(1), &HostName::unchecked(name), ip(9), 300, Time(1));
        }
        assert_eq!(names(&memory, 1, 9, Time(2)), ["b.example", "a.example"]);
    }

    #[test]
    fn names_asked_for_again_and_again_take_no_more_room_and_push_nobody_out() {
        let mut memory = DnsMemory::new(1000, 1);
        memory.remember(ip(1), &HostName::unchecked("old.example"), ip(8), 86_400, Time(1));
        for n in 0..100_000u64 {
            memory.remember(ip(2), &HostName::unchecked("x.example"), ip(9), 300, Time(n));
            assert!(memory.order.len() <= PLACES + 1);
        }
        assert_eq!((names(&memory, 1, 8, Time(9)), memory.evicted()), (vec!["old.example"], 0));
    }

    #[test]
    fn a_flood_of_answers_stays_inside_the_bound() {
        let mut memory = DnsMemory::new(100, 1);
        for n in 0..100_000u32 {
            memory.remember(ip(1), &HostName::unchecked("x.example"), IpAddr::from(n.to_be_bytes()), 300, Time(n.into()));
        }
        assert!(memory.len() <= 100 && memory.order.len() <= 200);
        assert_eq!(memory.evicted(), 99_900);
    }
}
