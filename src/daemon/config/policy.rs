//! Policy as it is written: in `[policy]` of the configuration, and in the file it names, which has the same keys at its top.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;

use super::read::{beside, networks};
use super::when;
use crate::daemon::diagnostic::Diagnostic;
use crate::daemon::toml_fields::{self, Fields, Located, one_of, read_text};
use crate::engine::frame::Time;
use crate::engine::pattern::HostPattern;
use crate::engine::policy::{FactCondition, Policy, Rule, ServicePattern, Status};
use crate::engine::sighting::Evidence;
use crate::engine::signature::{Category, RiskKey, Tenant};

/// What stands in `[policy]`.
#[derive(Clone, Debug, Default)]
pub struct PolicyFile {
    /// What holds where no rule speaks; default unreviewed. Before the one in the file, where both stand.
    pub default: Option<Status>,
    /// A file with further rules, after those that stand here.
    pub file: Option<PathBuf>,
    /// Rules in order.
    pub rules: Vec<WrittenRule>,
}

/// A rule and where it stands.
#[derive(Clone, Debug)]
pub struct WrittenRule {
    /// The file.
    pub file: Arc<Path>,
    /// Its line.
    pub line: usize,
    /// The rule.
    pub rule: Rule,
}

impl PolicyFile {
    pub(super) fn read(fields: &Fields<'_>, file: &Path) -> Self {
        PolicyFile { file: fields.text("file").map(|f| beside(file, f.value)), ..rules(fields, file) }
    }

    /// The same policy if the text of the file it names were another, and what is wrong with that.
    pub fn with_file_text(&self, file: &Path, text: &str) -> (Self, Vec<Diagnostic>) {
        let (new, problems) = read_policy_text(file, text);
        let own = self.rules.iter().filter(|w| *w.file != *file).cloned();
        let rules = own.chain(new.rules).collect();
        (PolicyFile { default: self.default.or(new.default), file: self.file.clone(), rules }, problems)
    }

    /// Compiles the rules for the engine.
    pub fn compiled(&self) -> Policy {
        Policy::new(self.default.unwrap_or_default(), self.rules.iter().map(|r| r.rule.clone()).collect())
    }
}

/// Adds what stands in a policy file.
pub(super) fn add_file(policy: &mut PolicyFile, file: &Path, problems: &mut Vec<Diagnostic>) {
    let (more, found) = read_policy_file(file);
    problems.extend(found);
    policy.default = policy.default.or(more.default);
    policy.rules.extend(more.rules);
}

/// Reads a policy file.
pub fn read_policy_file(file: &Path) -> (PolicyFile, Vec<Diagnostic>) {
    let text = match read_text(file) {
        Ok(text) => text,
        Err(problem) => return (PolicyFile::default(), vec![problem]),
    };
    read_policy_text(file, &text)
}

fn read_policy_text(file: &Path, text: &str) -> (PolicyFile, Vec<Diagnostic>) {
    toml_fields::read(file, text, |top| rules(&top, file))
}

fn rules(fields: &Fields<'_>, file: &Path) -> PolicyFile {
    let file: Arc<Path> = file.into();
    let default = fields.word("default", STATUS_WORDS, Status::from_word).map(|s| s.value);
    let written = |table: Fields<'_>| WrittenRule { file: file.clone(), line: table.line(), rule: rule(&table) };
    PolicyFile { default, file: None, rules: fields.tables("rule").into_iter().map(written).collect() }
}

const STATUS_WORDS: &[&str] = &["unreviewed", "approved", "tolerated", "in_review", "unapproved"];
const EVIDENCE_WORDS: [&str; 4] = ["resolved", "contacted", "engaged", "uploaded"];

/// A rule; without a good status it is refused, and read all the same for what else is wrong.
fn rule(fields: &Fields<'_>) -> Rule {
    let shared = |list: Vec<Located<&str>>| list.into_iter().map(|l| Arc::from(l.value)).collect::<Vec<Arc<str>>>();
    let text = |key| fields.text(key).map(|t| Arc::from(t.value));
    let status = fields.needed_text("status").and(fields.word("status", STATUS_WORDS, Status::from_word));
    Rule {
        status: status.map_or(Status::default(), |s| s.value),
        services: fields.one_or_more("service").iter().map(|s| ServicePattern::parse(s.value)).collect(),
        vendors: shared(fields.one_or_more("vendor")),
        categories: words(fields, "category", Category::WORDS, Category::from_word),
        hosts: fields.one_or_more("host").iter().filter_map(|h| host(fields, h)).collect(),
        tenants: words(fields, "tenant", Tenant::WORDS, Tenant::from_word),
        facts: facts(fields),
        teams: shared(fields.one_or_more("team")),
        subnets: networks(fields, "subnets"),
        window: when::read(fields),
        evidence: fields.word("evidence", &EVIDENCE_WORDS, Evidence::from_word).map(|e| e.value),
        volume_up: volume(fields),
        reason: text("reason"),
        owner: text("owner"),
        expires: fields.date("expires").map(|d| end_of(d.value)),
        alternative: text("alternative"),
    }
}

