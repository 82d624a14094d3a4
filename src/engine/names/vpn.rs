//! Protocols behind which other use hides, told by their first packet: WireGuard, OpenVPN, IKE. And those told by name or address:
//! encrypted DNS, relays, Tor.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::engine::event::BlindSpot;

/// Port of WireGuard where nobody chose another.
const WIREGUARD_PORT: u16 = 51_820;
/// Port of DNS over TLS (RFC 7858) and DNS over QUIC (RFC 9250).
const ENCRYPTED_DNS_PORT: u16 = 853;

/// Told by a datagram, the first of a tunnel or one in its middle: what it is, and whether the client sent it.
pub fn of_datagram(payload: &[u8], src_port: u16, dst_port: u16) -> Option<(BlindSpot, bool)> {
    let is_port = |wanted: &[u16]| wanted.contains(&src_port) || wanted.contains(&dst_port);
    let ike = payload.strip_prefix(&[0; 4]).unwrap_or(payload);
    match payload {
        // WireGuard's handshake initiation and response: type, three zero bytes, fixed lengths (whitepaper §5.4).
        [1, 0, 0, 0, ..] if payload.len() == 148 => Some((BlindSpot::Wireguard, true)),
        [2, 0, 0, 0, ..] if payload.len() == 92 => Some((BlindSpot::Wireguard, false)),
        _ if is_wireguard_data(payload) => Some((BlindSpot::Wireguard, src_port != WIREGUARD_PORT)),
        _ if is_port(&[500, 4500]) && is_ike(ike) => Some((BlindSpot::Ike, is_ike_initiator(ike))),
        _ if is_port(&[4500]) && is_esp(payload) => Some((BlindSpot::Ike, src_port != 4500 || dst_port == 4500)),
        _ if is_port(&[1194, 443]) && is_openvpn(payload) => Some((BlindSpot::Openvpn, true)),
        _ => None,
    }
}

/// WireGuard's data message: receiver, a counter that starts at 0 with every handshake, padded to 16 bytes (whitepaper §5.4.6).
fn is_wireguard_data(payload: &[u8]) -> bool {
    let has_small_counter = payload.get(12..16) == Some(&[0; 4]);
    payload.starts_with(&[4, 0, 0, 0]) && has_small_counter && payload.len() >= 32 && payload.len().is_multiple_of(16)
}

/// ESP in UDP (RFC 3948 §2.1): an SPI above the reserved ones, a sequence number, and a cipher's least.
fn is_esp(payload: &[u8]) -> bool {
    let spi = payload.first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b));
    spi > 255 && payload.len() >= 36 && payload.len().is_multiple_of(4)
}

/// Told by the first bytes a TCP client says: OpenVPN puts a length before each packet.
pub fn of_stream(bytes: &[u8]) -> Option<BlindSpot> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let packet = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    is_openvpn(packet).then_some(BlindSpot::Openvpn)
}

/// IKE version 1 or 2 (RFC 7296 §3.1): initiator's SPI, known version and exchange, length of the whole.
fn is_ike(message: &[u8]) -> bool {
    let Some((spi, rest)) = message.split_first_chunk::<8>() else { return false };
    let Some(&[_, version, exchange, ..]) = rest.get(8..).and_then(|r| r.first_chunk::<4>()) else { return false };
    let length = message.get(24..28).and_then(|l| l.first_chunk::<4>()).map(|l| u32::from_be_bytes(*l));
    *spi != [0; 8] && matches!((version, exchange), (0x20, 34..=37) | (0x10, 2 | 4 | 5 | 32)) && length == u32::try_from(message.len()).ok()
}

/// Whether who opened the exchange sent the message: flagged so, or nobody answered yet (RFC 7296 §3.1).
fn is_ike_initiator(message: &[u8]) -> bool {
    message.get(19).is_some_and(|flags| flags & 0x08 != 0) || message.get(8..16) == Some(&[0; 8])
}

/// OpenVPN's first packet: a hard reset of the client (opcodes 7 and 10, key 0), session id, no acknowledgements, packet id 0.
fn is_openvpn(packet: &[u8]) -> bool {
    let Some(&[opcode, s0, s1, s2, s3, ..]) = packet.first_chunk::<9>() else { return false };
    let has_session = [s0, s1, s2, s3] != [0; 4];
    // Acknowledgement count 0 and packet id 0 end it; with tls-auth an HMAC of 16 to 64 bytes stands before them. With tls-crypt they are
    // encrypted, and the first number of its own counter stands behind the session. Less would be any short header of QUIC.
    let is_reset = matches!(packet.len(), 14 | 34..=90) && packet.ends_with(&[0; 5]);
    let is_crypt = packet.len() >= 54 && packet.get(9..13) == Some(&[0, 0, 0, 1]);
    matches!(opcode, 0x38 | 0x50) && has_session && (is_reset || is_crypt)
}

