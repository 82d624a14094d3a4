//! Link layers: Ethernet and its tags, cooked captures, PPP, MPLS, NSH, 802.11, loopback, raw IP.

use super::encap::{Layer, Rare};
use super::{Next, Walk};
use crate::engine::event::Anomaly;

type Outcome = Result<Next, Anomaly>;

/// The header a link type (<https://www.tcpdump.org/linktypes.html>) begins with.
#[inline]
pub(super) fn link(walk: &mut Walk<'_>, number: i32) -> Outcome {
    match number {
        1 => ethernet(walk),
        12 | 14 | 101 | 228 | 229 => Ok(Next::Ip),
        other => rare_link(walk, other),
    }
}

fn rare_link(walk: &mut Walk<'_>, number: i32) -> Outcome {
    match number {
        0 | 108 => loopback(walk),
        7 | 129 => arcnet(walk, number == 129),
        9 | 166 => Ok(Next::Ppp),
        50 => hdlc_ppp(walk),
        51 => pppoe(walk),
        104 => chdlc(walk),
        105 => wifi(walk, false),
        113 => cooked(walk, 14, 16),
        119 => skip_then(walk, 144, Next::Link(105)),
        127 => radiotap(walk),
        138 => cooked(walk, 16, 18),
        192 => per_packet_information(walk),
        204 => skip_then(walk, 1, Next::Ppp),
        239 => nflog(walk),
        258 => pktap(walk),
        276 => cooked(walk, 0, 20),
        _ => Ok(Next::Stop),
    }
}

fn skip_then(walk: &mut Walk<'_>, n: usize, next: Next) -> Outcome {
    walk.skip(n).ok_or(Anomaly::Link)?;
    Ok(next)
}

#[inline]
fn ethernet(walk: &mut Walk<'_>) -> Outcome {
    let header = walk.skip(14).ok_or(Anomaly::Link)?;
    let Some((dst, [a, b, c, d, e, f, hi, lo])) =
        header.split_first_chunk::<6>().and_then(|(dst, rest)| Some((dst, rest.first_chunk::<8>()?)))
    else {
        return Err(Anomaly::Link);
    };
    walk.mac = Some([*a, *b, *c, *d, *e, *f]);
    walk.dst_mac = Some(*dst);
    Ok(Next::EtherType(u16::from_be_bytes([*hi, *lo])))
}

#[inline]
pub(super) fn ether_type(walk: &mut Walk<'_>, kind: u16) -> Outcome {
    match kind {
        0x0800 | 0x86dd => Ok(Next::Ip),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => vlan(walk),
        0x0806 => Ok(Next::Arp),
        other => rare_ether_type(walk, other),
    }
}

fn rare_ether_type(walk: &mut Walk<'_>, kind: u16) -> Outcome {
    match kind {
        0x8847 | 0x8848 => Ok(Next::Mpls),
        0x8864 => pppoe(walk),
        0x894f => Ok(Next::Nsh),
        0x6558 => Ok(Next::Link(1)),
        0x880b => Ok(Next::Ppp),
        // VN-Tag and 802.1BR: 4 or 6 bytes of tag, then the next EtherType.
        0x8926 => tag(walk, 4, Layer::Other(Rare::Vntag)),
        0x893f => tag(walk, 6, Layer::Other(Rare::Etag)),
        0x8909 => tag(walk, 6, Layer::Other(Rare::Cmd)),
        // Provider backbone bridges (802.1ah): I-TAG, then the customer's whole frame.
        0x88e7 => {
            walk.deeper(Layer::Other(Rare::Pbb))?;
            skip_then(walk, 4, Next::Link(1))
        }
        length if length <= 1500 => llc(walk),
        _ => Ok(Next::Stop),
    }
}

fn vlan(walk: &mut Walk<'_>) -> Outcome {
    let mut r = walk.reader();
    let (Some(tag), Some(kind)) = (r.u16(), r.u16()) else { return Err(Anomaly::Link) };
    walk.skip(4);
    walk.deeper(Layer::Vlan(tag & 0x0fff))?;
    Ok(Next::EtherType(kind))
}

fn tag(walk: &mut Walk<'_>, n: usize, layer: Layer) -> Outcome {
    walk.skip(n).ok_or(Anomaly::Link)?;
    let kind = walk.reader().u16().ok_or(Anomaly::Link)?;
    walk.skip(2);
    walk.deeper(layer)?;
    Ok(Next::EtherType(kind))
}

