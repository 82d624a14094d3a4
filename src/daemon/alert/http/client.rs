//! The HTTP client of a sink: rustls, the authorities and the certificate of its settings, no redirects, no proxy but the one configured.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::{Client, Proxy, redirect};

use crate::daemon::certificates;
use crate::daemon::config::Endpoint;
use crate::daemon::failure::cause;

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(5);

/// A client that is made anew when a file of its certificates is another: short-lived ones are exchanged in place.
pub(super) struct CurrentClient(Mutex<(Client, Stamp)>);

/// When each file was written, and how long it is.
type Stamp = Vec<Option<(SystemTime, u64)>>;

impl CurrentClient {
    /// Makes the first.
    ///
    /// # Errors
    /// Which file or setting cannot be used, and why.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, String> {
        let stamp = stamp(endpoint);
        Ok(CurrentClient(Mutex::new((client(endpoint)?, stamp))))
    }

    /// The client for the files as they are now.
    ///
    /// # Errors
    /// Which of them cannot be used, and why.
    pub(super) fn get(&self, endpoint: &Endpoint) -> Result<Client, String> {
        let now = stamp(endpoint);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.1 != now {
            *kept = (client(endpoint)?, now);
        }
        Ok(kept.0.clone())
    }
}

fn stamp(endpoint: &Endpoint) -> Stamp {
    let client = endpoint.client.iter().flat_map(|c| [&c.cert_file, &c.key_file]);
    let written = |path: &PathBuf| path.metadata().ok().and_then(|m| Some((m.modified().ok()?, m.len())));
    endpoint.ca_file.iter().chain(client).map(written).collect()
}

fn client(endpoint: &Endpoint) -> Result<Client, String> {
    // The process's choice of cryptography; an error says that somebody chose before, with the same outcome.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = endpoint.address.url()?;
    let mut builder = Client::builder()
        .user_agent(concat!("shadowtap/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(endpoint.timeout)
        .pool_max_idle_per_host(1)
        .no_proxy();
    if let Some(proxy) = &endpoint.proxy {
        builder = builder.proxy(Proxy::all(proxy.clone()).map_err(|e| cause(&e))?);
    }
    if let Some(certificate) = &endpoint.client {
        let identity = certificates::identity(&certificate.cert_file, &certificate.key_file);
        builder = builder.identity(identity.map_err(|(what, remedy)| format!("client certificate: {what}; {remedy}"))?);
    }
    let authorities = match &endpoint.ca_file {
        Some(path) => certificates::authorities(path).map_err(|(what, remedy)| format!("ca_file {} {what}; {remedy}", path.display()))?,
        None => Vec::new(),
    };
    // Clear text needs no authorities, and a small image may have none.
    builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder.tls_certs_merge(authorities) };
    builder.build().map_err(|e| cause(&e))
}
