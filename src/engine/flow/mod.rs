//! The flow table: conversations keyed by addresses, ports, protocol and VLAN/VNI, their volumes, and when they are due.
//!
//! A VNI keeps flows apart always. A VLAN id does where what the packets say contradicts ([`Flow::is_same`]): mirrors tag the two
//! directions of one conversation differently, and routers show a packet once in each of two VLANs.
//!
//! Bounded: when full, the longest silent of a window of [`WINDOW`] neighbours goes first, so that a flood of new flows costs a constant
//! each and throws out itself before flows that go on. Deadlines stand in a wheel of one slot a second.

mod dialogue;
mod direction;
mod table;

use std::net::SocketAddr;

use super::event::{BlindSpot, FlowId, Link, Reason, Source, Transport, Vlans};
use super::frame::Time;
use super::host::HostName;
use super::mac::is_individual;
use super::minutes::Minutes;
use super::packet::{Address, Packet};
use direction::MAX_EARLY;

pub use dialogue::Dialogue;
pub use direction::Direction;
pub use table::FlowTable;

/// What makes two packets one conversation; the lower end first, so both directions are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowKey {
    low: Address,
    high: Address,
    ports: u32,
    transport: Transport,
    isolation: u64,
}

impl FlowKey {
    /// Key of a packet's flow, and its direction: 0 where the lower end sent it.
    #[inline]
    pub fn of(packet: &Packet<'_>) -> (FlowKey, usize) {
        let s = &packet.segment;
        let is_low = (packet.src, s.src_port) <= (packet.dst, s.dst_port);
        let ports = |a: u16, b: u16| u32::from(a) << 16 | u32::from(b);
        let (low, high, ports) = match is_low {
            true => (packet.src, packet.dst, ports(s.src_port, s.dst_port)),
            false => (packet.dst, packet.src, ports(s.dst_port, s.src_port)),
        };
        (FlowKey { low, high, ports, transport: s.transport, isolation: packet.encap.vni() }, usize::from(!is_low))
    }

    /// The key of a flow that shares all but its VLAN with another.
    pub fn within(self, vlan: u64) -> FlowKey {
        FlowKey { isolation: self.isolation ^ vlan.rotate_left(17), ..self }
    }

    /// Transport of the flow.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Address and port of an end: 0 is the lower.
    pub fn end(&self, direction: usize) -> (Address, u16) {
        match direction {
            0 => (self.low, (self.ports >> 16) as u16),
            _ => (self.high, self.ports as u16),
        }
    }
}

/// How far a flow's reading has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Its opening is being read.
    Opening,
    /// HTTP/1 in clear: each request may name a host.
    Http,
    /// DNS messages.
    Dns,
    /// Only volumes count.
    Done,
}

/// One conversation. In the order in which a packet needs them: what every packet of a flow reads and writes stands in its first three lines
/// of the cache, what only its beginning, a name and a telling need behind.
#[derive(Debug)]
#[repr(C)]
pub struct Flow<O> {
    /// Its key.
    pub key: FlowKey,
    /// VLAN of its first packet, see [`super::packet::Encap::vlan`].
    pub vlan: u64,
    /// Last packet.
    pub last_seen: Time,
    /// Volumes: of the lower end, of the higher end.
    pub directions: [Direction; 2],
    /// How far it is read.
    pub phase: Phase,
    /// Named, or why not; `None` for what is neither encrypted nor named.
    pub reason: Option<Reason>,
    /// Which direction is the client's, where known.
    pub client: Option<u8>,
    /// It was told since its last change.
    pub is_told: bool,
    /// Its deadline is the end of its silence, none of a telling.
    pub is_resting: bool,
    /// Both directions ended, or a reset.
    pub is_closed: bool,
    /// A hello or a record of an encrypted protocol was seen.
    pub is_encrypted: bool,
    /// Requests in clear were seen: reading goes back to them.
    pub is_http: bool,
    /// Datagrams or segments looked at without success.
    pub tries: u8,
    /// What hides in it, told by its first packet.
    pub blind_spot: Option<BlindSpot>,
    /// How its name was seen, where it has one.
    pub source: Source,
    is_armed: bool,
    slot: u16,
    /// Time to live of each end's first packet, 0 where it sent none.
    pub ttls: [u8; 2],
    /// When bytes moved in it.
    pub minutes: Minutes,
    /// Bytes of the client's payloads that are too large for a request without a body.
    pub posted: u32,
    /// Exchanges of prompt and answer in it.
    pub dialogue: Dialogue,
    /// What is held while its opening is read.
    pub open: Option<Box<O>>,
    /// Its number.
    pub id: FlowId,
    /// First packet.
    pub first_seen: Time,
    /// Its name, the innermost where it has several.
    pub name: Option<HostName>,
    /// Whom the client speaks for, where a PROXY header told.
    pub proxied: Option<Box<SocketAddr>>,
    /// Digest of the client's first payload: tells two flows of one key in two VLANs from copies of one.
    pub opening_digest: u32,
    previous: u32,
    following: u32,
    /// MAC addresses of the two ends' frames, all zero where none is known; the lower end first.
    pub macs: [[u8; 6]; 2],
    /// Ids of the VLANs it was seen in.
    pub vlans: Vlans,
}

impl<O> Flow<O> {
    /// Notes what the first packet of a direction tells of its ends.
    pub fn meet(&mut self, direction: usize, packet: &Packet<'_>) {
        let ends = [(direction, packet.mac), (1 ^ direction, packet.dst_mac)];
        for (end, mac) in ends {
            let known = self.macs.get_mut(end).filter(|known| end == direction || **known == [0; 6]);
            if let (Some(known), Some(mac)) = (known, mac) {
                *known = mac;
            }
        }
        if let Some(ttl) = self.ttls.get_mut(direction) {
            *ttl = packet.ttl;
        }
        self.vlans.extend(packet.encap.vlans());
    }

    /// Whether it is told about and its deadline is none of a telling: the next packet has it told in time.
    #[inline]
    pub fn must_be_roused(&self) -> bool {
        self.is_resting && self.reason.is_some()
    }

    /// What its frames tell of one end.
    pub fn link(&self, end: usize) -> Link {
        let mac = self.macs.get(end).copied().filter(|mac| is_individual(*mac));
        Link { mac, ttl: self.ttls.get(end).copied().unwrap_or(0), vlans: self.vlans }
    }

    /// Whether a packet of this key from another VLAN belongs to this flow: a copy of one of its packets, or its other direction.
    /// `digest` is that of the packet's payload.
    pub fn is_same(&self, direction: usize, packet: &Packet<'_>, digest: u32) -> bool {
        let s = &packet.segment;
        let Some(d) = self.directions.get(direction) else { return false };
        let is_opening = self.opening_digest == 0 || self.opening_digest == digest;
        if s.transport == Transport::Udp {
            // A long header of QUIC at the beginning of either; later datagrams tell nothing.
            return s.payload.first().is_none_or(|b| b & 0x80 == 0) || self.client != Some(direction as u8) || is_opening;
        }
        if s.flags.syn() {
            return d.bytes == 0 && d.start().is_none_or(|start| start == s.seq.wrapping_add(1));
        }
        if s.wire > 0 && d.start() == Some(s.seq) && self.client == Some(direction as u8) {
            return is_opening;
        }
        d.packets == 0 || d.next.wrapping_sub(s.seq).cast_signed().abs() < MAX_EARLY
    }
}

const _: () = assert!(size_of::<Flow<()>>() <= 272);
