//! Whether policy and signatures fit together.

use std::collections::HashSet;

use super::merge::Disabled;
use super::signature_file::Entry;
use crate::daemon::config::{PolicyFile, WrittenRule};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::nearest::nearest;
use crate::engine::policy::ServicePattern;

/// Services, vendors and alternatives that no signature has. Of services the site itself took out it is a warning.
pub fn check(policy: &PolicyFile, entries: &[Entry], disabled: &Disabled<'_>) -> Vec<Diagnostic> {
    let ids: HashSet<&str> = entries.iter().map(|e| &*e.record.id).collect();
    let vendors: HashSet<&str> = entries.iter().map(|e| &*e.record.vendor).collect();
    let mut found = Vec::new();
    for written in &policy.rules {
        let rule = &written.rule;
        let single = rule.services.iter().filter_map(|s| match s {
            ServicePattern::Id(id) => Some(id),
            ServicePattern::Prefix(_) => None,
        });
        for id in single.chain(&rule.alternative).filter(|id| !ids.contains(&***id)) {
            found.push(unknown(written, "service", id, &ids, disabled.has(id)));
        }
        for vendor in rule.vendors.iter().filter(|v| !vendors.contains(&***v)) {
            found.push(unknown(written, "vendor", vendor, &vendors, false));
        }
        for prefix in rule.services.iter().filter(|s| matches!(s, ServicePattern::Prefix(_)) && !ids.iter().any(|id| s.matches(id))) {
            found.push(problem(Severity::Error, written, format!("no service matches {prefix}"), "see shadowtap signatures list".into()));
        }
    }
    found
}

fn unknown(written: &WrittenRule, what: &str, name: &str, known: &HashSet<&str>, is_disabled: bool) -> Diagnostic {
    if is_disabled {
        let message = format!("rule names {what} {name:?}, which signatures.disable takes out");
        return problem(Severity::Warning, written, message, "delete the rule, or enable the service".into());
    }
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "see shadowtap signatures list".into(),
    };
    problem(Severity::Error, written, format!("rule names {what} {name:?}, which is in no signature"), hint)
}

fn problem(severity: Severity, written: &WrittenRule, message: String, hint: String) -> Diagnostic {
    Diagnostic { severity, file: written.file.to_path_buf(), line: written.line, message, hint }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::signature_file::{Origin, parse};
    use super::*;
    use crate::daemon::config::Config;
    use crate::daemon::toml_fields::Located;

    fn acme() -> Vec<Entry> {
        parse(Path::new("a"), include_str!("../../../tests/fixtures/signatures/acme.toml"), Origin::Shipped).0
    }

    fn policy(text: &str) -> PolicyFile {
        let (config, problems) = Config::parse(Path::new("p.toml"), text);
        assert_eq!(problems, []);
        config.policy
    }

    fn shown(problems: Vec<Diagnostic>) -> Vec<String> {
        problems.iter().map(|d| d.to_string().replace("\n  remedy: ", " | ")).collect()
    }

    #[test]
    fn names_that_no_signature_has_are_found() {
        let text = "[[policy.rule]]\nstatus = \"approved\"\nservice = [\"acme.chta\", \"gone.one\", \"zeta.*\", \"acme.*\"]\nvendor = \"Acne\"\n\
                    alternative = \"acme.xplatform\"\n";
        assert_eq!(
            shown(check(&policy(text), &acme(), &Disabled { ids: &[Located { value: "gone.one".into(), line: 1 }], file: Path::new("c") })),
            [
                "p.toml:1: error: rule names service \"acme.chta\", which is in no signature | did you mean \"acme.chat\"?",
                "p.toml:1: warning: rule names service \"gone.one\", which signatures.disable takes out | delete the rule, or enable the \
                 service",
                "p.toml:1: error: rule names service \"acme.xplatform\", which is in no signature | did you mean \"acme.platform\"?",
                "p.toml:1: error: rule names vendor \"Acne\", which is in no signature | did you mean \"Acme\"?",
                "p.toml:1: error: no service matches zeta.* | see shadowtap signatures list",
            ]
        );
    }
}
