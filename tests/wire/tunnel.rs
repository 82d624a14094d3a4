//! Encapsulations by hand: each takes an IP datagram, or a frame, and gives what stands on the wire around it.

use super::packet::{UDP, address, ether_type, ethernet, framed, ip, join, udp, udp_segment, vec16};

/// One capture record: its link type and bytes.
pub type Framed = (i32, Vec<u8>);

/// Addresses of the outer packets, by direction: mirrors and tunnels turn them round with the inner ones.
fn outer(is_up: bool) -> (std::net::SocketAddr, std::net::SocketAddr) {
    let (a, b) = (address("192.0.2.1:40000"), address("192.0.2.2:40001"));
    if is_up { (a, b) } else { (b, a) }
}

fn outer6(is_up: bool) -> (std::net::IpAddr, std::net::IpAddr) {
    let (a, b) = ("2001:db8:ff::1".parse().expect("address"), "2001:db8:ff::2".parse().expect("address"));
    if is_up { (a, b) } else { (b, a) }
}

/// An 802.1Q or 802.1ad tag before what an EtherType leads to.
pub fn tagged(tag_type: u16, id: u16, kind: [u8; 2], payload: &[u8]) -> Vec<u8> {
    let rest = join(&[&(0x2000 | id).to_be_bytes(), &kind, payload]);
    ethernet(tag_type.to_be_bytes(), &rest)
}

/// Tags, outermost first, around a datagram.
pub fn vlans(tags: &[(u16, u16)], datagram: &[u8]) -> Vec<u8> {
    let (mut kind, mut rest) = (ether_type(datagram), datagram.to_vec());
    for (tag_type, id) in tags.iter().rev() {
        rest = join(&[&(0x2000 | id).to_be_bytes(), &kind, &rest]);
        kind = tag_type.to_be_bytes();
    }
    ethernet(kind, &rest)
}

/// A label stack, outermost first.
pub fn labels(labels: &[u32]) -> Vec<u8> {
    let entry = |(i, l): (usize, &u32)| (l << 12 | u32::from(i + 1 == labels.len()) << 8 | 64).to_be_bytes();
    labels.iter().enumerate().flat_map(entry).collect()
}

/// Protocol number of PPP for a datagram.
pub fn ppp(datagram: &[u8]) -> Vec<u8> {
    join(&[if datagram[0] >> 4 == 4 { &[0x00, 0x21] } else { &[0x00, 0x57] }, datagram])
}

pub fn pppoe(session: u16, datagram: &[u8]) -> Vec<u8> {
    let inner = ppp(datagram);
    ethernet([0x88, 0x64], &join(&[&[0x11, 0], &session.to_be_bytes(), &vec16(&inner)]))
}

/// GRE with any flags, and the fields they announce.
pub fn gre(flags: u16, fields: &[u8], kind: u16, payload: &[u8], is_up: bool) -> Vec<u8> {
    let (src, dst) = outer(is_up);
    ip(src.ip(), dst.ip(), 47, &join(&[&flags.to_be_bytes(), &kind.to_be_bytes(), fields, payload]))
}

/// IP in IP: the outer header's version is the caller's.
pub fn ip_in(is_v6: bool, datagram: &[u8], is_up: bool) -> Vec<u8> {
    let protocol = if datagram[0] >> 4 == 4 { 4 } else { 41 };
    if is_v6 {
        let (src, dst) = outer6(is_up);
        ip(src, dst, protocol, datagram)
    } else {
        let (src, dst) = outer(is_up);
        ip(src.ip(), dst.ip(), protocol, datagram)
    }
}

/// A tunnel over UDP to its port.
pub fn over_udp(port: u16, header: &[u8], payload: &[u8], is_up: bool) -> Vec<u8> {
    let (src, dst) = outer(is_up);
    udp(src, std::net::SocketAddr::new(dst.ip(), port), &join(&[header, payload]))
}

pub fn vxlan(vni: u32, datagram: &[u8], is_up: bool) -> Vec<u8> {
    over_udp(4789, &join(&[&[8, 0, 0, 0], &(vni << 8).to_be_bytes()]), &framed(datagram), is_up)
}

pub fn geneve(vni: u32, options: &[u8], datagram: &[u8], is_up: bool) -> Vec<u8> {
    let first = (options.len() / 4) as u8;
    let header = join(&[&[first, 0, 0x65, 0x58], &(vni << 8).to_be_bytes(), options]);
    over_udp(6081, &header, &framed(datagram), is_up)
}

