//! Which rule wins.

use super::*;
use crate::engine::frame::Time;
use crate::engine::pattern::HostPattern;
use crate::engine::sighting::Evidence;
use crate::engine::signature::{Category, Fact, Risk, RiskKey, Tenant};

const NOW: Time = Time::new(1_800_000_000, 0);

fn question() -> Question<'static> {
    Question {
        service: "openai.chatgpt",
        vendor: "OpenAI",
        category: Category::Chat,
        host: "contoso.openai.azure.com",
        tenant: None,
        risk: &Risk::UNKNOWN,
        team: "research",
        client: Some([10, 1, 2, 3].into()),
        evidence: Evidence::Resolved,
        bytes_up: 0,
    }
}

fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule { status: Status::Approved, ..Rule::default() };
    change(&mut rule);
    rule
}

fn by_service(id: &str) -> Rule {
    rule(|r| r.services = vec![ServicePattern::parse(id)])
}

fn by_host(host: &str) -> Rule {
    rule(|r| r.hosts = vec![HostPattern::parse(host).unwrap()])
}

fn winner(rules: Vec<Rule>, question: &Question<'_>) -> Option<usize> {
    Policy::new(Status::Unreviewed, rules).decide(question, NOW).rule
}

#[test]
fn the_default_holds_where_no_rule_speaks() {
    let policy = Policy::new(Status::InReview, vec![by_service("x.y")]);
    let decision = policy.decide(&question(), NOW);
    assert_eq!((decision.status, decision.rule), (Status::InReview, None));
}

fn fact(key: RiskKey, value: &str) -> FactCondition {
    FactCondition { key, values: vec![value.into()] }
}

/// Open all the time, or never.
fn window(is_open: bool) -> Option<Window> {
    let mut days = Days::default();
    (0..7).filter(|_| is_open).for_each(|d| days.insert(d));
    Some(Window::new(days, Vec::new(), Zone::new("UTC", 0, Vec::new()).into()))
}

#[test]
fn the_more_specific_rule_wins_wherever_it_stands() {
    let uploaded = Question { evidence: Evidence::Uploaded, bytes_up: 5000, ..question() };
    let rising = [
        rule(|_| ()),
        rule(|r| r.volume_up = Some(1)),
        rule(|r| r.volume_up = Some(5000)),
        rule(|r| r.evidence = Some(Evidence::Contacted)),
        rule(|r| r.evidence = Some(Evidence::Uploaded)),
        rule(|r| r.window = window(true)),
        rule(|r| r.teams = vec!["research".into()]),
        rule(|r| (r.teams, r.window) = (vec!["research".into()], window(true))),
        rule(|r| r.subnets = vec!["10.1.0.0/16".parse().unwrap()]),
        rule(|r| r.categories = vec![Category::Chat]),
        rule(|r| r.facts = vec![fact(RiskKey::Retention, "unknown")]),
        rule(|r| (r.facts, r.categories) = (vec![fact(RiskKey::Retention, "unknown")], vec![Category::Chat])),
        rule(|r| r.facts = vec![fact(RiskKey::Retention, "unknown"), fact(RiskKey::Residency, "unknown")]),
        rule(|r| r.vendors = vec!["OpenAI".into()]),
        by_service("openai.*"),
        by_service("openai.chatgpt"),
        rule(|r| (r.services, r.evidence) = (vec![ServicePattern::parse("openai.chatgpt")], Some(Evidence::Engaged))),
        rule(|r| (r.services, r.teams) = (vec![ServicePattern::parse("openai.chatgpt")], vec!["research".into()])),
        by_host("openai.azure.com"),
        by_host("*.openai.azure.com"),
        by_host("contoso.openai.azure.com"),
        by_host("=contoso.openai.azure.com"),
    ];
    for (low, weaker) in rising.iter().enumerate() {
        for stronger in &rising[low + 1..] {
            assert_eq!(winner(vec![weaker.clone(), stronger.clone()], &uploaded), Some(1), "{weaker:?} {stronger:?}");
            assert_eq!(winner(vec![stronger.clone(), weaker.clone()], &uploaded), Some(0), "{weaker:?} {stronger:?}");
        }
    }
}

