//! Rules that do nothing, or not what was meant. They refuse nothing but themselves: a daemon runs with them.

mod reach;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::expiring::endings;
use super::probe::probes;
use crate::daemon::config::{Group, PolicyFile, WrittenRule};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::nearest::nearest;
use crate::engine::frame::Time;
use crate::engine::group::OTHER;
use crate::engine::pattern::HostPattern;
use crate::engine::policy::{FactCondition, Policy, Question, Rule, Status};
use crate::engine::sighting::Evidence;
use crate::engine::signature::{ServiceRecord, Signatures};
use reach::{Grid, Reach};

/// Winners told of a rule that never wins.
const MOST_TOLD: usize = 3;

/// Everything that is wrong with rules that can be read. Errors: rules that can never decide anything, conditions nothing meets,
/// alternatives that are not approved. Warnings: rules that run out or have, conditions that do nothing.
pub fn lint(file: &PolicyFile, signatures: &Signatures, teams: &[Group], now: Time) -> Vec<Diagnostic> {
    let policy = file.compiled();
    let teams: Vec<&str> = teams.iter().map(|t| &*t.name).collect();
    let lint = Lint { written: &file.rules, policy: &policy, signatures, grid: Grid::new(&policy, signatures, &teams, now), now };
    let mut found: Vec<_> = endings(&file.rules, &policy, signatures, now).iter().map(|e| e.diagnostic()).collect();
    for (position, written) in file.rules.iter().enumerate() {
        let mut say = |severity, message: String, hint: String| {
            found.push(Diagnostic { severity, file: written.file.to_path_buf(), line: written.line, message, hint });
        };
        lint.conditions(written, &mut say);
        lint.reach(position, written, &mut say);
        lint.alternative(&written.rule, &mut say);
    }
    found.sort_by_key(|d| file.rules.iter().position(|w| *w.file == *d.file && w.line == d.line));
    found
}

/// The rules that decide about the names one rule is about, for a client it is about.
pub fn winners(policy: &Policy, signatures: &Signatures, position: usize, now: Time) -> BTreeSet<usize> {
    let Some(rule) = policy.rules().get(position) else { return BTreeSet::new() };
    let team = rule.teams.first().map_or(OTHER, |t| t);
    let all: Vec<&Rule> = policy.rules().iter().collect();
    let probes = probes(signatures, &all);
    probes.iter().filter(|p| p.is_about(rule)).filter_map(|p| policy.decide(&p.question(team), now).rule).collect()
}

struct Lint<'a> {
    written: &'a [WrittenRule],
    policy: &'a Policy,
    signatures: &'a Signatures,
    grid: Grid<'a>,
    now: Time,
}

type Say<'a> = dyn FnMut(Severity, String, String) + 'a;

