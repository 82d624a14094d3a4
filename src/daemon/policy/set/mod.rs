//! `policy set`: writes a decision into the policy, where lint has nothing against it.

mod edit;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::daemon::clock;
use crate::daemon::config::{Config, DEFAULT_FILE, PolicyFile, WrittenRule};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::failure::Failure;
use crate::daemon::output::print;
use crate::daemon::replace_file;
use crate::daemon::rules::{Rules, policy_lint};
use crate::daemon::toml_fields::read_text;
use crate::engine::frame::Time;
use crate::engine::policy::{ServicePattern, Status};
use edit::{Decided, Edited, Form, edit};

/// What is decided.
#[derive(clap::Args)]
pub struct Args {
    /// Service id, or vendor.* for all of a vendor's
    service: String,
    /// approved, tolerated, in_review, unreviewed or unapproved
    #[arg(value_parser = status)]
    status: Status,
    /// For this team; default for all
    #[arg(long)]
    team: Option<String>,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// Who answers for it
    #[arg(long)]
    owner: Option<String>,
    /// Last day on which it holds, as 2027-06-30
    #[arg(long, value_name = "DATE", value_parser = date)]
    expires: Option<Date>,
    /// Service to use instead
    #[arg(long, value_name = "SERVICE")]
    alternative: Option<String>,
    /// Say what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Configuration file; default /etc/shadowtap/config.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn status(text: &str) -> Result<Status, String> {
    Status::from_word(text).ok_or_else(|| format!("one of {}", Status::ALL.map(Status::word).join(", ")))
}

fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "write 2027-06-30".into())
}

/// Writes it and says what changed.
///
/// # Errors
/// A configuration that is refused, a decision that lint refuses, a file that cannot be written.
pub fn run(args: Args) -> Result<(), Failure> {
    let file = args.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let config = Config::load(Some(&file)).map_err(Failure::Configuration)?.value;
    let now = clock::now();
    if let Some(day) = args.expires.filter(|day| *day < clock::day_of(now)) {
        return Err(Failure::Setting(format!("--expires {day}: that day is over; name one to come, or leave it out")));
    }
    let change = Change::new(&config, &file, &args, now)?;
    if !args.dry_run && change.is_any() {
        replace_file::replace(&change.file, &change.before, &change.edited.text)
            .map_err(|e| Failure::Permission(format!("{} cannot be written: {e}", change.file.display())))?;
    }
    print(&change.told(args.dry_run))
}

/// A decision on its way into a file, found good.
struct Change {
    /// The file.
    file: PathBuf,
    /// What stands in it.
    before: String,
    /// What is to stand in it.
    edited: Edited,
    /// Line of the rule then.
    line: usize,
    /// What it is about, in words.
    about: String,
    /// Rules that decide about a part of it all the same.
    others: Vec<String>,
    /// What lint says of the policy besides.
    warnings: Vec<Diagnostic>,
}

impl Change {
    fn new(config: &Config, config_file: &Path, args: &Args, now: Time) -> Result<Self, Failure> {
        let (file, form) = match &config.policy.file {
            Some(file) => (file.as_path(), Form::PolicyFile),
            None => (config_file, Form::Configuration),
        };
        let before = read_text(file).map_err(|problem| Failure::Configuration(vec![problem]))?;
        let decided = Decided {
            service: &args.service,
            team: args.team.as_deref(),
            status: args.status,
            reason: args.reason.as_deref(),
            owner: args.owner.as_deref(),
            expires: args.expires,
            alternative: args.alternative.as_deref(),
        };
        let edited = edit(&before, form, &decided).map_err(|why| refused(file, &why))?;
        let checked = Checked::new(config, file, form, &edited.text, now)?;
        let rule = checked.rule(file, &decided).ok_or_else(|| refused(file, "the rule is not found again"))?;
        let about = decided.team.map_or_else(|| args.service.clone(), |team| format!("{} for team {team}", args.service));
        let others = checked.others(rule, now);
        Ok(Change { line: checked.policy.rules[rule].line, file: file.into(), before, edited, about, others, warnings: checked.warnings })
    }

