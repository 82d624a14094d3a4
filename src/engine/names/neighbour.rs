//! Neighbours on a link: ARP for IPv4 (RFC 826, probes RFC 5227) and neighbour discovery for IPv6 (RFC 4861, RFC 4862).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::engine::bytes::{Reader, Verdict};
use crate::engine::mac::is_individual;

/// An ARP request or reply, as far as its sender speaks of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    /// Who sent it.
    pub mac: [u8; 6],
    /// Its address; `None` in a probe, which asks whether the target address is free.
    pub sender: Option<Ipv4Addr>,
    /// Whom it asks for, or answers.
    pub target: Ipv4Addr,
}

/// Reads an ARP message of Ethernet and IPv4.
pub fn arp(bytes: &[u8]) -> Verdict<Arp> {
    const HEAD: [u8; 7] = [0, 1, 8, 0, 6, 4, 0];
    if !bytes.iter().zip(HEAD).all(|(byte, expected)| *byte == expected) {
        return Verdict::Not;
    }
    let mut r = Reader::new(bytes);
    let (Some(_), Some(operation), Some(mac), Some(sender)) = (r.array::<7>(), r.u8(), r.array::<6>(), r.array::<4>()) else {
        return Verdict::NeedMore(28);
    };
    let (Some(_), Some(target)) = (r.array::<6>(), r.array::<4>()) else { return Verdict::NeedMore(28) };
    let sender = Ipv4Addr::from(sender);
    match operation {
        1 | 2 if !is_individual(mac) || sender.is_broadcast() || sender.is_multicast() => Verdict::Malformed(8),
        1 | 2 => Verdict::Found(Arp { mac, sender: Some(sender).filter(|a| !a.is_unspecified()), target: target.into() }),
        _ => Verdict::Not,
    }
}

/// A message of neighbour discovery, with the link-layer address its sender gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discovery {
    /// A host looks for routers: its source address is its own.
    RouterWanted(Option<[u8; 6]>),
    /// A router announces itself; `true` where others may send through it.
    Router(bool, Option<[u8; 6]>),
    /// A host asks for a target's link-layer address; from `::` it asks whether the target is free (duplicate address detection).
    Solicitation(Ipv6Addr, Option<[u8; 6]>),
    /// A host tells that a target is its own.
    Advertisement(Ipv6Addr, Option<[u8; 6]>),
}

/// Reads an ICMPv6 message. It has no length of its own: what is given must be the whole of it.
pub fn discovery(bytes: &[u8]) -> Verdict<Discovery> {
    let mut r = Reader::new(bytes);
    let Some(kind) = r.u8() else { return Verdict::NeedMore(8) };
    let fixed = match kind {
        133 => 8,
        134 => 16,
        135 | 136 => 24,
        _ => return Verdict::Not,
    };
    let (Some(head), Some(code)) = (bytes.get(..fixed), bytes.get(1)) else { return Verdict::NeedMore(fixed) };
    if *code != 0 {
        return Verdict::Malformed(1);
    }
    let target = head.get(8..).and_then(|t| <[u8; 16]>::try_from(t).ok()).map(Ipv6Addr::from);
    if target.is_some_and(|t| t.is_multicast() || t.is_unspecified()) {
        return Verdict::Malformed(8);
    }
    // 1 is the sender's own link-layer address, 2 the target's.
    let wanted = if kind == 136 { 2 } else { 1 };
    let mac = match link_layer_address(bytes, fixed, wanted) {
        Verdict::Found(mac) => mac,
        Verdict::NeedMore(n) => return Verdict::NeedMore(n),
        Verdict::Malformed(at) => return Verdict::Malformed(at),
        Verdict::Not => return Verdict::Not,
    };
    let lifetime = || head.get(6..8).is_some_and(|l| l != [0, 0]);
    match (kind, target) {
        (133, _) => Verdict::Found(Discovery::RouterWanted(mac)),
        (134, _) => Verdict::Found(Discovery::Router(lifetime(), mac)),
        (135, Some(target)) => Verdict::Found(Discovery::Solicitation(target, mac)),
        (136, Some(target)) => Verdict::Found(Discovery::Advertisement(target, mac)),
        _ => Verdict::Not,
    }
}

