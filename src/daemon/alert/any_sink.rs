//! A sink of any kind, so that one delivery carries letters to all of them.

use std::fmt;

use super::http::HttpSink;
use super::lines::LineSink;
use super::mail::MailSink;
use super::outbox::{Outcome, Sink};
use super::syslog::SyslogSink;
use crate::daemon::config::{self, SinkKind};
use crate::daemon::letter::Letter;

/// A sink of any kind, ready to send.
pub enum AnySink {
    /// One that goes by HTTP.
    Http(Box<HttpSink>),
    /// A syslog receiver.
    Syslog(Box<SyslogSink>),
    /// A mail server.
    Mail(Box<MailSink>),
    /// Standard output, or a file.
    Lines(LineSink),
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
            SinkKind::Syslog(settings) => Ok(AnySink::Syslog(Box::new(SyslogSink::new(&sink.name, settings)?))),
            SinkKind::Mail(settings) => Ok(AnySink::Mail(Box::new(MailSink::new(&sink.name, settings)?))),
            SinkKind::Stdout(settings) => Ok(AnySink::Lines(LineSink::stdout(&sink.name, settings))),
            SinkKind::File(settings) => Ok(AnySink::Lines(LineSink::file(&sink.name, settings))),
        }
    }
}

impl fmt::Debug for AnySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnySink::Http(sink) => sink.fmt(f),
            other => f.debug_tuple("AnySink").field(&other.name()).finish(),
        }
    }
}

impl Sink for AnySink {
    fn name(&self) -> &str {
        match self {
            AnySink::Http(sink) => sink.name(),
            AnySink::Syslog(sink) => sink.name(),
            AnySink::Mail(sink) => sink.name(),
            AnySink::Lines(sink) => sink.name(),
        }
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        match self {
            AnySink::Http(sink) => sink.send(letter).await,
            AnySink::Syslog(sink) => sink.send(letter).await,
            AnySink::Mail(sink) => sink.send(letter).await,
            AnySink::Lines(sink) => sink.send(letter).await,
        }
    }
}
