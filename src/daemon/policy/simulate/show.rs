//! A comparison for people and programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::explanation::Place;
use super::comparison::{Amount, Change, ChangeKey, Comparison};
use crate::daemon::clock::rfc3339;
use crate::daemon::rejudge::Rejudged;
use crate::daemon::rules::Rules;
use crate::daemon::table::{bytes, layout};
use crate::engine::frame::Time;
use crate::engine::policy::Status;

/// Changes told to people; all are told to programs.
const MOST_TOLD: usize = 40;

/// For people.
pub(super) fn text(c: &Comparison<'_>, since: Option<Time>, until: Time) -> String {
    let mut text = String::new();
    let rows = c.transitions.iter().map(|((today, new), amount)| {
        let change = if today == new { "" } else { "changed" };
        vec![today.word().into(), new.word().into(), amount.sightings.to_string(), amount.clients.len().to_string(), change.into()]
    });
    let _ = writeln!(text, "{}\n", layout(&["today", "new", ">sightings", ">clients", ""], rows));
    let changes = most_alerting_first(c);
    if !changes.is_empty() {
        let header = ["team", "service", "today -> new", ">sightings", ">clients", ">up", "evidence", ">alerts", "new rule", "example"];
        let rows = changes.iter().take(MOST_TOLD).map(|(key, change)| row(c, key, change));
        let _ = writeln!(text, "{}", layout(&header, rows));
        if let more @ 1.. = changes.len().saturating_sub(MOST_TOLD) {
            let _ = writeln!(text, "and {more} more; --output json has all");
        }
        let _ = writeln!(text);
    }
    let teams = c.alerts.iter().filter(|(_, alerts)| **alerts != [0, 0]);
    let rows: Vec<_> = teams.map(|(team, [today, new])| vec![team.to_string(), today.to_string(), new.to_string()]).collect();
    if !rows.is_empty() {
        let _ = writeln!(text, "{}\n", layout(&["team", ">alerts today", ">alerts new"], rows));
    }
    let since = since.map_or("the beginning".into(), rfc3339);
    let [today, new] = c.all_alerts();
    let changed: u64 = c.changes.values().map(|change| change.amount.sightings).sum();
    let _ = writeln!(
        text,
        "{} sightings from {since} to {}: {changed} would stand otherwise, alerts {today} -> {new}",
        c.judged,
        rfc3339(until)
    );
    notes(c, &mut text);
    text
}

fn row(c: &Comparison<'_>, (team, service, today, new): &ChangeKey, change: &Change<'_>) -> Vec<String> {
    let name = change.example.name.as_deref().unwrap_or_default();
    vec![
        team.to_string(),
        service.to_string(),
        format!("{} -> {}", today.word(), new.word()),
        change.amount.sightings.to_string(),
        change.amount.clients.len().to_string(),
        bytes(change.bytes_up),
        change.evidence.word().into(),
        format!("{} -> {}", change.alerts[0], change.alerts[1]),
        place(c.rules()[1], &change.by[1]).map_or("default".into(), |p| p.to_string()),
        format!("{} {name} {}", change.example.client, rfc3339(change.example.first_seen).get(..16).unwrap_or_default()),
    ]
}

/// What the numbers leave out.
fn notes(c: &Comparison<'_>, text: &mut String) {
    if c.judged_otherwise > 0 {
        let _ = writeln!(
            text,
            "{} of them were judged otherwise when they were seen: by an earlier policy, or with a part of the names",
            c.judged_otherwise
        );
    }
    if c.unknown > 0 {
        let services: Vec<_> = c.unknown_services.iter().take(5).map(|s| &**s).collect();
        let _ =
            writeln!(text, "{} sightings of services that the catalogue does not have are left out: {}", c.unknown, services.join(", "));
    }
    if c.without_address > 0 {
        let _ = writeln!(text, "{} clients' addresses are not kept: rules with subnets do not match them here", c.without_address);
    }
}

/// For programs: one object.
pub(super) fn json(c: &Comparison<'_>, since: Option<Time>, until: Time) -> String {
    let transition = |((today, new), amount): (&(Status, Status), &Amount)| json!({ "today": today.word(), "new": new.word(), "sightings": amount.sightings, "clients": amount.clients.len() });
    let transitions: Vec<Value> = c.transitions.iter().map(transition).collect();
    let changes: Vec<Value> = most_alerting_first(c).iter().map(|(key, change)| change_json(c, key, change)).collect();
    let by_team: Vec<Value> = c.alerts.iter().map(|(team, [today, new])| json!({ "team": **team, "today": today, "new": new })).collect();
    let [today, new] = c.all_alerts();
    json!({
        "from": since.map(rfc3339),
        "until": rfc3339(until),
        "sightings": c.judged,
        "judged_otherwise": c.judged_otherwise,
        "unknown_services": c.unknown_services.iter().map(|s| &**s).collect::<Vec<_>>(),
        "unknown_sightings": c.unknown,
        "without_address": c.without_address,
        "alerts": { "today": today, "new": new, "teams": by_team },
        "statuses": transitions,
        "changes": changes,
    })
    .to_string()
}

fn change_json(c: &Comparison<'_>, (team, service, today, new): &ChangeKey, change: &Change<'_>) -> Value {
    let [rules_today, rules_new] = c.rules();
    let decision = change.by[1].decision;
    json!({
        "team": **team,
        "service": **service,
        "today": today.word(),
        "new": new.word(),
        "sightings": change.amount.sightings,
        "clients": change.amount.clients.len(),
        "bytes_up": change.bytes_up,
        "evidence": change.evidence.word(),
        "alerts": { "today": change.alerts[0], "new": change.alerts[1] },
        "rule_today": place(rules_today, &change.by[0]),
        "rule_new": place(rules_new, &change.by[1]),
        "reason": decision.reason,
        "alternative": decision.alternative,
        "example": {
            "client": *change.example.client,
            "name": change.example.name.as_deref(),
            "first_seen": rfc3339(change.example.first_seen),
        },
    })
}

/// Where the rule stands that decided; `None` for the default.
fn place(rules: &Rules, judged: &Rejudged<'_>) -> Option<Place> {
    rules.written.get(judged.decision.rule?).map(Place::from)
}

/// What would bring the most new alerts, then what would save the most, then what touches most sightings.
fn most_alerting_first<'c, 'r>(c: &'c Comparison<'r>) -> Vec<(&'c ChangeKey, &'c Change<'r>)> {
    let mut changes: Vec<_> = c.changes.iter().collect();
    let weight = |change: &Change<'_>| (change.alerts[1].abs_diff(change.alerts[0]), change.alerts[1], change.amount.sightings);
    changes.sort_by(|(a_key, a), (b_key, b)| weight(b).cmp(&weight(a)).then_with(|| a_key.cmp(b_key)));
    changes
}
