//! Which rule wins.

use super::*;
use crate::engine::frame::Time;
use crate::engine::pattern::HostPattern;
use crate::engine::signature::{Category, Tenant};

const NOW: Time = Time::new(1_800_000_000, 0);

fn question() -> Question<'static> {
    Question {
        service: "openai.chatgpt",
        vendor: "OpenAI",
        category: Category::Chat,
        host: "contoso.openai.azure.com",
        tenant: None,
        team: "research",
        client: Some([10, 1, 2, 3].into()),
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

#[test]
fn the_more_specific_rule_wins_wherever_it_stands() {
    let rising = [
        rule(|_| ()),
        rule(|r| r.teams = vec!["research".into()]),
        rule(|r| r.subnets = vec!["10.1.0.0/16".parse().unwrap()]),
        rule(|r| r.categories = vec![Category::Chat]),
        rule(|r| r.vendors = vec!["OpenAI".into()]),
        by_service("openai.*"),
        by_service("openai.chatgpt"),
        rule(|r| (r.services, r.teams) = (vec![ServicePattern::parse("openai.chatgpt")], vec!["research".into()])),
        by_host("openai.azure.com"),
        by_host("*.openai.azure.com"),
        by_host("contoso.openai.azure.com"),
        by_host("=contoso.openai.azure.com"),
    ];
    for (low, weaker) in rising.iter().enumerate() {
        for stronger in &rising[low + 1..] {
            assert_eq!(winner(vec![weaker.clone(), stronger.clone()], &question()), Some(1), "{weaker:?} {stronger:?}");
            assert_eq!(winner(vec![stronger.clone(), weaker.clone()], &question()), Some(0), "{weaker:?} {stronger:?}");
        }
    }
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

#[test]
fn the_index_decides_as_a_walk_over_all_rules_does() {
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
    ];
    for picked in 0..1u32 << pool.len() {
        let rules: Vec<_> = (0..pool.len()).filter(|i| picked >> i & 1 == 1).map(|i| pool[i].clone()).collect();
        let ranked = rules.iter().enumerate().filter(|(_, r)| !r.is_expired(NOW)).filter_map(|(i, r)| Some((r.rank(&question()).ok()?, i)));
        let wanted = ranked.max_by(|a, b| (a.0, b.1).cmp(&(b.0, a.1))).map(|(_, i)| i);
        assert_eq!(winner(rules, &question()), wanted);
    }
}
