//! Tunnels: by IP protocol, and over UDP by port and content.

use super::encap::{Layer, Rare};
use super::transport::{Opened, Segment};
use super::{Found, MAX_DEPTH, Next, Walk};
use crate::engine::bytes::Reader;
use crate::engine::event::Anomaly;

/// Opens what an IP protocol number carries besides TCP and UDP.
pub(super) fn protocol<'a>(walk: &mut Walk<'a>, number: u8) -> Result<Opened<'a>, Anomaly> {
    let next = match number {
        4 | 41 | 94 => {
            walk.deeper(Layer::Ipip)?;
            Next::Ip
        }
        47 => gre(walk)?,
        97 => {
            walk.deeper(Layer::Other(Rare::Etherip))?;
            walk.skip(2).ok_or(Anomaly::Ip)?;
            Next::Link(1)
        }
        137 => Next::Mpls,
        other => return Ok(Opened::Found(Found::Other(Some(other)))),
    };
    Ok(Opened::Tunnel(next))
}

/// GRE (RFC 2784, 2890), PPTP's version 1 (RFC 2637), and ERSPAN by its protocol types.
fn gre(walk: &mut Walk<'_>) -> Result<Next, Anomaly> {
    let mut r = walk.reader();
    let (Some(flags), Some(kind)) = (r.u16(), r.u16()) else { return Err(Anomaly::Ip) };
    let bit = |mask: u16| if flags & mask != 0 { 4usize } else { 0 };
    // Checksum and offset stand together where either checksum or routing is present; source routes themselves are not followed.
    let fields = match flags & 7 {
        0 => [bit(0xc000), bit(0x2000), bit(0x1000), 0],
        1 => [bit(0xc000), bit(0x2000), bit(0x1000), bit(0x0080)],
        _ => return Err(Anomaly::Ip),
    };
    walk.skip(fields.into_iter().fold(4, usize::saturating_add)).ok_or(Anomaly::Ip)?;
    match kind {
        0x88be => erspan(walk, if flags & 0x1000 != 0 { 8 } else { 0 }),
        0x22eb => {
            // Type III: 12 bytes, and 8 more where its last bit says so.
            let more = walk.rest.get(11).is_some_and(|b| b & 1 != 0);
            erspan(walk, if more { 20 } else { 12 })
        }
        0x883e => {
            walk.deeper(Layer::Other(Rare::Wccp))?;
            // Version 2 puts a 4-byte redirect header before the packet.
            if walk.rest.first().is_some_and(|b| b >> 4 != 4) {
                walk.skip(4).ok_or(Anomaly::Ip)?;
            }
            Ok(Next::Ip)
        }
        0x880b => {
            walk.deeper(Layer::Gre)?;
            Ok(Next::Ppp)
        }
        kind => {
            walk.deeper(Layer::Gre)?;
            Ok(Next::EtherType(kind))
        }
    }
}

fn erspan(walk: &mut Walk<'_>, header: usize) -> Result<Next, Anomaly> {
    let session = walk.rest.get(2..4).and_then(|b| b.first_chunk::<2>()).map_or(0, |b| u16::from_be_bytes(*b) & 0x03ff);
    walk.skip(header).ok_or(Anomaly::Ip)?;
    walk.deeper(Layer::Erspan(if header == 0 { 0 } else { session }))?;
    Ok(Next::Link(1))
}

/// The inner packet of a UDP datagram that is a tunnel; `None` where port or content say it is not, or where nothing inside could be
/// followed: then the datagram stands for itself. A tunnel beyond the bound is an anomaly.
#[inline]
pub(super) fn over_udp<'a>(walk: &mut Walk<'a>, segment: &Segment<'a>) -> Option<Result<Found<'a>, Anomaly>> {
    let port = tunnel_port(segment.dst_port).or_else(|| tunnel_port(segment.src_port))?;
    inside(walk, segment, port)
}

