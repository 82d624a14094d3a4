//! DHCPv4 (RFC 2131, options RFC 2132, client names RFC 4702): who is given which address for how long, and what it calls itself.

use std::net::Ipv4Addr;

use super::labels;
use crate::engine::bytes::{Reader, Verdict};
use crate::engine::mac::is_individual;

/// Fixed fields before the magic cookie.
const FIXED: usize = 236;
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
/// Fixed part, cookie and one option.
const LEAST: usize = FIXED + COOKIE.len() + 1;

/// What a message is (RFC 2132 §9.6); unknown numbers stay numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind(pub u8);

impl Kind {
    /// A client asks for an address, or to keep it.
    pub const REQUEST: Kind = Kind(3);
    /// A client found its address in use.
    pub const DECLINE: Kind = Kind(4);
    /// A server grants an address.
    pub const ACK: Kind = Kind(5);
    /// A server refuses: the client must begin again.
    pub const NAK: Kind = Kind(6);
    /// A client gives its address back.
    pub const RELEASE: Kind = Kind(7);
    /// A client has an address and asks for the rest.
    pub const INFORM: Kind = Kind(8);
}

/// A message, as far as it tells of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Whether a client sent it, or a relay for it.
    pub is_from_client: bool,
    /// What it is.
    pub kind: Kind,
    /// The client's MAC address, where it is on Ethernet or what looks so.
    pub mac: Option<[u8; 6]>,
    /// The address the client has already (`ciaddr`).
    pub own: Option<Ipv4Addr>,
    /// The address it is given (`yiaddr`).
    pub given: Option<Ipv4Addr>,
    /// The address it asks for, or declines (option 50).
    pub requested: Option<Ipv4Addr>,
    /// Seconds of the lease (option 51); the largest number is for ever.
    pub lease: Option<u32>,
    /// Host name (option 12), or fully qualified name (option 81), as bytes of text.
    pub host: Option<Vec<u8>>,
}

/// Reads a message. Without its end option it may go on, and tells nothing yet.
pub fn message(bytes: &[u8]) -> Verdict<Message> {
    match bytes.first() {
        None | Some(1 | 2) => {}
        Some(_) => return Verdict::Not,
    }
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else { return Verdict::NeedMore(LEAST) };
    let Some((cookie, options)) = rest.split_first_chunk::<4>() else { return Verdict::NeedMore(LEAST) };
    if *cookie != COOKIE {
        return Verdict::Not;
    }
    let mut read = Options::default();
    let mut r = Reader::new(options);
    loop {
        let at = bytes.len().saturating_sub(r.len());
        let (code, value) = match r.u8() {
            None => return Verdict::NeedMore(bytes.len().saturating_add(1)),
            Some(0) => continue,
            Some(255) => break,
            Some(code) => match r.vec8() {
                Some(value) => (code, value),
                None => return Verdict::NeedMore(at.saturating_add(2).saturating_add(r.rest().first().copied().unwrap_or(0).into())),
            },
        };
        if read.take(code, value).is_none() {
            return Verdict::Malformed(at);
        }
    }
    // Without a type it is BOOTP (RFC 951), which lends nothing.
    let (Some(kind), Some(head)) = (read.kind, Head::read(fixed)) else { return Verdict::Not };
    let Head { is_from_client, mac, own, given } = head;
    let Options { requested, lease, host, .. } = read;
    Verdict::Found(Message { is_from_client, kind, mac, own, given, requested, lease, host })
}

struct Head {
    is_from_client: bool,
    mac: Option<[u8; 6]>,
    own: Option<Ipv4Addr>,
    given: Option<Ipv4Addr>,
}

impl Head {
    fn read(fixed: &[u8]) -> Option<Head> {
        let mut r = Reader::new(fixed);
        let (op, hardware, length, _) = (r.u8()?, r.u8()?, r.u8()?, r.u8()?);
        // Transaction, seconds, flags.
        r.take(8)?;
        let (own, given) = (address(r.array()?), address(r.array()?));
        // Server and relay.
        r.take(8)?;
        let mac = r.array::<6>()?;
        let is_mac = (hardware, length) == (1, 6) && is_individual(mac);
        Some(Head { is_from_client: op == 1, mac: is_mac.then_some(mac), own, given })
    }
}

#[derive(Default)]
struct Options {
    kind: Option<Kind>,
    requested: Option<Ipv4Addr>,
    lease: Option<u32>,
    host: Option<Vec<u8>>,
}

