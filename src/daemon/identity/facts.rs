//! Facts about clients as files write them, made the same: names in lower case, texts without blanks around, each text kept once.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// Longest host name (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 253;
/// Longest user, team or place, in bytes.
const LONGEST_TEXT: usize = 128;

/// Texts that many lines share.
#[derive(Default)]
pub(super) struct Texts(HashSet<Arc<str>>);

impl Texts {
    /// The text, kept once; `None` where it is blank.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn text(&mut self, text: &str) -> Result<Option<Arc<str>>, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        check(text, LONGEST_TEXT)?;
        if let Some(kept) = self.0.get(text) {
            return Ok(Some(Arc::clone(kept)));
        }
        let kept: Arc<str> = Arc::from(text);
        self.0.insert(Arc::clone(&kept));
        Ok(Some(kept))
    }
}

/// A host name in lower case without its final dot; `None` where it is blank.
///
/// # Errors
/// What is wrong with it.
pub(super) fn host(text: &str) -> Result<Option<Arc<str>>, &'static str> {
    let text = text.trim().trim_end_matches('.');
    if text.is_empty() {
        return Ok(None);
    }
    check(text, LONGEST_HOST)?;
    if text.contains(char::is_whitespace) {
        return Err("has a blank in it");
    }
    let lower = if text.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
    Ok(Some(Arc::from(&*lower)))
}

fn check(text: &str, longest: usize) -> Result<(), &'static str> {
    match () {
        () if text.len() > longest => Err("is too long"),
        () if text.contains(char::is_control) => Err("has a control character in it"),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_made_the_same_and_kept_once() {
        let mut texts = Texts::default();
        let (one, two) = (texts.text(" Design ").unwrap().unwrap(), texts.text("Design").unwrap().unwrap());
        assert!(Arc::ptr_eq(&one, &two) && &*one == "Design");
        assert_eq!(texts.text("  "), Ok(None));
        assert_eq!(texts.text("a\u{1b}[31m"), Err("has a control character in it"));
        assert_eq!(texts.text(&"x".repeat(129)), Err("is too long"));
        assert_eq!(host("WS-14.Example.ORG."), Ok(Some("ws-14.example.org".into())));
        assert_eq!(host("."), Ok(None));
        assert_eq!(host("a b"), Err("has a blank in it"));
    }
}