/// GTP-U; `extra` are sequence number, N-PDU number and extension headers where the flags announce them.
pub fn gtp(flags: u8, teid: u32, extra: &[u8], datagram: &[u8], is_up: bool) -> Vec<u8> {
    let length = (extra.len() + datagram.len()) as u16;
    over_udp(2152, &join(&[&[0x30 | flags, 255], &length.to_be_bytes(), &teid.to_be_bytes(), extra]), datagram, is_up)
}

/// An IPv6 datagram with extension headers: `chain` is the number of the first, then each with the next's number in its first byte.
pub fn with_extensions(datagram: &[u8], first: u8, chain: &[u8]) -> Vec<u8> {
    let mut out = datagram.to_vec();
    let length = (datagram.len() - 40 + chain.len()) as u16;
    out[4..6].copy_from_slice(&length.to_be_bytes());
    out[6] = first;
    out.splice(40..40, chain.iter().copied());
    out
}

/// A datagram in fragments of `size` bytes of payload (a multiple of eight), in order.
pub fn fragments(datagram: &[u8], id: u16, size: usize) -> Vec<Vec<u8>> {
    let is_v4 = datagram[0] >> 4 == 4;
    let (header, payload) = datagram.split_at(if is_v4 { 20 } else { 40 });
    let count = payload.len().div_ceil(size);
    let piece = |(i, bytes): (usize, &[u8])| {
        let more = u16::from(i + 1 < count);
        let mut head = header.to_vec();
        if is_v4 {
            head[2..4].copy_from_slice(&(bytes.len() as u16 + 20).to_be_bytes());
            head[4..6].copy_from_slice(&id.to_be_bytes());
            head[6..8].copy_from_slice(&(more << 13 | (i * size / 8) as u16).to_be_bytes());
            return join(&[&head, bytes]);
        }
        head[4..6].copy_from_slice(&(bytes.len() as u16 + 8).to_be_bytes());
        head[6] = 44;
        let word = ((i * size) as u16 | more).to_be_bytes();
        join(&[&head, &[header[6], 0], &word, &[0, 0], &id.to_be_bytes(), bytes])
    };
    payload.chunks(size).enumerate().map(piece).collect()
}

/// LLC/SNAP with an EtherType, as 802.11 carries it.
pub fn snap(datagram: &[u8]) -> Vec<u8> {
    join(&[&[0xaa, 0xaa, 3, 0, 0, 0], &ether_type(datagram), datagram])
}

/// An 802.11 data frame behind a radiotap header: QoS control and fourth address by choice.
pub fn wifi(is_qos: bool, has_four: bool, datagram: &[u8]) -> Vec<u8> {
    let control = [if is_qos { 0x88 } else { 0x08 }, if has_four { 3 } else { 1 }];
    let fourth: &[u8] = if has_four { &[6; 6] } else { &[] };
    let qos: &[u8] = if is_qos { &[0, 0] } else { &[] };
    let radiotap = [0, 0, 12, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    join(&[&radiotap, &control, &[0, 0], &[2; 6], &[3; 6], &[4; 6], &[0, 0], fourth, qos, &snap(datagram)])
}

/// Teredo: IPv6 over UDP, authentication and origin headers by choice.
pub fn teredo(has_auth: bool, has_origin: bool, datagram: &[u8], is_up: bool) -> Vec<u8> {
    let auth: &[u8] = if has_auth { &[0, 1, 2, 3, 9, 9, 8, 8, 8, 1, 1, 1, 1, 1, 1, 1, 1, 0] } else { &[] };
    let origin: &[u8] = if has_origin { &[0, 0, 1, 2, 3, 4, 5, 6] } else { &[] };
    over_udp(3544, &join(&[auth, origin]), datagram, is_up)
}

/// NFLOG: a prefix attribute, padded to four, then the payload's.
pub fn nflog(datagram: &[u8]) -> Vec<u8> {
    let length = (datagram.len() as u16 + 4).to_le_bytes();
    join(&[&[2, 0, 0, 0], &[7, 0, 10, 0], b"in\0", &[0], &length, &[9, 0], datagram])
}

/// PKTAP: a header of 108 bytes that says what link type follows.
pub fn pktap(link: u32, bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 108];
    header[0..4].copy_from_slice(&108u32.to_le_bytes());
    header[4..8].copy_from_slice(&1u32.to_le_bytes());
    header[8..12].copy_from_slice(&link.to_le_bytes());
    join(&[&header, bytes])
}

/// A UDP datagram of any ports inside an outer IP header of the caller's choice.
pub fn udp_in(src: std::net::IpAddr, dst: std::net::IpAddr, port: u16, payload: &[u8]) -> Vec<u8> {
    ip(src, dst, UDP, &udp_segment(port, port, payload))
}
