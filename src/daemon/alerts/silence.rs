//! `alerts silence`: alerts that nobody wants for a time, as during maintenance.

use serde_json::json;

use super::{Output, to_the_second};
use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::daemon::clock;
use crate::daemon::failure::Failure;
use crate::daemon::notice::NoticeKind;
use crate::daemon::since;
use crate::daemon::store::{Silence, SilenceRow, Store};
use crate::daemon::table::layout;
use crate::engine::frame::Time;

/// What is not wanted, for how long and why.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(super) struct Args {
    /// Of this team
    #[arg(long, group = "what")]
    team: Option<String>,
    /// About this service, by id
    #[arg(long, group = "what")]
    service: Option<String>,
    /// Of this kind, as first_use or capture_lost
    #[arg(long, group = "what", value_parser = kind)]
    kind: Option<NoticeKind>,
    /// About this client, as alerts name it
    #[arg(long, group = "what")]
    client: Option<String>,
    /// For how long, as 4h; a year at most
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    span: u64,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Longest silence, in nanoseconds: who wants more wants a route or a policy.
const LONGEST: u64 = 365 * 86_400 * 1_000_000_000;

fn kind(text: &str) -> Result<NoticeKind, String> {
    NoticeKind::from_word(text).ok_or_else(|| format!("one of {}", NoticeKind::WORDS.join(", ")))
}

fn span(text: &str) -> Result<u64, String> {
    let span = since::duration(text).filter(|span| (1..=LONGEST).contains(span));
    span.ok_or_else(|| "write a number and s, m, h, d or w, as 4h, up to a year".into())
}

/// Begins a silence and says its number.
pub(super) async fn run(store: &Store, args: Args) -> Result<String, Failure> {
    let now = clock::now();
    let Args { team, service, kind, client, span, note } = args;
    let silence = Silence { team, service, kind, client, until: Time(now.0.saturating_add(span)), note };
    let entry = |id: i64| {
        // A client is named nowhere in the audit log, which forgets nobody.
        let detail = json!({
            "begin": id, "team": silence.team, "service": silence.service, "kind": silence.kind.map(NoticeKind::word),
            "of_one_client": silence.client.is_some(), "until": clock::rfc3339(silence.until),
        });
        AuditEntry::of_caller(AuditKind::Silence, detail)
    };
    let id = store.silence(&silence, now, entry).await?;
    let until = to_the_second(silence.until);
    Ok(format!("silence {id} holds until {until} UTC; `shadowtap alerts unsilence {id}` ends it before\n"))
}

/// Ends a silence before its time.
pub(super) async fn end(store: &Store, id: i64) -> Result<String, Failure> {
    let entry = AuditEntry::of_caller(AuditKind::Silence, json!({ "end": id }));
    match store.end_silence(id, clock::now(), &entry).await? {
        true => Ok(format!("silence {id} is over\n")),
        false => Err(Failure::Setting(format!("no silence {id} is in force\n  remedy: see `shadowtap alerts silences`"))),
    }
}

/// Every silence, in words or as JSON.
pub(super) fn list(silences: &[SilenceRow], output: Output) -> String {
    let now = clock::now();
    match output {
        Output::Json => silences.iter().map(|s| json_line(s, now) + "\n").collect(),
        Output::Table if silences.is_empty() => "no silences\n".to_owned(),
        Output::Table => layout(&[">id", "until", "state", "of", "by", ">kept back", "note"], silences.iter().map(|s| row(s, now))) + "\n",
    }
}

fn json_line(s: &SilenceRow, now: Time) -> String {
    json!({
        "id": s.id, "created": clock::rfc3339(Time::from_micros(s.created)), "until": clock::rfc3339(Time::from_micros(s.until)),
        "ended": s.ended.map(|at| clock::rfc3339(Time::from_micros(at))), "in_force": s.is_in_force(now),
        "team": s.team, "service": s.service, "kind": s.kind(), "client": s.client, "by": s.actor, "note": s.note, "kept_back": s.hushed,
    })
    .to_string()
}

fn row(s: &SilenceRow, now: Time) -> Vec<String> {
    let of = [("team", s.team.as_deref()), ("service", s.service.as_deref()), ("kind", s.kind()), ("client", s.client.as_deref())];
    let of: Vec<_> = of.into_iter().filter_map(|(what, value)| Some(format!("{what} {}", value?))).collect();
    let state = if s.is_in_force(now) { "in force" } else { "over" };
    vec![
        s.id.to_string(),
        to_the_second(Time::from_micros(s.until)),
        state.to_owned(),
        of.join(", "),
        s.actor.clone(),
        s.hushed.to_string(),
        s.note.clone(),
    ]
}
