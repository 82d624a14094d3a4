//! Texts within a receiver's limits.

/// A text of at most that many characters, its end replaced by `…` where it is longer.
pub(super) fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A link that may be shown as one: http or https, without what could end it early.
pub(super) fn link(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(String::from(url).replace('|', "%7C").replace('<', "%3C").replace('>', "%3E"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        assert_eq!(short("äöü", 3), "äöü");
        assert_eq!(short("äöüß", 3), "äö…");
        assert_eq!(short("a", 0), "…");
    }

    #[test]
    fn only_links_of_the_web_are_links() {
        assert_eq!(link("https://wiki.example/a|b>c").as_deref(), Some("https://wiki.example/a%7Cb%3Ec"));
        assert_eq!(link("javascript:alert(1)"), None);
        assert_eq!(link("docs/runbook.md#first-use"), None);
    }
}
