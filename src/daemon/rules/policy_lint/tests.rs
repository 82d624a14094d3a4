//! What lint finds, and what it leaves alone.

use std::path::Path;

use super::*;
use crate::daemon::config::Config;
use crate::daemon::rules::Rules;

const NOW: Time = Time::new(1_795_417_200, 0);

/// What is found in rules, each as line, severity, message and hint; in a site with the teams lab and sales.
fn found(rules: &str) -> Vec<String> {
    let signatures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/signatures");
    let teams = "[[team]]\nname = \"lab\"\nsubnets = [\"10.1.0.0/16\"]\n[[team]]\nname = \"sales\"\nsubnets = [\"10.2.0.0/16\"]\n";
    let head = format!("signatures.folder = {signatures:?}\n{teams}");
    let (config, problems) = Config::parse(Path::new("p"), &format!("{head}{rules}"));
    assert_eq!(problems, [], "{rules}");
    let known = Rules::survey(&config).0;
    let found = lint(&config.policy, &known.signatures, &config.teams, NOW);
    let line = |d: &Diagnostic| d.line - head.lines().count();
    found.iter().map(|d| format!("{} {:?}: {} | {}", line(d), d.severity, d.message, d.hint)).collect()
}

fn rules(list: &[&str]) -> String {
    list.iter().map(|r| format!("[[policy.rule]]\n{}\n", r.replace("; ", "\n"))).collect()
}

#[test]
fn a_rule_that_others_always_beat_is_found_with_those() {
    let never = |by: &str| {
        format!("Error: rule can never win: {by} come first wherever it matches | delete it, make it more specific, or put it before those")
    };
    let chat = "status = \"approved\"; service = \"acme.chat\"";
    for (list, expected) in [
        // As specific, and before it; the same with more services; a wider subnet.
        (rules(&[chat, "status = \"unapproved\"; service = \"acme.chat\""]), vec![format!("4 {}", never("p:8"))]),
        (
            rules(&[
                "status = \"approved\"; service = [\"acme.chat\", \"acme.platform\"]",
                "status = \"unapproved\"; service = \"acme.chat\"",
            ]),
            vec![format!("4 {}", never("p:8"))],
        ),
        (
            rules(&[
                "status = \"approved\"; service = \"acme.chat\"; subnets = [\"10.0.0.0/8\"]",
                "status = \"unapproved\"; service = \"acme.chat\"; subnets = [\"10.4.0.0/16\"]",
            ]),
            vec![format!("5 {}", never("p:8"))],
        ),
        // More specific, together: every service of the vendor, every team.
        (
            rules(&["status = \"unapproved\"; vendor = \"Acme\"", chat, "status = \"tolerated\"; service = \"acme.platform\""]),
            vec![format!("1 {}", never("p:11, p:14"))],
        ),
        (
            rules(&[
                chat,
                "status = \"tolerated\"; service = \"acme.chat\"; team = [\"lab\", \"sales\"]",
                "status = \"tolerated\"; service = \"acme.chat\"; team = \"other\"",
            ]),
            vec![format!("1 {}", never("p:11, p:15"))],
        ),
        // A narrower subnet leaves something over, a narrower host too.
        (
            rules(&[
                "status = \"approved\"; service = \"acme.chat\"; subnets = [\"10.4.0.0/16\"]; team = \"lab\"",
                "status = \"unapproved\"; service = \"acme.chat\"; subnets = [\"10.0.0.0/8\"]",
            ]),
            vec![],
        ),
        (rules(&["status = \"approved\"; host = \"=acme-chat.example\"", "status = \"unapproved\"; service = \"acme.chat\""]), vec![]),
    ] {
        assert_eq!(found(&list), expected, "{list}");
    }
}

#[test]
fn a_rule_that_waits_for_its_time_is_left_alone() {
    let never = "can never win";
    for (list, is_found) in [
        // The fallback of an exception, and one that ends with it or before it.
        (
            ["status = \"approved\"; service = \"acme.chat\"; expires = 2027-06-30", "status = \"unapproved\"; service = \"acme.chat\""],
            false,
        ),
        (
            [
                "status = \"approved\"; service = \"acme.chat\"; expires = 2027-06-30",
                "status = \"unapproved\"; service = \"acme.chat\"; expires = 2027-06-30",
            ],
            true,
        ),
        (
            [
                "status = \"approved\"; service = \"acme.chat\"; expires = 2027-06-30",
                "status = \"unapproved\"; service = \"acme.chat\"; expires = 2027-07-01",
            ],
            false,
        ),
        // Windows that overlap partly, and one within the other.
        (
            [
                "status = \"approved\"; service = \"acme.chat\"; when = { hours = \"08:00-18:00\", zone = \"UTC\" }",
                "status = \"unapproved\"; service = \"acme.chat\"; when = { hours = \"12:00-18:01\", zone = \"UTC\" }",
            ],
            false,
        ),
        (
            [
                "status = \"approved\"; service = \"acme.chat\"; when = { hours = \"08:00-18:00\", zone = \"UTC\" }",
                "status = \"unapproved\"; service = \"acme.chat\"; when = { days = \"mon\", hours = \"12:00-18:00\", zone = \"UTC\" }",
            ],
            true,
        ),
    ] {
        let list = rules(&list);
        assert_eq!(found(&list).concat().contains(never), is_found, "{list}");
    }
}

