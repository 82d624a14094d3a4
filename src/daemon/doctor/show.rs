//! Findings for people and programs.

use serde::Serialize;

use super::findings::{Finding, Severity};
use super::survey::Survey;
use crate::daemon::table::layout;
use crate::daemon::zone_sight::counted;

#[derive(Serialize)]
struct Document<'a> {
    source: &'a str,
    seconds: f64,
    frames: u64,
    findings: &'a [Finding],
}

/// One document.
pub(super) fn json(source: &str, survey: &Survey, findings: &[Finding]) -> String {
    let document = Document { source, seconds: survey.seconds(), frames: survey.frames, findings };
    serde_json::to_string(&document).unwrap_or_default()
}

/// A line each, the worst first, and what it comes to.
pub(super) fn table(source: &str, survey: &Survey, findings: &[Finding]) -> String {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let rows = sorted.iter().map(|f| [word(f.severity), f.check, &f.says, f.remedy].map(str::to_owned).to_vec());
    let table = layout(&["", "check", "found", "what to do"], rows);
    let worst = sorted.first().map_or(Severity::Ok, |f| f.severity);
    let verdict = match worst {
        Severity::Ok | Severity::Note => "can be trusted",
        Severity::Warning => "shows most; see the warnings",
        Severity::Problem => "is not to be trusted yet; see the problems",
    };
    format!("{table}\n\n{source}: {}; this view {verdict}.", counted(survey.frames, "frame"))
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Problem => "problem",
    }
}
