//! Host patterns, and an index that finds those which match a name.
//!
//! `chatgpt.com` is the name and its subdomains, `=chatgpt.com` that host alone, `*` one whole label.

mod index;

use std::fmt;

use super::host::HostName;

pub use index::PatternIndex;

/// Wildcards one pattern may hold; it bounds the branches a hostile name can open.
pub const MAX_WILDCARDS: usize = 4;

/// A host pattern as an operator or the catalogue writes it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct HostPattern {
    text: Box<str>,
    exact: bool,
}

/// Why a text is no host pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadPattern {
    /// A letter in upper case.
    UpperCase,
    /// Not a host name even with its wildcards filled in, or an address.
    NotAHost,
    /// More wildcards than [`MAX_WILDCARDS`].
    TooManyWildcards,
    /// The last label is a wildcard.
    WildcardLast,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadPattern::UpperCase => "it has letters in upper case",
            BadPattern::NotAHost => "it is no host name",
            BadPattern::TooManyWildcards => "it has more than four wildcards",
            BadPattern::WildcardLast => "its last label is a wildcard",
        })
    }
}

/// How narrow a pattern is; the greater wins: exact before suffix, then more literal labels, then more labels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Specificity {
    exact: bool,
    literals: u8,
    labels: u8,
}

impl HostPattern {
    /// Reads `name`, `=name`, with `*` as a whole label where wanted.
    ///
    /// # Errors
    /// [`BadPattern`] where it is none.
    pub fn parse(written: &str) -> Result<Self, BadPattern> {
        let (exact, text) = match written.strip_prefix('=') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(BadPattern::UpperCase);
        }
        if text.rsplit('.').next() == Some("*") {
            return Err(BadPattern::WildcardLast);
        }
        if text.split('.').filter(|l| *l == "*").count() > MAX_WILDCARDS {
            return Err(BadPattern::TooManyWildcards);
        }
        let filled = filled(text);
        match HostName::parse(filled.as_bytes()) {
            Ok(host) if host.as_str() == filled => Ok(HostPattern { text: text.into(), exact }),
            _ => Err(BadPattern::NotAHost),
        }
    }

    /// The pattern without `=`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether subdomains are left out.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// A host name that the pattern matches: itself, each wildcard filled in.
    pub fn sample(&self) -> String {
        filled(&self.text)
    }

    /// How narrow it is.
    pub fn specificity(&self) -> Specificity {
        let (mut literals, mut labels) = (0u8, 0u8);
        for label in self.text.split('.') {
            labels = labels.saturating_add(1);
            literals = literals.saturating_add(u8::from(label != "*"));
        }
        Specificity { exact: self.exact, literals, labels }
    }

    /// Whether a name, lower case and without the final dot, is matched.
    pub fn matches(&self, name: &str) -> bool {
        let mut labels = name.rsplit('.');
        for wanted in self.text.rsplit('.') {
            match labels.next() {
                Some(label) if !label.is_empty() && (wanted == "*" || wanted == label) => {}
                _ => return false,
            }
        }
        !self.exact || labels.next().is_none()
    }

    /// Whether some name is matched by both.
    pub fn overlaps(&self, other: &HostPattern) -> bool {
        self.common(other).is_some()
    }

    /// A host name that both match, the shortest there is: where one has a wildcard it has the other's label.
    pub fn common(&self, other: &HostPattern) -> Option<String> {
        let (mut own, mut others) = (self.text.rsplit('.'), other.text.rsplit('.'));
        let mut labels = Vec::new();
        loop {
            labels.push(match (own.next(), others.next()) {
                (Some("*"), Some(label)) | (Some(label), Some("*")) => label,
                (Some(a), Some(b)) if a == b => a,
                (Some(label), None) if !other.exact => label,
                (None, Some(label)) if !self.exact => label,
                (None, None) => break,
                _ => return None,
            });
        }
        labels.reverse();
        Some(filled(&labels.join(".")))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.exact { "=" } else { "" }, self.text)
    }
}

fn filled(text: &str) -> String {
    text.split('.').map(|l| if l == "*" { "x" } else { l }).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap()
    }

    #[test]
    fn patterns_overlap_where_one_name_fits_both() {
        for (a, b, both) in [
            ("a.com", "x.a.com", true),
            ("=a.com", "x.a.com", false),
            ("=a.com", "a.com", true),
            ("chat.*.a.com", "eu.a.com", true),
            ("=chat.*.a.com", "=chat.eu.a.com", true),
            ("*.b.a.com", "c.*.a.com", true),
            ("chat.*.a.com", "=eu.a.com", false),
            ("a.com", "b.com", false),
        ] {
            assert_eq!(pattern(a).overlaps(&pattern(b)), both, "{a} {b}");
            assert_eq!(pattern(b).overlaps(&pattern(a)), both, "{b} {a}");
            let common = pattern(a).common(&pattern(b));
            assert!(common.is_none_or(|name| pattern(a).matches(&name) && pattern(b).matches(&name)), "{a} {b}");
        }
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for (text, why) in [
            ("", BadPattern::NotAHost),
            ("=", BadPattern::NotAHost),
            ("Chat.com", BadPattern::UpperCase),
            ("a.*", BadPattern::WildcardLast),
            ("*", BadPattern::WildcardLast),
            ("*.*.*.*.*.com", BadPattern::TooManyWildcards),
            ("a*.com", BadPattern::NotAHost),
            (".com", BadPattern::NotAHost),
            ("a.com.", BadPattern::NotAHost),
            ("10.0.0.1", BadPattern::NotAHost),
            ("https://a.com", BadPattern::NotAHost),
        ] {
            assert_eq!(HostPattern::parse(text), Err(why), "{text}");
        }
    }
}