#[cold]
fn inside<'a>(walk: &mut Walk<'a>, segment: &Segment<'a>, port: u16) -> Option<Result<Found<'a>, Anomaly>> {
    let mut inner = walk.clone();
    let is_too_deep = inner.depth >= MAX_DEPTH;
    // One less, so that the tunnel's header is read and tells whether there is one.
    inner.depth = inner.depth.min(MAX_DEPTH - 1);
    inner.leave_link();
    inner.rest = segment.payload;
    inner.wire = segment.wire as usize;
    let next = match port {
        4789 | 8472 | 4790 => vxlan(&mut inner, port == 4790),
        6081 => geneve(&mut inner),
        2152 => gtp(&mut inner),
        3544 => teredo(&mut inner),
        4754 => gre(&mut inner).ok(),
        6635 => Some(Next::Mpls),
        1701 => l2tp(&mut inner),
        37008 => tzsp(&mut inner),
        5247 => capwap(&mut inner),
        _ => ayiya(&mut inner),
    }?;
    if is_too_deep {
        return Some(Err(Anomaly::Nesting));
    }
    match inner.run(next) {
        Ok(found @ (Found::Segment { .. } | Found::Fragment(_) | Found::Neighbour(_))) => {
            *walk = inner;
            Some(Ok(found))
        }
        Err(Anomaly::Nesting) => Some(Err(Anomaly::Nesting)),
        _ => None,
    }
}

/// Ports of tunnels over UDP: VXLAN, Cisco's VXLAN, VXLAN-GPE, Geneve, GTP-U, Teredo, GRE, MPLS, L2TP, TZSP, AYIYA, CAPWAP.
pub const TUNNEL_PORTS: [u16; 12] = [4789, 8472, 4790, 6081, 2152, 3544, 4754, 6635, 1701, 37008, 5072, 5247];

#[inline]
fn tunnel_port(port: u16) -> Option<u16> {
    matches!(port, 4789 | 8472 | 4790 | 6081 | 2152 | 3544 | 4754 | 6635 | 1701 | 37008 | 5072 | 5247).then_some(port)
}

/// VXLAN (RFC 7348); with `gpe` the generic protocol extension's next-protocol byte counts.
fn vxlan(walk: &mut Walk<'_>, gpe: bool) -> Option<Next> {
    let head = walk.skip(8)?;
    let [flags, _, _, protocol, v0, v1, v2, _] = *head.first_chunk::<8>()?;
    if flags & 0x08 == 0 {
        return None;
    }
    walk.deeper(Layer::Vxlan(u32::from_be_bytes([0, v0, v1, v2]))).ok()?;
    Some(match (gpe && flags & 0x04 != 0, protocol) {
        (true, 1 | 2) => Next::Ip,
        (true, 4) => Next::Nsh,
        (true, 5) => Next::Mpls,
        _ => Next::Link(1),
    })
}

/// GENEVE (RFC 8926), options skipped.
fn geneve(walk: &mut Walk<'_>) -> Option<Next> {
    let [first, _, k0, k1, v0, v1, v2, _] = *walk.skip(8)?.first_chunk::<8>()?;
    if first >> 6 != 0 {
        return None;
    }
    walk.skip(usize::from(first & 0x3f) * 4)?;
    walk.deeper(Layer::Geneve(u32::from_be_bytes([0, v0, v1, v2]))).ok()?;
    Some(Next::EtherType(u16::from_be_bytes([k0, k1])))
}

/// GTP-U version 1 (3GPP TS 29.281 §5), extension headers skipped.
fn gtp(walk: &mut Walk<'_>) -> Option<Next> {
    let [flags, kind, _, _, t0, t1, t2, t3] = *walk.skip(8)?.first_chunk::<8>()?;
    if flags >> 4 != 3 || kind != 255 {
        return None;
    }
    if flags & 7 != 0 {
        let mut next = *walk.skip(4)?.last()?;
        for _ in 0..8 {
            if next == 0 || flags & 4 == 0 {
                break;
            }
            let length = usize::from(*walk.rest.first()?) * 4;
            next = *walk.skip(length)?.last()?;
        }
    }
    walk.deeper(Layer::Gtp(u32::from_be_bytes([t0, t1, t2, t3]))).ok()?;
    matches!(walk.rest.first()? >> 4, 4 | 6).then_some(Next::Ip)
}

