//! Protocols behind which other use hides, told by their first packet: WireGuard, OpenVPN, IKE. And those told by name or address:
//! encrypted DNS, relays, Tor.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::engine::event::BlindSpot;

/// Port of DNS over TLS (RFC 7858) and DNS over QUIC (RFC 9250).
const ENCRYPTED_DNS_PORT: u16 = 853;

/// Told by the first datagram of a flow.
pub fn of_datagram(payload: &[u8], src_port: u16, dst_port: u16) -> Option<BlindSpot> {
    let is_ike_port = [src_port, dst_port].iter().any(|p| matches!(p, 500 | 4500));
    match payload {
        // WireGuard's handshake initiation and response: type, three zero bytes, fixed lengths (whitepaper §5.4).
        [1, 0, 0, 0, ..] if payload.len() == 148 => Some(BlindSpot::Wireguard),
        [2, 0, 0, 0, ..] if payload.len() == 92 => Some(BlindSpot::Wireguard),
        _ if is_ike_port && is_ike(payload.strip_prefix(&[0; 4]).unwrap_or(payload)) => Some(BlindSpot::Ike),
        _ if is_openvpn(payload) && [src_port, dst_port].iter().any(|p| matches!(p, 1194 | 443)) => Some(BlindSpot::Openvpn),
        _ => None,
    }
}

/// Told by the first bytes a TCP client says: OpenVPN puts a length before each packet.
pub fn of_stream(bytes: &[u8]) -> Option<BlindSpot> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let packet = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    (packet.len() < 128 && is_openvpn(packet)).then_some(BlindSpot::Openvpn)
}

/// IKE version 1 or 2 (RFC 7296 §3.1): initiator's SPI, known version and exchange, length of the whole.
fn is_ike(message: &[u8]) -> bool {
    let Some((spi, rest)) = message.split_first_chunk::<8>() else { return false };
    let Some(&[_, version, exchange, ..]) = rest.get(8..).and_then(|r| r.first_chunk::<4>()) else { return false };
    let length = message.get(24..28).and_then(|l| l.first_chunk::<4>()).map(|l| u32::from_be_bytes(*l));
    *spi != [0; 8] && matches!((version, exchange), (0x20, 34..=37) | (0x10, 2 | 4 | 5 | 32)) && length == u32::try_from(message.len()).ok()
}

/// OpenVPN's first packet: a hard reset of the client (opcodes 7 and 10, key 0), session id, no acknowledgements, packet id 0.
fn is_openvpn(packet: &[u8]) -> bool {
    let Some(&[opcode, s0, s1, s2, s3, ..]) = packet.first_chunk::<9>() else { return false };
    let has_session = [s0, s1, s2, s3] != [0; 4];
    // Without tls-auth: acknowledgement count 0 and packet id 0 follow; with it an HMAC of 16 to 64 bytes stands between.
    let is_plain = packet.len() == 14 && packet.get(9..).is_some_and(|rest| rest == [0; 5]);
    matches!(opcode, 0x38 | 0x50) && has_session && (is_plain || matches!(packet.len(), 34..=90))
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

/// Told by the server's address and port, and what the client offers.
pub fn of_server(address: IpAddr, port: u16, is_udp: bool) -> Option<BlindSpot> {
    match (port, is_udp) {
        (ENCRYPTED_DNS_PORT, false) => Some(BlindSpot::Dot),
        (ENCRYPTED_DNS_PORT, true) => Some(BlindSpot::Doq),
        (443, _) if RESOLVERS_V4.iter().any(|a| address == *a) || RESOLVERS_V6.iter().any(|a| address == *a) => Some(BlindSpot::Doh),
        _ => None,
    }
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
        assert_eq!(of_datagram(&wireguard, 40000, 51820), Some(BlindSpot::Wireguard));
        let mut ike = vec![9; 8];
        ike.extend([0; 8]);
        ike.extend([33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 28]);
        assert_eq!(of_datagram(&ike, 500, 500), Some(BlindSpot::Ike));
        let marked = [&[0; 4][..], &ike].concat();
        assert_eq!(of_datagram(&marked, 4500, 4500), Some(BlindSpot::Ike));
        assert_eq!(of_datagram(&ike, 1000, 2000), None);
        let openvpn = [0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0];
        assert_eq!(of_datagram(&openvpn, 1194, 1194), Some(BlindSpot::Openvpn));
        assert_eq!(of_stream(&[&[0, 14][..], &openvpn].concat()), Some(BlindSpot::Openvpn));
    }

    #[test]
    fn names_of_relays_and_resolvers() {
        assert_eq!(of_name("dns.google"), Some(BlindSpot::Doh));
        assert_eq!(of_name("chrome.cloudflare-dns.com"), Some(BlindSpot::Doh));
        assert_eq!(of_name("mask.icloud.com"), Some(BlindSpot::PrivateRelay));
        assert_eq!(of_name("notdns.google"), None);
        assert_eq!(of_server(IpAddr::from([8, 8, 8, 8]), 443, true), Some(BlindSpot::Doh));
        assert_eq!(of_server(IpAddr::from([10, 0, 0, 1]), 853, false), Some(BlindSpot::Dot));
    }
}
