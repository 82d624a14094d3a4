//! The domain somebody registered: of `chat.acme.co.uk` it is `acme.co.uk`.

/// The registrable domain of a name, by the public suffix list. Names under no public suffix (a site's own), suffixes themselves and
/// addresses turned into names (`in-addr.arpa`) have none.
pub fn registrable(name: &str) -> Option<&str> {
    let domain = psl::domain(name.as_bytes())?;
    let suffix = domain.suffix();
    if !suffix.is_known() || suffix.as_bytes().ends_with(b"arpa") {
        return None;
    }
    std::str::from_utf8(domain.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::registrable;

    #[test]
    fn names_what_was_registered_and_nothing_of_a_sites_own() {
        for (name, domain) in [
            ("chat.acme.co.uk", Some("acme.co.uk")),
            ("acme.com", Some("acme.com")),
            ("x.acme.github.io", Some("acme.github.io")),
            ("co.uk", None),
            ("printer.corp.internal", None),
            ("host.lan", None),
            ("localhost", None),
            ("5.0.0.10.in-addr.arpa", None),
            ("", None),
        ] {
            assert_eq!(registrable(name), domain, "{name}");
        }
    }
}
