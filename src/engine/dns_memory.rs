//! The DNS memory: which names a client asked for a moment ago, by the addresses it was given. It names flows that carry no name.

use std::net::{IpAddr, Ipv4Addr};

use super::frame::Time;
use super::host::HostName;
use super::recent::Recent;

/// Names remembered for one client and address; shared hosting gives many, and many mean nothing.
const MAX_NAMES: usize = 8;
/// A client may use an answer a while longer than its time to live says (seconds); browsers do.
const GRACE: u64 = 60;
/// Bounds of the time to live that counts (seconds).
const TTL: (u64, u64) = (60, 86_400);

/// Addresses and the names they were given for, by client. Bounded, oldest out first; what is stale goes before it grows.
#[derive(Debug)]
pub struct DnsMemory {
    entries: Recent<Pair, Entry>,
    bound: usize,
    evicted: u64,
}

/// A client and an address it was given. There are many: those of IPv4 stand in eight bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Pair {
    V4(Ipv4Addr, Ipv4Addr),
    Other(Box<(IpAddr, IpAddr)>),
}

impl Pair {
    fn new(client: IpAddr, address: IpAddr) -> Self {
        match (client, address) {
            (IpAddr::V4(client), IpAddr::V4(address)) => Pair::V4(client, address),
            _ => Pair::Other(Box::new((client, address))),
        }
    }

    fn client(&self) -> IpAddr {
        match self {
            Pair::V4(client, _) => (*client).into(),
            Pair::Other(pair) => pair.0,
        }
    }
}

/// Names of one address, and until when. Nearly every address has one.
#[derive(Debug)]
struct Entry {
    name: HostName,
    until: Time,
    // A list within a box is a third as long as a list, and hardly any has one.
    #[allow(clippy::box_collection)]
    earlier: Option<Box<Vec<(HostName, Time)>>>,
}

impl Entry {
    fn names(&self) -> impl Iterator<Item = (&HostName, Time)> {
        let earlier = self.earlier.iter().flat_map(|names| names.iter());
        earlier.map(|(name, until)| (name, *until)).chain(std::iter::once((&self.name, self.until)))
    }

    /// With one more name, or a name it has once more.
    fn renewed(old: Option<Entry>, name: HostName, until: Time, now: Time) -> Entry {
        let Some(old) = old else { return Entry { name, until, earlier: None } };
        let mut earlier = old.earlier;
        let stays = |known: &HostName, until: Time| *known != name && until >= now;
        if let Some(names) = &mut earlier {
            names.retain(|(name, until)| stays(name, *until));
        }
        if stays(&old.name, old.until) {
            earlier.get_or_insert_default().push((old.name, old.until));
        }
        if let Some(names) = earlier.as_mut().filter(|names| names.len() > MAX_NAMES - 1) {
            names.remove(0);
        }
        Entry { name, until, earlier: earlier.filter(|names| !names.is_empty()) }
    }
}

impl DnsMemory {
    /// Remembers nothing yet; at most `bound` pairs of client and address. `seed` keys the hash.
    pub fn new(bound: usize, seed: u64) -> Self {
        DnsMemory { entries: Recent::new(seed), bound: bound.max(1), evicted: 0 }
    }

    /// Pairs given up because the memory was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Pairs remembered now, those included that became stale a moment ago.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// Remembers that `client` asked for `name` and was given `address` for `ttl` seconds.
    pub fn remember(&mut self, client: IpAddr, name: &HostName, address: IpAddr, ttl: u32, now: Time) {
        let until = now.plus_seconds(u64::from(ttl).clamp(TTL.0, TTL.1).saturating_add(GRACE));
        self.entries.sweep(now, |_, entry| entry.names().all(|(_, until)| until < now));
        self.entries.renew(Pair::new(client, address), |old| Entry::renewed(old, name.clone(), until, now));
        while self.entries.len() > self.bound && self.entries.pop_oldest().is_some() {
            self.evicted = self.evicted.saturating_add(1);
        }
    }

    /// Forgets what clients asked for.
    pub fn forget_where(&mut self, is_meant: impl Fn(IpAddr) -> bool) {
        self.entries.retain(|pair, _| !is_meant(pair.client()));
    }

    /// The names `client` knows `address` by at this moment; an address that was never asked for gives none.
    pub fn names(&self, client: IpAddr, address: IpAddr, now: Time) -> impl Iterator<Item = &HostName> {
        let names = self.entries.get(&Pair::new(client, address)).into_iter().flat_map(Entry::names);
        names.filter(move |(_, until)| *until >= now).map(|(name, _)| name)
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
            assert!(memory.len() <= 2);
        }
        assert_eq!((names(&memory, 1, 8, Time(9)), memory.evicted()), (vec!["old.example"], 0));
    }

    #[test]
    fn a_flood_of_answers_stays_inside_the_bound() {
        let mut memory = DnsMemory::new(100, 1);
        for n in 0..100_000u32 {
            memory.remember(ip(1), &HostName::unchecked("x.example"), IpAddr::from(n.to_be_bytes()), 300, Time(n.into()));
        }
        assert!(memory.len() <= 100);
        assert_eq!(memory.evicted(), 99_900);
    }

    #[test]
    fn what_is_stale_takes_no_room_for_long() {
        let mut memory = DnsMemory::new(500_000, 1);
        let start = Time::new(1000, 0);
        memory.remember(ip(2), &HostName::unchecked("kept.example"), ip(9), 86_400, start);
        // 100 a second, each for 120 seconds: 12,000 are alive.
        for n in 0..100_000u32 {
            let name = HostName::unchecked("x.example");
            memory.remember(ip(1), &name, IpAddr::from(n.to_be_bytes()), 60, start.plus_seconds(u64::from(n) / 100));
            assert!(memory.len() <= 16_000, "{}", memory.len());
        }
        let end = start.plus_seconds(1000);
        assert_eq!((names(&memory, 2, 9, end), memory.evicted()), (vec!["kept.example"], 0));
        // A burst is over: a look-up later on finds it so.
        memory.remember(ip(1), &HostName::unchecked("x.example"), ip(9), 60, end.plus_seconds(1000));
        assert_eq!(memory.len(), 2);
    }
}
