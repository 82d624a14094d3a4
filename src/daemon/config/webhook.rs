//! `[[alert.webhook]]`: whom to tell.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::read::beside;
use crate::daemon::toml_fields::{Fields, Located, read_text};

/// One receiver of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Name in logs, metrics and the outbox.
    pub name: String,
    /// Where to send: https, or http to this machine.
    pub url: Url,
    /// Key of the signature in the header; default none, then nothing is signed.
    pub secret: Option<Secret>,
    /// File it was read from.
    pub secret_file: Option<PathBuf>,
    /// How long an attempt may take; default 10 s.
    pub timeout: Duration,
}

/// A key that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Keeps a key.
    pub fn new(text: &str) -> Self {
        Secret(text.into())
    }

    /// The key.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Webhook {
    pub(super) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        let name = fields.needed_text("name");
        let address = fields.needed_text("url");
        let allow_plain = fields.flag("allow_plain", false);
        let secret_file = fields.text("secret_file").map(|s| Located { value: beside(config, s.value), line: s.line });
        let timeout = Duration::from_secs(fields.number("timeout_seconds", 10, 1..=300));
        let url = address.and_then(|a| url(fields, &a, allow_plain));
        let secret = secret_file.as_ref().map(|file| secret(fields, file));
        let secret_file = secret_file.map(|f| f.value);
        Some(Webhook { name: name?.value.to_owned(), url: url?, secret: secret.flatten(), secret_file, timeout })
    }
}

fn url(fields: &Fields<'_>, address: &Located<&str>, allow_plain: bool) -> Option<Url> {
    let refuse = |message, hint: &str| {
        fields.reading().error(address.line, message, hint);
        None
    };
    let url = match Url::parse(address.value) {
        Ok(url) if url.has_host() => url,
        Ok(_) => return refuse(format!("url {:?} names no host", address.value), "write https://host/path"),
        Err(error) => return refuse(format!("url {:?} cannot be read: {error}", address.value), "write https://host/path"),
    };
    match url.scheme() {
        "https" => Some(url),
        "http" if allow_plain || is_loopback(&url) => Some(url),
        "http" => refuse(
            "url is http to another machine: alerts would cross the network in the clear".into(),
            "use https, or set allow_plain = true",
        ),
        other => refuse(format!("url has the scheme {other:?}"), "use https"),
    }
}

/// Whether an address is this machine's own.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.to_canonical().is_loopback())
}

fn secret(fields: &Fields<'_>, file: &Located<PathBuf>) -> Option<Secret> {
    let text = match read_text(&file.value) {
        Ok(text) => text,
        Err(problem) => {
            let message = format!("secret_file {} {}", file.value.display(), problem.message);
            fields.reading().error(file.line, message, problem.hint);
            return None;
        }
    };
    let key = text.trim_end_matches(['\r', '\n']);
    if key.is_empty() {
        fields.reading().error(file.line, format!("secret_file {} is empty", file.value.display()), "write the key into it");
        return None;
    }
    if file.value.metadata().is_ok_and(|m| m.permissions().mode() & 0o007 != 0) {
        let message = format!("everybody may read secret_file {}", file.value.display());
        fields.reading().warning(file.line, message, "chmod 0640, group of the user shadowtap runs as");
    }
    Some(Secret::new(key))
}
