//! Names to try a policy on: one for each way in which its rules can look at a name of the catalogue.

use std::collections::HashSet;

use crate::engine::frame::Time;
use crate::engine::pattern::{HostPattern, PatternIndex};
use crate::engine::policy::{Mismatch, Question, Rule};
use crate::engine::signature::{Match, Signatures};

/// A name of a service.
pub struct Probe<'a> {
    host: String,
    matched: Match<'a>,
}

impl<'a> Probe<'a> {
    /// The question about this name, for nobody in particular.
    pub fn question<'q>(&'q self, team: &'q str) -> Question<'q>
    where
        'a: 'q,
    {
        Question::new(&self.matched, &self.host, team, None)
    }

    /// The service's position in the catalogue.
    pub fn service(&self) -> usize {
        self.matched.index
    }

    /// Whether what a rule is about is this name, whoever uses it and when.
    pub fn is_about(&self, rule: &Rule) -> bool {
        let whom = [Mismatch::Team, Mismatch::Subnet, Mismatch::Window, Mismatch::Evidence, Mismatch::Volume];
        rule.rank(&self.question(""), Time(0)).err().is_none_or(|mismatch| whom.contains(&mismatch))
    }
}

/// Names of every service, so many that rules cannot tell any other from one of these.
pub fn probes<'a>(signatures: &'a Signatures, rules: &[&Rule]) -> Vec<Probe<'a>> {
    let mut index = PatternIndex::default();
    let mut patterns: Vec<&HostPattern> = signatures.services().flat_map(|s| &s.hosts).map(|h| &h.pattern).collect();
    let mut shared: Vec<String> = Vec::new();
    for pattern in rules.iter().flat_map(|r| &r.hosts) {
        index.insert(pattern);
        shared.extend(patterns.iter().filter_map(|p| p.common(pattern)));
        patterns.push(pattern);
    }
    let mut known = HashSet::new();
    let mut found = Vec::new();
    for host in patterns.into_iter().flat_map(samples).chain(shared) {
        let Some(matched) = signatures.match_name(&host) else { continue };
        let mut slots = Vec::new();
        index.each(&host, |slot| slots.push(slot));
        slots.sort_unstable();
        if known.insert((matched.index, matched.tenant, slots)) {
            found.push(Probe { host, matched });
        }
    }
    found
}

/// The name itself, and one below it.
fn samples(pattern: &HostPattern) -> impl Iterator<Item = String> {
    let own = pattern.sample();
    let below = (!pattern.is_exact()).then(|| format!("shadowtap-probe.{own}"));
    std::iter::once(own).chain(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::rules::Catalogue;

    #[test]
    fn every_service_is_tried_and_every_name_rules_can_tell_apart() {
        let signatures = Catalogue::shipped().signatures();
        let services = |probes: &[Probe<'_>]| probes.iter().map(Probe::service).collect::<HashSet<_>>().len();
        let plain = probes(&signatures, &[]);
        let with_hosts = signatures.services().filter(|s| !s.hosts.is_empty()).count();
        assert_eq!(services(&plain), with_hosts);
        let rule = Rule { hosts: vec![HostPattern::parse("=ab.chatgpt.com").unwrap()], ..Rule::default() };
        let more = probes(&signatures, &[&rule]);
        assert_eq!(more.len(), plain.len() + 1);
        let about: Vec<_> = more.iter().filter(|p| p.is_about(&rule)).map(|p| p.host.as_str()).collect();
        assert_eq!(about, ["ab.chatgpt.com"]);
    }
}
