//! The signature a receiver proves a webhook by: HMAC-SHA256 over the time stamp, a dot and the body.

use std::fmt::{self, Write};
use std::path::Path;

use ring::hmac;

/// Secrets valid now: one, or two while they are changed over.
pub(super) struct Secrets(Vec<hmac::Key>);

impl Secrets {
    /// Reads the file: one secret a line, at most two; spaces around a secret and empty lines do not count.
    pub fn read(path: &Path) -> Result<Self, String> {
        let about = |what: &str| format!("secret file {}: {what}", path.display());
        let text = std::fs::read_to_string(path).map_err(|e| about(&e.to_string()))?;
        let keys: Vec<_> =
            text.lines().map(str::trim).filter(|l| !l.is_empty()).map(|l| hmac::Key::new(hmac::HMAC_SHA256, l.as_bytes())).collect();
        match keys.len() {
            1 | 2 => Ok(Secrets(keys)),
            0 => Err(about("holds no secret; write one on a line of its own")),
            _ => Err(about("holds more than two secrets; keep the new one and the one it replaces")),
        }
    }

    /// `v1=…` for each secret, separated by commas.
    pub fn sign(&self, timestamp: u64, body: &str) -> String {
        let signed = format!("{timestamp}.{body}");
        let mut header = String::new();
        for key in &self.0 {
            header.push_str(if header.is_empty() { "v1=" } else { ",v1=" });
            for byte in hmac::sign(key, signed.as_bytes()).as_ref() {
                // Writing to a String cannot fail.
                let _ = write!(header, "{byte:02x}");
            }
        }
        header
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> Result<Secrets, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Secrets::read(file.path())
    }

    #[test]
    fn signs_with_each_secret() {
        let one = secrets("  Jefe \n\n").unwrap().sign(0, "hello");
        let both = secrets("new\nJefe\n").unwrap().sign(0, "hello");
        // What Python's hmac says of b"0.hello" under b"Jefe".
        assert_eq!(one, "v1=2e8fcda350abb14e274a48bcaeb64f78b8de4f1e918fba65da9964169e75653b");
        assert!(both.ends_with(&format!(",{one}")) && both.starts_with("v1="), "{both}");
    }

    #[test]
    fn refuses_none_and_more_than_two_without_showing_any() {
        assert!(secrets("\n \n").unwrap_err().contains("holds no secret"));
        let error = secrets("hunter1\nhunter2\nhunter3").unwrap_err();
        assert!(!error.contains("hunter"), "{error}");
        assert_eq!(format!("{:?}", secrets("hunter2").unwrap()), "1 secrets");
    }
}
