//! A sink of any kind, so that one delivery carries letters to all of them.

use super::http::HttpSink;
use super::outbox::{Outcome, Sink};
use crate::daemon::config::{self, SinkKind};
use crate::daemon::letter::Letter;

/// A sink of any kind, ready to send.
#[derive(Debug)]
pub enum AnySink {
    /// One that goes by HTTP.
    Http(Box<HttpSink>),
}

impl AnySink {
    /// The sink that a configuration describes.
    ///
    /// # Errors
    /// What is wrong with its settings, without its URL or a secret.
    pub fn new(sink: &config::Sink) -> Result<Self, String> {
        match &sink.kind {
            kind @ (SinkKind::Webhook(_)
            | SinkKind::Slack(_)
            | SinkKind::Teams(_)
            | SinkKind::PagerDuty(_)
            | SinkKind::Alertmanager(_)
            | SinkKind::Template(_)) => Ok(AnySink::Http(Box::new(HttpSink::new(&sink.name, kind)?))),
        }
    }
}

impl Sink for AnySink {
    fn name(&self) -> &str {
        match self {
            AnySink::Http(sink) => sink.name(),
        }
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        match self {
            AnySink::Http(sink) => sink.send(letter).await,
        }
    }
}
