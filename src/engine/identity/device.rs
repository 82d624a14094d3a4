//! One machine, as its link-layer address or DHCPv6 knows it: its names, and whether it is a router.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use crate::engine::frame::Time;

/// Addresses of IPv4 that may stand behind one MAC address within [`WINDOW`]: one more makes it a router's.
pub(super) const MAX_ADDRESSES: usize = 2;
/// The same for prefixes (/64) of IPv6; a host may have one of each of two providers, and one of its own network.
pub(super) const MAX_PREFIXES: usize = 3;
/// How long an address counts that was not seen again, in nanoseconds: hosts change theirs too.
const WINDOW: u64 = 3_600_000_000_000;
/// How long a host name that a client said of itself stands against another it says, in nanoseconds: machines announce several.
const NAMED: u64 = 3_600_000_000_000;
/// Silence of its prefix after which a machine that speaks from another has moved there, in nanoseconds.
const MOVED: u64 = 900_000_000_000;
/// Addresses remembered, to tell of a change of their owner.
const REMEMBERED: usize = 16;

/// How well a host name is known, rising.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    /// The machine announces it (mDNS, LLMNR, NetBIOS).
    Announced,
    /// The machine asks for it (DHCP).
    Asked,
    /// The server gave it (DHCP).
    Given,
}

/// A host name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name {
    pub(super) text: Arc<str>,
    rank: Rank,
    said: Time,
}

/// Notes a host name; true where it changes what the machine is called.
pub(super) fn note_name(known: &mut Option<Name>, text: &Arc<str>, rank: Rank, at: Time) -> bool {
    match known {
        Some(name) if name.text == *text => {
            (name.rank, name.said) = (name.rank.max(rank), name.said.max(at));
            false
        }
        Some(name) if rank < name.rank || (rank == Rank::Announced && rank == name.rank && at.since(name.said) < NAMED) => false,
        _ => {
            *known = Some(Name { text: Arc::clone(text), rank, said: at });
            true
        }
    }
}

/// The better known of two names, the first where they are equally well known.
pub(super) fn better<'a>(one: Option<&'a Name>, other: Option<&'a Name>) -> Option<&'a Name> {
    match (one, other) {
        (Some(a), Some(b)) if b.rank > a.rank => Some(b),
        (a, b) => a.or(b),
    }
}

/// Who logged on to a machine, as accounting tells without an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Login {
    pub(super) user: Arc<str>,
    pub(super) session: Option<u64>,
}

/// One machine.
#[derive(Debug, Default)]
pub(super) struct Device {
    pub(super) name: Option<Name>,
    pub(super) login: Option<Login>,
    /// Of a machine known by its DUID: the MAC address it was seen with, or else the one its DUID is made from.
    pub(super) mac: Option<[u8; 6]>,
    pub(super) is_router: bool,
    /// The address that stands for all of its addresses of IPv6, and when its prefix was last in use.
    representative: Option<(Ipv6Addr, Time)>,
    /// Addresses it has or had, the latest last.
    pub(super) addresses: Vec<IpAddr>,
    /// What was seen behind it lately: addresses of IPv4, prefixes of IPv6.
    behind: Vec<(IpAddr, Time)>,
}

impl Device {
    /// Notes that an address is this machine's.
    pub(super) fn has(&mut self, address: IpAddr) {
        if self.addresses.last() != Some(&address) {
            self.addresses.retain(|known| *known != address);
            if self.addresses.len() >= REMEMBERED {
                self.addresses.remove(0);
            }
            self.addresses.push(address);
        }
    }