/// LLC: SNAP with an EtherType, or raw IP.
fn llc(walk: &mut Walk<'_>) -> Outcome {
    match walk.rest {
        [0xaa, 0xaa, 0x03, _, _, _, hi, lo, ..] => {
            let kind = u16::from_be_bytes([*hi, *lo]);
            walk.skip(8);
            Ok(Next::EtherType(kind))
        }
        [0x06, 0x06, 0x03, ..] => skip_then(walk, 3, Next::Ip),
        _ => Ok(Next::Stop),
    }
}

fn pppoe(walk: &mut Walk<'_>) -> Outcome {
    let mut r = walk.reader();
    let (Some(version), Some(code), Some(session), Some(_)) = (r.u8(), r.u8(), r.u16(), r.u16()) else { return Err(Anomaly::Link) };
    if version != 0x11 {
        return Err(Anomaly::Link);
    }
    walk.skip(6);
    if code != 0 {
        return Ok(Next::Stop);
    }
    walk.deeper(Layer::Pppoe(session))?;
    Ok(Next::Ppp)
}

/// PPP with or without address and control bytes, protocol field of one or two bytes (RFC 1661 §2).
pub(super) fn ppp(walk: &mut Walk<'_>) -> Outcome {
    if walk.rest.starts_with(&[0xff, 0x03]) {
        walk.skip(2);
    }
    let first = *walk.rest.first().ok_or(Anomaly::Link)?;
    let protocol = if first & 1 == 1 {
        walk.skip(1);
        u16::from(first)
    } else {
        let number = walk.reader().u16().ok_or(Anomaly::Link)?;
        walk.skip(2);
        number
    };
    Ok(match protocol {
        0x0021 | 0x0057 => Next::Ip,
        0x0281 | 0x0283 => Next::Mpls,
        // Bridged frames (RFC 3518): flags and MAC type, then Ethernet.
        0x0031 => return skip_then(walk, 2, Next::Link(1)),
        _ => Next::Stop,
    })
}

fn hdlc_ppp(walk: &mut Walk<'_>) -> Outcome {
    match walk.rest {
        [0x0f | 0x8f, _, hi, lo, ..] => {
            let kind = u16::from_be_bytes([*hi, *lo]);
            skip_then(walk, 4, Next::EtherType(kind))
        }
        _ => Ok(Next::Ppp),
    }
}

fn chdlc(walk: &mut Walk<'_>) -> Outcome {
    let mut r = walk.reader();
    let (Some(_), Some(kind)) = (r.u16(), r.u16()) else { return Err(Anomaly::Link) };
    skip_then(walk, 4, Next::EtherType(kind))
}

/// MPLS label stack (RFC 3032), then IP by its first nibble, or a pseudo-wire (RFC 4385) with Ethernet.
pub(super) fn mpls(walk: &mut Walk<'_>) -> Outcome {
    for _ in 0..16 {
        let entry = walk.reader().u32().ok_or(Anomaly::Link)?;
        walk.skip(4);
        if entry & 0x100 != 0 {
            walk.deeper(Layer::Mpls(entry >> 12))?;
            return match walk.rest.first().map(|b| b >> 4) {
                Some(4 | 6) => Ok(Next::Ip),
                Some(0) => skip_then(walk, 4, Next::Link(1)),
                Some(_) => Ok(Next::Link(1)),
                None => Err(Anomaly::Link),
            };
        }
    }
    Err(Anomaly::Nesting)
}

/// Network Service Header (RFC 8300).
pub(super) fn nsh(walk: &mut Walk<'_>) -> Outcome {
    let mut r = walk.reader();
    let (Some(base), Some(_), Some(next)) = (r.u16(), r.u8(), r.u8()) else { return Err(Anomaly::Link) };
    walk.deeper(Layer::Other(Rare::Nsh))?;
    let words = usize::from(base & 0x3f).max(2);
    let next = match next {
        1 | 2 => Next::Ip,
        3 => Next::Link(1),
        4 => Next::Nsh,
        5 => Next::Mpls,
        _ => Next::Stop,
    };
    skip_then(walk, words.saturating_mul(4), next)
}

/// Linux cooked capture v1, v2 and Apple's 1394: the EtherType stands at `at`, the payload begins at `header`.
fn cooked(walk: &mut Walk<'_>, at: usize, header: usize) -> Outcome {
    let head = walk.skip(header).ok_or(Anomaly::Link)?;
    let kind = head.get(at..).and_then(|b| b.first_chunk::<2>()).map(|b| u16::from_be_bytes(*b)).ok_or(Anomaly::Link)?;
    let mac_at = if header == 20 { 12 } else { 6 };
    walk.mac = if header == 18 { None } else { head.get(mac_at..).and_then(|b| b.first_chunk::<6>()).copied() };
    Ok(Next::EtherType(kind))
}

