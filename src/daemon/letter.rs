//! An alert on its way to one sink, and what becomes of it: the words the store, which keeps it, and the delivery, which carries it,
//! both speak.

use crate::engine::frame::Time;

/// An alert on its way to one sink.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// Row of the alert in the store.
    pub alert: i64,
    /// Id of the alert, the same on each attempt.
    pub id: String,
    /// What to send.
    pub payload: String,
    /// Attempts made.
    pub attempts: u32,
    /// When it was put into the outbox, or put back.
    pub since: Time,
    /// Not before.
    pub next_attempt: Time,
}

/// What became of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Given {
    /// It arrived.
    Delivered,
    /// It did not; try again.
    Again {
        /// Not before.
        at: Time,
        /// Why it did not.
        error: String,
    },
    /// It did not and will not be tried again, until somebody asks.
    Up {
        /// Why it did not.
        error: String,
    },
}

impl Given {
    /// The word used as label `result`.
    pub const fn word(&self) -> &'static str {
        match self {
            Given::Delivered => "delivered",
            Given::Again { .. } => "failed",
            Given::Up { .. } => "given_up",
        }
    }
}
