//! The exceptions of the policy that end: what a reader of the report has to decide next.

use std::io::{self, Write};

use serde::Serialize;

use super::decided::Decided;
use crate::daemon::clock::day_of;
use crate::daemon::rule_text::conditions;
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
    pub(super) sentence: String,
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

/// Those of what was decided.
pub(super) fn of(decided: &Decided, now: Time) -> Vec<Entry> {
    let rules = &decided.rules;
    endings(&rules.written, &rules.policy, &rules.signatures, now).iter().map(Entry::from).collect()
}

/// A sentence each.
pub(super) fn write(entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
    if !entries.is_empty() {
        writeln!(out)?;
    }
    entries.iter().try_for_each(|e| writeln!(out, "policy: {} ({}:{})", e.sentence, e.file, e.line))
}
