//! RADIUS accounting (RFC 2866; IPv6 RFC 3162 and RFC 6911): whose session has which address. What is said is not proven: the
//! authenticator can be checked only with the secret of server and client, which a sensor does not have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};

use super::digest;
use crate::engine::bytes::{Reader, Verdict};
use crate::engine::mac::is_individual;

/// Codes of a report and of its receipt.
const REQUEST: u8 = 4;
const RESPONSE: u8 = 5;
const HEADER: usize = 20;
/// Longest packet (RFC 2865 §3).
const MAX_LENGTH: usize = 4096;
/// Addresses and prefixes read of one report.
const MAX_ADDRESSES: usize = 8;

/// What a report tells of its session (RFC 2866 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It began.
    Start,
    /// It goes on.
    Interim,
    /// It ended.
    Stop,
}

/// A report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// What it tells; `None` where it tells of no session (of the server's own start and end, or of a receipt).
    pub phase: Option<Phase>,
    /// Addresses and prefixes the session has.
    pub addresses: Vec<IpNet>,
    /// Whose session.
    pub user: Option<Arc<str>>,
    /// MAC address of the client.
    pub mac: Option<[u8; 6]>,
    /// Digest of the session's id.
    pub session: Option<u64>,
    /// Seconds the session has lasted.
    pub lasted: u32,
    /// Seconds the report was on its way.
    pub delayed: u32,
}

/// Reads a report or its receipt. Attributes that contradict their lengths make it something else: ports tell nothing for sure.
pub fn report(bytes: &[u8]) -> Verdict<Report> {
    match bytes.first() {
        None => return Verdict::NeedMore(HEADER),
        Some(&(REQUEST | RESPONSE)) => {}
        Some(_) => return Verdict::Not,
    }
    let Some([code, _, l0, l1]) = bytes.first_chunk::<4>() else { return Verdict::NeedMore(HEADER) };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    if !(HEADER..=MAX_LENGTH).contains(&length) {
        return Verdict::Not;
    }
    let Some(attributes) = bytes.get(HEADER..length) else { return Verdict::NeedMore(length) };
    let mut report = Report::default();
    let mut r = Reader::new(attributes);
    while !r.is_empty() {
        let at = length.saturating_sub(r.len());
        let (Some(kind), Some(size)) = (r.u8(), r.u8()) else { return Verdict::Malformed(at) };
        let Some(value) = usize::from(size).checked_sub(2).and_then(|n| r.take(n)) else { return Verdict::Malformed(at) };
        if report.take(kind, value).is_none() {
            return Verdict::Malformed(at);
        }
    }
    if *code == RESPONSE {
        report = Report::default();
    }
    Verdict::Found(report)
}

impl Report {
    /// Takes one attribute; `None` where its length contradicts it.
    fn take(&mut self, kind: u8, value: &[u8]) -> Option<()> {
        let number = || Some(u32::from_be_bytes(value.try_into().ok()?));
        match kind {
            1 => self.user = user(value),
            8 => self.add(v4(value.try_into().ok()?).map(IpNet::from)),
            31 => self.mac = mac(value),
            40 => {
                self.phase = match number()? {
                    1 => Some(Phase::Start),
                    2 => Some(Phase::Stop),
                    3 => Some(Phase::Interim),
                    _ => None,
                }
            }
            41 => self.delayed = number()?,
            44 => self.session = Some(digest(value)),
            46 => self.lasted = number()?,
            97 => self.add(prefix(value)?),
            168 => self.add(Some(IpAddr::from(<[u8; 16]>::try_from(value).ok()?).into())),
            _ => {}
        }
        Some(())
    }

    fn add(&mut self, address: Option<IpNet>) {
        if let Some(address) = address
            && self.addresses.len() < MAX_ADDRESSES
            && !self.addresses.contains(&address)
        {
            self.addresses.push(address);
        }
    }
}

/// An address; the two that leave the choice to somebody else (RFC 2865 §5.8) are none.
fn v4(bytes: [u8; 4]) -> Option<IpAddr> {
    let address = Ipv4Addr::from(bytes);
    (!address.is_unspecified() && bytes != [255; 4] && bytes != [255, 255, 255, 254]).then_some(address.into())
}

/// A prefix of one client (RFC 3162 §2.3), from /48 to /128; wider ones are a network's.
fn prefix(value: &[u8]) -> Option<Option<IpNet>> {
    let [0, length @ 0..=128, bytes @ ..] = value else { return None };
    let mut address = [0; 16];
    address.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let net = Ipv6Net::new(Ipv6Addr::from(address), *length).ok()?.trunc();
    Some((*length >= 48).then_some(net.into()))
}

