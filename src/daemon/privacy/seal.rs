//! Sealing: who stands behind a pseudonym, so that the period's key alone opens it. AES-256-GCM (NIST SP 800-38D) with random nonces, the
//! pseudonym and its period bound to it; what is sealed is filled up to steps of 128 bytes, so that its length tells little.

use std::fmt;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::PeriodKey;
use crate::daemon::mac;
use crate::daemon::sealed::Sealed;
use crate::engine::privacy::Unsealed;
use crate::engine::sighting::Identity;

/// Steps of length.
const STEP: usize = 128;
/// Bytes of a mark.
const MARK: usize = 16;

/// Seals and opens what belongs to one period.
pub struct Sealer {
    period: String,
    sealing: Zeroizing<[u8; 32]>,
    marking: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("period", &self.period).finish_non_exhaustive()
    }
}

/// Who stood behind a pseudonym.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Opened {
    /// The client as it would have been written in full.
    pub client: String,
    /// Its host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its link-layer address, lower-case hex with colons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

impl Opened {
    fn new(client: &str, identity: &Identity) -> Self {
        let text = |t: &Option<Arc<str>>| t.as_deref().map(str::to_owned);
        Opened { client: client.into(), host: text(&identity.host), user: text(&identity.user), mac: identity.mac.map(mac::text) }
    }
}

impl Sealer {
    /// What seals with a period's key.
    pub fn new(key: &PeriodKey) -> Self {
        Sealer { period: key.period.clone(), sealing: key.derived(b"seal"), marking: key.derived(b"mark") }
    }

    /// Seals an identity; `None` where the system gives no random bytes: then it cannot be kept, for it would stand open.
    pub fn seal(&self, unsealed: &Unsealed) -> Option<Sealed> {
        let opened = Opened::new(&unsealed.client, &unsealed.identity);
        let mut content = serde_json::to_vec(&opened).ok()?;
        let mark = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.marking[..]), &content);
        content.resize(content.len().next_multiple_of(STEP), b' ');
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let aad = Aad::from(self.bound_to(&unsealed.pseudonym));
        self.key()?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut content).ok()?;
        Some(Sealed {
            pseudonym: unsealed.pseudonym.to_string(),
            period: self.period.clone(),
            mark: mark.as_ref()[..MARK].to_vec(),
            since: unsealed.since,
            nonce: nonce.to_vec(),
            content,
        })
    }

    /// Opens what was sealed with this key; `None` where it was not, or was changed.
    pub fn open(&self, sealed: &Sealed) -> Option<Opened> {
        let nonce = Nonce::try_assume_unique_for_key(&sealed.nonce).ok()?;
        let mut content = sealed.content.clone();
        let opened = self.key()?.open_in_place(nonce, Aad::from(self.bound_to(&sealed.pseudonym)), &mut content).ok()?;
        serde_json::from_slice(opened).ok()
    }

    fn key(&self) -> Option<LessSafeKey> {
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.sealing[..]).ok()?))
    }

    fn bound_to(&self, pseudonym: &str) -> Vec<u8> {
        format!("shadowtap sealed 1\n{}\n{pseudonym}", self.period).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::frame::Time;

    fn unsealed(host: &str) -> Unsealed {
        let identity = Identity { host: Some(host.into()), mac: Some([2, 0, 0, 0, 0, 5]), ..Identity::default() };
        Unsealed { pseudonym: "p-abc".into(), client: "10.0.0.5".into(), identity: identity.into(), since: Time::new(7, 0) }
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_that_was_changed() {
        let sealer = Sealer::new(&PeriodKey::generate(Time(0)).unwrap());
        let sealed = sealer.seal(&unsealed("ws-14")).unwrap();
        let opened = sealer.open(&sealed).unwrap();
        assert_eq!(
            (&*opened.client, opened.host.as_deref(), opened.mac.as_deref()),
            ("10.0.0.5", Some("ws-14"), Some("02:00:00:00:00:05"))
        );
        let mut bent = sealed.clone();
        bent.content[0] ^= 1;
        let other_name = Sealed { pseudonym: "p-abd".into(), ..sealed.clone() };
        let other_key = Sealer::new(&PeriodKey::generate(Time(0)).unwrap());
        assert_eq!((sealer.open(&bent), sealer.open(&other_name), other_key.open(&sealed)), (None, None, None));
        assert_eq!(sealer.open(&Sealed { nonce: vec![0; 5], ..sealed }), None);
    }

    #[test]
    fn the_same_has_the_same_mark_and_never_the_same_bytes() {
        let sealer = Sealer::new(&PeriodKey::generate(Time(0)).unwrap());
        let [one, again, other] = ["ws-14", "ws-14", "a-longer-name"].map(|host| sealer.seal(&unsealed(host)).unwrap());
        assert_eq!(one.mark, again.mark);
        assert_ne!(one.mark, other.mark);
        assert!(one.nonce != again.nonce && one.content != again.content);
        assert_eq!(one.content.len(), other.content.len(), "lengths tell little");
    }
}
