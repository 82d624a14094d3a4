//! Look-ups and announcements: DNS over UDP and TCP, mDNS, LLMNR, NetBIOS, DHCP, RADIUS accounting. They open no flow of their own.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::{Engine, Sink};
use crate::engine::event::{Anomaly, Detail, Ends, Event, Link, Observation, Source};
use crate::engine::frame::Time;
use crate::engine::host::HostName;
use crate::engine::mac::is_individual;
use crate::engine::names::{announce, dns};
use crate::engine::packet::Packet;
use crate::engine::stream::Inserted;

/// Messages remembered to tell a second copy of the same packet.
const REMEMBERED: usize = 64;
/// How long two equal messages may be apart to be one packet captured twice; clients ask again much later.
const COPY_WITHIN: u64 = 50_000_000;

/// Digests of the last messages.
pub(super) struct Lookups {
    recent: VecDeque<(Time, u64)>,
    hasher: FixedState,
}

impl Lookups {
    pub(super) fn new(seed: u64) -> Self {
        Lookups { recent: VecDeque::with_capacity(REMEMBERED), hasher: FixedState::with_seed(seed) }
    }

    /// Whether the same message between the same ends was seen a moment ago.
    fn is_copy(&mut self, packet: &Packet<'_>, message: &[u8]) -> bool {
        let s = &packet.segment;
        let digest = self.hasher.hash_one((packet.encap.vni(), packet.src, packet.dst, s.src_port, s.dst_port, message));
        let is_copy = self.recent.iter().any(|(time, d)| *d == digest && packet.time.since(*time) < COPY_WITHIN);
        if self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((packet.time, digest));
        is_copy
    }
}

impl Engine {
    /// Takes a datagram on a port of look-ups; false where it is none and must be read as a flow's.
    #[inline]
    pub(super) fn lookup(&mut self, packet: &Packet<'_>, sink: Sink<'_>) -> bool {
        let s = &packet.segment;
        let (low, high) = (s.src_port.min(s.dst_port), s.src_port.max(s.dst_port));
        match (low, high) {
            (53, _) | (_, 53 | 5353 | 5355) | (5353 | 5355, _) => self.dns_message(s.payload, packet, sink),
            (137, 137) => self.announced(announce::netbios_registration(s.payload), Source::Nbns, packet, sink),
            (67 | 68, 67 | 68) => {
                self.dhcp(packet, sink);
                true
            }
            (546 | 547, 546 | 547) => {
                self.dhcpv6(packet, sink);
                true
            }
            (1646 | 1813, _) | (_, 1646 | 1813) => self.accounting(packet, sink),
            _ => false,
        }
    }

    /// A client's own name. These ports carry nothing else we read.
    fn announced(&mut self, name: Option<String>, source: Source, packet: &Packet<'_>, sink: Sink<'_>) -> bool {
        if let Some(name) = name {
            self.observe(source, HostName::unchecked(&name), ends(packet, true), Detail::None, packet, sink);
        }
        true
    }

    /// One DNS message; false where it is none.
    pub(super) fn dns_message(&mut self, message: &[u8], packet: &Packet<'_>, sink: Sink<'_>) -> bool {
        let Some(parsed) = dns::parse(message) else {
            if message.len() >= 12 {
                self.counters.anomaly(Anomaly::Dns);
            }
            return false;
        };
        if self.lookups.is_copy(packet, message) {
            self.counters.anomaly(Anomaly::Duplicate);
            return true;
        }
        if parsed.is_broken {
            self.counters.anomaly(Anomaly::Dns);
        }
        let s = &packet.segment;
        match s.src_port.max(s.dst_port) {
            5353 if s.src_port.min(s.dst_port) != 53 => self.multicast(&parsed, Source::Mdns, packet, sink),
            5355 if s.src_port.min(s.dst_port) != 53 => self.multicast(&parsed, Source::Llmnr, packet, sink),
            _ if parsed.is_response => self.answers(parsed, packet, sink),
            _ => self.questions(parsed, packet, sink),
        }
        true
    }

    fn questions(&mut self, message: dns::Message, packet: &Packet<'_>, sink: Sink<'_>) {
        for question in message.questions {
            let detail = Detail::Query { qtype: question.qtype };
            self.observe(Source::DnsQuery, question.name, ends(packet, true), detail, packet, sink);
        }
    }