/// A user name: text without control characters.
fn user(value: &[u8]) -> Option<Arc<str>> {
    let text = std::str::from_utf8(value).ok()?.trim();
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.into())
}

/// A MAC address in one of the ways servers write it: six octets in hex with `:`, `-` or `.` between or none, and perhaps, behind a colon,
/// the name of a wireless network (RFC 3580 §3.20 has it in the called station's).
fn mac(value: &[u8]) -> Option<[u8; 6]> {
    let mut mac = [0u8; 6];
    let mut digits = 0usize;
    let mut rest = value.iter();
    for byte in rest.by_ref() {
        let digit = match byte {
            b':' | b'-' | b'.' => continue,
            _ => char::from(*byte).to_digit(16)? as u8,
        };
        let octet = mac.get_mut(digits / 2)?;
        *octet = *octet << 4 | digit;
        digits = digits.saturating_add(1);
        if digits == 12 {
            break;
        }
    }
    let is_over = matches!(rest.next(), None | Some(b':'));
    (digits == 12 && is_over && is_individual(mac)).then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[kind, value.len() as u8 + 2][..], value].concat()
    }

    fn packet(code: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        let attributes = attributes.concat();
        let length = (HEADER + attributes.len()) as u16;
        [&[code, 9][..], &length.to_be_bytes(), &[7; 16], &attributes].concat()
    }

    fn interim() -> Vec<u8> {
        let prefix = [&[0, 64][..], &[0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2]].concat();
        packet(
            REQUEST,
            &[
                attribute(1, b"anna@example"),
                attribute(40, &[0, 0, 0, 3]),
                attribute(8, &[10, 0, 0, 7]),
                attribute(31, b"02-00-00-00-00-05"),
                attribute(44, b"session-1"),
                attribute(46, &[0, 0, 0, 60]),
                attribute(97, &prefix),
                attribute(41, &[0, 0, 0, 2]),
            ],
        )
    }

    #[test]
    fn reads_a_report() {
        let Verdict::Found(report) = report(&interim()) else { panic!("a report") };
        assert_eq!((report.phase, report.user.as_deref()), (Some(Phase::Interim), Some("anna@example")));
        assert_eq!(report.addresses, ["10.0.0.7/32".parse::<IpNet>().unwrap(), "2001:db8:1:2::/64".parse().unwrap()]);
        assert_eq!((report.mac, report.lasted, report.delayed), (Some([2, 0, 0, 0, 0, 5]), 60, 2));
        assert_eq!(report.session, Some(digest(b"session-1")));
    }

    #[test]
    fn every_prefix_of_a_report_waits() {
        let whole = interim();
        for length in 0..whole.len() {
            assert!(matches!(report(&whole[..length]), Verdict::NeedMore(n) if n > length), "{length}");
        }
        assert_eq!(report(&[&whole[..], &[0; 9]].concat()), report(&whole), "what follows its length is padding");
    }

    #[test]
    fn what_contradicts_itself_is_malformed_and_what_is_no_report_is_not() {
        for bad in [vec![8, 5, 1, 2, 3], vec![40, 3, 1], vec![1, 1], vec![1, 0], vec![1, 9, 65], vec![97, 4, 0, 129], vec![1]] {
            assert_eq!(report(&packet(REQUEST, std::slice::from_ref(&bad))), Verdict::Malformed(HEADER), "{bad:?}");
        }
        assert_eq!(report(&packet(1, &[])), Verdict::Not, "authentication");
        assert_eq!(report(&[4, 1, 0, 19, 0]), Verdict::Not, "shorter than its header");
        assert_eq!(report(&[4; 40]), Verdict::NeedMore(0x0404), "no packet, or one that is cut");
        assert_eq!(report(&packet(RESPONSE, &[])), Verdict::Found(Report::default()));
    }

    #[test]
    fn reads_a_mac_address_however_it_is_written() {
        for text in ["02:00:00:00:00:af", "02-00-00-00-00-AF", "0200.0000.00af", "0200000000AF", "02-00-00-00-00-AF:guests"] {
            assert_eq!(mac(text.as_bytes()), Some([2, 0, 0, 0, 0, 0xaf]), "{text}");
        }
        for text in ["10.0.0.5", "0200000000a", "0200000000aff", "4930123456789", "", "01-00-5e-00-00-01"] {
            assert_eq!(mac(text.as_bytes()), None, "{text}");
        }
    }
}
