//! Sinks that go by HTTP: one exchange an attempt, bounded in time and in what is read back. What is said in it, and what an answer means, is
//! the [`Dialect`]'s.

mod answer;
mod client;
mod dialect;
mod retry_after;
mod signing;

use std::fmt;
use std::path::Path;

use reqwest::Client;

use super::outbox::{Outcome, Sink};
use crate::daemon::config::{Endpoint, SinkKind};
use crate::daemon::failure::cause;
use crate::daemon::letter::Letter;
use crate::daemon::secret::Secrets;
use answer::Answer;
use dialect::Dialect;

/// A sink that goes by HTTP, ready to send.
pub struct HttpSink {
    name: String,
    endpoint: Endpoint,
    client: Client,
    dialect: Dialect,
}

impl HttpSink {
    /// Makes it, and reads its files once to see that they can be read.
    ///
    /// # Errors
    /// What is wrong with its settings, without its URL or a secret.
    pub fn new(name: &str, kind: &SinkKind) -> Result<Self, String> {
        let (endpoint, dialect) = match kind {
            SinkKind::Webhook(webhook) => (&webhook.endpoint, Dialect::Webhook { secret_file: webhook.secret_file.clone() }),
        };
        let made = || {
            dialect.try_files()?;
            client::client(endpoint)
        };
        let client = made().map_err(|what| format!("sink `{name}`: {what}"))?;
        Ok(HttpSink { name: name.to_owned(), endpoint: endpoint.clone(), client, dialect })
    }

    async fn exchange(&self, letter: &Letter) -> Result<Answer, String> {
        let (url, message) = (self.endpoint.address.url()?, self.dialect.message(letter)?);
        let request = self.client.request(message.method, url).headers(message.headers).body(message.body);
        let response = request.send().await.map_err(|e| cause(&e.without_url()))?;
        Ok(Answer::read(response).await)
    }
}

impl Sink for HttpSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        match self.exchange(letter).await {
            Ok(answer) => self.dialect.judge(answer),
            Err(error) => Outcome::Down { error, leave_alone: None },
        }
    }
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink").field("name", &self.name).field("address", &self.endpoint.address).finish_non_exhaustive()
    }
}

fn secrets(path: &Path) -> Result<Secrets, String> {
    Secrets::read(path).map_err(|(what, remedy)| format!("secret file {} {what}; {remedy}", path.display()))
}
