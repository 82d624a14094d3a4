//! Alerts on their way out: the payload, the sinks, and one courier a sink that carries letters from the outbox until they arrive.

mod any_sink;
mod backoff;
mod courier;
pub mod digest_payload;
pub mod form;
mod http;
mod lines;
mod mail;
mod outbox;
pub mod payload;
pub mod sensor_payload;
mod syslog;

#[cfg(test)]
mod tests;

pub use any_sink::AnySink;
pub use backoff::Pace;
pub use courier::{Courier, OnResult};
pub use http::HttpSink;
pub use outbox::{Outbox, Outcome, Sink};
