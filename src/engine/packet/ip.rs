//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use super::fragment::{Fragment, FragmentKey};
use super::{Address, Walk};
use crate::engine::bytes::Reader;
use crate::engine::event::Anomaly;

/// What an IP header leads to.
pub(super) enum Inner<'a> {
    /// A whole datagram; the walk stands at its payload.
    Datagram(Datagram),
    /// A piece of one.
    Fragment(Box<Fragment<'a>>),
}

/// Addresses and protocol of a whole datagram.
pub(super) struct Datagram {
    pub(super) src: Address,
    pub(super) dst: Address,
    pub(super) protocol: u8,
}

#[inline]
pub(super) fn header<'a>(walk: &mut Walk<'a>) -> Result<Inner<'a>, Anomaly> {
    match walk.rest.first().map(|b| b >> 4) {
        Some(4) => v4(walk),
        Some(6) => v6(walk),
        _ => Err(Anomaly::Ip),
    }
}

#[inline]
fn v4<'a>(walk: &mut Walk<'a>) -> Result<Inner<'a>, Anomaly> {
    let Some(&[first, _, l0, l1, i0, i1, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3]) = walk.rest.first_chunk::<20>()
    else {
        return Err(Anomaly::Ip);
    };
    let header = usize::from(first & 0x0f) * 4;
    let total = match u16::from_be_bytes([l0, l1]) {
        // Merged by the network card: the length did not fit.
        0 => walk.wire,
        n => usize::from(n),
    };
    if header < 20 || total < header {
        return Err(Anomaly::Ip);
    }
    walk.ttl = ttl;
    cut(walk, total);
    walk.skip(header).ok_or(Anomaly::Ip)?;
    let (src, dst) = (Address::v4([s0, s1, s2, s3]), Address::v4([d0, d1, d2, d3]));
    let flags = u16::from_be_bytes([f0, f1]);
    if flags & 0x3fff == 0 {
        return Ok(Inner::Datagram(Datagram { src, dst, protocol }));
    }
    let id = u32::from(u16::from_be_bytes([i0, i1]));
    let offset = u32::from(flags & 0x1fff) * 8;
    Ok(Inner::Fragment(piece(walk, Datagram { src, dst, protocol }, id, offset, flags & 0x2000 != 0)))
}

/// Drops what stands behind the IP length (Ethernet padding), and keeps `wire` true where the capture cut the packet.
#[inline]
fn cut(walk: &mut Walk<'_>, total: usize) {
    walk.wire = walk.wire.min(total);
    if let Some(inside) = walk.rest.get(..total) {
        walk.rest = inside;
    }
}

fn piece<'a>(walk: &Walk<'a>, datagram: Datagram, id: u32, offset: u32, more: bool) -> Box<Fragment<'a>> {
    let Datagram { src, dst, protocol } = datagram;
    Box::new(Fragment {
        time: walk.time,
        key: FragmentKey { src, dst, id, protocol, isolation: walk.encap.vni() ^ walk.encap.vlan().rotate_left(32) },
        offset,
        more,
        bytes: walk.rest,
        is_whole: walk.rest.len() >= walk.wire,
        encap: walk.encap,
        mac: walk.mac,
        dst_mac: walk.dst_mac,
        ttl: walk.ttl,
        depth: walk.depth,
    })
}

#[inline]
fn v6<'a>(walk: &mut Walk<'a>) -> Result<Inner<'a>, Anomaly> {
    let mut r = Reader::new(walk.rest);
    let (Some(_), Some(length), Some(next), Some(ttl)) = (r.u32(), r.u16(), r.u8(), r.u8()) else { return Err(Anomaly::Ip) };
    walk.ttl = ttl;
    let (Some(src), Some(dst)) = (r.array::<16>(), r.array::<16>()) else { return Err(Anomaly::Ip) };
    if length > 0 {
        cut(walk, usize::from(length) + 40);
    }
    walk.skip(40).ok_or(Anomaly::Ip)?;
    extensions(walk, Datagram { src: Address::v6(src), dst: Address::v6(dst), protocol: next })
}

/// Extension headers (RFC 8200 §4, RFC 4302 for AH), at most 16.
#[inline]
fn extensions<'a>(walk: &mut Walk<'a>, mut datagram: Datagram) -> Result<Inner<'a>, Anomaly> {
    for _ in 0..16 {
        match datagram.protocol {
            0 | 43 | 60 | 135 | 139 | 140 => datagram.protocol = extension(walk, 8, 8)?,
            51 => datagram.protocol = extension(walk, 8, 4)?,
            44 => {
                let mut r = walk.reader();
                let (Some(next), Some(_), Some(word), Some(id)) = (r.u8(), r.u8(), r.u16(), r.u32()) else { return Err(Anomaly::Ip) };
                walk.skip(8);
                datagram.protocol = next;
                // An atomic fragment (RFC 6946) is a whole datagram.
                if word & 0xfff9 != 0 {
                    return Ok(Inner::Fragment(piece(walk, datagram, id, u32::from(word & 0xfff8), word & 1 != 0)));
                }
            }
            _ => return Ok(Inner::Datagram(datagram)),
        }
    }
    Err(Anomaly::Nesting)
}

/// Skips one extension header of `base + unit * length` bytes and gives the next header's number.
fn extension(walk: &mut Walk<'_>, base: usize, unit: usize) -> Result<u8, Anomaly> {
    let mut r = walk.reader();
    let (Some(next), Some(length)) = (r.u8(), r.u8()) else { return Err(Anomaly::Ip) };
    walk.skip(unit.saturating_mul(length.into()).saturating_add(base)).ok_or(Anomaly::Ip)?;
    Ok(next)
}
