//! A rule in words: its conditions, in the order in which they make it specific.

use std::fmt::Display;

use crate::engine::policy::Rule;

/// The conditions of a rule, `none` where it has none.
pub fn conditions(rule: &Rule) -> String {
    fn one<T: Display>(what: &str, list: &[T]) -> Option<String> {
        let values: Vec<_> = list.iter().map(T::to_string).collect();
        (!values.is_empty()).then(|| format!("{what} {}", values.join("|")))
    }
    let categories: Vec<_> = rule.categories.iter().map(|c| c.word()).collect();
    let tenants: Vec<_> = rule.tenants.iter().map(|t| t.word()).collect();
    let facts = rule.facts.iter().map(|f| format!("risk {f}"));
    let all = [one("host", &rule.hosts), one("service", &rule.services), one("vendor", &rule.vendors), one("tenant", &tenants)];
    let whom = [one("category", &categories), one("subnet", &rule.subnets), one("team", &rule.teams)];
    let occasion = [
        rule.window.as_ref().map(|w| format!("when {w}")),
        rule.evidence.map(|e| format!("evidence {}", e.word())),
        rule.volume_up.map(|v| format!("volume_up {v}")),
    ];
    let all: Vec<_> =
        all.into_iter().flatten().chain(facts).chain(whom.into_iter().flatten()).chain(occasion.into_iter().flatten()).collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::config::Config;

    #[test]
    fn every_condition_is_told() {
        let (config, _) = Config::parse(Path::new("c.toml"), include_str!("../../tests/fixtures/full.toml"));
        assert_eq!(conditions(&config.policy.rules[0].rule), "service acme.*|acme.chat, team research");
        assert_eq!(
            conditions(&config.policy.rules[1].rule),
            "host =chat.acme.example, vendor Acme, tenant consumer|business, risk trains_on_input yes|unknown, risk certifications SOC 2, \
             category companion, subnet 10.2.3.0/24, when mon-fri 08:00-18:00 Europe/Berlin, evidence uploaded, volume_up 10000000"
        );
        assert_eq!(conditions(&Rule::default()), "none");
    }
}
