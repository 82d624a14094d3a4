//! Where a store is: the words an operator may write for it, in the configuration and on the command line alike.

use std::fmt;
use std::path::PathBuf;

/// Where the daemon keeps its store when nobody says otherwise.
pub const DEFAULT_STORE: &str = "sqlite:///var/lib/shadowtap/shadowtap.sqlite";

/// Where a store is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// A file, made on demand.
    File(PathBuf),
    /// Nothing outlives the process.
    Memory,
}

/// Why no store can be where it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoPlace {
    /// What was written, without a password.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl NoPlace {
    /// What to write instead.
    pub const REMEDY: &str = "write sqlite:///absolute/path, sqlite://relative/path, sqlite::memory: or a plain path";
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store `{}`: {}\n  remedy: {}", self.text, self.why, Self::REMEDY)
    }
}

impl Location {
    /// Reads `sqlite:///absolute/path`, `sqlite://relative/path`, `sqlite::memory:` or a plain path. Paths are taken as they stand:
    /// no percent escapes, no parameters.
    ///
    /// # Errors
    /// Another database's URL, an empty path, or parameters.
    pub fn parse(text: &str) -> Result<Self, NoPlace> {
        let refused = |why: &'static str| Err(NoPlace { text: without_password(text), why });
        let path = match text.split_once("://") {
            Some(("sqlite", path)) => path,
            Some(_) => return refused("only SQLite stores are known"),
            None => text.strip_prefix("sqlite:").unwrap_or(text),
        };
        match path {
            ":memory:" => Ok(Location::Memory),
            "" => refused("the path is empty"),
            path if path.contains('?') && path.len() < text.len() => refused("parameters after `?` are not known"),
            path => Ok(Location::File(path.into())),
        }
    }
}

/// A URL fit for a message: what stands before `@` may be a password.
fn without_password(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_way_to_write_a_place() {
        for (text, path) in [
            ("sqlite:///var/lib/s.sqlite", "/var/lib/s.sqlite"),
            ("sqlite://data/s.sqlite", "data/s.sqlite"),
            ("sqlite:s.sqlite", "s.sqlite"),
            ("/tmp/s.sqlite", "/tmp/s.sqlite"),
            ("what?.sqlite", "what?.sqlite"),
        ] {
            assert_eq!(Location::parse(text).unwrap(), Location::File(path.into()), "{text}");
        }
        assert_eq!(Location::parse("sqlite::memory:").unwrap(), Location::Memory);
        assert_eq!(Location::parse("sqlite://:memory:").unwrap(), Location::Memory);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in ["", "sqlite://", "sqlite:", "mysql://h/db", "sqlite:///a?mode=ro"] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keeps_passwords_out_of_messages() {
        let message = Location::parse("postgres://me:hunter2@db/shadow").unwrap_err().to_string();
        assert!(!message.contains("hunter2") && message.contains("@db/shadow"), "{message}");
    }
}
