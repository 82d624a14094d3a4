//! The report as a page: who uses what, what nobody decided, what is new, what is not allowed, and how sure all that is. It is made of sums
//! of whole days, names no client, and loads nothing: one file, to be mailed, printed and kept.

mod answers;
mod chart;
mod rows;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use nix::sys::utsname::uname;
use serde::Serialize;

use super::decided::Decided;
use super::sums::Sums;
use super::{Frame, WriteError};
use crate::daemon::clock;
use crate::daemon::config::Mode;
use crate::daemon::rules::Catalogue;
use crate::daemon::store::{FirstDay, Store, Sum, Window};
use crate::daemon::zone_sight::ZoneSight;
use crate::engine::frame::Time;
use answers::Answer;
use chart::Chart;
use rows::{Row, Rows, Team, Unapproved, Zone};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// Lines of teams and services at most; of more the page says how many, and where they are told.
const MOST: usize = 2000;

/// All that stands in a page, as the template takes it.
#[derive(Serialize)]
struct Page<'a> {
    policy: String,
    style: Value,
    made: String,
    host: String,
    version: &'static str,
    period: String,
    as_of: String,
    client_note: &'static str,
    answers: Vec<Answer>,
    chart: Option<Chart>,
    services: &'a [Row],
    teams: &'a [Team],
    left_out: usize,
    new: Vec<&'a Row>,
    can_tell_new: bool,
    undecided: Vec<&'a Row>,
    unapproved: Vec<Unapproved>,
    zones: Vec<Zone>,
    expiring: Vec<&'a str>,
    knows_policy: bool,
}

/// Everything read of a store.
struct Facts {
    sums: Vec<Sum>,
    days: Vec<Time>,
    chart: Option<Chart>,
    as_of: Time,
    rows: Rows,
    can_tell_new: bool,
}

/// Writes the page of a window.
pub(super) async fn write(store: &Store, (window, now): (Window, Time), frame: &Frame<'_>, out: &mut dyn Write) -> Result<(), WriteError> {
    let Window { since, until } = window;
    // What is new is told by all days before.
    let as_of = Sums::of(store, Window { since: None, until }, now).await?.as_of;
    let sums = store.sums(since, until).await?;
    let days = store.days_with_sums(since, until).await?;
    let crowd = store.crowd(since, until).await?;
    let chart = chart::of(&store.day_totals(since, until).await?);
    let firsts = store.first_days().await?;
    let signatures = frame.decided.map_or_else(|| Catalogue::shipped().signatures().into(), |d| d.rules.signatures.clone());
    let begin = begin(&days, since);
    let rows = Rows::of(&sums, &crowd, &signatures, &newcomers(&firsts, begin));
    let can_tell_new = firsts.first().is_some_and(|first| first.day < begin);
    let facts = Facts { sums, days, chart, as_of, rows, can_tell_new };
    let html = render(&page(&facts, frame, now)).map_err(io::Error::other)?;
    out.write_all(html.as_bytes())?;
    Ok(out.flush()?)
}

/// The moment from which on what was not there before is new: the first day that was asked for.
fn begin(days: &[Time], since: Option<Time>) -> Time {
    let asked = since.map(|t| Time::new(t.seconds() / 86_400 * 86_400, 0));
    asked.or(days.first().copied()).unwrap_or(Time::new(0, 0))
}

/// Services seen by nobody before a moment.
fn newcomers(firsts: &[FirstDay], begin: Time) -> BTreeSet<String> {
    let old: BTreeSet<&str> = firsts.iter().filter(|f| f.day < begin).map(|f| f.service.as_str()).collect();
    if old.is_empty() {
        return BTreeSet::new();
    }
    firsts.iter().filter(|f| !old.contains(f.service.as_str())).map(|f| f.service.clone()).collect()
}

fn page<'a>(facts: &'a Facts, frame: &'a Frame<'_>, now: Time) -> Page<'a> {
    let Facts { sums, days, rows, can_tell_new, .. } = facts;
    let can_tell_new = *can_tell_new;
    let unapproved = rows::unapproved(sums, frame.decided, now);
    let new: Vec<&Row> = rows.services.iter().filter(|row| row.is_new).collect();
    let undecided: Vec<&Row> = rows.services.iter().filter(|row| row.status == "unreviewed" && row.is_use).collect();
    Page {
        policy: content_policy(),
        style: Value::from_safe_string(STYLE.into()),
        made: minute(now),
        host: uname().map_or_else(|_| "unknown".into(), |name| name.nodename().to_string_lossy().into_owned()),
        version: env!("CARGO_PKG_VERSION"),
        period: period(days, frame),
        as_of: minute(facts.as_of),
        client_note: client_note(frame.decided),
        answers: answers::of(rows, &new, &undecided, can_tell_new, frame.zones),
        chart: facts.chart.clone(),
        services: &rows.services,
        teams: &rows.teams,
        left_out: rows.left_out,
        new,
        can_tell_new,
        undecided,
        unapproved,
        zones: frame.zones.iter().map(Zone::of).collect(),
        expiring: frame.expiring.iter().map(|entry| entry.sentence.as_str()).collect(),
        knows_policy: frame.decided.is_some(),
    }
}

/// Nothing is loaded, nothing is run; of styles this very text alone.
fn content_policy() -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    let hash = BASE64_STANDARD.encode(digest.as_ref());
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

/// Whole days; what was asked for where nothing was seen.
fn period(days: &[Time], frame: &Frame<'_>) -> String {
    match (days.first(), days.last()) {
        (Some(first), Some(last)) => format!("{} to {}", clock::day_of(*first), clock::day_of(*last)),
        _ => format!("{} to {}", frame.from.map_or_else(|| "the beginning".into(), minute), minute(frame.until)),
    }
}

fn minute(moment: Time) -> String {
    clock::rfc3339(moment).chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// What a number of clients means.
const fn client_note(decided: Option<&Decided>) -> &'static str {
    match decided {
        Some(Decided { config, .. }) => match config.privacy.mode {
            Mode::Full => "Clients are addresses, or machines where the site's files tell which; the number is that of the busiest day.",
            Mode::Pseudonymous => "Clients are kept as pseudonyms, which change with each key; the number is that of the busiest day.",
            Mode::TeamOnly => "No client is kept, by the sensor's privacy mode: 1 stands for a team in which enough of them were seen.",
        },
        None => "The number of clients is that of the busiest day.",
    }
}

fn render(page: &Page<'_>) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // The name's end makes it escape whatever goes in.
    environment.add_template("page.html", TEMPLATE)?;
    environment.get_template("page.html")?.render(Serde(page))
}

/// Whether "no AI use here" is supported, over all zones.
fn supported(zones: &[ZoneSight]) -> (usize, usize) {
    (zones.iter().filter(|zone| zone.supported).count(), zones.len())
}
