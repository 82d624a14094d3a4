//! Whether policy and signatures fit together, and rules that do nothing.

use std::collections::HashSet;

use super::merge::Disabled;
use super::signature_file::Entry;
use crate::daemon::clock::day_of;
use crate::daemon::config::{PolicyFile, WrittenRule};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::nearest::nearest;
use crate::engine::frame::Time;
use crate::engine::pattern::HostPattern;
use crate::engine::policy::{Policy, Question, Rule, ServicePattern, Status};
use crate::engine::signature::{ServiceRecord, Signatures};

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

/// Rules that do nothing or not what was meant, each a warning: run out, never first, about names of no service, alternatives that are
/// not approved.
pub fn lint(policy: &PolicyFile, signatures: &Signatures, now: Time) -> Vec<Diagnostic> {
    let compiled = policy.compiled();
    let mut found = Vec::new();
    for (position, written) in policy.rules.iter().enumerate() {
        let rule = &written.rule;
        let mut warn = |message: String, hint: &str| found.push(problem(Severity::Warning, written, message, hint.into()));
        if let Some(end) = rule.expires.filter(|end| now >= *end) {
            warn(format!("rule has run out, and does nothing since {}", day_of(end)), "renew it or delete it");
        }
        let before = policy.rules.iter().take(position).find(|w| covers(&w.rule, rule));
        if let Some(first) = before {
            let message = format!("rule can never win: {}:{} covers all of it", first.file.display(), first.line);
            warn(message, "delete it, or put it first");
        }
        if is_about_everything(rule) {
            warn("rule has no condition".into(), "set default = \"…\" instead");
        }
        for host in rule.hosts.iter().filter(|h| !has_service(h, signatures)) {
            warn(format!("no service has a name under \"{host}\""), "see shadowtap signatures match");
        }
        if let Some(service) = rule.alternative.as_ref().and_then(|id| signatures.service(id)) {
            let status = general_status(&compiled, service, now);
            if status != Status::Approved {
                warn(format!("alternative {} is {} itself", service.id, status.word()), "name an approved one, or approve it by a rule");
            }
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

/// Whether `first`, which stands before `second`, matches whatever `second` matches and is as specific, for as long.
fn covers(first: &Rule, second: &Rule) -> bool {
    fn all<T: PartialEq>(first: &[T], second: &[T]) -> bool {
        first.is_empty() == second.is_empty() && second.iter().all(|s| first.contains(s))
    }
    let subnets =
        first.subnets.is_empty() == second.subnets.is_empty() && second.subnets.iter().all(|s| first.subnets.iter().any(|f| f.contains(s)));
    let as_long = first.expires.is_none_or(|end| second.expires.is_some_and(|e| e <= end));
    all(&first.services, &second.services)
        && all(&first.vendors, &second.vendors)
        && all(&first.categories, &second.categories)
        && all(&first.hosts, &second.hosts)
        && all(&first.tenants, &second.tenants)
        && all(&first.teams, &second.teams)
        && subnets
        && as_long
}

fn is_about_everything(rule: &Rule) -> bool {
    let about = rule.services.len() + rule.vendors.len() + rule.categories.len() + rule.hosts.len();
    about + rule.tenants.len() + rule.teams.len() + rule.subnets.len() == 0
}

fn has_service(pattern: &HostPattern, signatures: &Signatures) -> bool {
    signatures.services().flat_map(|s| &s.hosts).any(|h| h.pattern.overlaps(pattern))
}

/// Status of a service for a client that no rule names.
fn general_status(policy: &Policy, service: &ServiceRecord, now: Time) -> Status {
    let host = service.hosts.first().map_or(String::new(), |h| h.pattern.sample());
    let (tenant, team) = (service.hosts.first().and_then(|h| h.tenant), "other");
    let question = Question {
        service: &service.id,
        vendor: &service.vendor,
        category: service.category,
        host: &host,
        tenant,
        risk: &service.risk,
        team,
        client: None,
        evidence: Default::default(),
        bytes_up: 0,
    };
    policy.decide(&question, now).status
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

    #[test]
    fn rules_that_do_nothing_are_found() {
        let text = "[[policy.rule]]\nstatus = \"approved\"\nservice = [\"acme.chat\", \"acme.platform\"]\n[[policy.rule]]\nstatus = \
                    \"unapproved\"\nservice = \"acme.chat\"\nalternative = \"acme.platform\"\n[[policy.rule]]\nstatus = \
                    \"tolerated\"\n[[policy.rule]]\nstatus = \"approved\"\nhost = [\"nobody.example\", \"eu.acme-cloud.example\", \
                    \"x.acme.example\"]\nexpires = 2020-01-01\n";
        let signatures = Signatures::new(acme().into_iter().map(|e| e.record).collect());
        assert_eq!(
            shown(lint(&policy(text), &signatures, Time::new(1_800_000_000, 0))),
            [
                "p.toml:4: warning: rule can never win: p.toml:1 covers all of it | delete it, or put it first",
                "p.toml:8: warning: rule has no condition | set default = \"…\" instead",
                "p.toml:10: warning: rule has run out, and does nothing since 2020-01-02 | renew it or delete it",
                "p.toml:10: warning: no service has a name under \"nobody.example\" | see shadowtap signatures match",
            ]
        );
    }

    #[test]
    fn an_alternative_is_approved_itself() {
        let text = "[[policy.rule]]\nstatus = \"unapproved\"\nservice = \"acme.chat\"\nalternative = \"acme.platform\"\n";
        let signatures = Signatures::new(acme().into_iter().map(|e| e.record).collect());
        let found = shown(lint(&policy(text), &signatures, Time::new(1_800_000_000, 0)));
        assert!(found.len() == 1 && found[0].contains("alternative acme.platform is unreviewed itself"), "{found:?}");
    }
}
