//! Fetching a bundle: from a file, or over HTTPS with every bound a liar could try.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, Response, Url, redirect};

use crate::daemon::bundle::{MAX_BUNDLE, folder};
use crate::daemon::config::is_loopback;
use crate::daemon::failure::{Failure, cause};

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(10);

/// Where a bundle comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum From {
    /// A file, or standard input where it is "-".
    File(PathBuf),
    /// An address.
    Web(Url),
}

/// How it is fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    /// Longest time, from the first look-up to the last byte.
    pub(super) total: Duration,
    /// PEM file with certificates of authorities to trust besides the system's.
    pub(super) ca: Option<PathBuf>,
    /// Whether http to this machine is allowed.
    pub(super) plain_loopback: bool,
}

impl From {
    /// Reads what was written after `--from`.
    ///
    /// # Errors
    /// An address that is not https.
    pub(super) fn parse(written: &str, bounds: &Bounds) -> Result<Self, Failure> {
        if !written.contains("://") {
            return Ok(From::File(written.into()));
        }
        let refuse = |why: &str| Failure::Setting(format!("--from {written}: {why}"));
        let url = Url::parse(written).map_err(|e| refuse(&e.to_string()))?;
        match url.scheme() {
            "https" => Ok(From::Web(url)),
            "http" if bounds.plain_loopback && is_loopback(&url) => Ok(From::Web(url)),
            _ => Err(refuse("a bundle is fetched over https, or read from a file")),
        }
    }

    /// The bytes; nothing in them is trusted yet.
    ///
    /// # Errors
    /// A file or server that does not give them within the bounds.
    pub(super) fn fetch(&self, bounds: &Bounds) -> Result<Vec<u8>, Failure> {
        match self {
            From::File(path) => read(path),
            From::Web(url) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let about = |why: String| Failure::Internal(format!("{}: {why}", shown(url)));
                let fetched = runtime.block_on(async { tokio::time::timeout(bounds.total, get(url, bounds)).await });
                match fetched {
                    Ok(bytes) => bytes.map_err(about),
                    Err(_) => Err(about(format!("the bundle was not there after {} s", bounds.total.as_secs_f32()))),
                }
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().take(MAX_BUNDLE + 1).read_to_end(&mut bytes).map(|_| bytes)
    } else {
        folder::read_bounded(path)
    };
    read.map_err(|e| Failure::Setting(format!("--from {}: {e}", path.display())))
}

async fn get(url: &Url, bounds: &Bounds) -> Result<Vec<u8>, String> {
    let client = client(url, bounds)?;
    let mut response = client.get(url.clone()).send().await.map_err(|e| cause(&e.without_url()))?;
    if response.status().is_redirection() {
        return Err(format!("it answers {}, and redirects are not followed; name the address it leads to", response.status()));
    }
    if !response.status().is_success() {
        return Err(format!("it answers {}", response.status()));
    }
    body(&mut response).await
}

async fn body(response: &mut Response) -> Result<Vec<u8>, String> {
    let too_long = || format!("the bundle is longer than {} MiB", MAX_BUNDLE >> 20);
    if response.content_length().is_some_and(|length| length > MAX_BUNDLE) {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| cause(&e.without_url()))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MAX_BUNDLE {
            return Err(too_long());
        }
    }
    Ok(bytes)
}

fn client(url: &Url, bounds: &Bounds) -> Result<Client, String> {
    // The process's choice of cryptography; an error says that somebody chose before, with the same outcome.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("shadowtap/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .timeout(bounds.total);
    let is_plain = url.scheme() == "http";
    builder = if is_plain { builder.tls_certs_only([]) } else { builder.https_only(true) };
    if let Some(file) = &bounds.ca {
        builder = builder.tls_certs_merge(authorities(file)?);
    }
    builder.build().map_err(|e| cause(&e))
}

fn authorities(file: &Path) -> Result<Vec<Certificate>, String> {
    let about = |what: String| format!("--ca {}: {what}", file.display());
    let pem = fs::read(file).map_err(|e| about(e.to_string()))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if found.is_empty() => Err(about("holds no certificate in PEM form".into())),
        found => found.map_err(|e| about(cause(&e))),
    }
}

/// An address without what may be a secret in it.
fn shown(url: &Url) -> String {
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}