#[test]
fn one_host_is_approved_and_its_neighbours_are_not() {
    let contoso = by_host("contoso.openai.azure.com");
    let others = rule(|r| (r.status, r.hosts) = (Status::Unapproved, vec![HostPattern::parse("*.openai.azure.com").unwrap()]));
    for rules in [vec![contoso.clone(), others.clone()], vec![others, contoso]] {
        let policy = Policy::new(Status::Unreviewed, rules);
        for (host, status) in [
            ("contoso.openai.azure.com", Status::Approved),
            ("x.contoso.openai.azure.com", Status::Approved),
            ("fabrikam.openai.azure.com", Status::Unapproved),
            ("notcontoso.openai.azure.com", Status::Unapproved),
            ("openai.azure.com", Status::Unreviewed),
        ] {
            assert_eq!(policy.decide(&Question { host, ..question() }, NOW).status, status, "{host}");
        }
    }
}

#[test]
fn bounds_make_stricter_and_never_milder() {
    let at = |evidence, bytes_up| Question { evidence, bytes_up, ..question() };
    let upload = rule(|r| (r.status, r.evidence) = (Status::Unapproved, Some(Evidence::Uploaded)));
    let much = rule(|r| (r.status, r.volume_up) = (Status::InReview, Some(10_000_000)));
    let policy = Policy::new(Status::Approved, vec![much.clone(), upload]);
    for (question, status) in [
        (at(Evidence::Engaged, 9_999_999), Status::Approved),
        (at(Evidence::Engaged, 10_000_000), Status::InReview),
        (at(Evidence::Uploaded, 1), Status::Unapproved),
    ] {
        assert_eq!(policy.judge(&question, NOW).status, status, "{question:?}");
    }
    let lone = Policy::new(Status::Unapproved, vec![much.clone()]);
    let decision = lone.judge(&at(Evidence::Engaged, 10_000_000), NOW);
    assert_eq!((decision.status, decision.rule), (Status::Unapproved, None));
    assert_eq!(lone.explain(&at(Evidence::Engaged, 10_000_000), NOW)[0].verdict, Verdict::NotStricter(None));
    let held = Policy::new(Status::Approved, vec![much, rule(|r| r.status = Status::InReview)]);
    let verdicts: Vec<_> = held.explain(&at(Evidence::Engaged, 10_000_000), NOW).iter().map(|c| c.verdict).collect();
    assert_eq!(verdicts, [Verdict::NotStricter(Some(1)), Verdict::Won]);
}

#[test]
fn a_rule_holds_within_its_window_alone() {
    let closed = rule(|r| (r.services, r.window) = (vec![ServicePattern::parse("openai.*")], window(false)));
    assert_eq!(winner(vec![closed.clone(), rule(|_| ())], &question()), Some(1));
    let verdict = Policy::new(Status::Unreviewed, vec![closed]).explain(&question(), NOW)[0].verdict;
    assert_eq!(verdict, Verdict::Mismatch(Mismatch::Window));
}

#[test]
fn of_equals_the_first_wins() {
    assert_eq!(winner(vec![by_service("openai.chatgpt"), by_service("openai.chatgpt")], &question()), Some(0));
}

#[test]
fn an_expired_rule_does_not_apply() {
    let ended = rule(|r| (r.services, r.expires) = (vec![ServicePattern::parse("openai.chatgpt")], Some(NOW)));
    let policy = Policy::new(Status::Unapproved, vec![ended]);
    assert_eq!(policy.decide(&question(), Time(NOW.0 - 1)).status, Status::Approved);
    assert_eq!(policy.decide(&question(), NOW).status, Status::Unapproved);
}

#[test]
fn account_kind_must_be_told_by_the_name() {
    let business = rule(|r| (r.services, r.tenants) = (vec![ServicePattern::parse("openai.*")], vec![Tenant::Business]));
    assert_eq!(winner(vec![business.clone()], &question()), None);
    assert_eq!(winner(vec![business], &Question { tenant: Some(Tenant::Business), ..question() }), Some(0));
}

#[test]
fn explains_every_rule() {
    let expired = rule(|r| (r.vendors, r.expires) = (vec!["OpenAI".into()], Some(NOW)));
    let elsewhere = rule(|r| r.subnets = vec!["192.168.0.0/16".parse().unwrap()]);
    let rules = vec![rule(|_| ()), by_service("openai.chatgpt"), by_service("openai.chatgpt"), expired, by_service("x.y"), elsewhere];
    let verdicts: Vec<_> = Policy::new(Status::Unreviewed, rules).explain(&question(), NOW).iter().map(|c| c.verdict).collect();
    let wanted = [
        Verdict::LessSpecific(1),
        Verdict::Won,
        Verdict::Later(1),
        Verdict::Expired,
        Verdict::Mismatch(Mismatch::Service),
        Verdict::Mismatch(Mismatch::Subnet),
    ];
    assert_eq!(verdicts, wanted);
}

