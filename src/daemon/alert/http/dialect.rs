//! What is said to an HTTP sink and what its answers mean: one variant a kind of sink.

use std::path::PathBuf;

use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::answer::Answer;
use super::secrets;
use super::signing::sign;
use crate::daemon::alert::outbox::Outcome;
use crate::daemon::clock;
use crate::daemon::letter::Letter;

/// One request.
pub(super) struct Message {
    /// Its method.
    pub method: Method,
    /// Its headers, the content type among them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Message {
    /// A POST of JSON.
    pub(super) fn json(body: String) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Message { method: Method::POST, headers, body }
    }

    /// Adds a header. One whose value cannot stand in a header is left out: all of ours are digits, letters and signs.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
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
}

impl Dialect {
    /// Reads the files it needs at each attempt, to see that they can be read.
    pub(super) fn try_files(&self) -> Result<(), String> {
        match self {
            Dialect::Webhook { secret_file } => secret_file.as_deref().map(secrets).transpose().map(drop),
        }
    }

    /// A letter in this language.
    pub(super) fn message(&self, letter: &Letter) -> Result<Message, String> {
        match self {
            Dialect::Webhook { secret_file } => {
                let timestamp = clock::now().seconds();
                let message = Message::json(letter.payload.clone())
                    .with("x-shadowtap-alert-id", &letter.id)
                    .with("x-shadowtap-timestamp", &timestamp.to_string());
                // Read each time: a changed secret counts from the next attempt on.
                let Some(file) = secret_file else { return Ok(message) };
                Ok(message.with("x-shadowtap-signature", &sign(&secrets(file)?, timestamp, &letter.payload)))
            }
        }
    }

    /// What an answer means.
    pub(super) fn judge(&self, answer: Answer) -> Outcome {
        match self {
            Dialect::Webhook { .. } => answer.by_status(),
        }
    }
}