#[test]
fn conditions_that_nothing_meets_are_found() {
    let contradiction = "rule can never win: no name of any service meets its conditions together";
    for (rule, message) in [
        ("service = \"acme.chat\"; category = \"code\"", contradiction),
        ("service = \"acme.chat\"; host = \"chatgpt.com\"", contradiction),
        ("service = \"acme.chat\"; tenant = \"consumer\"", contradiction),
        ("service = \"acme.chat\"; risk = { retention = \"none\" }", contradiction),
        ("host = \"nobody.example\"", "no service has a name under \"nobody.example\""),
        ("risk = { trains_on_input = \"optout\" }", "no service has trains_on_input \"optout\" | did you mean \"opt-out\"?"),
    ] {
        let found = found(&rules(&[&format!("status = \"approved\"; {rule}")]));
        assert!(found.len() == 1 && found[0].contains(message), "{rule}: {found:?}");
    }
    for rule in [
        "service = \"acme.chat\"; tenant = \"enterprise\"",
        "service = \"acme.chat\"; risk = { retention = [\"30 days\", \"none\"] }",
        "host = \"eu.acme-cloud.example\"",
    ] {
        assert_eq!(found(&rules(&[&format!("status = \"approved\"; {rule}")])), Vec::<String>::new(), "{rule}");
    }
}

#[test]
fn a_bound_that_makes_nothing_stricter_is_found() {
    let nothing = "is no stricter than what holds before its bound is reached";
    for (list, is_found) in [
        (rules(&["status = \"approved\"; service = \"acme.chat\"; evidence = \"uploaded\""]), true),
        (rules(&["status = \"unreviewed\"; service = \"acme.chat\"; volume_up = \"10MB\""]), true),
        (rules(&["status = \"unapproved\"; service = \"acme.chat\"; volume_up = \"10MB\""]), false),
        (
            rules(&[
                "status = \"unapproved\"; vendor = \"Acme\"",
                "status = \"unapproved\"; service = \"acme.chat\"; evidence = \"engaged\"",
            ]),
            true,
        ),
    ] {
        assert_eq!(found(&list).concat().contains(nothing), is_found, "{list}");
    }
    let platform = found(&rules(&["status = \"unapproved\"; service = \"acme.platform\"; evidence = \"engaged\""]));
    assert!(platform.len() == 1 && platform[0].contains("evidence never gets so far"), "{platform:?}");
}

#[test]
fn an_alternative_is_approved_for_those_it_is_offered_to() {
    let offer = |team: &str| format!("status = \"unapproved\"; service = \"acme.chat\"; {team}alternative = \"openai.api\"");
    let approval = |team: &str| format!("status = \"approved\"; service = \"openai.api\"; {team}reason = \"contract\"");
    let wrong = |list: &[&str]| found(&rules(list)).into_iter().filter(|f| f.contains("alternative")).collect::<Vec<_>>();
    assert_eq!(
        wrong(&[&offer("")]),
        ["1 Error: alternative openai.api is unreviewed itself | name an approved one, or approve it by a rule"]
    );
    assert_eq!(wrong(&[&offer(""), &approval("")]), Vec::<String>::new());
    assert_eq!(wrong(&[&offer("team = \"lab\"; "), &approval("team = \"lab\"; ")]), Vec::<String>::new());
    assert!(wrong(&[&offer("team = [\"lab\", \"sales\"]; "), &approval("team = \"lab\"; ")])[0].contains("itself for team \"sales\""));
    assert_eq!(wrong(&[&offer(""), &approval("team = \"lab\"; ")]).len(), 1);
    // One name of it is approved: it can be used by that.
    assert_eq!(wrong(&[&offer(""), "status = \"approved\"; host = \"=api.openai.com\""]), Vec::<String>::new());
}

#[test]
fn rules_that_do_nothing_are_warned_of() {
    let list = [
        "status = \"tolerated\"",
        "status = \"approved\"; service = \"acme.chat\"; expires = 2020-01-01",
        "status = \"approved\"; service = \"acme.chat\"; expires = 2026-11-30",
        "status = \"unapproved\"; team = \"lab\"; when = { hours = \"00:00-24:00\", zone = \"UTC\" }",
        "status = \"unapproved\"; team = \"sales\"; evidence = \"resolved\"",
    ];
    let found = found(&rules(&list));
    let messages: Vec<_> = found.iter().map(|f| f.split(" | ").next().unwrap_or_default()).collect();
    assert_eq!(
        messages,
        [
            "1 Warning: rule has no condition",
            "3 Warning: the rule that says approved (service acme.chat) has run out, and does nothing since 2020-01-02",
            "7 Warning: the rule that says approved (service acme.chat) runs out in 8 days, on 2026-12-01 00:00 UTC; then it is tolerated",
            "11 Warning: when is open all the time",
            "15 Warning: evidence \"resolved\" holds for every sighting",
        ]
    );
}

#[test]
fn a_large_policy_is_looked_through_in_time() {
    let windows =
        "status = \"unapproved\"; team = \"lab\"; when = { days = \"sat-sun\", zone = \"Europe/Berlin\" }; evidence = \"engaged\"";
    let services: Vec<String> = crate::daemon::rules::Catalogue::shipped()
        .signatures()
        .services()
        .flat_map(|s| {
            ["lab", "sales"].map(|team| format!("status = \"approved\"; service = \"{}\"; team = \"{team}\"; volume_up = \"5MB\"", s.id))
        })
        .collect();
    let mut list: Vec<&str> = services.iter().map(String::as_str).collect();
    list.push(windows);
    let began = std::time::Instant::now();
    let found = found(&rules(&list));
    assert!(found.iter().filter(|f| f.contains("is no stricter")).count() >= services.len() - 10, "{}", found.len());
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
