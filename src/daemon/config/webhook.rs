//! `[[alert.webhook]]`: whom to tell.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::read::beside;
use crate::daemon::secret::Secrets;
use crate::daemon::toml_fields::{Fields, Located};

/// One receiver of alerts.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Name in logs, metrics and the outbox.
    pub name: String,
    /// Where to send: https, or http to this machine. It may hold a token, so no more than scheme and host is ever shown.
    pub url: Url,
    /// File with the keys of the signature in the header; default none, then nothing is signed.
    pub secret_file: Option<PathBuf>,
    /// How long an attempt may take; default 10 s.
    pub timeout: Duration,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = format!("{}://{}/…", self.url.scheme(), self.url.host_str().unwrap_or_default());
        let Webhook { name, secret_file, timeout, .. } = self;
        write!(f, "Webhook {{ name: {name:?}, url: {shown}, secret_file: {secret_file:?}, timeout: {timeout:?} }}")
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
        if let Some(file) = &secret_file {
            check_secret(fields, file);
        }
        Some(Webhook { name: name?.value.to_owned(), url: url?, secret_file: secret_file.map(|f| f.value), timeout })
    }
}

fn url(fields: &Fields<'_>, address: &Located<&str>, allow_plain: bool) -> Option<Url> {
    let refuse = |message, hint: &str| {
        fields.reading().error(address.line, message, hint);
        None
    };
    // A URL may hold a token anywhere behind its host, and one that cannot be parsed may hold it anywhere.
    let url = match Url::parse(address.value) {
        Ok(url) if url.has_host() => url,
        Ok(_) => return refuse("url names no host".into(), "write https://host/path"),
        Err(error) => return refuse(format!("url cannot be read: {error}"), "write https://host/path"),
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

/// Says what is wrong with a file of secrets. They are read again for each attempt, so nothing is kept of them.
fn check_secret(fields: &Fields<'_>, file: &Located<PathBuf>) {
    let shown = file.value.display();
    if let Err((what, remedy)) = Secrets::read(&file.value) {
        fields.reading().error(file.line, format!("secret_file {shown} {what}"), remedy);
    } else if file.value.metadata().is_ok_and(|m| m.permissions().mode() & 0o007 != 0) {
        let message = format!("everybody may read secret_file {shown}");
        fields.reading().warning(file.line, message, "chmod 0640, group of the user shadowtap runs as");
    }
}
