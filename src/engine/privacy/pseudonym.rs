//! Pseudonyms: a keyed hash stands for a client. Whoever has the key of the period can tell whether a pseudonym is a certain client's;
//! without it nobody can, for addresses are few enough to try all of them on a hash without a key.

use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use ring::hmac;
use zeroize::Zeroizing;

use crate::engine::frame::Time;
use crate::engine::sighting::Identity;

/// What every pseudonym begins with.
pub const PREFIX: &str = "p-";
/// Bytes of the hash that are kept: 80 bits, 16 characters. Among 10 million clients two are alike with odds of 1 to 24 billion.
const KEPT: usize = 10;
/// RFC 4648 §6, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The key pseudonyms of one period are made with. Its memory is overwritten when it goes.
#[derive(Clone)]
pub struct PseudonymKey(Zeroizing<[u8; 32]>);

impl PseudonymKey {
    /// Takes 32 random bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        PseudonymKey(bytes)
    }

    /// The pseudonym of a client, as it is written in full: `p-` and 16 characters. HMAC-SHA256 (RFC 2104), cut.
    pub fn pseudonym(&self, client: &str) -> String {
        // Made for each use: what the library keeps of a key is not overwritten, and stays on the stack only.
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0[..]), client.as_bytes());
        format!("{PREFIX}{}", base32(tag.as_ref().get(..KEPT).unwrap_or_default()))
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey")
    }
}

/// Bytes in base 32, lower case, without padding.
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(8).div_ceil(5));
    let (mut held, mut bits) = (0u32, 0u32);
    for byte in bytes {
        held = (held << 8 | u32::from(*byte)) & 0xFFFF;
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            text.push(digit(held >> bits));
        }
    }
    if bits > 0 {
        text.push(digit(held << (5u32.saturating_sub(bits))));
    }
    text
}

fn digit(value: u32) -> char {
    BASE32.get((value & 31) as usize).map_or('a', |d| char::from(*d))
}

/// Whom a pseudonym stands for. It is sealed at once, and never stored or shown as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsealed {
    /// The pseudonym.
    pub pseudonym: Arc<str>,
    /// The client as it would have been written in full.
    pub client: Arc<str>,
    /// What else is known of it.
    pub identity: Arc<Identity>,
    /// When this was first so.
    pub since: Time,
}

/// The pseudonyms of one period.
pub struct Pseudonyms {
    key: PseudonymKey,
    bound: usize,
    /// The identity last handed out to be sealed, by pseudonym.
    sealed: HashMap<Arc<str>, Arc<Identity>, FixedState>,
    unsealed: Vec<Unsealed>,
}

impl Pseudonyms {
    /// None yet; at most `bound` identities are remembered as sealed, and as many wait to be.
    pub fn new(key: PseudonymKey, bound: usize, seed: u64) -> Self {
        let sealed = HashMap::with_hasher(FixedState::with_seed(seed));
        Pseudonyms { key, bound: bound.max(1), sealed, unsealed: Vec::new() }
    }

    /// The pseudonym of a client.
    pub fn of(&self, client: &str) -> Arc<str> {
        self.key.pseudonym(client).into()
    }

    /// The pseudonym of a client, whose identity goes out to be sealed where it was not before.
    pub(super) fn client(&mut self, client: &Arc<str>, identity: &Arc<Identity>, since: Time) -> Arc<str> {
        let pseudonym = self.of(client);
        if self.sealed.get(&pseudonym) == Some(identity) || self.unsealed.len() >= self.bound {
            return pseudonym;
        }
        // Sealed once more does no harm: the store keeps one of each.
        if self.sealed.len() >= self.bound {
            self.sealed.clear();
        }
        self.sealed.insert(Arc::clone(&pseudonym), Arc::clone(identity));
        let unsealed = Unsealed { pseudonym: Arc::clone(&pseudonym), client: Arc::clone(client), identity: Arc::clone(identity), since };
        self.unsealed.push(unsealed);
        pseudonym
    }

    pub(super) fn forget(&mut self, is_meant: &dyn Fn(&str) -> bool) {
        self.sealed.retain(|pseudonym, _| !is_meant(pseudonym));
        self.unsealed.retain(|u| !is_meant(&u.pseudonym));
    }

    pub(super) fn drain(&mut self) -> Vec<Unsealed> {
        std::mem::take(&mut self.unsealed)
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pseudonyms").field("sealed", &self.sealed.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> PseudonymKey {
        PseudonymKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("fooba", "mzxw6ytb"), ("foobar", "mzxw6ytboi")]
        {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_pseudonym_is_the_keys_and_the_clients() {
        let one = key(0x0b).pseudonym("10.0.0.5");
        assert_eq!(one.len(), 18);
        assert!(one.starts_with("p-") && !one.contains("10"), "{one}");
        assert_eq!(one, key(0x0b).pseudonym("10.0.0.5"));
        assert_ne!(one, key(0x0b).pseudonym("10.0.0.6"));
        assert_ne!(one, key(0x0c).pseudonym("10.0.0.5"));
        // printf 10.0.0.5 | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b0b… -binary | head -c 10 | base32
        assert_eq!(one, "p-jhifj3pnxuwggowj");
        assert!(!format!("{:?}", Pseudonyms::new(key(7), 1, 0)).contains('7'));
    }

    #[test]
    fn an_identity_goes_out_once_until_it_changes_and_no_more_than_fit_wait() {
        let mut pseudonyms = Pseudonyms::new(key(1), 2, 0);
        let (unknown, named) = (Arc::default(), Arc::new(Identity { host: Some("ws-14".into()), ..Identity::default() }));
        let client: Arc<str> = "10.0.0.5".into();
        let at = Time::new(1, 0);
        pseudonyms.client(&client, &unknown, at);
        pseudonyms.client(&client, &unknown, at);
        pseudonyms.client(&client, &named, at);
        let third = pseudonyms.client(&"10.0.0.6".into(), &named, at);
        assert_eq!(pseudonyms.drain().iter().map(|u| u.identity.host.as_deref()).collect::<Vec<_>>(), [None, Some("ws-14")]);
        // What found no room goes out when it is seen again.
        assert_eq!(pseudonyms.client(&"10.0.0.6".into(), &named, at), third);
        assert_eq!(pseudonyms.drain().len(), 1);
    }
}
