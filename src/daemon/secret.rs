//! Secrets of sinks, out of their files: one reader for the configuration, which refuses a bad file, and for the delivery.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::toml_fields::read_text;

/// Secrets valid now: one, or two while they are changed over. They are never printed, and overwritten in memory when they go.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    /// Reads a file: one secret a line, at most two; spaces around a secret and empty lines do not count.
    ///
    /// # Errors
    /// What is wrong with it and the remedy, without a word of what stands in it.
    pub fn read(path: &Path) -> Result<Self, (String, String)> {
        let text = Zeroizing::new(read_text(path).map_err(|problem| (problem.message, problem.hint))?);
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        let secrets: Vec<_> = lines.map(|line| Zeroizing::new(line.to_owned())).collect();
        match secrets.len() {
            1 | 2 => Ok(Secrets(secrets)),
            0 => Err(("holds no secret".into(), "write one on a line of its own".into())),
            _ => Err(("holds more than two secrets".into(), "keep the new one and the one it replaces, each on a line of its own".into())),
        }
    }

    /// Each of them.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|secret| secret.as_bytes())
    }
}

/// One secret alone in its file: a routing key, the value of a header, a URL with a token. It is never printed, and overwritten in memory when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Reads a file: one line that holds something; spaces around it and empty lines do not count.
    ///
    /// # Errors
    /// What is wrong with it and the remedy, without a word of what stands in it.
    pub fn read(path: &Path) -> Result<Self, (String, String)> {
        let text = Zeroizing::new(read_text(path).map_err(|problem| (problem.message, problem.hint))?);
        let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        match (lines.next(), lines.next()) {
            (Some(secret), None) => Ok(Secret(Zeroizing::new(secret.to_owned()))),
            (None, _) => Err(("holds nothing".into(), "write it on a line of its own".into())),
            (Some(_), Some(_)) => Err(("holds more than one line".into(), "leave one line in it".into())),
        }
    }

    /// What it is.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret")
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

    fn secrets(text: &str) -> Result<Secrets, (String, String)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Secrets::read(file.path())
    }

    #[test]
    fn reads_one_or_two_and_shows_none() {
        let two = secrets("  new \n\nold\r\n").unwrap();
        assert_eq!(two.keys().collect::<Vec<_>>(), [b"new", b"old"]);
        assert_eq!(format!("{two:?}"), "2 secrets");
        assert_eq!(secrets("\n \n").unwrap_err().0, "holds no secret");
        let (message, remedy) = Secret::read(Path::new("/nonexistent/secret")).unwrap_err();
        assert!(message.starts_with("cannot be read") && !remedy.is_empty(), "{message}");
        let (message, remedy) = secrets("hunter1\nhunter2\nhunter3").unwrap_err();
        assert!(message == "holds more than two secrets" && !remedy.contains("hunter"), "{message} {remedy}");
    }
}
