//! Sinks that go by HTTP: one exchange an attempt, bounded in time and in what is read back. What is said in it, and what an answer means, is
//! the [`Dialect`]'s.

mod alertmanager;
mod answer;
mod client;
mod dialect;
mod hidden;
mod pagerduty;
mod retry_after;
mod short;
mod signing;
mod slack;
mod teams;

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;

use super::outbox::{Outcome, Sink};
use crate::daemon::config::{self, Endpoint, SinkKind};
use crate::daemon::failure::cause;
use crate::daemon::letter::Letter;
use answer::Answer;
use client::CurrentClient;
use dialect::{Dialect, Message};
use hidden::Hidden;

/// A sink that goes by HTTP, ready to send.
pub struct HttpSink {
    name: String,
    endpoint: Endpoint,
    client: CurrentClient,
    dialect: Dialect,
}

impl HttpSink {
    /// Makes it, and reads its files once to see that they can be read.
    ///
    /// # Errors
    /// What is wrong with its settings, without its URL or a secret.
    pub fn new(name: &str, kind: &SinkKind) -> Result<Self, String> {
        let (endpoint, dialect) = Dialect::of(kind).ok_or_else(|| format!("sink `{name}` does not go by HTTP"))?;
        HttpSink::with(name, endpoint, dialect).map_err(|what| format!("sink `{name}`: {what}"))
    }

    /// A webhook that takes lines of JSON, many at a time.
    ///
    /// # Errors
    /// As [`HttpSink::new`].
    pub fn of_lines(name: &str, webhook: &config::Webhook) -> Result<Self, String> {
        HttpSink::with(name, &webhook.endpoint, Dialect::Lines { secret_file: webhook.secret_file.clone() })
    }

    fn with(name: &str, endpoint: &Endpoint, dialect: Dialect) -> Result<Self, String> {
        dialect.try_files()?;
        endpoint.headers.iter().try_for_each(|header| header.value().map(drop))?;
        let client = CurrentClient::new(endpoint)?;
        Ok(HttpSink { name: name.to_owned(), endpoint: endpoint.clone(), client, dialect })
    }

    async fn exchange(&self, mut message: Message) -> Result<Answer, String> {
        let url = self.endpoint.address.url()?;
        let mut hidden = Hidden::of(&url);
        message.secret.iter().for_each(|secret| hidden.add(secret));
        for header in &self.endpoint.headers {
            let value = header.value()?;
            if value.is_sensitive() {
                hidden.add(value.to_str().unwrap_or_default());
            }
            message.headers.append(&header.name, value);
        }
        let client = self.client.get(&self.endpoint)?;
        let request = client.request(message.method, url).headers(message.headers).body(message.body);
        let response = request.send().await.map_err(|e| cause(&e.without_url()))?;
        Ok(Answer::read(response, &hidden).await)
    }
}

impl Sink for HttpSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        let message = match self.dialect.message(letter) {
            Ok(message) => message,
            Err(outcome) => return outcome,
        };
        match self.exchange(message).await {
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
