//! Alerts to a syslog receiver, as CEF, OCSF or JSON.

use super::form::{Form, Severity};
use super::outbox::{Outcome, Sink};
use crate::daemon::config;
use crate::daemon::letter::Letter;
use crate::daemon::outlet::{Receiver, SyslogLine};
use crate::daemon::siem::rfc5424;
use crate::daemon::siem::{Format, Record};

/// A syslog receiver of alerts.
pub struct SyslogSink {
    name: String,
    format: Format,
    receiver: Receiver,
}

impl SyslogSink {
    /// Makes it; nothing is connected yet.
    ///
    /// # Errors
    /// Which file of its settings cannot be used.
    pub fn new(name: &str, settings: &config::Syslog) -> Result<Self, String> {
        let receiver = settings.place.receiver(&settings.sensor).map_err(|what| format!("sink `{name}`: {what}"))?;
        Ok(SyslogSink { name: name.to_owned(), format: settings.format, receiver })
    }
}

impl Sink for SyslogSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        let form = Form::read(&letter.payload);
        let text = self.format.line(&Record::of_alert(&form.all, form.title()), &letter.payload);
        let severity = match form.severity {
            _ if form.is_resolved => rfc5424::Severity::Informational,
            Severity::High => rfc5424::Severity::Critical,
            Severity::Medium => rfc5424::Severity::Warning,
            Severity::Low => rfc5424::Severity::Notice,
        };
        let data = [("id", &*letter.id), ("incident", &form.incident)];
        let line = SyslogLine { severity, time: &form.created, kind: &form.kind, data: &data, text: &text };
        match self.receiver.send(&[line]).await {
            Ok(()) => Outcome::Taken("sent, and the connection stayed open; syslog acknowledges nothing".into()),
            Err(error) => Outcome::Down { error, leave_alone: None },
        }
    }
}