    fn answers(&mut self, message: dns::Message, packet: &Packet<'_>, sink: Sink<'_>) {
        for name in message.public_names {
            self.hellos.ech_names.learn(name);
        }
        let qtype = message.questions.first().map_or(0, |q| q.qtype);
        for answer in message.answers {
            let detail = Detail::Answer { qtype, addresses: answer.addresses };
            self.observe(Source::DnsAnswer, answer.name, ends(packet, false), detail, packet, sink);
        }
    }

    /// Multicast answers: the sender tells its own name and address. Questions there name others and say nothing of a client.
    fn multicast(&mut self, message: &dns::Message, source: Source, packet: &Packet<'_>, sink: Sink<'_>) {
        let own = packet.src.ip();
        for answer in message.answers.iter().filter(|_| message.is_response) {
            if answer.addresses.iter().any(|(address, _)| *address == own) {
                self.observe(source, answer.name.clone(), ends(packet, true), Detail::None, packet, sink);
            }
        }
    }

    pub(super) fn observe(&mut self, source: Source, name: HostName, ends: Ends, detail: Detail, packet: &Packet<'_>, sink: Sink<'_>) {
        self.counters.observation(source);
        let is_from_client = ends.client == packet.src.ip() && ends.client_port == packet.segment.src_port;
        sink(Event::Name(Box::new(Observation {
            time: packet.time,
            source,
            transport: packet.segment.transport,
            ends,
            flow: None,
            name,
            encap: *packet.encap,
            link: link(packet, is_from_client),
            proxied: None,
            detail,
        })));
    }

    /// More of a DNS conversation over TCP.
    pub(super) fn dns_stream(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let segment = &packet.segment;
        let Some(flow) = self.table.flow(at) else { return };
        let start = flow.directions.get(direction).and_then(|d| d.start());
        let Some(open) = self.open(at) else { return };
        let (Some(stream), Some(begun)) = (open.streams.get_mut(direction), open.has_begun.get_mut(direction)) else { return };
        let seq = segment.seq.wrapping_add(u32::from(segment.flags.syn()));
        if !*begun {
            stream.reset(start.unwrap_or(seq), true);
            *begun = true;
        }
        if stream.insert(seq, segment.payload) == Inserted::Full {
            // A gap that does not close: go on where messages usually begin, at a segment's start.
            stream.reset(seq, true);
            stream.insert(seq, segment.payload);
        }
        self.dns_messages(at, direction, packet, sink);
    }

    /// The complete messages at the front of a stream, each with its length before it (RFC 1035 §4.2.2).
    pub(super) fn dns_messages(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let mut message = std::mem::take(&mut self.plain);
        loop {
            let stream = self.table.flow(at).and_then(|f| f.open.as_mut()).and_then(|o| o.streams.get_mut(direction));
            let Some(stream) = stream else { break };
            let Some((length, rest)) = stream.ready().split_first_chunk::<2>() else { break };
            let length = usize::from(u16::from_be_bytes(*length));
            let Some(body) = rest.get(..length) else { break };
            message.clear();
            message.extend_from_slice(body);
            stream.consume(length.saturating_add(2));
            self.dns_message(&message, packet, sink);
        }
        self.plain = message;
    }
}

/// What a packet's frame tells of the client; one it did not send tells no time to live.
pub(super) fn link(packet: &Packet<'_>, is_from_client: bool) -> Link {
    let (mac, ttl) = if is_from_client { (packet.mac, packet.ttl) } else { (packet.dst_mac, 0) };
    let mac = mac.filter(|mac| is_individual(*mac));
    Link { mac, ttl, vlans: packet.encap.vlans().collect() }
}

/// Ends of a packet: the sender is the client, or the receiver where it is an answer.
pub(super) fn ends(packet: &Packet<'_>, is_from_client: bool) -> Ends {
    let s = &packet.segment;
    let (src, dst) = ((packet.src.ip(), s.src_port), (packet.dst.ip(), s.dst_port));
    let ((client, client_port), (server, server_port)) = if is_from_client { (src, dst) } else { (dst, src) };
    Ends { client, client_port, server, server_port }
}
