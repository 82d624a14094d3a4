//! Alerts on their way out: the payload, the sinks, and one courier a sink that carries letters from the outbox until they arrive.

mod backoff;
mod courier;
pub mod digest_payload;
mod outbox;
pub mod payload;
mod retry_after;
pub mod sensor_payload;
mod signing;
mod webhook;

#[cfg(test)]
mod tests;

pub use backoff::Pace;
pub use courier::{Courier, OnResult};
pub use outbox::{Outbox, Outcome, Sink};
pub use webhook::{Webhook, WebhookSettings};
