//! Names that belong to no service, remembered so that a later signature can say "this was here before", without a browsing history:
//! of each day only a bounded list of the domains seen most (Space-Saving), each with an estimate of how many clients (HyperLogLog over
//! clients hashed with a key of that day). No client, no host name below the registrable domain and no time of day is kept, and what
//! leaves is the estimate, never what it is made from.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::quality::FixedState;
use hashbrown::HashMap;

use super::frame::Time;

/// Domains kept of a day.
pub const MAX_DOMAINS: usize = 2048;
/// Names whose domain is remembered: the same ones come again and again, and the public suffix list is long.
const LATELY: usize = 512;
/// Registers of an estimate: its standard error is 1.04 / √128, 9 %; up to some dozen clients it is nearly exact.
const REGISTERS: usize = 128;
/// Bits of a hash that choose one.
const BITS: u32 = REGISTERS.trailing_zeros();
const SECONDS_A_DAY: u64 = 86_400;

/// The registrable domain of a name (by the public suffix list), where it has one that others know too.
pub type Registrable = fn(&str) -> Option<&str>;

/// One domain on one day: what is new since last asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// Days since 1970-01-01.
    pub day: u64,
    /// Registrable domain.
    pub domain: Arc<str>,
    /// Look-ups and flows more than last time.
    pub seen: u64,
    /// About how many clients so far.
    pub clients: u64,
}

/// The list of the current day.
#[derive(Debug)]
pub struct Unmatched {
    registrable: Registrable,
    bound: usize,
    seed: u64,
    day: u64,
    pseudonyms: FixedState,
    slots: Vec<Slot>,
    places: HashMap<Arc<str>, u32, FixedState>,
    /// Count and slot, the smallest first. Empty as long as there is room: until then nobody asks.
    ranks: BTreeSet<(u64, u32)>,
    /// Names noted lately.
    lately: Vec<Lately>,
    /// How often a domain lost its slot: what was noted before is not true any more.
    epoch: u64,
    /// Of days that are over.
    over: Vec<Remembered>,
}

/// A name noted lately, by its hash: 64 bits under a secret key stand for it.
#[derive(Clone, Debug, Default)]
struct Lately {
    hash: u64,
    epoch: u64,
    /// The slot of its domain, where it has one.
    place: Option<u32>,
}

#[derive(Debug)]
struct Slot {
    domain: Arc<str>,
    /// With what it took over from the domain it put out: never too small.
    count: u64,
    fresh: u64,
    registers: [u8; REGISTERS],
}

impl Unmatched {
    /// Nothing seen yet; at most `bound` domains a day. `seed` keys the hashes: a secret, and another one each start.
    pub fn new(registrable: Registrable, bound: usize, seed: u64) -> Self {
        Unmatched {
            registrable,
            bound: bound.clamp(1, MAX_DOMAINS),
            seed,
            day: 0,
            pseudonyms: FixedState::with_seed(seed),
            slots: Vec::new(),
            places: HashMap::with_hasher(FixedState::with_seed(seed)),
            ranks: BTreeSet::new(),
            lately: vec![Lately::default(); LATELY],
            epoch: 1,
            over: Vec::new(),
        }
    }

    /// Counts a name that belongs to no service. Time that goes back counts for the day it is.
    pub fn note(&mut self, name: &str, client: IpAddr, now: Time) {
        let day = now.seconds() / SECONDS_A_DAY;
        if day > self.day {
            self.begin(day);
        }
        let Some(place) = self.place_of(name) else { return };
        let hash = self.pseudonyms.hash_one(client);
        let Some(slot) = self.slots.get_mut(place as usize) else { return };
        let before = slot.count;
        slot.count = slot.count.saturating_add(1);
        slot.fresh = slot.fresh.saturating_add(1);
        if !self.ranks.is_empty() {
            self.ranks.remove(&(before, place));
            self.ranks.insert((slot.count, place));
        }
        add(&mut slot.registers, hash);
    }

