//! DHCPv6 (RFC 8415): which client (by its DUID) is given which addresses for how long, and its name (RFC 4704). Relayed messages are
//! followed inward; a relay may add the client's link-layer address (RFC 6939).

use std::net::Ipv6Addr;

use super::labels;
use crate::engine::bytes::{Reader, Verdict};
use crate::engine::event::Duid;
use crate::engine::mac::is_individual;

/// Relays followed inward (RFC 8415 §7.6, HOP_COUNT_LIMIT).
const MAX_RELAYS: usize = 8;
/// Addresses read of one message.
const MAX_ADDRESSES: usize = 32;

const CLIENT_ID: u16 = 1;
const IA_NA: u16 = 3;
const IA_TA: u16 = 4;
const IA_ADDRESS: u16 = 5;
const RELAYED: u16 = 9;
const STATUS: u16 = 13;
const CLIENT_FQDN: u16 = 39;
const LINK_LAYER_ADDRESS: u16 = 79;

/// What a message is (RFC 8415 §7.3); unknown numbers stay numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind(pub u8);

impl Kind {
    /// A server answers.
    pub const REPLY: Kind = Kind(7);
    /// A client gives addresses back.
    pub const RELEASE: Kind = Kind(8);
    /// A client found addresses in use.
    pub const DECLINE: Kind = Kind(9);

    /// Whether a client sends it.
    pub const fn is_from_client(self) -> bool {
        matches!(self.0, 1 | 3..=6 | 8 | 9 | 11)
    }
}

/// A message, as far as it tells of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Whether it went through a relay.
    pub is_relayed: bool,
    /// The client's own MAC address, where a relay says it.
    pub mac: Option<[u8; 6]>,
    /// The client.
    pub duid: Option<Duid>,
    /// Its addresses and for how many seconds they hold: 0 is no more, the largest number for ever.
    pub addresses: Vec<(Ipv6Addr, u32)>,
    /// Its name, as bytes of text.
    pub host: Option<Vec<u8>>,
}

/// Reads a message. It has no end of its own: what is given must be the whole datagram.
pub fn message(bytes: &[u8]) -> Verdict<Message> {
    let mut mac = None;
    let mut inner = bytes;
    for relays in 0..=MAX_RELAYS {
        match inner.first() {
            None => return Verdict::NeedMore(bytes.len().saturating_add(1)),
            Some(12 | 13) => {}
            Some(kind @ 1..=11) => return plain(bytes, inner, Kind(*kind), relays > 0, mac),
            Some(_) => return Verdict::Not,
        }
        // Hops, link address, peer address; then options, one of which is the message relayed.
        let Some(options) = inner.get(34..) else { return Verdict::NeedMore(bytes.len().saturating_add(1)) };
        let mut relayed = None;
        let walked = each_option(options, |code, value| match code {
            RELAYED => relayed = Some(value),
            LINK_LAYER_ADDRESS => mac = value.strip_prefix(&[0, 1]).and_then(|m| m.try_into().ok()).filter(|m| is_individual(*m)),
            _ => {}
        });
        match (walked, relayed) {
            (None, _) => return Verdict::NeedMore(bytes.len().saturating_add(1)),
            (Some(()), None) => return Verdict::Malformed(bytes.len().saturating_sub(inner.len())),
            (Some(()), Some(value)) => inner = value,
        }
    }
    Verdict::Malformed(bytes.len().saturating_sub(inner.len()))
}

/// A message between client and server, or what relays carried of one: there its length is told, and what breaks off is malformed.
fn plain(whole: &[u8], bytes: &[u8], kind: Kind, is_relayed: bool, mac: Option<[u8; 6]>) -> Verdict<Message> {
    let short = if is_relayed { Verdict::Malformed(whole.len()) } else { Verdict::NeedMore(whole.len().saturating_add(1)) };
    let Some(options) = bytes.get(4..) else { return short };
    let mut message = Message { kind, is_relayed, mac, duid: None, addresses: Vec::new(), host: None };
    let mut is_sound = true;
    let walked = each_option(options, |code, value| match code {
        CLIENT_ID => message.duid = Some(duid(value)),
        IA_NA | IA_TA => is_sound &= association(value, if code == IA_NA { 12 } else { 4 }, &mut message.addresses).is_some(),
        CLIENT_FQDN => match value.split_first().map(|(_, name)| labels::text(name)) {
            Some(Some(name)) => message.host = Some(name).filter(|n| !n.is_empty()),
            _ => is_sound = false,
        },
        _ => {}
    });
    match walked {
        None => short,
        Some(()) if is_sound => Verdict::Found(message),
        Some(()) => Verdict::Malformed(whole.len().saturating_sub(options.len())),
    }
}

/// The addresses of an identity association whose fixed fields have that size; `None` where it contradicts itself.
fn association(value: &[u8], fixed: usize, addresses: &mut Vec<(Ipv6Addr, u32)>) -> Option<()> {
    let mut is_sound = true;
    let mut is_refused = false;
    let known = addresses.len();
    each_option(value.get(fixed..)?, |code, value| match code {
        IA_ADDRESS => match lent(value) {
            Some(lent) if addresses.len() < MAX_ADDRESSES => addresses.push(lent),
            Some(_) => {}
            None => is_sound = false,
        },
        STATUS => is_refused |= !value.starts_with(&[0, 0]),
        _ => {}
    })?;
    if is_refused {
        addresses.truncate(known);
    }
    is_sound.then_some(())
}