    fn is_any(&self) -> bool {
        self.before != self.edited.text
    }

    /// What changed, for the person at the terminal.
    fn told(&self, is_dry: bool) -> String {
        let place = format!("{}:{}", self.file.display(), self.line);
        if !self.is_any() {
            return format!("{place}: {} is decided so already: nothing changed", self.about);
        }
        let verb = if self.edited.is_new { "added" } else { "changed" };
        let mut text = format!("{place}: {verb} the rule about {}{}\n", self.about, if is_dry { " (not written)" } else { "" });
        for (key, before, now) in &self.edited.fields {
            let _ = match (before, now) {
                (Some(before), Some(now)) => writeln!(text, "  {key}: {before} -> {now}"),
                (None, Some(now)) => writeln!(text, "  {key}: {now}"),
                (before, None) => writeln!(text, "  {key}: {} -> none", before.as_deref().unwrap_or_default()),
            };
        }
        if !self.others.is_empty() {
            let _ = writeln!(text, "more specific rules decide about a part of it all the same: {}", self.others.join(", "));
        }
        self.warnings.iter().for_each(|warning| {
            let _ = writeln!(text, "{warning}");
        });
        if !is_dry {
            text.push_str("a daemon that runs takes it up by itself\n");
        }
        text
    }
}

/// A policy with a new text, looked at whole.
struct Checked {
    policy: PolicyFile,
    rules: Rules,
    warnings: Vec<Diagnostic>,
}

impl Checked {
    /// Reads and lints it. What was wrong before refuses nothing, and is told.
    fn new(config: &Config, file: &Path, form: Form, text: &str, now: Time) -> Result<Self, Failure> {
        let (policy, mut problems) = match form {
            Form::PolicyFile => config.policy.with_file_text(file, text),
            Form::Configuration => {
                let (config, problems) = Config::parse(file, text);
                (config.policy, problems)
            }
        };
        let (known, _) = Rules::survey(config);
        let before = policy_lint::lint(&config.policy, &known.signatures, &config.teams, now);
        let config = Config { policy, ..config.clone() };
        let (rules, more) = Rules::survey(&config);
        problems.extend(more);
        problems.extend(policy_lint::lint(&config.policy, &rules.signatures, &config.teams, now));
        let is_old = |p: &Diagnostic| before.iter().any(|b| b.message == p.message && b.file == p.file);
        let (refusing, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(|p| p.severity == Severity::Error && !is_old(p));
        if refusing.is_empty() { Ok(Checked { policy: config.policy, rules, warnings }) } else { Err(Failure::Configuration(refusing)) }
    }

    /// Position of the rule about exactly what was decided.
    fn rule(&self, file: &Path, decided: &Decided<'_>) -> Option<usize> {
        let services = [ServicePattern::parse(decided.service)];
        let is_it = |w: &WrittenRule| {
            let rule = &w.rule;
            let is_plain = rule.vendors.is_empty() && rule.categories.is_empty() && rule.hosts.is_empty() && rule.tenants.is_empty();
            let is_open = rule.facts.is_empty() && rule.subnets.is_empty() && rule.window.is_none() && !rule.has_bound();
            let teams: Vec<&str> = rule.teams.iter().map(|t| &**t).collect();
            *w.file == *file && rule.services == services && teams == decided.team.as_slice() && is_plain && is_open
        };
        self.policy.rules.iter().position(is_it)
    }

    /// Rules that decide about some of the names this one is about.
    fn others(&self, own: usize, now: Time) -> Vec<String> {
        let winners = policy_lint::winners(&self.rules.policy, &self.rules.signatures, own, now);
        let place = |at: &usize| self.policy.rules.get(*at).map(|w| format!("{}:{}", w.file.display(), w.line));
        winners.iter().filter(|at| **at != own).filter_map(place).collect()
    }
}

fn refused(file: &Path, why: &str) -> Failure {
    let (message, hint) =
        (format!("cannot be edited: {why}"), "write the decision by hand, and look at it with shadowtap policy lint".into());
    Failure::Configuration(vec![Diagnostic { severity: Severity::Error, file: file.into(), line: 0, message, hint }])
}
