//! The questions that a page is opened for, each with its answer in a sentence.

use serde::Serialize;

use super::rows::{Row, Rows};
use super::supported;
use crate::daemon::table::bytes;
use crate::daemon::zone_sight::{ZoneSight, counted, percent};
use crate::engine::policy::Status;

/// A question and its answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Answer {
    pub question: &'static str,
    pub answer: String,
    /// Whether somebody must act on it.
    pub acts: bool,
}

/// All of them.
pub(super) fn of(rows: &Rows, new: &[&Row], undecided: &[&Row], can_tell_new: bool, zones: &[ZoneSight]) -> Vec<Answer> {
    vec![unapproved(rows), undecided_answer(undecided), newcomers(new, can_tell_new), volume(rows), certainty(zones)]
}

fn unapproved(rows: &Rows) -> Answer {
    let used: Vec<&Row> = rows.services.iter().filter(|row| row.rank == Status::Unapproved && row.is_use).collect();
    let mut teams: Vec<&str> = used.iter().flat_map(|row| row.teams.iter().map(String::as_str)).collect();
    teams.sort_unstable();
    teams.dedup();
    let sent = used.iter().fold(0_u64, |sum, row| sum.saturating_add(row.bytes_up));
    let answer = match used.len() {
        0 => "No use of a tool that is not approved was seen.".into(),
        n => format!("Yes: {} in {}; {} went out to them.", counted(n as u64, "tool"), counted(teams.len() as u64, "team"), bytes(sent)),
    };
    Answer { question: "Are tools used that are not approved?", acts: !used.is_empty(), answer }
}

fn undecided_answer(undecided: &[&Row]) -> Answer {
    let answer = match undecided.len() {
        0 => "Nothing: of every tool that is used somebody decided.".into(),
        n => format!("{} used and not reviewed.", if n == 1 { "1 tool is".into() } else { format!("{n} tools are") }),
    };
    Answer { question: "What has nobody decided yet?", acts: !undecided.is_empty(), answer }
}

fn newcomers(new: &[&Row], can_tell: bool) -> Answer {
    let mut names: Vec<&str> = new.iter().map(|row| row.name.as_str()).collect();
    names.dedup();
    let answer = match (can_tell, names.len()) {
        (false, _) => "Not known: the sensor's record begins in this period.".into(),
        (true, 0) => "No tool was seen for the first time.".into(),
        (true, n) => format!("{} for the first time.", if n == 1 { "1 tool was seen".into() } else { format!("{n} tools were seen") }),
    };
    Answer { question: "What is new?", acts: can_tell && !names.is_empty(), answer }
}

fn volume(rows: &Rows) -> Answer {
    let sum = |is_meant: &dyn Fn(&Row) -> bool| {
        rows.services.iter().filter(|row| is_meant(row)).fold(0_u64, |sum, row| sum.saturating_add(row.bytes_up))
    };
    let (all, approved) = (sum(&|_| true), sum(&|row| row.rank == Status::Approved));
    let answer = match all {
        0 => "Nothing was sent to GenAI services.".into(),
        _ => format!("{} were sent to GenAI services, {} of it to approved ones.", bytes(all), percent(approved, all)),
    };
    Answer { question: "How much goes out?", acts: false, answer }
}

fn certainty(zones: &[ZoneSight]) -> Answer {
    let (sure, all) = supported(zones);
    let (named, encrypted) =
        zones.iter().fold((0_u64, 0_u64), |(n, e), zone| (n.saturating_add(zone.named), e.saturating_add(zone.encrypted)));
    let answer = match (all, sure) {
        (0, _) => "Not known: nothing is kept of what could be seen in this period.".into(),
        (1, 1) => format!(
            "\u{201c}No AI use here\u{201d} is supported where none is listed: {} of the encrypted flows were named.",
            percent(named, encrypted)
        ),
        (1, _) => {
            format!("\u{201c}No AI use here\u{201d} is not supported: {} of the encrypted flows were named.", percent(named, encrypted))
        }
        _ => format!(
            "\u{201c}No AI use here\u{201d} is supported in {sure} of {all} zones; {} of all encrypted flows were named.",
            percent(named, encrypted)
        ),
    };
    Answer { question: "How sure is this?", acts: sure < all || all == 0, answer }
}
