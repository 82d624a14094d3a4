//! Certificates of sinks, out of their PEM files: one reader for the configuration, which refuses bad ones, and for the delivery.

use std::path::Path;

use reqwest::{Certificate, Identity};

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

fn text(path: &Path) -> Result<String, (String, String)> {
    read_text(path).map_err(|problem| (problem.message, problem.hint))
}
