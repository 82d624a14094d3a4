//! Frames: Ethernet, IPv4 and IPv6, TCP and UDP, with checksums.

use std::net::IpAddr;

/// The two ends of a flow; index 0 is the client.
#[derive(Clone, Copy)]
pub struct Ends {
    pub address: [IpAddr; 2],
    pub port: [u16; 2],
}

/// What a TCP header says besides its ports.
#[derive(Clone, Copy)]
pub struct Tcp {
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    /// Timestamps (RFC 7323): 12 more bytes of header.
    pub clock: u32,
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;

/// Writes a TCP segment sent by end `from`.
pub fn tcp(out: &mut Vec<u8>, ends: &Ends, from: usize, header: &Tcp, payload: impl FnOnce(&mut Vec<u8>)) {
    frame(out, ends, from, 6, |out| {
        out.extend(ends.port[from].to_be_bytes());
        out.extend(ends.port[1 - from].to_be_bytes());
        out.extend(header.seq.to_be_bytes());
        out.extend(header.ack.to_be_bytes());
        out.extend([0x80, header.flags, 0x01, 0xf5, 0, 0, 0, 0, 1, 1, 8, 10]);
        out.extend(header.clock.to_be_bytes());
        out.extend([0; 4]);
        payload(out);
        16
    });
}

/// Writes a UDP datagram sent by end `from`.
pub fn udp(out: &mut Vec<u8>, ends: &Ends, from: usize, payload: impl FnOnce(&mut Vec<u8>)) {
    frame(out, ends, from, 17, |out| {
        let at = out.len();
        out.extend(ends.port[from].to_be_bytes());
        out.extend(ends.port[1 - from].to_be_bytes());
        out.extend([0; 4]);
        payload(out);
        let length = (out.len() - at) as u16;
        out[at + 4..at + 6].copy_from_slice(&length.to_be_bytes());
        6
    });
}

/// Writes an echo request or answer (RFC 792).
pub fn icmp(out: &mut Vec<u8>, ends: &Ends, from: usize, number: u16) {
    frame(out, ends, from, 1, |out| {
        out.extend([if from == 0 { 8 } else { 0 }, 0, 0, 0, 0x12, 0x34]);
        out.extend(number.to_be_bytes());
        out.extend([0x42; 56]);
        2
    });
}

/// Writes an ARP question (RFC 826), padded to the smallest frame.
pub fn arp(out: &mut Vec<u8>, asker: [u8; 4], asked: [u8; 4]) {
    out.extend([0xff; 6]);
    out.extend(mac(&asker));
    out.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    out.extend(mac(&asker));
    out.extend(asker);
    out.extend([0; 6]);
    out.extend(asked);
    out.extend([0; 18]);
}

fn mac(address: &[u8]) -> [u8; 6] {
    let mut mac = [2, 0, 0, 0, 0, 0];
    let tail = &address[address.len() - 4..];
    mac[2..].copy_from_slice(tail);
    mac
}

/// Link and IP header around what `body` writes; `body` says where its checksum stands.
fn frame(out: &mut Vec<u8>, ends: &Ends, from: usize, protocol: u8, body: impl FnOnce(&mut Vec<u8>) -> usize) {
    const GATEWAY: [u8; 6] = [2, 0xff, 0, 0, 0, 1];
    let (src, dst) = (ends.address[from], ends.address[1 - from]);
    let own = match (ends.address[0], from) {
        (IpAddr::V4(a), _) => mac(&a.octets()),
        (IpAddr::V6(a), _) => mac(&a.octets()),
    };
    let (to, by) = if from == 0 { (GATEWAY, own) } else { (own, GATEWAY) };
    out.extend(to);
    out.extend(by);
    let at = out.len() + 2;
    let header = match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            out.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
            out.extend(src.octets());
            out.extend(dst.octets());
            20
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            out.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, protocol, 64]);
            out.extend(src.octets());
            out.extend(dst.octets());
            40
        }
        _ => unreachable!("both ends are of one family"),
    };
    let start = at + header;
    let sum_at = start + body(out);
    let length = (out.len() - start) as u16;
    let addresses = if header == 20 { at + 12..at + 20 } else { at + 8..at + 40 };
    let pseudo = if protocol == 1 { 0 } else { sum(&out[addresses]) + u64::from(protocol) + u64::from(length) };
    let check = fold(pseudo + sum(&out[start..]));
    out[sum_at..sum_at + 2].copy_from_slice(&check.to_be_bytes());
    if header == 20 {
        out[at + 2..at + 4].copy_from_slice(&(length + 20).to_be_bytes());
        let check = fold(sum(&out[at..at + 20]));
        out[at + 10..at + 12].copy_from_slice(&check.to_be_bytes());
    } else {
        out[at + 4..at + 6].copy_from_slice(&length.to_be_bytes());
    }
}

/// Sum of 16-bit words (RFC 1071).
fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0))).sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
