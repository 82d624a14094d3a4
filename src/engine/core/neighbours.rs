//! ARP and neighbour discovery: which link-layer address has which address. Most of it repeats what was told a moment ago, and costs nothing.

use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};

use foldhash::fast::FixedState;

use super::{Engine, Sink};
use crate::engine::bytes::Verdict;
use crate::engine::event::{Anomaly, Binding, BindingKind, BindingSource, Event};
use crate::engine::frame::Time;
use crate::engine::mac::is_individual;
use crate::engine::names::neighbour::{Arp, Discovery, arp, discovery};
use crate::engine::packet::{Address, Neighbour};

/// Tellings remembered; a power of two.
const REMEMBERED: usize = 4096;
/// How long a telling is not repeated, in nanoseconds.
const REPEAT: u64 = 60_000_000_000;

/// What was told lately: a place a digest, the newest in it stands.
pub(super) struct Told {
    places: Vec<(u64, Time)>,
    hasher: FixedState,
}

impl Told {
    pub(super) fn new(seed: u64) -> Self {
        Told { places: vec![(0, Time(0)); REMEMBERED], hasher: FixedState::with_seed(seed) }
    }

    /// Whether the same was told a moment ago; from now on it was.
    fn is_repeated(&mut self, kind: BindingKind, address: Option<IpAddr>, mac: [u8; 6], neighbour: &Neighbour<'_>) -> bool {
        let digest = self.hasher.hash_one((kind, address, mac, neighbour.encap.vlan(), neighbour.encap.vni()));
        let Some(place) = self.places.get_mut(digest as usize % REMEMBERED) else { return false };
        let is_repeated = place.0 == digest && neighbour.time.since(place.1) < REPEAT && place.1.0 != 0;
        if !is_repeated {
            *place = (digest, neighbour.time);
        }
        is_repeated
    }
}

/// What a message says: who it is about, and what.
type Said = (BindingKind, Option<IpAddr>, [u8; 6]);

impl Engine {
    /// Takes an ARP or ICMPv6 message.
    pub(super) fn neighbour(&mut self, neighbour: &Neighbour<'_>, sink: Sink<'_>) {
        let (source, said) = match neighbour.ends {
            None => (BindingSource::Arp, said_by_arp(neighbour)),
            Some((from, _)) => (BindingSource::Ndp, said_by_discovery(neighbour, from)),
        };
        match said {
            Verdict::Found(Some((kind, address, mac))) => {
                if self.told.is_repeated(kind, address, mac, neighbour) {
                    return;
                }
                let binding = Binding::told(neighbour.time, source, kind, neighbour.encap.vlans().collect());
                let address = address.map(Into::into);
                sink(Event::Binding(Box::new(Binding { address, mac: Some(mac), ..binding })));
            }
            Verdict::Found(None) | Verdict::Not => {}
            // Neither has a rest that could come later.
            Verdict::NeedMore(_) | Verdict::Malformed(_) => self.counters.anomaly(Anomaly::Neighbour),
        }
    }
}

/// A sender that gives another's link-layer address, or none, speaks for another.
fn said_by_arp(neighbour: &Neighbour<'_>) -> Verdict<Option<Said>> {
    let Arp { mac, sender, target } = match arp(neighbour.message) {
        Verdict::Found(message) => message,
        other => return other.map(|_| None),
    };
    Verdict::Found((neighbour.mac == Some(mac)).then(|| match sender {
        Some(sender) => (BindingKind::Holds, Some(sender.into()), mac),
        None => (BindingKind::Probes, Some(target.into()), mac),
    }))
}

/// Only what no router passed on counts (hop limit 255, RFC 4861 §7.1).
fn said_by_discovery(neighbour: &Neighbour<'_>, from: Address) -> Verdict<Option<Said>> {
    let message = match discovery(neighbour.message) {
        Verdict::Found(message) => message,
        other => return other.map(|_| None),
    };
    if neighbour.ttl != 255 {
        return Verdict::Found(None);
    }
    let from = Some(from.ip()).filter(|ip| !ip.is_unspecified());
    let frame = neighbour.mac.filter(|mac| is_individual(*mac));
    Verdict::Found(match message {
        Discovery::Router(true, mac) => mac.or(frame).map(|mac| (BindingKind::Routes, None, mac)),
        Discovery::Router(false, _) => None,
        Discovery::RouterWanted(mac) => holds(from, mac),
        Discovery::Solicitation(_, mac) if from.is_some() => holds(from, mac.or(frame)),
        Discovery::Solicitation(target, _) => frame.map(|mac| (BindingKind::Probes, Some(target.into()), mac)),
        Discovery::Advertisement(target, mac) => holds(Some(target.into()), mac.or(frame)),
    })
}

fn holds(address: Option<IpAddr>, mac: Option<[u8; 6]>) -> Option<Said> {
    let address = address.filter(|a| *a != IpAddr::V6(Ipv6Addr::LOCALHOST));
    Some((BindingKind::Holds, Some(address?), mac?))
}
