//! TLS of a client: the system's authorities and those of a file, and a certificate where the other side asks for one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::Verifier;

/// Files that say whom to trust and whom to be, all in PEM.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsFiles {
    /// Authorities to trust besides the system's.
    pub authorities: Option<PathBuf>,
    /// A certificate with those between it and its authority, and its private key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// Every file.
    pub fn files(&self) -> Vec<PathBuf> {
        let client = self.client.iter().flat_map(|(cert, key)| [cert.clone(), key.clone()]);
        self.authorities.iter().cloned().chain(client).collect()
    }

    /// The settings of a connection: TLS 1.2 and 1.3 with ring.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let extra = self.authorities.as_deref().map(|file| certificates("ca_file", file)).transpose()?.unwrap_or_default();
        let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
            .map_err(|e| format!("no authorities can be trusted: {e}; name one in ca_file"))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous() // what rustls calls every verifier but its own; this one is reqwest's too
            .with_custom_certificate_verifier(Arc::new(verifier));
        let Some((cert_file, key_file)) = &self.client else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates("client_cert_file", cert_file)?;
        let key = PrivateKeyDer::from_pem_file(key_file).map_err(|e| format!("client_key_file {}: {e}", key_file.display()))?;
        let named = |e| format!("client_cert_file {} with client_key_file {}: {e}", cert_file.display(), key_file.display());
        builder.with_client_auth_cert(chain, key).map_err(named)
    }
}

fn certificates(key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let about = |what: String| format!("{key} {}: {what}", file.display());
    let read = CertificateDer::pem_file_iter(file).map_err(|e| about(e.to_string()))?;
    let found = read.collect::<Result<Vec<_>, _>>().map_err(|e| about(e.to_string()))?;
    if found.is_empty() { Err(about("holds no certificate in PEM form".into())) } else { Ok(found) }
}