impl Options {
    /// Takes one option; `None` where its length contradicts it.
    fn take(&mut self, code: u8, value: &[u8]) -> Option<()> {
        match code {
            12 => {
                let text = value.strip_suffix(b"\0").unwrap_or(value);
                if self.host.is_none() && !text.is_empty() {
                    self.host = Some(text.to_vec());
                }
            }
            50 => self.requested = address(value.try_into().ok()?),
            51 => self.lease = Some(u32::from_be_bytes(value.try_into().ok()?)),
            53 => self.kind = Some(Kind(u8::from_be_bytes(value.try_into().ok()?))),
            // Flags and two result codes, then the name: of the two the one that says more.
            81 => {
                let (flags, name) = value.split_first_chunk::<3>()?;
                let is_wire = flags.first().is_some_and(|f| f & 4 != 0);
                let name = if is_wire { labels::text(name)? } else { name.strip_suffix(b"\0").unwrap_or(name).to_vec() };
                if !name.is_empty() {
                    self.host = Some(name);
                }
            }
            _ => {}
        }
        Some(())
    }
}

fn address(bytes: [u8; 4]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(bytes)).filter(|a| !a.is_unspecified() && !a.is_broadcast() && !a.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(op: u8, own: [u8; 4], given: [u8; 4], options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![op, 1, 6, 0, 0xab, 0xcd, 0xef, 1, 0, 0, 0, 0];
        bytes.extend([own, given, [10, 0, 0, 1], [10, 9, 9, 9]].concat());
        bytes.extend([2, 0, 0, 0, 0, 5]);
        bytes.resize(FIXED, 0);
        bytes.extend(COOKIE);
        bytes.extend(options);
        bytes
    }

    fn ack() -> Vec<u8> {
        message_of(2, [0; 4], [10, 0, 0, 77], b"\x35\x01\x05\x36\x04\x0a\x00\x00\x01\x33\x04\x00\x00\x0e\x10\0\0\x0c\x04ANNA\xff")
    }

    #[test]
    fn reads_a_relayed_grant() {
        let Verdict::Found(message) = message(&ack()) else { panic!("a message") };
        let expected = Message {
            is_from_client: false,
            kind: Kind::ACK,
            mac: Some([2, 0, 0, 0, 0, 5]),
            own: None,
            given: Some(Ipv4Addr::new(10, 0, 0, 77)),
            requested: None,
            lease: Some(3600),
            host: Some(b"ANNA".to_vec()),
        };
        assert_eq!(message, expected);
    }

    #[test]
    fn a_prefix_of_a_message_waits_for_the_rest() {
        let whole = ack();
        for length in 0..whole.len() {
            match message(&whole[..length]) {
                Verdict::NeedMore(n) => assert!(n > length && n <= whole.len(), "{n} wanted after {length}"),
                other => panic!("{length} bytes gave {other:?}"),
            }
        }
        let padded = [&whole[..], &[0; 60]].concat();
        assert_eq!(message(&padded), message(&whole), "what follows the end is padding");
    }

    #[test]
    fn reads_the_fully_qualified_name_in_text_and_in_labels() {
        for option in [
            &b"\x51\x0f\x00\x00\x00anna.example"[..],
            b"\x51\x11\x04\x00\x00\x04anna\x07example\x00",
            b"\x51\x10\x04\x00\x00\x04anna\x07example",
        ] {
            let bytes = message_of(1, [10, 0, 0, 5], [0; 4], &[b"\x35\x01\x03\x0c\x04anna", option, b"\xff"].concat());
            let Verdict::Found(message) = message(&bytes) else { panic!("a message") };
            assert_eq!((message.is_from_client, message.own), (true, Some(Ipv4Addr::new(10, 0, 0, 5))));
            assert_eq!(message.host.as_deref(), Some(&b"anna.example"[..]), "{option:?}");
        }
    }

    #[test]
    fn lengths_that_contradict_are_malformed_and_other_protocols_are_not_dhcp() {
        for option in [&b"\x35\x02\x05\x05"[..], b"\x33\x03\x00\x0e\x10", b"\x32\x00", b"\x51\x02\x00\x00", b"\x51\x05\x04\x00\x00\x09a"] {
            let bytes = message_of(2, [0; 4], [10, 0, 0, 77], &[option, b"\xff"].concat());
            assert_eq!(message(&bytes), Verdict::Malformed(FIXED + 4), "{option:?}");
        }
        assert_eq!(message(&message_of(2, [0; 4], [10, 0, 0, 77], b"\xff")), Verdict::Not, "BOOTP");
        assert_eq!(message(&[7; 300]), Verdict::Not);
        let mut other = ack();
        other[FIXED] = 1;
        assert_eq!(message(&other), Verdict::Not);
    }

    #[test]
    fn no_byte_that_is_changed_makes_it_stop() {
        let whole = ack();
        for at in 0..whole.len() {
            for value in [0, 1, 12, 81, 255] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = message(&bytes);
            }
        }
    }
}