    /// The slot of a name's domain.
    fn place_of(&mut self, name: &str) -> Option<u32> {
        let hash = self.places.hasher().hash_one(name);
        let at = hash as usize % LATELY;
        if let Some(lately) = self.lately.get(at)
            && (lately.hash, lately.epoch) == (hash, self.epoch)
        {
            return lately.place;
        }
        let domain = (self.registrable)(name);
        let place = domain.map(|domain| match self.places.get(domain) {
            Some(place) => *place,
            None => self.place(domain),
        });
        if let Some(lately) = self.lately.get_mut(at) {
            *lately = Lately { hash, epoch: self.epoch, place };
        }
        place
    }

    /// A slot for a domain: a free one, else that of the domain seen least, whose count it takes over.
    fn place(&mut self, domain: &str) -> u32 {
        let domain: Arc<str> = domain.into();
        let least = if self.slots.len() < self.bound { None } else { self.least() };
        let (count, place) = least.unwrap_or((0, u32::try_from(self.slots.len()).unwrap_or(u32::MAX)));
        let fresh = Slot { domain: Arc::clone(&domain), count, fresh: 0, registers: [0; REGISTERS] };
        match self.slots.get_mut(place as usize) {
            Some(slot) => {
                self.places.remove(&slot.domain);
                self.epoch = self.epoch.saturating_add(1);
                *slot = fresh;
            }
            None => self.slots.push(fresh),
        }
        self.places.insert(domain, place);
        place
    }

    /// The domain seen least: its count and slot.
    fn least(&mut self) -> Option<(u64, u32)> {
        if self.ranks.is_empty() {
            self.ranks = (0..).zip(&self.slots).map(|(place, slot)| (slot.count, place)).collect();
        }
        self.ranks.first().copied()
    }

    fn begin(&mut self, day: u64) {
        let rest = self.current();
        self.over.extend(rest);
        self.over.truncate(2 * MAX_DOMAINS);
        self.slots.clear();
        self.places.clear();
        self.ranks.clear();
        self.epoch = self.epoch.saturating_add(1);
        self.day = day;
        // A day's key: the same client is another one tomorrow.
        self.pseudonyms = FixedState::with_seed(FixedState::with_seed(self.seed).hash_one(day));
    }

    /// What is new since last asked, days that are over first.
    pub fn drain(&mut self) -> Vec<Remembered> {
        let mut all = std::mem::take(&mut self.over);
        all.extend(self.current());
        all
    }

    fn current(&mut self) -> Vec<Remembered> {
        let day = self.day;
        let changed = self.slots.iter_mut().filter(|slot| slot.fresh > 0);
        let row = |slot: &mut Slot| {
            let (domain, clients) = (Arc::clone(&slot.domain), estimate(&slot.registers));
            Remembered { day, domain, seen: std::mem::take(&mut slot.fresh), clients }
        };
        changed.map(row).collect()
    }
}

/// Notes a hash: the first bits choose a register, which keeps the longest run of zeros that follow.
fn add(registers: &mut [u8; REGISTERS], hash: u64) {
    let place = (hash >> (64 - BITS)) as usize;
    let run = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros().saturating_add(1) as u8;
    if let Some(register) = registers.get_mut(place) {
        *register = run.max(*register);
    }
}

