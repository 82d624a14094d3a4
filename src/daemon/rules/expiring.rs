//! Exceptions that are about to run out, so that nobody is surprised by the day after.

use super::probe::probes;
use crate::daemon::clock::day_of;
use crate::daemon::config::WrittenRule;
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::rule_text::conditions;
use crate::engine::frame::Time;
use crate::engine::group::OTHER;
use crate::engine::policy::{Policy, Question, Status};
use crate::engine::signature::Signatures;

/// Days before its end from which on a rule's end is announced.
pub const DAYS: u64 = 14;
const DAY_SECONDS: u64 = 86_400;

/// A rule that has run out, or will within [`DAYS`].
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    /// The rule and where it stands.
    pub written: &'a WrittenRule,
    /// From when on it does not apply.
    pub end: Time,
    /// Begun days that are left; 0 where it has run out.
    pub days_left: u64,
    /// What holds afterwards for what it is about; `None` where it is about no name of any service.
    pub then: Option<Status>,
}

impl Ending<'_> {
    /// Whether it has run out.
    pub fn is_over(&self) -> bool {
        self.days_left == 0
    }

    /// One sentence: what ends, when, and what holds then.
    pub fn sentence(&self) -> String {
        let rule = &self.written.rule;
        let (what, end) = (format!("{} ({})", rule.status.word(), conditions(rule)), day_of(self.end));
        let then = self.then.map_or(String::new(), |s| format!("; then it is {}", s.word()));
        match self.days_left {
            0 => format!("the rule that says {what} has run out, and does nothing since {end}"),
            1 => format!("the rule that says {what} runs out within a day, on {end} 00:00 UTC{then}"),
            days => format!("the rule that says {what} runs out in {days} days, on {end} 00:00 UTC{then}"),
        }
    }

    /// The same for a person with the file open.
    pub fn diagnostic(&self) -> Diagnostic {
        let owner = self.written.rule.owner.as_deref().map_or(String::new(), |owner| format!(", or ask {owner}"));
        Diagnostic {
            severity: Severity::Warning,
            file: self.written.file.to_path_buf(),
            line: self.written.line,
            message: self.sentence(),
            hint: if self.is_over() { format!("renew it or delete it{owner}") } else { format!("renew it{owner}") },
        }
    }
}

/// How many rules there are, by whether they end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RuleCounts {
    /// That apply, and go on doing so for more than [`DAYS`].
    pub in_force: u64,
    /// That apply, and end within [`DAYS`].
    pub expiring: u64,
    /// That have run out.
    pub expired: u64,
}

impl RuleCounts {
    /// Counts rules at a moment.
    pub fn of(written: &[WrittenRule], now: Time) -> Self {
        let mut counts = RuleCounts::default();
        for end in written.iter().map(|w| w.rule.expires) {
            match end {
                Some(end) if end <= now => counts.expired += 1,
                Some(end) if end <= now.plus_seconds(DAYS * DAY_SECONDS) => counts.expiring += 1,
                _ => counts.in_force += 1,
            }
        }
        counts
    }
}

/// The rules that have run out or will soon, the next to end first. `policy` is these rules compiled.
pub fn endings<'a>(written: &'a [WrittenRule], policy: &Policy, signatures: &Signatures, now: Time) -> Vec<Ending<'a>> {
    let mut found: Vec<_> = written
        .iter()
        .filter_map(|w| w.rule.expires.map(|end| (w, end)))
        .filter(|(_, end)| *end <= now.plus_seconds(DAYS * DAY_SECONDS))
        .map(|(written, end)| Ending {
            written,
            end,
            days_left: end.since(now).div_ceil(DAY_SECONDS * 1_000_000_000),
            then: after(written, policy, signatures, end.max(now)),
        })
        .collect();
    found.sort_by_key(|e| e.end);
    found
}

/// What a policy says at a moment about a name, a team and a client that a rule is about.
fn after(written: &WrittenRule, policy: &Policy, signatures: &Signatures, at: Time) -> Option<Status> {
    let rule = &written.rule;
    let probes = probes(signatures, &[rule]);
    let name = probes.iter().find(|p| p.is_about(rule))?;
    let question = name.question(rule.teams.first().map_or(OTHER, |t| t));
    let question = Question { client: rule.subnets.first().map(ipnet::IpNet::addr), ..question };
    let question = question.after(rule.evidence.unwrap_or_default(), rule.volume_up.unwrap_or_default());
    Some(policy.judge(&question, at).status)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::clock::parse_rfc3339;
    use crate::daemon::config::Config;
    use crate::daemon::rules::Rules;

    #[test]
    fn an_end_is_announced_fourteen_days_before() {
        let text = "[policy]\ndefault = \"unapproved\"\n[[policy.rule]]\nstatus = \"approved\"\nservice = \"openai.chatgpt\"\nteam = \
                    \"other\"\nowner = \"it@example.com\"\nexpires = 2026-12-07\n[[policy.rule]]\nstatus = \"approved\"\nvendor = \
                    \"Anthropic\"\nexpires = 2026-11-22\n";
        let (config, problems) = Config::parse(Path::new("p.toml"), text);
        assert_eq!(problems, []);
        let rules = Rules::survey(&config).0;
        let at = |text: &str| {
            let found = endings(&config.policy.rules, &rules.policy, &rules.signatures, parse_rfc3339(text).unwrap());
            found.iter().map(|e| e.diagnostic().to_string()).collect::<Vec<_>>()
        };
        let over = "p.toml:9: warning: the rule that says approved (vendor Anthropic) has run out, and does nothing since 2026-11-23\n  \
                    remedy: renew it or delete it";
        assert_eq!(at("2026-11-23T23:59:59Z"), [over]);
        let counts = |at| RuleCounts::of(&config.policy.rules, parse_rfc3339(at).unwrap());
        assert_eq!(counts("2026-11-23T23:59:59Z"), RuleCounts { in_force: 1, expiring: 0, expired: 1 });
        assert_eq!(counts("2026-11-24T00:00:00Z"), RuleCounts { in_force: 0, expiring: 1, expired: 1 });
        assert_eq!(counts("2026-12-08T00:00:00Z"), RuleCounts { in_force: 0, expiring: 0, expired: 2 });
        let soon = "p.toml:3: warning: the rule that says approved (service openai.chatgpt, team other) runs out in 14 days, on 2026-12-08 \
                    00:00 UTC; then it is unapproved\n  remedy: renew it, or ask it@example.com";
        assert_eq!(at("2026-11-24T00:00:00Z"), [over, soon]);
        assert!(at("2026-12-07T12:00:00Z")[1].contains("runs out within a day, on 2026-12-08"));
        assert!(at("2026-12-08T00:00:00Z")[1].contains("has run out"));
    }
}
