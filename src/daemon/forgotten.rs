//! A client that was forgotten a moment ago: told to a daemon at work without saying who it is.

use ring::hmac::{self, HMAC_SHA256};

use crate::engine::frame::Time;

/// Who was forgotten, as a hash under a key of its own, and up to when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forgotten {
    /// Its number in the store.
    pub id: i64,
    /// What began up to this moment is not written any more.
    pub at: Time,
    /// Random bytes.
    pub key: Vec<u8>,
    /// HMAC-SHA256 of the client as it is written.
    pub mark: Vec<u8>,
}

impl Forgotten {
    /// Forgets a client, named as the store names it. The number comes from the store.
    pub fn new(client: &str, at: Time) -> Self {
        let key = rand::random::<[u8; 32]>().to_vec();
        let mark = hmac::sign(&hmac::Key::new(HMAC_SHA256, &key), client.as_bytes()).as_ref().to_vec();
        Forgotten { id: 0, at, key, mark }
    }

    /// Whether this client is meant.
    pub fn is(&self, client: &str) -> bool {
        hmac::verify(&hmac::Key::new(HMAC_SHA256, &self.key), client.as_bytes(), &self.mark).is_ok()
    }
}
