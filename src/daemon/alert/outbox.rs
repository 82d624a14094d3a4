//! What a courier needs: an outbox to take letters from, and a sink to give them to.

use std::time::Duration;

use crate::daemon::letter::{Given, Letter};

/// Where letters wait, kept so that no crash loses one.
pub trait Outbox: Send + Sync + 'static {
    /// Letters for a sink, the most urgent first; never two of the same client and service.
    fn letters(&self, sink: &str, limit: u32) -> impl Future<Output = Result<Vec<Letter>, String>> + Send;

    /// Notes what became of an attempt.
    fn settle(&self, letter: &Letter, sink: &str, given: &Given) -> impl Future<Output = Result<(), String>> + Send;
}

/// Where letters go.
pub trait Sink: Send + Sync + 'static {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// One attempt. It ends within the sink's time-out, whatever the other side does.
    fn send(&self, letter: &Letter) -> impl Future<Output = Outcome> + Send;
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was taken; what came back, for a person.
    Taken(String),
    /// This letter is not wanted as it is; others may be.
    Refused(String),
    /// The sink takes nothing now.
    Down {
        /// What happened.
        error: String,
        /// How long it asked to be left alone.
        leave_alone: Option<Duration>,
    },
}