/// A walk over all rules: the first of the highest rank.
fn walked(rules: &[Rule], question: &Question<'_>, now: Time) -> Option<usize> {
    let ranked = rules.iter().enumerate().filter(|(_, r)| !r.is_expired(now)).filter_map(|(i, r)| Some((r.rank(question, now).ok()?, i)));
    ranked.max_by(|a, b| (a.0, b.1).cmp(&(b.0, a.1))).map(|(_, i)| i)
}

fn risk(value: &str) -> Risk {
    let fact = |value: &str| Fact { value: value.into(), source: "".into(), checked: "".into(), quote: None };
    let mut risk = Risk::default();
    risk.set(RiskKey::TrainsOnInput, fact(value));
    risk.set(RiskKey::Certifications, fact("SOC 2, ISO 27001"));
    risk
}

#[test]
fn the_index_decides_as_a_walk_over_all_rules_does() {
    let trains = |values: [&str; 2]| FactCondition { key: RiskKey::TrainsOnInput, values: values.map(Into::into).into() };
    let pool = [
        rule(|_| ()),
        rule(|r| r.categories = vec![Category::Api, Category::Chat]),
        by_service("openai.*"),
        by_service("openai.chatgpt"),
        by_service("other.one"),
        by_host("*.openai.azure.com"),
        rule(|r| (r.hosts, r.services) = (vec![HostPattern::parse("azure.com").unwrap()], vec![ServicePattern::parse("openai.*")])),
        rule(|r| (r.vendors, r.teams) = (vec!["OpenAI".into()], vec!["sales".into()])),
        rule(|r| r.expires = Some(Time(0))),
        rule(|r| r.facts = vec![trains(["Yes", "opt-out"])]),
        rule(|r| (r.facts, r.teams) = (vec![fact(RiskKey::Certifications, "ISO 27001"), trains(["yes", "no"])], vec!["sales".into()])),
        rule(|r| (r.teams, r.evidence) = (vec!["sales".into(), "research".into()], Some(Evidence::Engaged))),
        rule(|r| (r.window, r.volume_up) = (window(true), Some(1000))),
    ];
    let (opt_out, yes) = (risk("opt-out on some plans"), risk("yes"));
    let questions = [
        question(),
        Question { risk: &opt_out, evidence: Evidence::Uploaded, ..question() },
        Question { risk: &yes, team: "sales", bytes_up: 1000, host: "chatgpt.com", ..question() },
        Question { service: "other.two", vendor: "Other", category: Category::Code, host: "x.azure.com", risk: &yes, ..question() },
    ];
    let mut won = [false; 13];
    for picked in 0..1u32 << pool.len() {
        let chosen: Vec<_> = (0..pool.len()).filter(|i| picked >> i & 1 == 1).collect();
        let rules: Vec<_> = chosen.iter().map(|i| pool[*i].clone()).collect();
        let policy = Policy::new(Status::Unreviewed, rules.clone());
        for question in &questions {
            let found = policy.decide(question, NOW).rule;
            assert_eq!(found, walked(&rules, question, NOW), "{chosen:?} {question:?}");
            found.into_iter().for_each(|f| won[chosen[f]] = true);
        }
    }
    assert_eq!(won.iter().filter(|w| !**w).count(), 2, "all win somewhere, but the expired one and the other service's: {won:?}");
}

#[test]
fn what_a_question_looks_at_does_not_grow_with_the_rules_about_others() {
    let own = [
        by_service("openai.chatgpt"),
        rule(|r| r.facts = vec![fact(RiskKey::TrainsOnInput, "yes")]),
        rule(|r| (r.teams, r.evidence) = (vec!["research".into()], Some(Evidence::Uploaded))),
    ];
    let others = |n: usize| match n % 4 {
        0 => by_service(&format!("v{n}.chat")),
        1 => rule(|r| r.facts = vec![fact(RiskKey::TrainsOnInput, &format!("v{n}"))]),
        2 => rule(|r| (r.teams, r.volume_up) = (vec![format!("t{n}").into()], Some(1))),
        _ => rule(|r| (r.hosts, r.window) = (vec![HostPattern::parse(&format!("h{n}.example")).unwrap()], window(true))),
    };
    let yes = risk("yes");
    let question = Question { risk: &yes, ..question() };
    for many in [0, 100, 10_000] {
        let rules: Vec<_> = (0..many).map(others).chain(own.clone()).collect();
        assert_eq!(Policy::new(Status::Unreviewed, rules).considered(&question), 3, "{many}");
    }
}
