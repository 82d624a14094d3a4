//! From a frame to the innermost TCP segment or UDP datagram: link layer, VLANs, tunnels, IP.
//!
//! Lengths follow IP, never what was captured: `wire` is what stood on the wire, `payload` what the capture holds of it. An IP length
//! of 0 (frames merged by the network card) falls back to the wire length.

mod encap;
mod fragment;
mod ip;
mod link;
mod transport;
mod tunnel;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use encap::{Encap, Layer, Rare};
pub use fragment::{Fragment, FragmentKey, Fragments};
pub use transport::{Segment, TcpFlags, Transport};
pub use tunnel::TUNNEL_PORTS;

use super::bytes::Reader;
use super::event::Anomaly;
use super::frame::{Frame, LinkType, Time};

/// Nested headers (tunnels, VLANs, extension headers apart) followed before a packet counts as hostile.
pub const MAX_DEPTH: u8 = 8;

/// An IP address in 128 bits. IPv4 stands in a corner of IPv6 that no packet can come from (`ff00::a.b.c.d`, reserved multicast, RFC 4291
/// §2.7.1), so that a mapped address on the wire (`::ffff:a.b.c.d`) stays what it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Address(pub u128);

impl Address {
    const V4: u128 = 0xff00 << 112;

    /// From the four bytes of an IPv4 header.
    #[inline]
    pub const fn v4(bytes: [u8; 4]) -> Self {
        Address(Self::V4 | u32::from_be_bytes(bytes) as u128)
    }

    /// From the sixteen bytes of an IPv6 header.
    #[inline]
    pub const fn v6(bytes: [u8; 16]) -> Self {
        Address(u128::from_be_bytes(bytes))
    }

    /// As the standard library has it.
    pub fn ip(self) -> IpAddr {
        if self.0 >> 32 == Self::V4 >> 32 { IpAddr::V4(Ipv4Addr::from(self.0 as u32)) } else { IpAddr::V6(Ipv6Addr::from(self.0)) }
    }
}

/// The innermost packet of a frame.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// When it was captured.
    pub time: Time,
    /// Innermost source address.
    pub src: Address,
    /// Innermost destination address.
    pub dst: Address,
    /// VLANs and tunnels around it, outermost first.
    pub encap: &'a Encap,
    /// Source MAC address of the link header that carries it; none behind a tunnel that carries IP alone.
    pub mac: Option<[u8; 6]>,
    /// Destination MAC address of the same header.
    pub dst_mac: Option<[u8; 6]>,
    /// Time to live, or hop limit, of its IP header.
    pub ttl: u8,
    /// Its transport header and payload.
    pub segment: Segment<'a>,
}

/// A message by which neighbours on a link tell their addresses: ARP (RFC 826), or any of ICMPv6 (RFC 4443).
#[derive(Clone, Debug)]
pub struct Neighbour<'a> {
    /// When it was captured.
    pub time: Time,
    /// Addresses of the IPv6 header around it; `None` for ARP, which has none.
    pub ends: Option<(Address, Address)>,
    /// VLANs and tunnels around it, outermost first.
    pub encap: &'a Encap,
    /// MAC address that sent the frame.
    pub mac: Option<[u8; 6]>,
    /// Hop limit of the IPv6 header around it; 0 for ARP.
    pub ttl: u8,
    /// What the capture holds of the message.
    pub message: &'a [u8],
}

/// What became of a frame.
#[derive(Clone, Debug)]
pub enum Step<'a> {
    /// A TCP segment or UDP datagram.
    Packet(Packet<'a>),
    /// A piece of an IP datagram; [`Walk::resume`] goes on when [`Fragments`] has all of them.
    Fragment(Box<Fragment<'a>>),
    /// ARP or ICMPv6.
    Neighbour(Neighbour<'a>),
    /// None of these: another protocol, with its IP protocol number where it got that far.
    Other(Option<u8>),
}

/// What a walk ends at; the rest of a [`Packet`] stands in the walk itself, so that nothing large is handed from call to call.
enum Found<'a> {
    Segment {
        src: Address,
        dst: Address,
        segment: Segment<'a>,
    },
    Fragment(Box<Fragment<'a>>),
    /// The message stands where the walk does.
    Neighbour(Option<(Address, Address)>),
    Other(Option<u8>),
}

/// A walk through the headers of one frame, from [`Walk::of`] or [`Walk::resumed`], and where it stands.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    time: Time,
    rest: &'a [u8],
    /// Bytes on the wire from here on, at least as many as `rest`.
    wire: usize,
    encap: Encap,
    mac: Option<[u8; 6]>,
    dst_mac: Option<[u8; 6]>,
    /// Of the innermost IP header.
    ttl: u8,
    depth: u8,
}

/// What header comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Link(i32),
    /// An 802.11 frame, its frame control field perhaps with its bytes exchanged.
    Wifi {
        is_exchanged: bool,
    },
    EtherType(u16),
    Ppp,
    /// IPv4 or IPv6, told by the first nibble.
    Ip,
    Mpls,
    Nsh,
    Arp,
    /// Nothing we follow.
    Stop,
}

