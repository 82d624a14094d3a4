//! An identity that is sealed: what the privacy that seals it and the store that keeps it both speak of.

use crate::engine::frame::Time;

/// Who stands behind a pseudonym, readable with the key of its period alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The pseudonym.
    pub pseudonym: String,
    /// Period of the key.
    pub period: String,
    /// Keyed hash of what is sealed, so that the same is kept once.
    pub mark: Vec<u8>,
    /// When the identity was first so.
    pub since: Time,
    /// Nonce, 12 bytes.
    pub nonce: Vec<u8>,
    /// What is sealed, with its tag.
    pub content: Vec<u8>,
}
