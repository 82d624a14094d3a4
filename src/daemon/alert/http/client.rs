//! The HTTP client of a sink: rustls, the authorities and the certificate of its settings, no redirects, no proxy but the one configured.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Client, Identity, Proxy, redirect};

use crate::daemon::config::{ClientCertificate, Endpoint};
use crate::daemon::failure::cause;

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(5);

/// Makes it.
///
/// # Errors
/// Which file or setting cannot be used, and why.
pub(super) fn client(endpoint: &Endpoint) -> Result<Client, String> {
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
        builder = builder.identity(identity(certificate)?);
    }
    let authorities = endpoint.ca_file.as_deref().map(authorities).transpose()?.unwrap_or_default();
    // Clear text needs no authorities, and a small image may have none.
    builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder.tls_certs_merge(authorities) };
    builder.build().map_err(|e| cause(&e))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let about = |what: String| format!("authorities {}: {what}", path.display());
    match Certificate::from_pem_bundle(&read(path).map_err(about)?) {
        Ok(found) if found.is_empty() => Err(about("holds no certificate in PEM form".into())),
        found => found.map_err(|e| about(cause(&e))),
    }
}

fn identity(certificate: &ClientCertificate) -> Result<Identity, String> {
    let ClientCertificate { cert_file, key_file } = certificate;
    let mut pem = read(key_file).map_err(|e| format!("client_key_file {}: {e}", key_file.display()))?;
    pem.push(b'\n');
    pem.extend(read(cert_file).map_err(|e| format!("client_cert_file {}: {e}", cert_file.display()))?);
    let files = format!("client certificate {} with key {}", cert_file.display(), key_file.display());
    Identity::from_pem(&pem).map_err(|e| format!("{files}: {}", cause(&e)))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("cannot be read: {e}"))
}
