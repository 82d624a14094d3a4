//! What every sink that goes by HTTP is told alike: where it is, whom to trust, whom to be, how to get there, how long to wait.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::header::{self, Header};
use crate::daemon::certificates;
use crate::daemon::config::read::beside;
use crate::daemon::secret::Secret;
use crate::daemon::toml_fields::{Fields, Located};

/// How an HTTP sink is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// `url` or `url_file`: where to send.
    pub address: Address,
    /// `ca_file`: authorities to trust besides the system's, in PEM; default none.
    pub ca_file: Option<PathBuf>,
    /// `client_cert_file` and `client_key_file`: whom to be; default nobody.
    pub client: Option<ClientCertificate>,
    /// `proxy`: the HTTP proxy to go through; default none, whatever the environment says.
    pub proxy: Option<Url>,
    /// `headers`: sent besides those of the kind; default none.
    pub headers: Vec<Header>,
    /// `timeout_seconds`: how long an attempt may take; default 10 s.
    pub timeout: Duration,
}

/// A client's certificate and its key, each in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    /// The certificate, and those between it and its authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// Where to send: https, or http to this machine. It may hold a token anywhere behind its host, so no more than scheme and host is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    place: Place,
    allow_plain: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Written(Url),
    File(PathBuf),
}

impl Address {
    /// The URL, out of its file where it stands in one: a changed file counts from the next attempt on.
    ///
    /// # Errors
    /// What is wrong with it, without any of it.
    pub fn url(&self) -> Result<Url, String> {
        match &self.place {
            Place::Written(url) => Ok(url.clone()),
            Place::File(path) => {
                in_file(path, self.allow_plain).map_err(|(what, remedy)| format!("url_file {}: {what}; {remedy}", path.display()))
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Written(url) => write!(f, "{}://{}/…", url.scheme(), url.host_str().unwrap_or_default()),
            Place::File(path) => write!(f, "url in {}", path.display()),
        }
    }
}

impl Endpoint {
    /// Reads its keys; `usual` is where this kind of sink is unless the configuration says otherwise.
    pub(super) fn read(fields: &Fields<'_>, config: &Path, usual: Option<&str>) -> Option<Self> {
        let allow_plain = fields.flag("allow_plain", false);
        let address = address(fields, config, allow_plain, usual);
        let timeout = Duration::from_secs(fields.number("timeout_seconds", 10, 1..=300));
        let ca_file = authorities(fields, config);
        let client = client(fields, config);
        let proxy = fields.text("proxy").and_then(|p| proxy(fields, &p));
        let headers = header::read(fields, config);
        Some(Endpoint { address: address?, ca_file, client, proxy, headers, timeout })
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        let url_file = match &self.address.place {
            Place::File(path) => Some(path.clone()),
            Place::Written(_) => None,
        };
        let client = self.client.iter().flat_map(|c| [c.cert_file.clone(), c.key_file.clone()]);
        let headers = self.headers.iter().filter_map(Header::file);
        url_file.into_iter().chain(self.ca_file.clone()).chain(client).chain(headers).collect()
    }
}

/// A path, relative to the configuration's folder.
pub(in crate::daemon::config) fn file(fields: &Fields<'_>, key: &'static str, config: &Path) -> Option<Located<PathBuf>> {
    fields.text(key).map(|s| Located { value: beside(config, s.value), line: s.line })
}

/// A file with one secret that can be read now. It is read again at each attempt, so nothing is kept of it.
pub(super) fn secret(fields: &Fields<'_>, key: &'static str, config: &Path) -> Option<PathBuf> {
    let file = file(fields, key, config)?;
    if let Err((what, remedy)) = Secret::read(&file.value) {
        fields.reading().error(file.line, format!("{key} {} {what}", file.value.display()), remedy);
        return None;
    }
    warn_if_open(fields, key, &file);
    Some(file.value)
}

/// Says that everybody may read a file that only some should.
pub(in crate::daemon::config) fn warn_if_open(fields: &Fields<'_>, key: &str, file: &Located<PathBuf>) {
    if file.value.metadata().is_ok_and(|m| m.permissions().mode() & 0o007 != 0) {
        let message = format!("everybody may read {key} {}", file.value.display());
        fields.reading().warning(file.line, message, "chmod 0640, group of the user shadowtap runs as");
    }
}

fn address(fields: &Fields<'_>, config: &Path, allow_plain: bool, usual: Option<&str>) -> Option<Address> {
    let (written, from_file) = (fields.text("url"), file(fields, "url_file", config));
    let refuse = |line, message: String, hint: &str| {
        fields.reading().error(line, message, hint);
        None
    };
    let found = match (written, from_file, usual) {
        (Some(_), Some(file), _) => return refuse(file.line, "url and url_file are both there".into(), "leave one of them"),
        (Some(url), None, _) => parse(url.value, allow_plain).map(Place::Written).map_err(|problem| (url.line, problem)),
        (None, Some(file), _) => {
            warn_if_open(fields, "url_file", &file);
            let read = in_file(&file.value, allow_plain).map(|_| Place::File(file.value.clone()));
            read.map_err(|(what, remedy)| (file.line, (format!("url_file {}: {what}", file.value.display()), remedy)))
        }
        (None, None, Some(usual)) => parse(usual, allow_plain).map(Place::Written).map_err(|problem| (fields.line(), problem)),
        (None, None, None) => {
            return refuse(
                fields.line(),
                format!("{} is missing", fields.named("url")),
                "add url = \"https://…\", or url_file where it holds a token",
            );
        }
    };
    match found {
        Ok(place) => Some(Address { place, allow_plain }),
        Err((line, (message, remedy))) => refuse(line, message, &remedy),
    }
}

/// The URL that stands in a file.
fn in_file(path: &Path, allow_plain: bool) -> Result<Url, (String, String)> {
    parse(Secret::read(path)?.text(), allow_plain)
}

/// A URL that alerts may go to; what is wrong with it and the remedy. It may hold a token anywhere behind its host, and one that cannot be
/// parsed may hold it anywhere.
fn parse(text: &str, allow_plain: bool) -> Result<Url, (String, String)> {
    let refuse = |what: String, remedy: &str| Err((what, remedy.to_owned()));
    let url = match Url::parse(text) {
        Ok(url) if url.has_host() => url,
        Ok(_) => return refuse("url names no host".into(), "write https://host/path"),
        Err(error) => return refuse(format!("url cannot be read: {error}"), "write https://host/path"),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_plain || is_loopback(&url) => Ok(url),
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

fn authorities(fields: &Fields<'_>, config: &Path) -> Option<PathBuf> {
    let file = file(fields, "ca_file", config)?;
    if let Err((what, remedy)) = certificates::authorities(&file.value) {
        fields.reading().error(file.line, format!("ca_file {} {what}", file.value.display()), remedy);
    }
    Some(file.value)
}

/// A certificate and its key: both or none.
pub(super) fn client(fields: &Fields<'_>, config: &Path) -> Option<ClientCertificate> {
    let (cert, key) = (file(fields, "client_cert_file", config), file(fields, "client_key_file", config));
    let alone = |line, missing: &str| fields.reading().error(line, format!("{} is missing", fields.named(missing)), "name both files");
    match (cert, key) {
        (Some(cert), Some(key)) => {
            if let Err((what, remedy)) = certificates::identity(&cert.value, &key.value) {
                fields.reading().error(cert.line, what, remedy);
            }
            warn_if_open(fields, "client_key_file", &key);
            return Some(ClientCertificate { cert_file: cert.value, key_file: key.value });
        }
        (Some(cert), None) => alone(cert.line, "client_key_file"),
        (None, Some(key)) => alone(key.line, "client_cert_file"),
        (None, None) => {}
    }
    None
}

fn proxy(fields: &Fields<'_>, written: &Located<&str>) -> Option<Url> {
    // Credentials would stand in the configuration; what cannot be parsed may hold them anywhere.
    let problem = match Url::parse(written.value) {
        Ok(url) if !url.has_host() || !matches!(url.scheme(), "http" | "https") => "proxy names no HTTP proxy",
        Ok(url) if !url.username().is_empty() || url.password().is_some() => "proxy holds a user or a password",
        Ok(url) => return Some(url),
        Err(_) => "proxy cannot be read",
    };
    fields.reading().error(written.line, problem, "write http://proxy.example:3128; a proxy that asks for a password is not supported");
    None
}