/// The link-layer address among the options: type, length in units of eight bytes, value.
fn link_layer_address(bytes: &[u8], from: usize, wanted: u8) -> Verdict<Option<[u8; 6]>> {
    let mut r = Reader::new(bytes.get(from..).unwrap_or_default());
    let mut mac = None;
    while !r.is_empty() {
        let at = bytes.len().saturating_sub(r.len());
        let (Some(kind), Some(units)) = (r.u8(), r.u8()) else { return Verdict::NeedMore(at.saturating_add(8)) };
        if units == 0 {
            return Verdict::Malformed(at);
        }
        let size = usize::from(units).saturating_mul(8);
        let Some(value) = r.take(size.saturating_sub(2)) else { return Verdict::NeedMore(at.saturating_add(size)) };
        if kind == wanted && units == 1 {
            mac = value.try_into().ok().filter(|m| is_individual(*m));
        }
    }
    Verdict::Found(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 5];

    fn arp_of(operation: u8, mac: [u8; 6], sender: [u8; 4]) -> Vec<u8> {
        [&[0, 1, 8, 0, 6, 4, 0, operation][..], &mac, &sender, &[0; 6], &[10, 0, 0, 9]].concat()
    }

    #[test]
    fn reads_arp() {
        let target = Ipv4Addr::new(10, 0, 0, 9);
        let told = |sender| Verdict::Found(Arp { mac: MAC, sender, target });
        assert_eq!(arp(&arp_of(1, MAC, [10, 0, 0, 5])), told(Some(Ipv4Addr::new(10, 0, 0, 5))));
        assert_eq!(arp(&arp_of(2, MAC, [10, 0, 0, 5])), told(Some(Ipv4Addr::new(10, 0, 0, 5))));
        assert_eq!(arp(&arp_of(1, MAC, [0; 4])), told(None), "a probe");
        assert_eq!(arp(&[arp_of(1, MAC, [10, 0, 0, 5]), vec![0; 18]].concat()), told(Some(Ipv4Addr::new(10, 0, 0, 5))), "padded");
        assert_eq!(arp(&arp_of(1, [1, 0, 0, 0, 0, 5], [10, 0, 0, 5])), Verdict::Malformed(8));
        assert_eq!(arp(&arp_of(1, MAC, [255; 4])), Verdict::Malformed(8));
        assert_eq!(arp(&arp_of(8, MAC, [10, 0, 0, 5])), Verdict::Not, "inverse ARP");
        assert_eq!(arp(&[0; 46]), Verdict::Not);
        let whole = arp_of(1, MAC, [10, 0, 0, 5]);
        for length in 0..whole.len() {
            assert_eq!(arp(&whole[..length]), Verdict::NeedMore(28), "{length}");
        }
    }

    fn message(kind: u8, flags: [u8; 4], target: &str, options: &[u8]) -> Vec<u8> {
        let target = target.parse::<Ipv6Addr>().unwrap().octets();
        [&[kind, 0, 0, 0][..], &flags, &target, options].concat()
    }

    fn option(kind: u8) -> Vec<u8> {
        [&[kind, 1][..], &MAC].concat()
    }

    #[test]
    fn reads_neighbour_discovery() {
        let target = "2001:db8::5".parse().unwrap();
        let nonce = [14, 1, 1, 2, 3, 4, 5, 6];
        let solicitation = message(135, [0; 4], "2001:db8::5", &[&nonce[..], &option(1)].concat());
        assert_eq!(discovery(&solicitation), Verdict::Found(Discovery::Solicitation(target, Some(MAC))));
        assert_eq!(discovery(&message(135, [0; 4], "2001:db8::5", &[])), Verdict::Found(Discovery::Solicitation(target, None)));
        let advertisement = message(136, [0x60, 0, 0, 0], "2001:db8::5", &option(2));
        assert_eq!(discovery(&advertisement), Verdict::Found(Discovery::Advertisement(target, Some(MAC))));
        let router = |lifetime| [&[134, 0, 0, 0, 64, 0, 0, lifetime][..], &[0; 8], &option(1)].concat();
        assert_eq!(discovery(&router(30)), Verdict::Found(Discovery::Router(true, Some(MAC))));
        assert_eq!(discovery(&router(0)), Verdict::Found(Discovery::Router(false, Some(MAC))));
        assert_eq!(discovery(&[&[133, 0, 0, 0, 0, 0, 0, 0][..], &option(1)].concat()), Verdict::Found(Discovery::RouterWanted(Some(MAC))));
        for length in 0..solicitation.len() {
            match discovery(&solicitation[..length]) {
                Verdict::NeedMore(n) => assert!(n > length && n <= solicitation.len(), "{length}"),
                // An option's end may be the message's.
                told => assert_eq!((length % 8, told), (0, Verdict::Found(Discovery::Solicitation(target, None))), "{length}"),
            }
        }
    }

    #[test]
    fn contradictions_are_malformed_and_other_messages_are_not_discovery() {
        assert_eq!(discovery(&message(135, [0; 4], "ff02::1", &[])), Verdict::Malformed(8));
        assert_eq!(discovery(&message(136, [0; 4], "2001:db8::5", &[2, 0, 1, 2, 3, 4, 5, 6])), Verdict::Malformed(24));
        let mut coded = message(135, [0; 4], "2001:db8::5", &[]);
        coded[1] = 1;
        assert_eq!(discovery(&coded), Verdict::Malformed(1));
        assert_eq!(discovery(&[128, 0, 0, 0, 0, 1, 0, 1]), Verdict::Not, "an echo");
    }
}