/// BSD loopback: an address family of 4 bytes, in host order (`NULL`) or network order (`LOOP`).
fn loopback(walk: &mut Walk<'_>) -> Outcome {
    let family = walk.skip(4).and_then(|b| b.first_chunk::<4>()).ok_or(Anomaly::Link)?;
    let number = match family {
        [0, 0, hi, lo] => u16::from_be_bytes([*hi, *lo]),
        [lo, hi, 0, 0] => u16::from_be_bytes([*hi, *lo]),
        _ => return Err(Anomaly::Link),
    };
    // 2 is AF_INET everywhere; AF_INET6 is 10, 24, 28 or 30 by system. Some writers put an EtherType there.
    Ok(match number {
        2 | 10 | 24 | 28 | 30 => Next::Ip,
        kind => Next::EtherType(kind),
    })
}

fn arcnet(walk: &mut Walk<'_>, linux: bool) -> Outcome {
    let mut r = walk.reader();
    let addresses: usize = if linux { 4 } else { 2 };
    let kind = r.take(addresses).and_then(|_| r.u8()).ok_or(Anomaly::Link)?;
    match kind {
        // RFC 1201: split flag and sequence number before the datagram.
        212 => skip_then(walk, addresses.saturating_add(4), Next::Ip),
        240 => skip_then(walk, addresses.saturating_add(1), Next::Ip),
        _ => Ok(Next::Stop),
    }
}

fn radiotap(walk: &mut Walk<'_>) -> Outcome {
    let length = walk.rest.get(2..4).and_then(|b| b.first_chunk::<2>()).map(|b| u16::from_le_bytes(*b)).ok_or(Anomaly::Link)?;
    skip_then(walk, length.into(), Next::Link(105))
}

fn per_packet_information(walk: &mut Walk<'_>) -> Outcome {
    let Some([_, _, l0, l1, d0, d1, d2, d3]) = walk.rest.first_chunk::<8>() else { return Err(Anomaly::Link) };
    let (length, link) = (u16::from_le_bytes([*l0, *l1]), i32::from_le_bytes([*d0, *d1, *d2, *d3]));
    walk.deeper(Layer::Other(Rare::Ppi))?;
    skip_then(walk, length.into(), Next::Link(link))
}

/// 802.11 data frames in clear: MAC header by its flags, then LLC/SNAP.
pub(super) fn wifi(walk: &mut Walk<'_>, is_exchanged: bool) -> Outcome {
    let Some([first, second]) = walk.rest.first_chunk::<2>() else { return Err(Anomaly::Link) };
    let (control, flags) = if is_exchanged { (second, first) } else { (first, second) };
    let (kind, subtype) = ((control >> 2) & 3, control >> 4);
    let is_protected = flags & 0x40 != 0;
    // Type 2 is data; subtype bit 2 means "no data", bit 3 QoS.
    if kind != 2 || subtype & 4 != 0 || is_protected {
        return Ok(Next::Stop);
    }
    let addresses = if flags & 3 == 3 { 30 } else { 24 };
    let quality = match (subtype & 8 != 0, flags & 0x80 != 0) {
        (false, _) => 0,
        (true, false) => 2,
        (true, true) => 6,
    };
    walk.skip(addresses).and_then(|_| walk.skip(quality)).ok_or(Anomaly::Link)?;
    llc(walk)
}

/// NFLOG: version header, then attributes of little-endian length and type; type 9 is the packet.
fn nflog(walk: &mut Walk<'_>) -> Outcome {
    walk.skip(4).ok_or(Anomaly::Link)?;
    for _ in 0..64 {
        let Some([l0, l1, t0, t1]) = walk.rest.first_chunk::<4>() else { return Err(Anomaly::Link) };
        let (length, kind) = (usize::from(u16::from_le_bytes([*l0, *l1])), u16::from_le_bytes([*t0, *t1]));
        if length < 4 {
            return Err(Anomaly::Link);
        }
        if kind & 0x7fff == 9 {
            return skip_then(walk, 4, Next::Ip);
        }
        walk.skip(length.next_multiple_of(4)).ok_or(Anomaly::Link)?;
    }
    Err(Anomaly::Link)
}

/// Apple's PKTAP: length of its header, type, then the link type of what follows.
fn pktap(walk: &mut Walk<'_>) -> Outcome {
    let word = |at: usize| walk.rest.get(at..).and_then(|b| b.first_chunk::<4>()).map(|b| u32::from_le_bytes(*b));
    let (Some(length), Some(link)) = (word(0), word(8)) else { return Err(Anomaly::Link) };
    walk.deeper(Layer::Other(Rare::Pktap))?;
    let length = usize::try_from(length).map_err(|_| Anomaly::Link)?;
    skip_then(walk, length, Next::Link(i32::try_from(link).map_err(|_| Anomaly::Link)?))
}
