//! The exceptions of the policy that end: what a reader of the report has to decide next.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::daemon::clock::day_of;
use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::rule_text::conditions;
use crate::daemon::rules::Rules;
use crate::daemon::rules::expiring::{Ending, endings};
use crate::engine::frame::Time;
use crate::engine::policy::Status;

/// One of them.
#[derive(Serialize)]
pub(super) struct Entry {
    file: String,
    line: usize,
    status: &'static str,
    conditions: String,
    /// The day from which on it does not apply.
    expires: String,
    days_left: u64,
    then: Option<&'static str>,
    owner: Option<String>,
    #[serde(skip)]
    sentence: String,
}

impl From<&Ending<'_>> for Entry {
    fn from(ending: &Ending<'_>) -> Self {
        let (written, rule) = (ending.written, &ending.written.rule);
        Entry {
            file: written.file.display().to_string(),
            line: written.line,
            status: rule.status.word(),
            conditions: conditions(rule),
            expires: day_of(ending.end).to_string(),
            days_left: ending.days_left,
            then: ending.then.map(Status::word),
            owner: rule.owner.as_deref().map(Into::into),
            sentence: ending.sentence(),
        }
    }
}

/// Those of a configuration. Without one named the standard file is taken; nothing is said where it is refused, or this user may not read
/// it: whoever reads a report need not be able to.
///
/// # Errors
/// The configuration that was named is refused.
pub(super) fn of(config: Option<&Path>, now: Time) -> Result<Vec<Entry>, Failure> {
    let load = || {
        let config = Config::load(config)?.value;
        Rules::load(&config).map(|rules| rules.value)
    };
    let rules = match load() {
        Ok(rules) => rules,
        Err(problems) if config.is_some() => return Err(Failure::Configuration(problems)),
        Err(_) => return Ok(Vec::new()),
    };
    Ok(endings(&rules.written, &rules.policy, &rules.signatures, now).iter().map(Entry::from).collect())
}

/// A sentence each.
pub(super) fn write(entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
    if !entries.is_empty() {
        writeln!(out)?;
    }
    entries.iter().try_for_each(|e| writeln!(out, "policy: {} ({}:{})", e.sentence, e.file, e.line))
}