impl<'a> Walk<'a> {
    /// Consumes `n` bytes.
    #[inline]
    fn skip(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(n)?;
        self.rest = tail;
        self.wire = self.wire.saturating_sub(n);
        Some(head)
    }

    #[inline]
    fn reader(&self) -> Reader<'a> {
        Reader::new(self.rest)
    }

    /// One more nested header.
    fn deeper(&mut self, layer: Layer) -> Result<(), Anomaly> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(Anomaly::Nesting);
        }
        self.encap.push(layer);
        Ok(())
    }

    /// Behind a tunnel the MAC addresses outside are the tunnel's: a link header inside gives others.
    fn leave_link(&mut self) {
        (self.mac, self.dst_mac) = (None, None);
    }

    fn run(&mut self, mut next: Next) -> Result<Found<'a>, Anomaly> {
        loop {
            next = match next {
                Next::Link(number) => link::link(self, number)?,
                Next::Wifi { is_exchanged } => link::wifi(self, is_exchanged)?,
                Next::EtherType(kind) => link::ether_type(self, kind)?,
                Next::Ppp => link::ppp(self)?,
                Next::Mpls => link::mpls(self)?,
                Next::Nsh => link::nsh(self)?,
                Next::Ip => match ip::header(self)? {
                    ip::Inner::Fragment(fragment) => return Ok(Found::Fragment(fragment)),
                    ip::Inner::Datagram(datagram) => match transport::open(self, &datagram)? {
                        transport::Opened::Found(found) => return Ok(found),
                        transport::Opened::Tunnel(inner) => {
                            self.leave_link();
                            inner
                        }
                    },
                },
                Next::Arp => return Ok(Found::Neighbour(None)),
                Next::Stop => return Ok(Found::Other(None)),
            }
        }
    }

    /// The walk that begins at a frame's link header.
    #[inline]
    pub fn of(frame: &Frame<'a>) -> Self {
        Walk {
            time: frame.time,
            rest: frame.bytes,
            wire: (frame.wire_len as usize).max(frame.bytes.len()),
            encap: Encap::default(),
            mac: None,
            dst_mac: None,
            ttl: 0,
            depth: 0,
        }
    }

    /// Follows a frame's headers to its innermost packet.
    ///
    /// # Errors
    /// The kind of anomaly that stopped it.
    #[inline]
    pub fn decode(&mut self, link: LinkType) -> Result<Step<'_>, Anomaly> {
        let found = self.run(Next::Link(link.0))?;
        Ok(self.step(found))
    }

    /// The walk that goes on with a datagram whose fragments are all there: its last [`Fragment`], and its bytes from [`Fragments`].
    pub fn resumed(fragment: &Fragment<'_>, bytes: &'a [u8]) -> Self {
        let Fragment { time, encap, mac, dst_mac, ttl, depth, .. } = *fragment;
        Walk { time, rest: bytes, wire: bytes.len(), encap, mac, dst_mac, ttl, depth }
    }

    /// Goes on behind the IP header of the fragments.
    ///
    /// # Errors
    /// The kind of anomaly that stopped it.
    pub fn resume(&mut self, key: &FragmentKey) -> Result<Step<'_>, Anomaly> {
        let datagram = ip::Datagram { src: key.src, dst: key.dst, protocol: key.protocol };
        let found = match transport::open(self, &datagram)? {
            transport::Opened::Found(found) => found,
            transport::Opened::Tunnel(next) => {
                self.leave_link();
                self.run(next)?
            }
        };
        Ok(self.step(found))
    }

    #[inline]
    fn step(&self, found: Found<'a>) -> Step<'_> {
        match found {
            Found::Segment { src, dst, segment } => {
                let Walk { time, mac, dst_mac, ttl, .. } = *self;
                Step::Packet(Packet { time, src, dst, encap: &self.encap, mac, dst_mac, ttl, segment })
            }
            Found::Fragment(fragment) => Step::Fragment(fragment),
            Found::Neighbour(ends) => {
                let Walk { time, rest, mac, ttl, .. } = *self;
                let ttl = if ends.is_some() { ttl } else { 0 };
                Step::Neighbour(Neighbour { time, ends, encap: &self.encap, mac, ttl, message: rest })
            }
            Found::Other(protocol) => Step::Other(protocol),
        }
    }
}
