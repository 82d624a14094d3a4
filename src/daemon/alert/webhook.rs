//! The generic webhook: one POST of JSON an attempt, signed, bounded in time and in what it reads back.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, Response, StatusCode, Url, header, redirect};

use super::outbox::{Outcome, Sink};
use super::retry_after;
use super::signing::sign;
use crate::daemon::clock;
use crate::daemon::failure::cause;
use crate::daemon::letter::Letter;
use crate::daemon::secret::Secrets;

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(5);
/// What is read of an answer that is not the wanted one.
const ANSWER: usize = 4096;
/// What of it goes into a message.
const QUOTE: usize = 160;

/// A webhook as the configuration describes it.
#[derive(Clone)]
pub struct WebhookSettings {
    /// Name of the sink.
    pub name: String,
    /// Where to POST; it may hold a token and is never shown.
    pub url: String,
    /// File with the secrets to sign by; without, nothing is signed.
    pub secret_file: Option<PathBuf>,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest time an attempt may take.
    pub timeout: Duration,
}

/// A webhook ready to send.
pub struct Webhook {
    name: String,
    url: Url,
    secret_file: Option<PathBuf>,
    client: Client,
}

impl Webhook {
    /// Makes it, and reads its secrets once to see that they can be read.
    ///
    /// # Errors
    /// What is wrong with the settings, without the URL or a secret.
    pub fn new(settings: WebhookSettings) -> Result<Self, String> {
        let WebhookSettings { name, url, secret_file, ca_file, timeout } = settings;
        let about = |what: &dyn fmt::Display| format!("sink `{name}`: {what}");
        let url = Url::parse(&url).map_err(|e| about(&format_args!("its url cannot be understood: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(about(&"its url must begin with https:// or http:// and a host"));
        }
        if let Some(file) = &secret_file {
            secrets(file).map_err(|e| about(&e))?;
        }
        let authorities = ca_file.as_deref().map(authorities).transpose().map_err(|e| about(&e))?.unwrap_or_default();
        let client = client(&url, timeout, authorities).map_err(|e| about(&cause(&e)))?;
        Ok(Webhook { name, url, secret_file, client })
    }

    async fn post(&self, letter: &Letter) -> Result<Response, String> {
        let timestamp = clock::now().seconds();
        let mut request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-shadowtap-alert-id", &letter.id)
            .header("x-shadowtap-timestamp", timestamp);
        if let Some(file) = &self.secret_file {
            // Read each time: a changed secret counts from the next attempt on.
            request = request.header("x-shadowtap-signature", sign(&secrets(file)?, timestamp, &letter.payload));
        }
        request.body(letter.payload.clone()).send().await.map_err(|e| cause(&e.without_url()))
    }
}

impl Sink for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        match self.post(letter).await {
            Ok(response) if response.status().is_success() => Outcome::Taken,
            Ok(response) => judge(response).await,
            Err(error) => Outcome::Down { error, leave_alone: None },
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("name", &self.name).field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

fn secrets(path: &Path) -> Result<Secrets, String> {
    Secrets::read(path).map_err(|(what, remedy)| format!("secret file {} {what}; {remedy}", path.display()))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let about = |what: &dyn fmt::Display| format!("authorities {}: {what}", path.display());
    let pem = std::fs::read(path).map_err(|e| about(&e))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if found.is_empty() => Err(about(&"holds no certificate in PEM form")),
        found => found.map_err(|e| about(&cause(&e))),
    }
}

fn client(url: &Url, timeout: Duration, authorities: Vec<Certificate>) -> reqwest::Result<Client> {
    // The process's choice of cryptography; an error says that somebody chose before, with the same outcome.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("shadowtap/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(timeout)
        .pool_max_idle_per_host(1);
    // Clear text needs no authorities, and a small image may have none.
    builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder.tls_certs_merge(authorities) };
    builder.build()
}

async fn judge(response: Response) -> Outcome {
    let status = response.status();
    let after = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
    let leave_alone = after.and_then(|v| retry_after::parse(v, clock::now()));
    let error = format!("{status}{}", quote(response).await);
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => Outcome::Down { error, leave_alone },
        _ if status.is_server_error() => Outcome::Down { error, leave_alone },
        _ => Outcome::Refused(error),
    }
}

/// The beginning of an answer, printable, for the person who reads why it failed.
async fn quote(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk[..chunk.len().min(ANSWER - bytes.len())]);
        if bytes.len() == ANSWER {
            break;
        }
    }
    let text: String = String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTE).collect();
    if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
}