/// How many different hashes were noted, about (Flajolet and others, 2007, with linear counting where few were).
fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let m = REGISTERS as f64;
    let sum: f64 = registers.iter().map(|r| 0.5f64.powi((*r).into())).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let empty = registers.iter().filter(|r| **r == 0).count() as f64;
    let best = if raw <= 2.5 * m && empty > 0.0 { m * (m / empty).ln() } else { raw };
    best.round() as u64
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// The last two labels.
    fn two_labels(name: &str) -> Option<&str> {
        let dots: Vec<_> = name.match_indices('.').map(|(at, _)| at).collect();
        dots.len().checked_sub(2).map_or(Some(name), |n| name.get(dots[n] + 1..)).filter(|_| !dots.is_empty())
    }

    fn client(n: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + n).into()
    }

    fn at(day: u64) -> Time {
        Time::new(day * SECONDS_A_DAY + 3600, 0)
    }

    fn shown(rows: &[Remembered]) -> Vec<(u64, &str, u64, u64)> {
        rows.iter().map(|r| (r.day, &*r.domain, r.seen, r.clients)).collect()
    }

    #[test]
    fn keeps_domains_by_day_and_tells_what_is_new() {
        let mut unmatched = Unmatched::new(two_labels, 10, 7);
        for n in 0..6 {
            unmatched.note("www.zeta.com", client(n), at(20_000));
            unmatched.note("zeta.com", client(n), at(20_000));
        }
        unmatched.note("localhost", client(1), at(20_000));
        assert_eq!(shown(&unmatched.drain()), [(20_000, "zeta.com", 12, 6)]);
        assert_eq!(unmatched.drain(), []);
        unmatched.note("zeta.com", client(99), at(20_000));
        unmatched.note("zeta.com", client(99), at(20_001));
        unmatched.note("zeta.com", client(98), at(20_000));
        assert_eq!(shown(&unmatched.drain()), [(20_000, "zeta.com", 1, 7), (20_001, "zeta.com", 2, 2)]);
    }

    #[test]
    fn what_is_seen_often_stays_whatever_else_comes() {
        let mut unmatched = Unmatched::new(two_labels, 100, 7);
        for n in 0..100_000u32 {
            unmatched.note(&format!("noise{n}.com"), client(n % 50), at(1));
            if n % 50 == 0 {
                unmatched.note("api.zeta.com", client(n % 3), at(1));
            }
        }
        let rows = unmatched.drain();
        let zeta = rows.iter().find(|r| &*r.domain == "zeta.com").expect("more than one in a hundred is always in the list");
        assert!(rows.len() <= 100 && zeta.clients == 3 && zeta.seen >= 1000, "{zeta:?}");
    }

    #[test]
    fn estimates_are_near() {
        for seed in 0..20 {
            for clients in [1u32, 6, 14, 50, 300, 5000] {
                let mut unmatched = Unmatched::new(two_labels, 4, seed);
                for n in 0..3 * clients {
                    unmatched.note("zeta.com", client(n % clients), at(1));
                }
                let estimate = unmatched.drain()[0].clients;
                let off = (estimate as f64 - f64::from(clients)).abs() / f64::from(clients);
                assert!(off < 0.34, "{clients} clients, seed {seed}: {estimate}");
            }
        }
    }

    #[test]
    fn a_client_is_another_one_the_next_day() {
        let mut unmatched = Unmatched::new(two_labels, 4, 7);
        let mut registers = Vec::new();
        for day in [1, 2] {
            unmatched.note("zeta.com", client(1), at(day));
            registers.push(unmatched.slots[0].registers);
        }
        assert_ne!(registers[0], registers[1]);
    }

    #[test]
    fn holds_a_few_mebibytes_whatever_comes() {
        let mut unmatched = Unmatched::new(|name| Some(name), usize::MAX, 7);
        for n in 0..20_000u32 {
            unmatched.note(&format!("{n:0>63}.{}.com", ["a".repeat(63), "b".repeat(63)].join(".")), client(n), at(u64::from(n / 5000)));
        }
        assert!(unmatched.slots.len() <= MAX_DOMAINS && unmatched.places.len() <= MAX_DOMAINS && unmatched.ranks.len() <= MAX_DOMAINS);
        assert!(unmatched.over.len() <= 2 * MAX_DOMAINS);
        let names: usize = unmatched.slots.iter().map(|s| s.domain.len() + 16).sum::<usize>()
            + unmatched.over.iter().map(|r| r.domain.len() + 16).sum::<usize>();
        let tables = unmatched.slots.capacity() * size_of::<Slot>()
            + unmatched.places.allocation_size()
            + unmatched.over.capacity() * size_of::<Remembered>()
            + unmatched.ranks.len() * 3 * size_of::<(u64, u32)>();
        assert!(names + tables < 4 << 20, "{names} + {tables} bytes");
    }
}
