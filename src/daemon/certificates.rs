//! Certificates of sinks and of the web server, out of their PEM files: one reader for the configuration, which refuses bad ones, and for
//! who uses them.

use std::path::Path;
use std::sync::Arc;

use reqwest::{Certificate, Identity};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::failure::cause;
use super::toml_fields::read_text;

/// Authorities to trust besides the system's.
///
/// # Errors
/// What is wrong with the file and the remedy.
pub fn authorities(path: &Path) -> Result<Vec<Certificate>, (String, String)> {
    let remedy = || "put the authority's certificate in PEM form there".to_owned();
    match Certificate::from_pem_bundle(text(path)?.as_bytes()) {
        Ok(found) if found.is_empty() => Err(("holds no certificate in PEM form".into(), remedy())),
        found => found.map_err(|e| (format!("cannot be used: {}", cause(&e)), remedy())),
    }
}

/// A client's certificate with its key.
///
/// # Errors
/// What is wrong with one of the files and the remedy, without a word of the key.
pub fn identity(cert_file: &Path, key_file: &Path) -> Result<Identity, (String, String)> {
    let about = |file: &Path, (what, remedy): (String, String)| (format!("{} {what}", file.display()), remedy);
    let key = text(key_file).map_err(|problem| about(key_file, problem))?;
    let certificate = text(cert_file).map_err(|problem| about(cert_file, problem))?;
    Identity::from_pem(format!("{key}\n{certificate}").as_bytes()).map_err(|_| {
        let files = format!("{} and {} hold no certificate with its key", cert_file.display(), key_file.display());
        (files, "put the certificate in PEM form into one and its key, without a passphrase, into the other".into())
    })
}

/// What a server of HTTP/1.1 over TLS 1.2 and 1.3 shows.
///
/// # Errors
/// What is wrong with one of the files and the remedy, without a word of the key.
pub fn server(cert_file: &Path, key_file: &Path) -> Result<ServerConfig, (String, String)> {
    let about = |file: &Path, (what, remedy): (String, String)| (format!("{} {what}", file.display()), remedy);
    let unfit = || {
        let files = format!("{} and {} hold no certificate with its key", cert_file.display(), key_file.display());
        (files, "put the certificate in PEM form into one and its key, without a passphrase, into the other".to_owned())
    };
    let written = Zeroizing::new(text(key_file).map_err(|problem| about(key_file, problem))?);
    let key = PrivateKeyDer::from_pem_slice(written.as_bytes()).map_err(|_| unfit())?;
    let chain = text(cert_file).map_err(|problem| about(cert_file, problem))?;
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(|_| unfit())?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| unfit())?.with_no_client_auth();
    // It refuses a key that is another certificate's.
    let mut config = builder.with_single_cert(chain, key).map_err(|_| unfit())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn text(path: &Path) -> Result<String, (String, String)> {
    read_text(path).map_err(|problem| (problem.message, problem.hint))
}