    /// Notes that an address was seen behind this link-layer address; true where that makes it a router's.
    pub(super) fn fronts(&mut self, address: IpAddr, at: Time) -> bool {
        if self.is_router {
            return false;
        }
        let place = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() >> 64 << 64)),
        };
        self.behind.retain(|(known, seen)| *known != place && at.since(*seen) < WINDOW);
        self.behind.push((place, at));
        let four = self.behind.iter().filter(|(known, _)| known.is_ipv4()).count();
        if four > MAX_ADDRESSES || self.behind.len().saturating_sub(four) > MAX_PREFIXES {
            self.routes();
        }
        self.is_router
    }

    /// It is a router: nothing that was taken for the machine's own holds.
    pub(super) fn routes(&mut self) {
        self.is_router = true;
        self.behind = Vec::new();
        self.representative = None;
    }

    /// The address that stands for this machine's addresses of IPv6: the first one seen, until the machine has moved to another prefix.
    pub(super) fn representative(&mut self, address: Ipv6Addr, at: Time) -> Ipv6Addr {
        let prefix = |a: Ipv6Addr| a.to_bits() >> 64;
        match &mut self.representative {
            Some((known, seen)) if prefix(*known) == prefix(address) => {
                *seen = (*seen).max(at);
                *known
            }
            Some((known, seen)) if at.since(*seen) < MOVED => *known,
            _ => {
                self.representative = Some((address, at));
                address
            }
        }
    }

    /// Another machine has that address now: it stands for this one no more.
    pub(super) fn loses(&mut self, address: IpAddr) {
        if self.representative.is_some_and(|(known, _)| IpAddr::V6(known) == address) {
            self.representative = None;
        }
        self.addresses.retain(|known| *known != address);
    }
}

/// Whether a MAC address is one that routers share among them: VRRP (RFC 9568 §7.3), HSRP of both versions.
pub(super) fn is_virtual_router(mac: [u8; 6]) -> bool {
    matches!(
        mac,
        [0, 0, 0x5e, 0, 1 | 2, _] | [0, 0, 0x0c, 7, 0xac, _] | [0, 0, 0x0c, 0x9f, 0xf0..=0xff, _] | [0, 5, 0x73, 0xa0..=0xaf, _, _]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Time {
        Time::new(1_000_000 + second, 0)
    }

    #[test]
    fn many_addresses_make_a_router_and_changes_of_address_do_not() {
        let v4 = |n: u8| IpAddr::from([10, 0, 0, n]);
        let mut device = Device::default();
        assert!(!device.fronts(v4(1), at(0)) && !device.fronts(v4(2), at(1)) && !device.fronts(v4(1), at(2)));
        assert!(device.fronts(v4(3), at(3)));
        let mut roaming = Device::default();
        for hour in 0..20 {
            assert!(!roaming.fronts(v4(hour), at(u64::from(hour) * 1900)), "{hour}");
        }
        let v6 = |net: u16, host: u16| IpAddr::from([0x2001, 0xdb8, 0, net, 0, 0, 0, host]);
        let mut host = Device::default();
        for temporary in 0..200 {
            assert!(!host.fronts(v6(temporary % 3, temporary), at(0)), "{temporary}");
        }
        assert!(host.fronts(v6(3, 1), at(0)));
    }

    #[test]
    fn one_address_stands_for_all_until_the_machine_moves() {
        let v6 = |net: u16, host: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, net, 9, 9, 9, host);
        let mut device = Device::default();
        assert_eq!(device.representative(v6(1, 1), at(0)), v6(1, 1));
        assert_eq!(device.representative(v6(1, 2), at(600)), v6(1, 1));
        assert_eq!(device.representative(v6(2, 3), at(1000)), v6(1, 1), "two prefixes at a time");
        assert_eq!(device.representative(v6(2, 4), at(1500)), v6(2, 4), "the first prefix fell silent");
        device.loses(v6(2, 4).into());
        assert_eq!(device.representative(v6(2, 5), at(1501)), v6(2, 5));
    }

    #[test]
    fn the_name_a_server_gave_stands_and_of_announced_ones_the_first() {
        let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
        let mut name = None;
        assert!(note_name(&mut name, &one, Rank::Announced, at(0)));
        assert!(!note_name(&mut name, &two, Rank::Announced, at(10)) && !note_name(&mut name, &one, Rank::Announced, at(3000)));
        assert!(!note_name(&mut name, &two, Rank::Announced, at(6000)));
        assert!(note_name(&mut name, &two, Rank::Announced, at(9000)), "the first was not said for an hour");
        assert!(note_name(&mut name, &one, Rank::Given, at(9001)));
        assert!(!note_name(&mut name, &two, Rank::Asked, at(9002)));
        assert!(note_name(&mut name, &two, Rank::Given, at(9003)));
    }

    #[test]
    fn shared_addresses_of_routers_are_known() {
        assert!(is_virtual_router([0, 0, 0x5e, 0, 1, 7]) && is_virtual_router([0, 0, 0x0c, 7, 0xac, 1]));
        assert!(!is_virtual_router([0, 0, 0x5e, 0, 0x53, 1]) && !is_virtual_router([2, 0, 0, 0, 0, 1]));
    }
}
