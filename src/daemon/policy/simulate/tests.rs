//! Two policies on a known history.

use serde_json::Value;

use super::*;
use crate::daemon::fixture::{SEVEN, finding, sighting};
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};

/// A week: design uses ChatGPT and uploads once, sales looks it up, lab uses Claude, and one service is known no more.
fn history() -> Vec<Sighting> {
    let at = |hours: u64| SEVEN.plus_seconds(hours * 3600);
    let of = |client: &str, team: &str, hours: u64| {
        let (first_seen, last_seen) = (at(hours), at(hours).plus_seconds(60));
        Sighting { client: client.into(), team: team.into(), first_seen, last_seen, closed: true, ..sighting() }
    };
    let claude = |s: Sighting| Sighting {
        service: "anthropic.claude".into(),
        vendor: "Anthropic".into(),
        names: vec!["claude.ai".into()],
        status: Status::Approved,
        ..s
    };
    let upload = |s: Sighting| Sighting { evidence: Evidence::Uploaded, bytes_up: 20_000_000, ..s };
    vec![
        of("10.0.0.5", "design", 0),
        upload(of("10.0.0.5", "design", 1)),
        of("10.0.0.6", "design", 2),
        Sighting { evidence: Evidence::Resolved, ..of("10.0.0.7", "sales", 3) },
        claude(of("10.1.0.1", "lab", 4)),
        upload(claude(of("10.1.0.1", "lab", 5))),
        upload(claude(of("10.1.0.2", "lab", 48))),
        Sighting { service: "gone.gone".into(), ..of("10.0.0.8", "design", 6) },
    ]
}

fn compared(today: &str, new: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let teams = ["design", "sales", "lab"].map(|t| format!("[[team]]\nname = \"{t}\"\nsubnets = []\n")).concat();
    let config = write("c.toml", &format!("{teams}{today}"));
    let policy = write("new.toml", new);
    let url = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(Store::open(&url)).unwrap();
    let findings: Vec<_> = history().into_iter().map(finding).collect();
    runtime.block_on(store.commit(&findings.into(), None)).unwrap();
    let config = Config::load(Some(&config)).unwrap().value;
    let rules = Rules::load(&config).unwrap().value;
    let mut other = config.clone();
    assert_eq!(draft::replace(&mut other, &policy), []);
    let new = Rules::load(&other).unwrap().value;
    // The writer is still there, as a daemon's would be.
    let comparison = runtime.block_on(compare(&url, Window::default(), &rules, &new)).unwrap();
    runtime.block_on(store.close());
    let text = show::text(&comparison, None, SEVEN);
    let json: Value = serde_json::from_str(&show::json(&comparison, None, SEVEN)).unwrap();
    let [today, new] = ["today", "new"].map(|side| json["alerts"][side].as_u64().unwrap());
    assert!(text.contains(&format!("alerts {today} -> {new}")), "{text}");
    json
}

const TODAY: &str = "[[policy.rule]]\nstatus = \"approved\"\nservice = \"anthropic.claude\"\nteam = \"lab\"\n";

/// Team, service, statuses, sightings, clients, alerts.
fn changes(json: &Value) -> Vec<String> {
    let line = |c: &Value| {
        let text = |key: &str| c[key].as_str().unwrap().to_owned();
        let (today, new) = (&c["alerts"]["today"], &c["alerts"]["new"]);
        format!("{} {} {} {} {} {} {today} {new}", text("team"), text("service"), text("today"), text("new"), c["sightings"], c["clients"])
    };
    json["changes"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn the_same_policy_changes_nothing() {
    let json = compared(TODAY, "[[rule]]\nstatus = \"approved\"\nservice = \"anthropic.claude\"\nteam = \"lab\"\n");
    assert_eq!((changes(&json), &json["sightings"], &json["unknown_sightings"]), (Vec::new(), &7.into(), &1.into()));
    // One client twice, the second time with an upload; another once; a look-up never.
    assert_eq!((&json["alerts"]["today"], &json["alerts"]["new"], &json["judged_otherwise"]), (&3.into(), &3.into(), &0.into()));
}

#[test]
fn a_bound_tells_whom_it_would_have_touched() {
    let new = "[[rule]]\nstatus = \"approved\"\nservice = \"anthropic.claude\"\nteam = \"lab\"\n[[rule]]\nstatus = \"unapproved\"\nservice = \
               \"anthropic.claude\"\nteam = \"lab\"\nvolume_up = \"10MB\"\nreason = \"too much\"\n[[rule]]\nstatus = \"tolerated\"\nservice = \
               \"openai.*\"\n";
    let json = compared(TODAY, new);
    assert_eq!(
        changes(&json),
        [
            "design openai.chatgpt unreviewed tolerated 3 2 3 0",
            "lab anthropic.claude approved unapproved 2 2 0 2",
            "sales openai.chatgpt unreviewed tolerated 1 1 0 0",
        ]
    );
    let lab = &json["changes"][1];
    assert_eq!((&lab["rule_new"]["line"], &lab["reason"], &lab["example"]["name"]), (&5.into(), &"too much".into(), &"claude.ai".into()));
    assert_eq!((&json["alerts"]["today"], &json["alerts"]["new"]), (&3.into(), &2.into()));
    let statuses: Vec<_> =
        json["statuses"].as_array().unwrap().iter().map(|s| (s["today"].as_str(), s["new"].as_str(), s["sightings"].as_u64())).collect();
    assert!(statuses.contains(&(Some("approved"), Some("approved"), Some(1))), "{statuses:?}");
}

#[test]
fn a_sighting_is_judged_as_of_its_own_time() {
    // Mondays only: 2026-11-23 is one, two days later is none; and an exception that had not run out then.
    let when = "when = { days = \"mon\", zone = \"UTC\" }";
    let new = format!(
        "[[rule]]\nstatus = \"approved\"\nservice = \"anthropic.claude\"\n{when}\n[[rule]]\nstatus = \"approved\"\nservice = \
         \"openai.chatgpt\"\nexpires = 2026-11-23\n"
    );
    let json = compared("", &new);
    assert_eq!(
        changes(&json),
        [
            "design openai.chatgpt unreviewed approved 3 2 3 0",
            "lab anthropic.claude unreviewed approved 2 1 2 0",
            "sales openai.chatgpt unreviewed approved 1 1 0 0",
        ]
    );
    assert_eq!((&json["alerts"]["today"], &json["alerts"]["new"], &json["judged_otherwise"]), (&6.into(), &1.into(), &3.into()));
}