fn lent(value: &[u8]) -> Option<(Ipv6Addr, u32)> {
    let mut r = Reader::new(value);
    let (address, _, valid) = (Ipv6Addr::from(r.array::<16>()?), r.u32()?, r.u32()?);
    Some((address, valid))
}

/// A DUID and, where it is made from one of Ethernet, its MAC address (DUID-LLT, DUID-LL).
fn duid(bytes: &[u8]) -> Duid {
    let mac = match bytes {
        [0, 1, 0, 1, _, _, _, _, mac @ ..] | [0, 3, 0, 1, mac @ ..] => mac.try_into().ok().filter(|m| is_individual(*m)),
        _ => None,
    };
    Duid { digest: super::digest(bytes), mac }
}

/// Walks options of two bytes of code and two of length; `None` where one breaks off.
fn each_option<'a>(options: &'a [u8], mut take: impl FnMut(u16, &'a [u8])) -> Option<()> {
    let mut r = Reader::new(options);
    while !r.is_empty() {
        let (code, value) = (r.u16()?, r.vec16()?);
        take(code, value);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 5];

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        [&code.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
    }

    fn address(last: u8) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last.into())
    }

    fn association_of(addresses: &[(u8, u32)]) -> Vec<u8> {
        let lent = |(last, valid): &(u8, u32)| option(5, &[&address(*last).octets()[..], &[0; 4], &valid.to_be_bytes()].concat());
        option(3, &[vec![0; 12], addresses.iter().flat_map(lent).collect()].concat())
    }

    fn reply() -> Vec<u8> {
        let duid = [&[0, 1, 0, 1, 9, 9, 9, 9][..], &MAC].concat();
        [vec![7, 1, 2, 3], option(1, &duid), association_of(&[(7, 3600), (8, 0)]), option(39, b"\0\x04anna\x07example\0")].concat()
    }

    fn relayed(kind: u8, inner: &[u8], more: &[u8]) -> Vec<u8> {
        [&[kind, 0][..], &[0; 32], more, &option(9, inner)].concat()
    }

    #[test]
    fn reads_a_reply() {
        let Verdict::Found(message) = message(&reply()) else { panic!("a message") };
        assert_eq!(message.kind, Kind::REPLY);
        assert_eq!(message.duid.and_then(|d| d.mac), Some(MAC));
        assert_eq!(message.addresses, [(address(7), 3600), (address(8), 0)]);
        assert_eq!(message.host.as_deref(), Some(&b"anna.example"[..]));
    }

    #[test]
    fn a_prefix_tells_no_more_than_the_whole_and_nothing_else() {
        let whole = reply();
        let Verdict::Found(all) = message(&whole) else { panic!("a message") };
        for length in 0..whole.len() {
            match message(&whole[..length]) {
                Verdict::NeedMore(n) => assert!(n > length, "{length}"),
                // The end of an option may be the end of the datagram.
                Verdict::Found(part) => {
                    assert!(part.duid.is_none() || part.duid == all.duid, "{length}");
                    assert!(part.addresses.is_empty() || part.addresses == all.addresses, "{length}");
                    assert_eq!(part.host, None, "{length}");
                }
                other => panic!("{length} bytes gave {other:?}"),
            }
        }
        let whole = relayed(12, &relayed(12, &whole, &[]), &[]);
        for length in 0..whole.len() {
            match message(&whole[..length]) {
                Verdict::NeedMore(n) => assert!(n > length, "{length}"),
                // A relay's fixed fields alone may be a datagram, which relays nothing.
                told => assert_eq!((length, told), (34, Verdict::Malformed(0))),
            }
        }
    }

    #[test]
    fn a_relay_tells_the_link_layer_address() {
        let forward = relayed(12, &relayed(12, &reply(), &option(79, &[&[0, 1][..], &MAC].concat())), &[]);
        let Verdict::Found(message) = message(&forward) else { panic!("a message") };
        assert_eq!((message.mac, message.is_relayed), (Some(MAC), true));
    }

    #[test]
    fn refused_addresses_are_not_given_and_contradictions_are_malformed() {
        let refused = option(3, &[&[0; 12][..], &option(5, &[&address(7).octets()[..], &[0; 8]].concat()), &option(13, &[0, 2])].concat());
        let Verdict::Found(message_) = message(&[vec![7, 1, 2, 3], refused].concat()) else { panic!("a message") };
        assert_eq!(message_.addresses, []);
        for bad in [option(3, &[0; 11]), option(3, &[&[0; 12][..], &option(5, &[0; 20])].concat()), option(39, &[]), option(39, b"\0\x09a")]
        {
            assert_eq!(message(&[vec![7, 1, 2, 3], bad].concat()), Verdict::Malformed(4));
        }
        let mut deep = reply();
        for _ in 0..10 {
            deep = relayed(12, &deep, &[]);
        }
        assert!(matches!(message(&deep), Verdict::Malformed(_)));
        assert!(matches!(message(&relayed(12, &[7, 1], &[])), Verdict::Malformed(_)));
        assert!(matches!(message(&relayed(12, &[], &[])), Verdict::NeedMore(_)));
        assert_eq!(message(&[200, 1, 2, 3]), Verdict::Not);
    }
}
