//! What machines say of themselves on their link: NetBIOS, ARP, neighbour discovery.

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::mac::is_individual;
use shadowtap::engine::names::announce::netbios_registration;
use shadowtap::engine::names::neighbour::{self, Discovery};
use shadowtap::engine::names::vpn;

use super::verdict::{agrees, bounded, cut, steered};

/// Names are lower case and short; MAC addresses are those of one interface; ARP has the prefix property.
pub fn run(data: &[u8]) {
    let Some(([at, way], bytes)) = steered(data) else { return };
    match way % 4 {
        0 => {
            let Some(name) = netbios_registration(bytes) else { return };
            assert!(name.is_ascii() && (1..=15).contains(&name.len()) && name == name.trim_end().to_ascii_lowercase(), "{name:?}");
            assert!(bytes.len() >= 45);
        }
        1 => {
            let part = cut(bytes, at);
            let (whole, early) = (neighbour::arp(bytes), neighbour::arp(part));
            bounded(&whole, bytes.len());
            bounded(&early, part.len());
            agrees(&early, part.len(), &whole, bytes.len());
            if let Verdict::Found(arp) = whole {
                assert!(is_individual(arp.mac) && bytes.len() >= 28);
                assert!(arp.sender.is_none_or(|a| !a.is_unspecified() && !a.is_broadcast() && !a.is_multicast()));
            }
        }
        2 => {
            let whole = neighbour::discovery(bytes);
            bounded(&whole, bytes.len());
            let Verdict::Found(found) = whole else { return };
            let (target, mac) = match found {
                Discovery::RouterWanted(mac) | Discovery::Router(_, mac) => (None, mac),
                Discovery::Solicitation(target, mac) | Discovery::Advertisement(target, mac) => (Some(target), mac),
            };
            assert!(mac.is_none_or(is_individual));
            assert!(target.is_none_or(|t| !t.is_multicast() && !t.is_unspecified()));
        }
        _ => {
            let (src, dst) = (at as u16, (way >> 2) as u16);
            if let Some((spot, _)) = vpn::of_datagram(bytes, src, dst) {
                // What both ends say of a datagram may differ in direction, never in kind.
                assert_eq!(vpn::of_datagram(bytes, dst, src).map(|(s, _)| s), Some(spot), "seen from the other side");
            }
            if let Some(spot) = vpn::of_stream(bytes) {
                assert_eq!(vpn::of_stream(&[bytes, &[0]].concat()), Some(spot));
            }
        }
    }
}
