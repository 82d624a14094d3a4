//! Making bundles: the publisher's side.

use std::io::Cursor;
use std::path::Path;

use minisign::{PublicKey, SecretKeyBox};

use super::{Bundle, FORMAT, MARK};
use crate::daemon::failure::Failure;
use crate::daemon::toml_fields::read_text;

/// A key to sign with, as `minisign -G` makes it.
pub struct SecretKey(minisign::SecretKey);

impl SecretKey {
    /// Reads a key's file. A key under a password takes it from `password`, else from the terminal.
    ///
    /// # Errors
    /// A file that cannot be read or is no key, a password that is wrong.
    pub fn read(file: &Path, password: Option<String>) -> Result<Self, Failure> {
        let about = |what: String| Failure::Setting(format!("key {}: {what}", file.display()));
        let text = read_text(file).map_err(|problem| about(problem.message))?;
        let boxed = || SecretKeyBox::from_string(&text).map_err(|e| about(format!("is no secret key of minisign: {e}")));
        if let Ok(key) = boxed()?.into_unencrypted_secret_key() {
            return Ok(SecretKey(key));
        }
        boxed()?.into_secret_key(password).map(SecretKey).map_err(|e| about(format!("cannot be opened: {e}")))
    }

    /// What is pinned to trust it.
    ///
    /// # Errors
    /// A key that has no public half.
    pub fn public(&self) -> Result<String, Failure> {
        PublicKey::from_secret_key(&self.0).map(|key| key.to_base64()).map_err(|e| Failure::Setting(format!("key: {e}")))
    }
}

/// The bundle as one file, signed.
///
/// # Errors
/// A key that cannot sign.
pub fn seal(bundle: &Bundle, key: &SecretKey) -> Result<Vec<u8>, Failure> {
    let payload = bundle.payload().map_err(|e| Failure::Internal(format!("bundle: {e}")))?;
    let trusted = format!("{MARK} version {} expires {}", bundle.version, bundle.expires);
    let untrusted = "signature of a bundle of shadowtap signatures";
    let signature = minisign::sign(None, &key.0, Cursor::new(&payload), Some(&trusted), Some(untrusted))
        .map_err(|e| Failure::Setting(format!("bundle cannot be signed: {e}")))?;
    let mut bytes = format!("{MARK} {FORMAT} {}\n{}\n", payload.len(), signature.into_string().trim_end()).into_bytes();
    bytes.extend(payload);
    Ok(bytes)
}

#[cfg(test)]
impl SecretKey {
    /// A new key.
    pub(crate) fn generate() -> Self {
        SecretKey(minisign::KeyPair::generate_unencrypted_keypair().unwrap().sk)
    }

    /// The key's file.
    pub(crate) fn file_text(&self) -> String {
        self.0.to_box(None).unwrap().into_string()
    }
}
