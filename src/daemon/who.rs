//! How a client is called where people read.

use crate::engine::sighting::Sighting;

/// A client's address, and behind it in brackets who that is as far as it is known: `10.0.0.5 (anna, ws-14)`.
pub fn cell(s: &Sighting) -> String {
    let names = [s.identity.user.as_deref(), s.identity.host.as_deref(), remark(s)];
    let names: Vec<_> = names.into_iter().flatten().collect();
    if names.is_empty() { s.client.to_string() } else { format!("{} ({})", s.client, names.join(", ")) }
}

/// The beginning of a sentence about a client: the best name there is, and in brackets the others, the address and the team: `anna (ws-14,
/// 10.0.0.5, design)`.
pub fn named(s: &Sighting) -> String {
    let names = [s.identity.user.as_deref(), s.identity.host.as_deref(), Some(&*s.client)];
    let mut names: Vec<_> = names.into_iter().flatten().chain([&*s.team]).chain(remark(s)).collect();
    let first = names.remove(0);
    format!("{first} ({})", names.join(", "))
}

/// What keeps an address from being somebody.
fn remark(s: &Sighting) -> Option<&'static str> {
    match (s.identity.is_shared, s.identity.is_estimate) {
        (true, _) => Some("shared by many"),
        (false, true) => Some("estimate"),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::sighting;
    use crate::engine::sighting::Identity;

    #[test]
    fn the_best_name_comes_first() {
        let of = |user: Option<&str>, host: Option<&str>, is_shared, is_estimate| {
            let identity =
                Identity { user: user.map(Into::into), host: host.map(Into::into), is_shared, is_estimate, ..Identity::default() };
            let s = Sighting { identity: identity.into(), ..sighting() };
            format!("{} | {}", cell(&s), named(&s))
        };
        assert_eq!(of(Some("anna"), Some("ws-14"), false, false), "10.0.0.5 (anna, ws-14) | anna (ws-14, 10.0.0.5, design)");
        assert_eq!(of(None, Some("ws-14"), false, true), "10.0.0.5 (ws-14, estimate) | ws-14 (10.0.0.5, design, estimate)");
        assert_eq!(of(None, None, true, false), "10.0.0.5 (shared by many) | 10.0.0.5 (design, shared by many)");
        assert_eq!(of(None, None, false, false), "10.0.0.5 | 10.0.0.5 (design)");
    }
}
