//! Fingerprints met lately. Programs are few and their hellos many: what one offers is hashed once, and looked up from then on.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::ja4::{Carrier, Ja4, Offer};
use super::tls::Hello;

/// Offers remembered; each has one place, and the last that fell into it keeps it.
const PLACES: usize = 256;
/// Codes of an offer that is remembered; a longer one is nobody's program.
const MAX_CODES: usize = 256;

/// What a hello tells of the program that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Print {
    /// Protocols offered in ALPN (RFC 7301), in order, as text; bytes outside ASCII as hex.
    pub alpn: Arc<[Box<str>]>,
    /// Fingerprint.
    pub ja4: Option<Ja4>,
}

/// Offers and their fingerprints. Bounded: whatever comes, it holds [`PLACES`] of them.
#[derive(Debug)]
pub struct Prints {
    known: Vec<Option<(Offer, Print)>>,
    hasher: FixedState,
    /// That of the hello being looked up.
    offer: Offer,
}

impl Prints {
    /// Knows none yet; `seed` keys the hash.
    pub fn new(seed: u64) -> Self {
        Prints { known: Vec::new(), hasher: FixedState::with_seed(seed), offer: Offer::default() }
    }

    /// What a hello tells of the program that made it.
    pub fn of(&mut self, hello: &Hello<'_>, carrier: Carrier) -> Print {
        self.offer.take(hello, carrier);
        let place = self.hasher.hash_one(&self.offer) as usize % PLACES;
        if let Some(Some((_, print))) = self.known.get(place).filter(|known| known.as_ref().is_some_and(|(offer, _)| *offer == self.offer))
        {
            return print.clone();
        }
        let alpn = self.offer.protocols().map(protocol_text).collect();
        let print = Print { alpn, ja4: self.offer.ja4() };
        if self.offer.len() <= MAX_CODES {
            if self.known.is_empty() {
                self.known.resize(PLACES, None);
            }
            if let Some(known) = self.known.get_mut(place) {
                *known = Some((self.offer.clone(), print.clone()));
            }
        }
        print
    }
}

fn protocol_text(protocol: &[u8]) -> Box<str> {
    match std::str::from_utf8(protocol) {
        Ok(text) if text.bytes().all(|b| b.is_ascii_graphic()) => text.into(),
        _ => protocol.iter().map(|b| format!("{b:02x}")).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello with these ciphers and extensions without content.
    fn hello<'a>(ciphers: &'a [u8], extensions: &'a [u8], alpn: &'a [u8]) -> Hello<'a> {
        Hello { version: 0x0303, ciphers, extensions, alpn, ..Hello::default() }
    }

    #[test]
    fn what_is_remembered_is_what_is_computed() {
        let mut prints = Prints::new(1);
        let (some, turned) = ([0x13, 1, 0x13, 2], [0x13, 2, 0x1a, 0x1a, 0x13, 1]);
        let first = prints.of(&hello(&some, &[0, 5, 0, 0, 0, 10, 0, 0], b"\x02h2"), Carrier::Tcp);
        assert_eq!(first.ja4.as_deref().map(|text| &text[..10]), Some("t12i0202h2"));
        assert_eq!(prints.of(&hello(&turned, &[0, 10, 0, 0, 0, 5, 0, 0], b"\x02h2"), Carrier::Tcp), first, "order and GREASE");
        for (other, what) in [
            (prints.of(&hello(&some, &[0, 5, 0, 0, 0, 10, 0, 0], b"\x02h3"), Carrier::Tcp), "protocol"),
            (prints.of(&hello(&some, &[0, 5, 0, 0, 0, 10, 0, 0], b"\x02h2"), Carrier::Quic), "carrier"),
            (prints.of(&hello(&some, &[0, 5, 0, 0, 0, 0, 0, 0], b"\x02h2"), Carrier::Tcp), "extensions"),
            (prints.of(&hello(&some[..2], &[0, 5, 0, 0, 0, 10, 0, 0], b"\x02h2"), Carrier::Tcp), "ciphers"),
        ] {
            assert_ne!(other, first, "{what}");
        }
        assert_eq!(prints.of(&hello(&some, &[0, 5, 0, 0, 0, 10, 0, 0], b"\x02h2"), Carrier::Tcp), first);
        // A code that moves from one list to the other is another offer.
        let cut = [prints.of(&hello(&some, &[0, 5, 0, 0], b""), Carrier::Tcp), prints.of(&hello(&[], &[], b""), Carrier::Tcp)];
        assert_ne!(cut[0], cut[1]);
    }

    #[test]
    fn a_flood_of_offers_stays_inside_the_bound() {
        let mut prints = Prints::new(1);
        for n in 0..5_000u16 {
            prints.of(&hello(&n.to_be_bytes(), &[], b""), Carrier::Tcp);
        }
        prints.of(&hello(&[0x13; 65_534], &[], b""), Carrier::Tcp);
        assert_eq!(prints.known.len(), PLACES);
        assert!(prints.known.iter().flatten().all(|(offer, _)| offer.len() <= MAX_CODES));
    }
}
