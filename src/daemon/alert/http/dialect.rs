//! What is said to an HTTP sink and what its answers mean: one variant a kind of sink.

use std::path::{Path, PathBuf};

use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::answer::Answer;
use super::signing::sign;
use super::{alertmanager, pagerduty, slack, teams};
use crate::daemon::alert::form::Form;
use crate::daemon::alert::outbox::Outcome;
use crate::daemon::alert_template::Mistake;
use crate::daemon::clock;
use crate::daemon::config::{self, Endpoint, SinkKind};
use crate::daemon::letter::Letter;
use crate::daemon::secret::{Secret, Secrets};

/// One request.
pub(super) struct Message {
    /// Its method.
    pub method: Method,
    /// Its headers, the content type among them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
    /// What stands in it and is not to be repeated.
    pub secret: Option<String>,
}

impl Message {
    /// A POST of JSON.
    pub(super) fn json(body: String) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Message { method: Method::POST, headers, body, secret: None }
    }

    /// Adds a header. One whose value cannot stand in a header is left out: all of ours are digits, letters and signs.
    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// The language of a kind of sink.
pub(super) enum Dialect {
    /// The payload as it is, signed where there is a secret.
    Webhook {
        /// File with the secrets to sign by.
        secret_file: Option<PathBuf>,
    },
    /// Lines of JSON, signed in the same way: of a stream.
    Lines {
        /// File with the secrets to sign by.
        secret_file: Option<PathBuf>,
    },
    /// A message in Block Kit.
    Slack,
    /// An Adaptive Card.
    Teams,
    /// An event.
    PagerDuty {
        /// File with the integration key.
        routing_key_file: PathBuf,
    },
    /// A list of alerts.
    Alertmanager(alertmanager::Settings),
    /// Words of the site's own.
    Template(Box<config::Template>),
}

impl Dialect {
    /// The endpoint and the language of a sink; `None` where it does not go by HTTP.
    pub(super) fn of(kind: &SinkKind) -> Option<(&Endpoint, Self)> {
        Some(match kind {
            SinkKind::Webhook(webhook) => (&webhook.endpoint, Dialect::Webhook { secret_file: webhook.secret_file.clone() }),
            SinkKind::Slack(endpoint) => (endpoint, Dialect::Slack),
            SinkKind::Teams(endpoint) => (endpoint, Dialect::Teams),
            SinkKind::PagerDuty(sink) => (&sink.endpoint, Dialect::PagerDuty { routing_key_file: sink.routing_key_file.clone() }),
            SinkKind::Alertmanager(sink) => {
                let settings = alertmanager::Settings { open_hours: sink.open_hours, labels: sink.labels.clone() };
                (&sink.endpoint, Dialect::Alertmanager(settings))
            }
            SinkKind::Template(template) => (&template.endpoint, Dialect::Template(template.clone())),
            SinkKind::Syslog(_) | SinkKind::Mail(_) | SinkKind::Stdout(_) | SinkKind::File(_) => return None,
        })
    }

    /// Reads the files it needs at each attempt, to see that they can be read.
    pub(super) fn try_files(&self) -> Result<(), String> {
        match self {
            Dialect::Webhook { secret_file } | Dialect::Lines { secret_file } => secret_file.as_deref().map(secrets).transpose().map(drop),
            Dialect::PagerDuty { routing_key_file } => routing_key(routing_key_file).map(drop),
            Dialect::Slack | Dialect::Teams | Dialect::Alertmanager(_) | Dialect::Template(_) => Ok(()),
        }
    }

    /// A letter in this language.
    ///
    /// # Errors
    /// What to make of it that there is none: a file that cannot be read stops the sink, a body that a template cannot say refuses the letter.
    pub(super) fn message(&self, letter: &Letter) -> Result<Message, Outcome> {
        let form = || Form::read(&letter.payload);
        Ok(match self {
            Dialect::Webhook { secret_file } => return webhook(letter, secret_file.as_deref()).map_err(down),
            Dialect::Lines { secret_file } => {
                let message = webhook(letter, secret_file.as_deref()).map_err(down)?;
                return Ok(message.with(header::CONTENT_TYPE, "application/x-ndjson"));
            }
            Dialect::Slack => Message::json(slack::message(&form()).to_string()),
            Dialect::Teams => Message::json(teams::message(&form()).to_string()),
            Dialect::PagerDuty { routing_key_file } => {
                let key = routing_key(routing_key_file).map_err(down)?;
                let message = Message::json(pagerduty::event(&form(), key.text()).to_string());
                Message { secret: Some(key.text().to_owned()), ..message }
            }
            Dialect::Alertmanager(settings) => Message::json(alertmanager::alerts(&form(), settings, clock::now()).to_string()),
            Dialect::Template(template) => {
                let refused = |mistake: Mistake| Outcome::Refused(format!("line {} of its body: {}", mistake.line, mistake.message));
                let body = template.body.render(&letter.payload).map_err(refused)?;
                let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, template.content_type.clone())]);
                Message { method: template.method.clone(), headers, body, secret: None }
            }
        })
    }

    /// What an answer means.
    pub(super) fn judge(&self, answer: Answer) -> Outcome {
        match self {
            Dialect::PagerDuty { .. } => pagerduty::judge(answer),
            _ => answer.by_status(),
        }
    }
}

fn down(error: String) -> Outcome {
    Outcome::Down { error, leave_alone: None }
}

/// The payload as it is, with the headers a receiver proves it by.
fn webhook(letter: &Letter, secret_file: Option<&Path>) -> Result<Message, String> {
    let timestamp = clock::now().seconds();
    let message = Message::json(letter.payload.clone())
        .with(HeaderName::from_static("x-shadowtap-alert-id"), &letter.id)
        .with(HeaderName::from_static("x-shadowtap-timestamp"), &timestamp.to_string());
    // Read each time: a changed secret counts from the next attempt on.
    let Some(file) = secret_file else { return Ok(message) };
    Ok(message.with(HeaderName::from_static("x-shadowtap-signature"), &sign(&secrets(file)?, timestamp, &letter.payload)))
}

fn secrets(path: &Path) -> Result<Secrets, String> {
    Secrets::read(path).map_err(|(what, remedy)| format!("secret file {} {what}; {remedy}", path.display()))
}

fn routing_key(path: &Path) -> Result<Secret, String> {
    Secret::read(path).map_err(|(what, remedy)| format!("routing_key_file {} {what}; {remedy}", path.display()))
}
