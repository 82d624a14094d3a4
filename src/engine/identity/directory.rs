//! What the site itself knows of its clients, as its files say it.

mod patterns;
mod timelines;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::engine::frame::Time;
use patterns::Patterns;
use timelines::{Held, Timelines};

/// What a site's files say of a client; `None` where they are silent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// Host name.
    pub host: Option<Arc<str>>,
    /// Person or account.
    pub user: Option<Arc<str>>,
    /// Team.
    pub team: Option<Arc<str>>,
    /// Place.
    pub site: Option<Arc<str>>,
    /// Link-layer address: leases tell it.
    pub mac: Option<[u8; 6]>,
    /// Many stand behind the address: a NAT, a proxy, a terminal server.
    pub shared: bool,
}

impl Known {
    /// Takes what `other` tells and this does not.
    fn absorb(&mut self, other: &Known) {
        fn fill<T: Clone>(fact: &mut Option<T>, other: &Option<T>) {
            if fact.is_none() {
                fact.clone_from(other);
            }
        }
        fill(&mut self.host, &other.host);
        fill(&mut self.user, &other.user);
        fill(&mut self.team, &other.team);
        fill(&mut self.site, &other.site);
        fill(&mut self.mac, &other.mac);
        self.shared |= other.shared;
    }
}

/// Whom a record is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// One address.
    Address(IpAddr),
    /// Every address of a subnet.
    Subnet(IpNet),
    /// One link-layer address.
    Mac([u8; 6]),
    /// Host names, lower case; `*` stands for any characters.
    HostPattern(Arc<str>),
}

/// One line of a site's files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Whom it is about.
    pub subject: Subject,
    /// From when on it holds; `None`: always.
    pub from: Option<Time>,
    /// Until when, exclusive; `None`: still.
    pub until: Option<Time>,
    /// What it says.
    pub known: Known,
}

/// All records, so that a look-up costs the same however many there are.
#[derive(Default)]
pub struct Directory {
    parts: Vec<Part>,
    addresses: Timelines<IpAddr>,
    macs: Timelines<[u8; 6]>,
    subnets: Timelines<IpNet>,
    /// Prefix lengths in use, longest first: (is IPv4, length).
    lengths: Vec<(bool, u8)>,
    patterns: Patterns,
}

/// Records that came together; they are numbered on from those of the parts before.
struct Part {
    first: u32,
    records: Arc<[Record]>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("records", &self.len()).finish_non_exhaustive()
    }
}

impl Directory {
    /// Records about one subject that count at one moment; further ones say nothing then.
    pub const MOST_AT_ONCE: usize = timelines::MOST_AT_ONCE;

    /// Compiles records.
    pub fn new(records: Vec<Record>) -> Self {
        Directory::of([Arc::from(records)])
    }

    /// The same of records in several parts, which it shares with whoever keeps them; they stand in the order of the parts.
    pub fn of(parts: impl IntoIterator<Item = Arc<[Record]>>) -> Self {
        let mut directory = Directory::default();
        let (mut addresses, mut macs, mut subnets, mut patterns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut number = 0u32;
        for records in parts {
            let first = number;
            for record in records.iter() {
                let held = Held { from: record.from.unwrap_or_default(), until: record.until.unwrap_or(Time(u64::MAX)), record: number };
                match &record.subject {
                    Subject::Address(address) => addresses.push((address.to_canonical(), held)),
                    Subject::Subnet(subnet) => subnets.push((canonical(*subnet), held)),
                    Subject::Mac(mac) => macs.push((*mac, held)),
                    Subject::HostPattern(pattern) => patterns.push((Arc::clone(pattern), held)),
                }
                number = number.saturating_add(1);
            }
            directory.parts.push(Part { first, records });
        }
        directory.lengths = subnets.iter().map(|(s, _)| (s.addr().is_ipv4(), s.prefix_len())).collect();
        directory.lengths.sort_unstable_by(|a, b| b.cmp(a));
        directory.lengths.dedup();
        directory.addresses = Timelines::new(addresses);
        directory.macs = Timelines::new(macs);
        directory.subnets = Timelines::new(subnets);
        directory.patterns = Patterns::new(patterns);
        directory
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|p| p.records.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of a client at a moment: by its address, its link-layer address and its host name where these are known. Each fact
    /// comes from the most specific record that tells it: MAC before address, address before narrower subnet, subnet before host pattern.
    /// Of records about the same subject the one that began last comes first, then the one that stands first. Where `mac` is `None` it is
    /// the one that the address's record tells; an address's records that tell another are about another machine, and say nothing. Host
    /// patterns are matched against the host name the other records tell, else against `host`. `shared` holds where any of them says so.
    pub fn known(&self, address: IpAddr, mac: Option<[u8; 6]>, host: Option<&str>, at: Time) -> Known {
        let mut known = Known::default();
        let address = address.to_canonical();
        let of_address = self.addresses.at(&address, at);
        let machine = mac.or_else(|| self.records(of_address).find_map(|r| r.known.mac));
        if let Some(mac) = machine {
            self.records(self.macs.at(&mac, at)).for_each(|r| known.absorb(&r.known));
        }
        let is_of_machine = |r: &&Record| r.known.mac.is_none() || r.known.mac == machine;
        self.records(of_address).filter(is_of_machine).for_each(|r| known.absorb(&r.known));
        for (_, length) in self.lengths.iter().filter(|(is_v4, _)| *is_v4 == address.is_ipv4()) {
            let Ok(subnet) = IpNet::new(address, *length) else { continue };
            self.records(self.subnets.at(&subnet.trunc(), at)).for_each(|r| known.absorb(&r.known));
        }
        if !self.patterns.is_empty()
            && let Some(host) = known.host.as_deref().or(host).map(str::to_ascii_lowercase)
        {
            self.patterns.each(&host, at, |numbers| self.records(numbers).for_each(|r| known.absorb(&r.known)));
        }
        known
    }

    fn records(&self, numbers: &[u32]) -> impl Iterator<Item = &Record> {
        numbers.iter().filter_map(|number| {
            let part = self.parts.get(self.parts.partition_point(|p| p.first <= *number).checked_sub(1)?)?;
            part.records.get(number.saturating_sub(part.first) as usize)
        })
    }
}

/// A subnet without bits beyond its prefix; IPv4 written as IPv6 (RFC 4291 §2.5.5.2) as IPv4.
fn canonical(subnet: IpNet) -> IpNet {
    let shorter = subnet.prefix_len().checked_sub(96).filter(|_| subnet.addr().is_ipv6());
    let mapped = shorter.and_then(|length| Some(subnet.addr().to_canonical()).filter(IpAddr::is_ipv4).zip(Some(length)));
    mapped.and_then(|(address, length)| IpNet::new(address, length).ok()).unwrap_or(subnet).trunc()
}

#[cfg(test)]
mod tests;
