//! The signature a receiver proves a webhook by: HMAC-SHA256 over the time stamp, a dot and the body.

use std::fmt::Write;

use ring::hmac;

use crate::daemon::secret::Secrets;

/// `v1=…` for each secret, separated by commas.
pub(super) fn sign(secrets: &Secrets, timestamp: u64, body: &str) -> String {
    let signed = format!("{timestamp}.{body}");
    let mut header = String::new();
    for key in secrets.keys() {
        header.push_str(if header.is_empty() { "v1=" } else { ",v1=" });
        for byte in hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes()).as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(header, "{byte:02x}");
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_with_each_secret() {
        let secrets = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            Secrets::read(file.path()).unwrap()
        };
        let one = sign(&secrets("  Jefe \n\n"), 0, "hello");
        let both = sign(&secrets("new\nJefe\n"), 0, "hello");
        // What Python's hmac says of b"0.hello" under b"Jefe".
        assert_eq!(one, "v1=2e8fcda350abb14e274a48bcaeb64f78b8de4f1e918fba65da9964169e75653b");
        assert!(both.ends_with(&format!(",{one}")) && both.starts_with("v1="), "{both}");
    }
}
