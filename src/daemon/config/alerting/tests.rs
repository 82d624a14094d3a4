//! What is accepted in `[alert]`, what is refused, and when a digest is due.

use std::path::Path;

use super::*;
use crate::daemon::clock::{parse_rfc3339, rfc3339};
use crate::daemon::notice::Severity;
use crate::daemon::toml_fields;

fn parsed(text: &str) -> (Alerting, Vec<String>) {
    let sinks = ["soc".to_owned(), "pager".to_owned()];
    let (alerting, problems) = toml_fields::read(Path::new("c.toml"), text, |top| Alerting::read(&top, &sinks));
    (alerting, problems.iter().map(|d| d.to_string().replace("\n  remedy: ", " | ")).collect())
}

#[test]
fn every_key_is_read() {
    let text = "
        runbook_url = \"https://wiki.example/rb\"
        sensor = [\"capture_lost\"]
        inventory_hours = 0
        limit = { burst = 3, per_hour = 6 }
        quiet = { hours = \"20:00-06:00\", zone = \"Europe/Berlin\", below = \"medium\" }
        digest = { every = \"weekly\", day = \"fri\", at = \"16:30\", zone = \"Europe/Berlin\" }
        volume = { floor = \"5MB\", team_floor = \"50MB\", times = 4, days = 7 }
        health = { loss_percent = 2, visibility_percent = 80, visibility_flows = 10, signatures_days = 30, store_queue = 5 }
        [[route]]
        severity = \"high\"
        sinks = [\"pager\"]
        continue = true
        [[route]]
        team = \"design\"
        kind = [\"first_use\", \"new_service\"]
        sinks = \"soc\"";
    let (alerting, problems) = parsed(text);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!((&*alerting.runbook, alerting.inventory_hours), ("https://wiki.example/rb", 0));
    assert_eq!(alerting.sensor, [NoticeKind::CaptureLost]);
    assert_eq!(alerting.limit, Limit { burst: 3, per_hour: 6 });
    let quiet = alerting.quiet.unwrap();
    assert_eq!((quiet.window.to_string().as_str(), quiet.below), ("mon-sun 20:00-06:00 Europe/Berlin", Severity::Medium));
    assert_eq!((alerting.volume.floor, alerting.volume.times, alerting.health.visibility_flows), (5_000_000, 4, 10));
    let [first, second] = &alerting.routes[..] else { panic!("two routes") };
    assert!(first.goes_on && first.takes("", Severity::High, NoticeKind::CaptureLost));
    assert!(!first.takes("", Severity::Medium, NoticeKind::CaptureLost));
    assert!(second.takes("design", Severity::Low, NoticeKind::FirstUse) && !second.takes("lab", Severity::High, NoticeKind::FirstUse));
    assert!(!second.takes("design", Severity::Low, NoticeKind::Uploaded));
    assert_eq!(parsed("").0, Alerting::default());
}

#[test]
fn mistakes_have_their_line_and_remedy() {
    for (text, problem) in [
        ("sensor = \"capture_los\"", "1: error: sensor has no value \"capture_los\" | did you mean \"capture_lost\"?"),
        (
            "runbook_url = \"a#b\"",
            "1: error: alert.runbook_url \"a#b\" cannot be followed by an anchor | write https://wiki.example/shadowtap/runbook, without # and spaces",
        ),
        (
            "[digest]\nevery = \"daily\"\nday = \"fri\"",
            "3: error: digest.day is of no use in a daily digest | delete it, or write every = \"weekly\"",
        ),
        ("[digest]\nat = \"25:00\"", "2: error: digest.at \"25:00\" is no time of day | write at = \"08:00\""),
        (
            "[quiet]\nhours = \"20:00-06:00\"\nzone = \"UTC\"\nbelow = \"low\"",
            "4: error: quiet.below is \"low\": nothing is below it, so nothing waits | write \"high\", or delete [alert.quiet]",
        ),
        ("[[route]]\nsinks = [\"sox\"]", "2: error: route.sinks \"sox\" is no sink of this file | did you mean \"soc\"?"),
        (
            "[[route]]\nteam = \"a\"",
            "1: error: route.sinks is missing or empty: what the route takes would go nowhere | name sinks; to hush alerts for a time: shadowtap alerts silence",
        ),
        (
            "[[route]]\nseverity = \"medium\"\nsinks = [\"soc\", \"pager\"]\n[[route]]\nteam = \"a\"\nseverity = \"high\"\nsinks = \"soc\"",
            "4: error: no alert reaches this route: the one in line 1 takes them all before | move it up, make it more special, or set continue = true in the other",
        ),
        (
            "[[route]]\nsinks = \"soc\"",
            "1: warning: sink \"pager\" is in no route: it gets only what no route takes | add \"pager\" to the sinks of a route, or delete the sink",
        ),
    ] {
        let (_, problems) = parsed(text);
        assert!(problems.contains(&format!("c.toml:{problem}")), "{text}\n{problems:#?}");
    }
}

#[test]
fn a_digest_is_due_at_its_hour_by_the_clocks_of_its_place() {
    let due = |digest: &str, now: &str| rfc3339(parsed(&format!("digest = {{ {digest} }}")).0.digest.last_due(parse_rfc3339(now).unwrap()));
    let berlin = "at = \"08:00\", zone = \"Europe/Berlin\"";
    assert_eq!(due(berlin, "2026-11-23T06:59:59Z"), "2026-11-22T07:00:00.000000Z");
    assert_eq!(due(berlin, "2026-11-23T07:00:00Z"), "2026-11-23T07:00:00.000000Z");
    assert_eq!(due(berlin, "2026-07-01T06:30:00Z"), "2026-07-01T06:00:00.000000Z", "summer time");
    let weekly = "every = \"weekly\", day = \"mon\", at = \"09:00\"";
    assert_eq!(due(weekly, "2026-11-23T08:00:00Z"), "2026-11-16T09:00:00.000000Z");
    assert_eq!(due(weekly, "2026-11-29T23:00:00Z"), "2026-11-23T09:00:00.000000Z");
}

#[test]
fn what_is_unusual_is_measured_by_the_median() {
    let volume = Volume { floor: 100, times: 10, ..Volume::default() };
    let bound = |before: &[u64]| volume.bound(volume.floor, before.to_vec());
    assert_eq!(bound(&[50; 4]), None, "too few days");
    assert_eq!(bound(&[0, 0, 0, 0, 9000]), Some(100), "one day does not make it usual");
    assert_eq!(bound(&[50, 60, 40, 50, 50]), Some(500));
}
