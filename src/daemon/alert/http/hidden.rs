//! What of an answer is not repeated: receivers quote what they were sent (`Cannot POST /hooks/TOKEN`), and an answer stands in logs and the store.

use reqwest::Url;

/// Shorter parts of a path are words, not tokens.
const SEGMENT: usize = 8;
/// Shorter values of a query say nothing.
const VALUE: usize = 4;

/// Texts that are replaced in an answer.
#[derive(Default)]
pub(super) struct Hidden(Vec<String>);

impl Hidden {
    /// What of a URL may be a token: everything behind its host.
    pub(super) fn of(url: &Url) -> Self {
        let mut hidden = Hidden::default();
        let segments = url.path_segments().into_iter().flatten().filter(|segment| segment.len() >= SEGMENT);
        segments.for_each(|segment| hidden.add(segment));
        for (_, value) in url.query_pairs().filter(|(_, value)| value.len() >= VALUE) {
            hidden.add(&value);
        }
        url.query().into_iter().chain([url.path()]).filter(|text| text.len() >= VALUE).for_each(|text| hidden.add(text));
        hidden
    }

    /// One more.
    pub(super) fn add(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.0.push(secret.to_owned());
            // The longest first: a part of it would else leave the rest.
            self.0.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
    }

    /// A text without them.
    pub(super) fn from(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| text.replace(secret.as_str(), "…"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_of_a_url_or_a_key_is_left_out() {
        let mut hidden = Hidden::of(&Url::parse("https://hooks.example/services/T0K3N0001/abc?sig=S1G&code=C0DE1").unwrap());
        hidden.add("Bearer k3y");
        for (said, left) in [
            ("Cannot POST /services/T0K3N0001/abc", "Cannot POST …"),
            ("no hook T0K3N0001 here", "no hook … here"),
            ("?sig=S1G&code=C0DE1 is wrong, C0DE1 too", "?… is wrong, … too"),
            ("Bearer k3y is unknown at hooks.example", "… is unknown at hooks.example"),
        ] {
            assert_eq!(hidden.from(said.into()), left);
        }
        assert_eq!(Hidden::of(&Url::parse("https://a.example/").unwrap()).from("/ a.example".into()), "/ a.example");
    }
}
