//! What stands behind an IP header: TCP, UDP, or another tunnel.

use super::ip::Datagram;
use super::{Found, Next, Walk, tunnel};
use crate::engine::bytes::Reader;
use crate::engine::event::Anomaly;

pub use crate::engine::event::Transport;

/// TCP flags (RFC 9293 §3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const PSH: u8 = 8;
    const ACK: u8 = 16;

    /// FIN: no more data from the sender.
    pub const fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }
    /// SYN: first segment of a direction.
    pub const fn syn(self) -> bool {
        self.0 & Self::SYN != 0
    }
    /// RST: the connection is gone.
    pub const fn rst(self) -> bool {
        self.0 & Self::RST != 0
    }
    /// ACK: the acknowledgement number counts.
    pub const fn ack(self) -> bool {
        self.0 & Self::ACK != 0
    }
    /// PSH: the sender's buffer was emptied.
    pub const fn psh(self) -> bool {
        self.0 & Self::PSH != 0
    }
}

/// A TCP segment or UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Which.
    pub transport: Transport,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// TCP sequence number of the first payload byte's predecessor as it stands in the header; 0 for UDP.
    pub seq: u32,
    /// TCP flags; none for UDP.
    pub flags: TcpFlags,
    /// What the capture holds of the payload.
    pub payload: &'a [u8],
    /// Payload bytes on the wire, at least `payload.len()`.
    pub wire: u32,
}

pub(super) enum Opened<'a> {
    Found(Found<'a>),
    Tunnel(Next),
}

/// Opens the payload of a whole datagram.
#[inline]
pub(super) fn open<'a>(walk: &mut Walk<'a>, datagram: &Datagram) -> Result<Opened<'a>, Anomaly> {
    let segment = match datagram.protocol {
        6 => tcp(walk)?,
        17 => udp(walk)?,
        58 => return Ok(Opened::Found(Found::Neighbour(Some((datagram.src, datagram.dst))))),
        other => return tunnel::protocol(walk, other),
    };
    if segment.transport == Transport::Udp
        && let Some(found) = tunnel::over_udp(walk, &segment)
    {
        return found.map(Opened::Found);
    }
    Ok(Opened::Found(Found::Segment { src: datagram.src, dst: datagram.dst, segment }))
}

#[inline]
fn tcp<'a>(walk: &mut Walk<'a>) -> Result<Segment<'a>, Anomaly> {
    let Some(&[p0, p1, q0, q1, s0, s1, s2, s3, _, _, _, _, offset, flags]) = walk.rest.first_chunk::<14>() else {
        return Err(Anomaly::Tcp);
    };
    let header = usize::from(offset >> 4) * 4;
    if header < 20 || header > walk.wire {
        return Err(Anomaly::Tcp);
    }
    // A snapshot may end inside the options: the payload is then missing, its length is not.
    let payload = walk.rest.get(header..).unwrap_or_default();
    let flags = TcpFlags(flags);
    let mut wire = u32::try_from(walk.wire.saturating_sub(header)).unwrap_or(u32::MAX);
    let mut kept = payload;
    // Padding inside the IP length, or a keep-alive's dummy byte: a few zero bytes without PSH are no data.
    if wire <= 6 && !flags.psh() && !flags.fin() && kept.iter().all(|b| *b == 0) {
        (wire, kept) = (0, &[]);
    }
    Ok(Segment {
        transport: Transport::Tcp,
        src_port: u16::from_be_bytes([p0, p1]),
        dst_port: u16::from_be_bytes([q0, q1]),
        seq: u32::from_be_bytes([s0, s1, s2, s3]),
        flags,
        payload: kept,
        wire,
    })
}

#[inline]
fn udp<'a>(walk: &mut Walk<'a>) -> Result<Segment<'a>, Anomaly> {
    let mut r = Reader::new(walk.rest);
    let (Some(src_port), Some(dst_port), Some(length), Some(_)) = (r.u16(), r.u16(), r.u16(), r.u16()) else { return Err(Anomaly::Udp) };
    let on_wire = walk.wire.saturating_sub(8);
    let wire = match usize::from(length) {
        // Merged by the network card, or a jumbogram (RFC 2675 §4).
        0 => on_wire,
        n if n < 8 => return Err(Anomaly::Udp),
        n => n.saturating_sub(8).min(on_wire),
    };
    let rest = r.rest();
    Ok(Segment {
        transport: Transport::Udp,
        src_port,
        dst_port,
        seq: 0,
        flags: TcpFlags::default(),
        payload: rest.get(..wire).unwrap_or(rest),
        wire: u32::try_from(wire).unwrap_or(u32::MAX),
    })
}