/// Facts a rule asks for; `unknown` is a value.
fn facts(fields: &Fields<'_>) -> Vec<FactCondition> {
    let Some(table) = fields.table("risk") else { return Vec::new() };
    let written = |key: RiskKey| {
        let values = table.one_or_more(key.word());
        for value in values.iter().filter(|v| !v.value.contains(char::is_alphanumeric)) {
            table.reading().error(
                value.line,
                format!("{} has the value {:?}", table.named(key.word()), value.value),
                "write a word, as unknown",
            );
        }
        let values: Vec<Arc<str>> = values.iter().map(|v| v.value.into()).collect();
        (!values.is_empty()).then_some(FactCondition { key, values })
    };
    let all: Vec<_> = RiskKey::ALL.into_iter().filter_map(written).collect();
    if all.is_empty() {
        table.reading().error(table.line(), "risk names no fact and value", "write risk = { trains_on_input = [\"yes\", \"unknown\"] }");
    }
    all
}

fn volume(fields: &Fields<'_>) -> Option<u64> {
    let written = fields.bytes("volume_up")?;
    if written.value == 0 {
        fields.reading().error(
            written.line,
            format!("{} is 0, which every sighting reaches", fields.named("volume_up")),
            "write \"10MB\", or delete it",
        );
    }
    Some(written.value)
}

fn words<T>(fields: &Fields<'_>, key: &'static str, words: &[&'static str], from_word: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let read = |text: &Located<&str>| {
        let found = from_word(text.value);
        if found.is_none() {
            let message = format!("{} has no value {:?}", fields.named(key), text.value);
            fields.reading().error(text.line, message, one_of(text.value, words));
        }
        found
    };
    fields.one_or_more(key).iter().filter_map(read).collect()
}

fn host(fields: &Fields<'_>, written: &Located<&str>) -> Option<HostPattern> {
    HostPattern::parse(written.value)
        .map_err(|why| {
            let message = format!("host {:?} cannot be: {why}", written.value);
            fields.reading().error(written.line, message, "a host in lower case; \"=\" before it leaves subdomains out");
        })
        .ok()
}

/// The moment a day (UTC) is over: a rule holds through the day it names.
fn end_of(day: Date) -> Time {
    let whole_days = day.duration_since(Date::constant(1970, 1, 1)).as_secs();
    Time::new(u64::try_from(whole_days + 86_400).unwrap_or(0), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_word() {
        assert_eq!(Status::ALL.map(Status::word), STATUS_WORDS);
        assert_eq!(Evidence::ALL.map(Evidence::word), EVIDENCE_WORDS);
    }

    fn parsed(text: &str) -> (PolicyFile, Vec<String>) {
        let (policy, problems) = toml_fields::read(Path::new("p.toml"), text, |top| rules(&top, Path::new("p.toml")));
        (policy, problems.iter().map(|d| d.to_string().replace("\n  remedy: ", " | ")).collect())
    }

    #[test]
    fn conditions_of_every_kind_are_read() {
        let text = "[[rule]]\nstatus = \"unapproved\"\nrisk = { trains_on_input = [\"yes\", \"unknown\"], certifications = \"SOC 2\" }\nevidence = \
                    \"engaged\"\nvolume_up = \"10MB\"\n[[rule]]\nstatus = \"tolerated\"\nvolume_up = 5_000\n";
        let (policy, problems) = parsed(text);
        assert_eq!(problems, Vec::<String>::new());
        let [first, second] = &policy.rules[..] else { panic!("two rules") };
        let facts: Vec<_> = first.rule.facts.iter().map(ToString::to_string).collect();
        assert_eq!(facts, ["trains_on_input yes|unknown", "certifications SOC 2"]);
        assert_eq!((first.rule.evidence, first.rule.volume_up), (Some(Evidence::Engaged), Some(10_000_000)));
        assert_eq!((second.rule.evidence, second.rule.volume_up), (None, Some(5000)));
    }

    #[test]
    fn conditions_that_are_none_are_said() {
        for (condition, problem) in [
            ("risk = {}", "risk names no fact and value | write risk = { trains_on_input = [\"yes\", \"unknown\"] }"),
            ("risk = { retention = [\" \"] }", "rule.risk.retention has the value \" \" | write a word, as unknown"),
            (
                "risk = { trains = \"yes\", retention = \"none\" }",
                "rule.risk.trains is no known key | one of: trains_on_input, retention, residency, certifications, enterprise_tier, account_types",
            ),
            ("evidence = \"upload\"", "rule.evidence has no value \"upload\" | did you mean \"uploaded\"?"),
            ("volume_up = \"10 apples\"", "rule.volume_up is no number of bytes | write volume_up = \"10MB\""),
            ("volume_up = -1", "rule.volume_up is no number of bytes | write volume_up = \"10MB\""),
            ("volume_up = 0", "rule.volume_up is 0, which every sighting reaches | write \"10MB\", or delete it"),
        ] {
            let (_, problems) = parsed(&format!("[[rule]]\nstatus = \"unapproved\"\n{condition}\n"));
            assert_eq!(problems, [format!("p.toml:3: error: {problem}")]);
        }
    }

    #[test]
    fn a_rule_holds_through_the_day_it_names() {
        assert_eq!(end_of(Date::constant(1970, 1, 1)), Time::new(86400, 0));
        assert_eq!(end_of(Date::constant(1950, 1, 1)), Time::new(0, 0));
    }
}