/// Told by the server's name.
pub fn of_name(name: &str) -> Option<BlindSpot> {
    let is_under =
        |domains: &[&str]| domains.iter().any(|d| name.strip_suffix(d).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    if is_under(&DOH) {
        Some(BlindSpot::Doh)
    } else if is_under(&["mask.icloud.com", "mask-h2.icloud.com", "mask-api.icloud.com", "mask.apple-dns.net"]) {
        Some(BlindSpot::PrivateRelay)
    } else if is_under(&MASQUE) {
        Some(BlindSpot::Masque)
    } else if is_under(&["torproject.org", "torproject.net"]) {
        Some(BlindSpot::Tor)
    } else {
        None
    }
}

/// Told by the server's port, whatever its name: a resolver has one name for all it offers.
pub fn of_port(port: u16, is_udp: bool) -> Option<BlindSpot> {
    (port == ENCRYPTED_DNS_PORT).then_some(if is_udp { BlindSpot::Doq } else { BlindSpot::Dot })
}

/// Told by the server's address, where its name does not tell.
pub fn of_address(address: IpAddr, port: u16) -> Option<BlindSpot> {
    let is_resolver = RESOLVERS_V4.iter().any(|a| address == *a) || RESOLVERS_V6.iter().any(|a| address == *a);
    (port == 443 && is_resolver).then_some(BlindSpot::Doh)
}

/// Names of public DNS-over-HTTPS services, from the operators' own documentation.
const DOH: [&str; 26] = [
    "dns.google",
    "cloudflare-dns.com",
    "one.one.one.one",
    "cloudflare-gateway.com",
    "dns.quad9.net",
    "dns9.quad9.net",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "doh.opendns.com",
    "doh.familyshield.opendns.com",
    "doh.umbrella.com",
    "dns.nextdns.io",
    "dns.adguard-dns.com",
    "unfiltered.adguard-dns.com",
    "family.adguard-dns.com",
    "doh.cleanbrowsing.org",
    "dns.mullvad.net",
    "base.dns.mullvad.net",
    "freedns.controld.com",
    "dns.controld.com",
    "doh.dns.sb",
    "doh.applied-privacy.net",
    "dns.switch.ch",
    "dns0.eu",
    "dns.alidns.com",
    "doh.pub",
];

/// Names of MASQUE relays (RFC 9298): Cloudflare WARP and Zero Trust.
const MASQUE: [&str; 3] = ["cloudflareclient.com", "cloudflarewarp.com", "warp.dev.cloudflareclient.com"];

const RESOLVERS_V4: [Ipv4Addr; 10] = [
    Ipv4Addr::new(1, 1, 1, 1),
    Ipv4Addr::new(1, 0, 0, 1),
    Ipv4Addr::new(8, 8, 8, 8),
    Ipv4Addr::new(8, 8, 4, 4),
    Ipv4Addr::new(9, 9, 9, 9),
    Ipv4Addr::new(149, 112, 112, 112),
    Ipv4Addr::new(208, 67, 222, 222),
    Ipv4Addr::new(208, 67, 220, 220),
    Ipv4Addr::new(94, 140, 14, 14),
    Ipv4Addr::new(94, 140, 15, 15),
];

const RESOLVERS_V6: [Ipv6Addr; 6] = [
    Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111),
    Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1001),
    Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888),
    Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8844),
    Ipv6Addr::new(0x2620, 0xfe, 0, 0, 0, 0, 0, 0xfe),
    Ipv6Addr::new(0x2620, 0x119, 0x35, 0, 0, 0, 0, 0x35),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_packets_of_vpns() {
        let mut wireguard = vec![1, 0, 0, 0];
        wireguard.resize(148, 7);
        assert_eq!(of_datagram(&wireguard, 40000, 51820), Some((BlindSpot::Wireguard, true)));
        let mut data = vec![4, 0, 0, 0, 9, 9, 9, 9, 200, 1, 0, 0, 0, 0, 0, 0];
        data.resize(128, 7);
        assert_eq!(of_datagram(&data, 51820, 40000), Some((BlindSpot::Wireguard, false)));
        assert_eq!(of_datagram(&data[..120], 51820, 40000), None);
        let mut ike = vec![9; 8];
        ike.extend([0; 8]);
        ike.extend([33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 28]);
        assert_eq!(of_datagram(&ike, 500, 500), Some((BlindSpot::Ike, true)));
        let marked = [&[0; 4][..], &ike].concat();
        assert_eq!(of_datagram(&marked, 4500, 4500), Some((BlindSpot::Ike, true)));
        assert_eq!(of_datagram(&[7; 100], 4500, 1024), Some((BlindSpot::Ike, false)));
        assert_eq!(of_datagram(&ike, 1000, 2000), None);
        let openvpn = [0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0];
        assert_eq!(of_datagram(&openvpn, 1194, 1194), Some((BlindSpot::Openvpn, true)));
        let crypt = [&openvpn[..9], &[0, 0, 0, 1], &[7; 41]].concat();
        assert_eq!(of_datagram(&crypt, 40000, 1194), Some((BlindSpot::Openvpn, true)));
        assert_eq!(of_datagram(&[0x50; 60], 443, 40000), None, "a short header of QUIC");
        assert_eq!(of_stream(&[&[0, 14][..], &openvpn].concat()), Some(BlindSpot::Openvpn));
    }

    #[test]
    fn names_of_relays_and_resolvers() {
        assert_eq!(of_name("dns.google"), Some(BlindSpot::Doh));
        assert_eq!(of_name("chrome.cloudflare-dns.com"), Some(BlindSpot::Doh));
        assert_eq!(of_name("mask.icloud.com"), Some(BlindSpot::PrivateRelay));
        assert_eq!(of_name("notdns.google"), None);
        assert_eq!(of_address(IpAddr::from([8, 8, 8, 8]), 443), Some(BlindSpot::Doh));
        assert_eq!((of_port(853, false), of_port(853, true)), (Some(BlindSpot::Dot), Some(BlindSpot::Doq)));
    }
}