/// Teredo (RFC 4380 §5.1.1): authentication and origin headers, then IPv6 of exactly the length that is left.
fn teredo(walk: &mut Walk<'_>) -> Option<Next> {
    if let [0, 1, id, auth, ..] = walk.rest {
        walk.skip(usize::from(*id).saturating_add((*auth).into()).saturating_add(13))?;
    }
    if let [0, 0, ..] = walk.rest {
        walk.skip(8)?;
    }
    let length = Reader::new(walk.rest.get(4..)?).u16()?;
    if walk.rest.first()? >> 4 != 6 || usize::from(length).saturating_add(40) > walk.wire {
        return None;
    }
    walk.deeper(Layer::Teredo).ok()?;
    Some(Next::Ip)
}

/// L2TP version 2 data messages (RFC 2661 §3.1), which carry PPP.
fn l2tp(walk: &mut Walk<'_>) -> Option<Next> {
    let flags = walk.reader().u16()?;
    if flags & 0x800f != 2 {
        return None;
    }
    // Flags, length, tunnel and session, sequence numbers.
    walk.skip(if flags & 0x4000 != 0 { 4 } else { 2 })?;
    walk.skip(if flags & 0x0800 != 0 { 8 } else { 4 })?;
    if flags & 0x0200 != 0 {
        let pad = walk.reader().u16()?;
        walk.skip(usize::from(pad).saturating_add(2))?;
    }
    walk.deeper(Layer::Other(Rare::L2tp)).ok()?;
    Some(Next::Ppp)
}

/// TaZmen Sniffer Protocol, as mirroring routers send it: tags until the end tag, then the frame.
fn tzsp(walk: &mut Walk<'_>) -> Option<Next> {
    let [version, kind, p0, p1] = *walk.skip(4)?.first_chunk::<4>()?;
    if version != 1 || kind > 1 {
        return None;
    }
    for _ in 0..32 {
        match *walk.skip(1)?.first()? {
            0 => {}
            1 => break,
            _ => {
                let length = *walk.skip(1)?.first()?;
                walk.skip(length.into())?;
            }
        }
    }
    walk.deeper(Layer::Other(Rare::Tzsp)).ok()?;
    match u16::from_be_bytes([p0, p1]) {
        1 => Some(Next::Link(1)),
        18 => Some(Next::Link(105)),
        _ => None,
    }
}

/// AYIYA (draft-massar-v6ops-ayiya §3): identity, signature, then IPv6 or IPv4.
fn ayiya(walk: &mut Walk<'_>) -> Option<Next> {
    let [ids, sig, _, next] = walk.reader().array::<4>()?;
    walk.skip(8)?;
    walk.skip(1 << (ids >> 4))?;
    walk.skip(usize::from(sig >> 4) * 4)?;
    walk.deeper(Layer::Other(Rare::Ayiya)).ok()?;
    matches!(next, 4 | 41).then_some(Next::Ip)
}

/// CAPWAP data (RFC 5415 §4.3): native 802.11 frames or 802.3 ones; pieces of a frame are not joined.
fn capwap(walk: &mut Walk<'_>) -> Option<Next> {
    let [preamble, length, kind, flags] = walk.reader().array::<4>()?;
    let is_fragment = flags & 0x80 != 0;
    if preamble != 0 || is_fragment {
        return None;
    }
    walk.skip(usize::from(length >> 3) * 4)?;
    walk.deeper(Layer::Other(Rare::Capwap)).ok()?;
    if kind & 1 == 0 {
        return Some(Next::Link(1));
    }
    // Some controllers send the frame control field with its bytes exchanged.
    let is_exchanged = walk.rest.get(1).is_some_and(|b| b & 0x0f == 0x08) && walk.rest.first().is_some_and(|b| b & 0x0f != 0x08);
    Some(Next::Wifi { is_exchanged })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_ports_is_what_is_looked_for() {
        let found: Vec<u16> = (0..=u16::MAX).filter_map(tunnel_port).collect();
        let mut listed = TUNNEL_PORTS;
        listed.sort_unstable();
        assert_eq!(found, listed);
    }
}