impl Lint<'_> {
    /// Conditions that do nothing, or that nothing meets.
    fn conditions(&self, written: &WrittenRule, say: &mut Say<'_>) {
        let rule = &written.rule;
        if is_without_condition(rule) {
            say(Severity::Warning, "rule has no condition".into(), "set default = \"…\" instead".into());
        }
        for host in rule.hosts.iter().filter(|h| !self.has_service(h)) {
            say(Severity::Warning, format!("no service has a name under \"{host}\""), "see shadowtap signatures match".into());
        }
        for (fact, value) in rule.facts.iter().flat_map(|f| f.values.iter().map(move |v| (f, v))) {
            self.fact(fact, value, say);
        }
        if rule.window.as_ref().is_some_and(|w| w.is_always()) {
            say(Severity::Warning, "when is open all the time".into(), "delete it".into());
        }
        if rule.evidence == Some(Evidence::Resolved) {
            say(Severity::Warning, "evidence \"resolved\" holds for every sighting".into(), "delete it, or write \"contacted\"".into());
        }
    }

    fn fact(&self, fact: &FactCondition, value: &str, say: &mut Say<'_>) {
        let alone = FactCondition { key: fact.key, values: vec![value.into()] };
        if self.signatures.services().any(|s| alone.holds(&s.risk)) {
            return;
        }
        let facts = self.signatures.services().filter_map(|s| s.risk.fact(fact.key));
        let known: BTreeSet<&str> = facts.filter_map(|f| f.value.split([' ', ',', ';']).next()).chain(["unknown"]).collect();
        let hint = match nearest(value, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "a value is meant by its first words; see shadowtap signatures list --output json".into(),
        };
        say(Severity::Warning, format!("no service has {} {value:?}", fact.key.word()), hint);
    }

    /// Whether the rule ever decides anything.
    fn reach(&self, position: usize, written: &WrittenRule, say: &mut Say<'_>) {
        let rule = &written.rule;
        if rule.is_expired(self.now) || self.is_about_nothing_known(rule) {
            return; // said elsewhere
        }
        let place = |at: &usize| self.written.get(*at).map_or(String::new(), |w| format!("{}:{}", w.file.display(), w.line));
        match self.grid.reach(position) {
            Reach::Decides => {}
            Reach::Contradicts => {
                let hint = "conditions of one rule must all hold; see shadowtap signatures list, and split it into several rules";
                say(Severity::Error, "rule can never win: no name of any service meets its conditions together".into(), hint.into());
            }
            Reach::Loses(winners) => {
                let told: Vec<_> = winners.iter().take(MOST_TOLD).map(place).collect();
                let more = if winners.len() > MOST_TOLD { " and others" } else { "" };
                let message = format!("rule can never win: {}{more} come first wherever it matches", told.join(", "));
                say(Severity::Error, message, "delete it, make it more specific, or put it before those".into());
            }
            Reach::NeverStricter => {
                let message =
                    format!("rule does nothing: {} is no stricter than what holds before its bound is reached", rule.status.word());
                say(
                    Severity::Error,
                    message,
                    "evidence and volume_up can only make stricter: choose another status, or delete them".into(),
                );
            }
        }
        let is_engaged = rule.evidence.is_some_and(|e| e >= Evidence::Engaged);
        if is_engaged && self.grid.names(rule).all(|n| !self.has_use(n.service())) {
            let message = "evidence never gets so far: the services it is about have no host whose use can be told from presence";
            say(Severity::Error, message.into(), "write evidence = \"contacted\", or volume_up".into());
        }
    }

    /// The alternative must be approved for those the rule is about.
    fn alternative(&self, rule: &Rule, say: &mut Say<'_>) {
        let Some(service) = rule.alternative.as_ref().and_then(|id| self.signatures.service(id)) else { return };
        let other = [std::sync::Arc::from(OTHER)];
        for team in if rule.teams.is_empty() { &other[..] } else { &rule.teams } {
            let status = self.mildest(service, team);
            if status != Status::Approved {
                let whose = if rule.teams.is_empty() { String::new() } else { format!(" for team {team:?}") };
                let message = format!("alternative {} is {} itself{whose}", service.id, status.word());
                say(Severity::Error, message, "name an approved one, or approve it by a rule".into());
            }
        }
    }

    /// The mildest status any name of a service has for a team.
    fn mildest(&self, service: &ServiceRecord, team: &str) -> Status {
        let wanted = Rule { services: vec![crate::engine::policy::ServicePattern::Id(service.id.clone())], ..Rule::default() };
        let by_name = self.grid.names(&wanted).map(|n| self.policy.decide(&n.question(team), self.now).status);
        let by_service = self.policy.decide(&Question::of_service(service, team), self.now).status;
        by_name.fold(by_service, |mildest, status| if mildest.is_stricter_than(status) { status } else { mildest })
    }

    fn has_service(&self, pattern: &HostPattern) -> bool {
        self.signatures.services().flat_map(|s| &s.hosts).any(|h| h.pattern.overlaps(pattern))
    }

    fn has_use(&self, service: usize) -> bool {
        self.signatures.services().nth(service).is_some_and(|s| s.hosts.iter().any(|h| h.is_use()))
    }

    /// Whether one of its conditions alone is about nothing there is.
    fn is_about_nothing_known(&self, rule: &Rule) -> bool {
        let services = || self.signatures.services();
        let none = |is_empty: bool, any: bool| !is_empty && !any;
        none(rule.services.is_empty(), services().any(|s| rule.services.iter().any(|p| p.matches(&s.id))))
            || none(rule.vendors.is_empty(), services().any(|s| rule.vendors.contains(&s.vendor)))
            || none(rule.hosts.is_empty(), rule.hosts.iter().any(|h| self.has_service(h)))
            || rule.facts.iter().any(|f| !services().any(|s| f.holds(&s.risk)))
    }
}

fn is_without_condition(rule: &Rule) -> bool {
    let about = rule.services.len() + rule.vendors.len() + rule.categories.len() + rule.hosts.len() + rule.tenants.len() + rule.facts.len();
    about + rule.teams.len() + rule.subnets.len() == 0 && rule.window.is_none() && !rule.has_bound()
}
