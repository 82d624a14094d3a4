//! What events become: sessions, connections and bytes, through losses, silence, reloads and restarts.

mod identity;

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::engine::event::{Ends, FlowId, FlowState, HelloFacts, Link, Reason, Transport};
use crate::engine::host::HostName;
use crate::engine::minutes::Minutes;
use crate::engine::names::ja4::Ja4;
use crate::engine::packet::Encap;
use crate::engine::pattern::HostPattern;
use crate::engine::policy::{Days, Hours, Rule, ServicePattern, Status, Window, Zone};
use crate::engine::privacy::pseudonym::PseudonymKey;
use crate::engine::privacy::{Crowd, Pseudonyms};
use crate::engine::sighting::{Agent, Evidence, Identity};
use crate::engine::signature::{Category, HostRule, Risk, ServiceRecord};

fn service(id: &str, hosts: &[(&str, Role)]) -> ServiceRecord {
    let rule = |(name, role): &(&str, Role)| HostRule { role: *role, ..HostRule::new(HostPattern::parse(name).expect("a pattern")) };
    ServiceRecord {
        id: id.into(),
        name: id.into(),
        vendor: "vendor".into(),
        country: "unknown".into(),
        description: "".into(),
        category: Category::Chat,
        hosts: hosts.iter().map(rule).collect(),
        risk: Risk::default(),
    }
}

pub(super) fn judgement() -> Judgement {
    let hosts = [
        ("chat.example", Role::Web),
        ("api.chat.example", Role::Api),
        ("files.chat.example", Role::Upload),
        ("cdn.chat.example", Role::Cdn),
        ("auth.chat.example", Role::Auth),
        ("telemetry.chat.example", Role::Telemetry),
    ];
    Judgement {
        signatures: Arc::new(Signatures::new(vec![service("vendor.chat", &hosts)])),
        policy: Arc::new(Policy::new(Status::Unreviewed, Vec::new())),
        teams: Arc::new(Groups::default()),
        zones: Arc::new(Groups::default()),
        inside: [].into(),
        directory: Arc::default(),
        exclude: Exclusion::default(),
        shared: [].into(),
        thresholds: Thresholds::default(),
    }
}

fn attribution() -> Attribution {
    Attribution::new(judgement(), Bounds::default())
}

pub(super) const CLIENT: [u8; 4] = [10, 0, 0, 1];

fn ends() -> Ends {
    Ends { client: IpAddr::from(CLIENT), client_port: 50_000, server: IpAddr::from([192, 0, 2, 1]), server_port: 443 }
}

/// The state of flow `id` named `name`, at a second.
pub(super) fn state(id: u64, name: &str, second: u64, (up, down): (u64, u64)) -> FlowState {
    FlowState {
        id: FlowId(id),
        first_seen: Time::new(1000, 0),
        last_seen: Time::new(1000 + second, 0),
        transport: Transport::Tcp,
        ends: ends(),
        bytes_up: up,
        bytes_down: down,
        exchanges: Exchanges::default(),
        posted: 0,
        minutes: Minutes::until(Time::new(1000 + second, 0)).since(Minutes::of(Time::new(1000 + second, 0))),
        name: (!name.is_empty()).then(|| (HostName::unchecked(name), Source::TlsSni)),
        reason: if name.is_empty() { Reason::NoSni } else { Reason::Named },
        is_encrypted: true,
        blind_spot: None,
        link: Link::default(),
        closed: false,
    }
}

fn said(id: u64, name: &str, source: Source, detail: Detail) -> Event {
    let Event::Name(mut observation) = hello(id, name, 0) else { unreachable!() };
    (observation.source, observation.detail) = (source, detail);
    Event::Name(observation)
}

fn hello(id: u64, name: &str, second: u64) -> Event {
    Event::Name(Box::new(Observation {
        time: Time::new(1000 + second, 0),
        source: Source::TlsSni,
        transport: Transport::Tcp,
        ends: ends(),
        flow: Some(FlowId(id)),
        name: HostName::unchecked(name),
        encap: Encap::default(),
        link: Link::default(),
        proxied: None,
        detail: Detail::Hello(HelloFacts::default()),
    }))
}

pub(super) fn all(mut attribution: Attribution) -> Vec<Sighting> {
    attribution.finish();
    attribution.drain().into_iter().map(|f| f.sighting).collect()
}

#[test]
fn a_name_lost_on_the_way_comes_with_the_next_state() {
    let mut a = attribution();
    a.event(&Event::Flow(state(1, "chat.example", 5, (500, 700))));
    let found = all(a);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].connections, found[0].bytes_up, &*found[0].names[0]), (1, 500, "chat.example"));
}

#[test]
fn a_flow_that_only_keeps_alive_opens_no_session_after_its_own() {
    let mut a = attribution();
    a.event(&hello(1, "chat.example", 0));
    for second in (0..4 * 3600).step_by(60) {
        a.event(&Event::Flow(state(1, "chat.example", second, (500, 700))));
    }
    let closed = FlowState { closed: true, ..state(1, "chat.example", 4 * 3600, (500, 700)) };
    a.event(&Event::Flow(closed));
    assert_eq!(all(a).len(), 1);
}

#[test]
fn bytes_after_a_session_are_another_session_and_its_connection() {
    let mut a = attribution();
    a.event(&Event::Flow(state(1, "chat.example", 0, (500, 700))));
    a.event(&Event::Flow(state(1, "chat.example", 2000, (900, 700))));
    let found = all(a);
    let told: Vec<_> = found.iter().map(|s| (s.connections, s.bytes_up)).collect();
    assert_eq!(told, [(1, 500), (1, 400)]);
}

#[test]
fn a_reload_that_changes_nothing_counts_nothing_twice() {
    let mut a = attribution();
    a.event(&Event::Flow(state(1, "chat.example", 0, (500, 700))));
    a.judge_by(judgement());
    a.event(&Event::Flow(state(1, "chat.example", 5, (600, 700))));
    let found = all(a);
    assert_eq!((found.len(), found[0].connections, found[0].bytes_up), (1, 1, 600));
}

#[test]
fn a_reload_that_judges_differently_splits_the_sighting() {
    let mut a = attribution();
    a.event(&Event::Flow(state(1, "chat.example", 0, (500, 700))));
    let approved = Judgement { policy: Arc::new(Policy::new(Status::Approved, Vec::new())), ..judgement() };
    a.judge_by(approved);
    a.event(&Event::Flow(state(1, "chat.example", 5, (600, 700))));
    let told: Vec<_> = all(a).iter().map(|s| (s.status, s.bytes_up)).collect();
    assert_eq!(told, [(Status::Unreviewed, 500), (Status::Approved, 100)]);
}

#[test]
fn a_restart_judges_on_as_before() {
    let mut a = attribution();
    a.event(&Event::Flow(state(1, "telemetry.chat.example", 0, (1_400_000, 700))));
    a.event(&Event::Flow(state(2, "chat.example", 1, (500, 700))));
    let before = a.drain().remove(0).sighting;
    assert_eq!(before.evidence, Evidence::Contacted);
    let mut b = attribution();
    b.restore(before);
    b.event(&Event::Flow(state(3, "chat.example", 2, (500, 700))));
    let after = all(b);
    assert_eq!((after.len(), after[0].evidence, after[0].bytes_up), (1, Evidence::Contacted, 1_401_000));
}

/// Approved, but in review from 500 kB up, and unapproved once uploaded.
fn bounded() -> Judgement {
    let rules = vec![
        Rule { status: Status::Approved, services: vec![ServicePattern::parse("vendor.chat")], ..Rule::default() },
        Rule {
            status: Status::InReview,
            services: vec![ServicePattern::parse("vendor.chat")],
            volume_up: Some(500_000),
            ..Rule::default()
        },
        Rule {
            status: Status::Unapproved,
            services: vec![ServicePattern::parse("vendor.chat")],
            evidence: Some(Evidence::Uploaded),
            ..Rule::default()
        },
    ];
    Judgement { policy: Arc::new(Policy::new(Status::Unreviewed, rules)), ..judgement() }
}

#[test]
fn a_sighting_becomes_stricter_as_it_passes_bounds_and_is_due_at_once() {
    let mut a = Attribution::new(bounded(), Bounds::default());
    let mut told = Vec::new();
    for (second, up) in [(0, 4000), (5, 499_999), (10, 500_000), (15, 500_001), (20, 2_500_000), (25, 2_500_001)] {
        a.event(&Event::Flow(state(1, "chat.example", second, (up, 700))));
        let is_due = a.ledger().has_due();
        let found = a.drain().remove(0);
        assert_eq!(is_due, found.due);
        told.push((found.sighting.first_seen.seconds(), found.sighting.status, found.due, found.reached));
    }
    let (low, high) = (Evidence::Contacted, Evidence::Uploaded);
    assert_eq!(
        told,
        [
            (1000, Status::Approved, false, Some((Evidence::Resolved, low))),
            (1000, Status::Approved, false, None),
            (1000, Status::InReview, false, Some((low, low))),
            (1000, Status::InReview, false, None),
            (1000, Status::Unapproved, true, Some((Evidence::Engaged, high))),
            (1000, Status::Unapproved, false, None),
        ]
    );
    assert_eq!(all(a).len(), 1);
}

#[test]
fn a_restart_and_a_reload_of_the_same_rules_leave_a_stricter_sighting_as_it_is() {
    let mut a = Attribution::new(bounded(), Bounds::default());
    a.event(&Event::Flow(state(1, "chat.example", 0, (2_000_000, 700))));
    let before = a.drain().remove(0).sighting;
    assert_eq!(before.status, Status::Unapproved);
    let mut b = Attribution::new(bounded(), Bounds::default());
    b.restore(before.clone());
    b.event(&Event::Flow(state(2, "chat.example", 5, (10, 10))));
    b.judge_by(bounded());
    b.event(&Event::Flow(state(2, "chat.example", 10, (20, 20))));
    let after = all(b);
    assert_eq!(after.len(), 1);
    assert_eq!((after[0].first_seen, after[0].status, after[0].bytes_up), (before.first_seen, Status::Unapproved, 2_000_020));
}

#[test]
fn a_new_bound_that_was_passed_before_it_splits_the_sighting() {
    let mut a = attribution();
    a.event(&Event::Flow(state(1, "chat.example", 0, (2_000_000, 700))));
    a.judge_by(bounded());
    a.event(&Event::Flow(state(1, "chat.example", 5, (2_000_900, 700))));
    let told: Vec<_> = all(a).iter().map(|s| (s.status, s.bytes_up)).collect();
    assert_eq!(told, [(Status::Unreviewed, 2_000_000), (Status::Approved, 900)]);
}

#[test]
fn what_goes_on_after_a_window_is_a_sighting_of_its_own() {
    // Packet time begins at second 1000 of 1970: the window closes at its 1020th.
    let hours = vec![Hours { from: 0, until: 17 }];
    let window = Window::new(Days::ALL, hours, Arc::new(Zone::new("UTC", 0, Vec::new())));
    let rule = Rule { status: Status::Approved, window: Some(window), ..Rule::default() };
    let policy = Arc::new(Policy::new(Status::Unapproved, vec![rule]));
    let mut a = Attribution::new(Judgement { policy, ..judgement() }, Bounds::default());
    for (second, up) in [(0, 100), (19, 200), (20, 250), (40, 300)] {
        a.event(&Event::Flow(state(1, "chat.example", second, (up, 700))));
    }
    let told: Vec<_> = all(a).iter().map(|s| (s.status, s.first_seen.seconds(), s.connections, s.bytes_up)).collect();
    assert_eq!(told, [(Status::Approved, 1000, 1, 200), (Status::Unapproved, 1020, 1, 100)]);
}

#[test]
fn a_full_ledger_ends_the_longest_silent_sighting() {
    let mut a = Attribution::new(judgement(), Bounds { sightings: 2, ..Bounds::default() });
    let of = |client: u8, id: u64, second: u64, up: u64| {
        let ends = Ends { client: IpAddr::from([10, 0, 0, client]), ..ends() };
        Event::Flow(FlowState { ends, ..state(id, "chat.example", second, (up, 1)) })
    };
    a.event(&of(1, 1, 0, 1));
    a.event(&of(2, 2, 1, 1));
    a.event(&of(1, 1, 60, 2));
    a.event(&of(3, 3, 61, 1));
    let ended: Vec<_> = a.ledger().drain_ended().iter().map(|f| f.sighting.client.to_string()).collect();
    assert_eq!(ended, ["10.0.0.2"]);
    assert_eq!(a.ledger().len(), 2);
}

#[test]
fn many_flows_that_ended_do_not_push_out_one_that_goes_on() {
    let mut a = Attribution::new(judgement(), Bounds { flows: 100, ..Bounds::default() });
    a.event(&Event::Flow(state(1, "chat.example", 0, (500, 700))));
    for id in 2..10_000 {
        a.event(&Event::Flow(FlowState { closed: true, ..state(id, "other.example", 1, (1, 1)) }));
    }
    a.event(&Event::Flow(state(1, "chat.example", 2, (5_000_000, 700))));
    assert_eq!(a.evictions()[2].1, 0);
    assert_eq!(all(a)[0].bytes_up, 5_000_000);
}

#[test]
fn a_flow_keeps_what_its_layers_told_of_the_program() {
    let by = |ja4: &str| Detail::Hello(HelloFacts { ja4: Ja4::from_text(ja4), ..HelloFacts::default() });
    let chromium = || by("t13d1517h2_8daaf6152771_cb7bf5808d99");
    let go = || by("t13d1312h2_f57a46bbacb6_a089bac06eae");
    let told = |agent| Detail::Request { agent };
    let cases = [
        (Detail::None, chromium(), Agent::Browser),
        (told(Agent::DesktopApp), chromium(), Agent::DesktopApp),
        (told(Agent::Browser), go(), Agent::Unknown),
        (told(Agent::Cli), go(), Agent::Cli),
        (Detail::None, go(), Agent::Unknown),
    ];
    for (outer, inner, expected) in cases {
        let mut a = attribution();
        a.event(&said(1, "chat.example", Source::HttpConnect, outer));
        a.event(&said(1, "chat.example", Source::TlsSni, inner));
        a.event(&Event::Flow(state(1, "chat.example", 1, (10, 10))));
        // A flow that tells nothing takes nothing away.
        a.event(&said(2, "chat.example", Source::TlsSni, Detail::None));
        a.event(&Event::Flow(state(2, "chat.example", 2, (10, 10))));
        let sightings = all(a);
        assert_eq!(sightings.len(), 1);
        assert_eq!((sightings[0].agent, sightings[0].connections), (expected, 2));
    }
}

#[test]
fn a_restart_forgets_no_agent() {
    let mut a = attribution();
    a.event(&said(1, "chat.example", Source::HttpHost, Detail::Request { agent: Agent::Browser }));
    a.event(&Event::Flow(state(1, "chat.example", 1, (10, 10))));
    let open = a.drain().pop().expect("a finding").sighting;
    let mut after = attribution();
    after.restore(open);
    after.event(&hello(7, "chat.example", 3));
    after.event(&Event::Flow(state(7, "chat.example", 4, (10, 10))));
    assert_eq!(all(after)[0].agent, Agent::Browser);
}

fn of(client: u8, id: u64, second: u64, up: u64) -> Event {
    let ends = Ends { client: IpAddr::from([10, 0, 0, client]), ..ends() };
    Event::Flow(FlowState { ends, ..state(id, "chat.example", second, (up, 1)) })
}

fn pseudonymous(byte: u8) -> Privacy {
    Privacy::Pseudonymous(Pseudonyms::new(PseudonymKey::new([byte; 32].into()), 10, 0))
}

#[test]
fn under_a_new_key_a_client_is_another_one() {
    let mut a = attribution();
    a.keep_by(pseudonymous(1));
    a.event(&of(1, 1, 0, 500));
    let behind = a.drain_unsealed();
    a.keep_by(pseudonymous(2));
    a.event(&of(1, 1, 5, 700));
    let found = all(a);
    let told: Vec<_> = found.iter().map(|s| (s.client.starts_with("p-"), s.bytes_up)).collect();
    assert_eq!(told, [(true, 500), (true, 200)]);
    assert_ne!(found[0].client, found[1].client);
    assert_eq!((&behind[0].pseudonym, &*behind[0].client), (&found[0].client, "10.0.0.1"));
}

#[test]
fn what_is_kept_of_a_pseudonym_names_nobody() {
    let identity =
        Identity { host: Some("ws".into()), user: Some("u".into()), site: Some("hq".into()), mac: Some([2; 6]), ..Identity::default() };
    let mut privacy = pseudonymous(1);
    let heading = Heading {
        client: "10.0.0.1".into(),
        identity: identity.clone().into(),
        team: "design".into(),
        vendor: "v".into(),
        category: "c".into(),
        moment: None,
    };
    let key = SightingKey { client: IpAddr::from(CLIENT).into(), tenure: 0, team: None, service: "s".into(), status: Status::Unreviewed };
    let kept = privacy.heading(&key, heading, Time::new(1, 0));
    assert_eq!(*kept.identity, Identity { site: Some("hq".into()), ..Identity::default() });
    assert_eq!(*privacy.drain()[0].identity, identity);
}

#[test]
fn a_team_is_one_sighting_a_day_without_a_time_of_day() {
    let subnet: ipnet::IpNet = "10.0.0.0/24".parse().unwrap();
    let teams = Arc::new(Groups::new([(&"design".into(), &[subnet][..])]));
    let mut a = Attribution::new(Judgement { teams, ..judgement() }, Bounds::default());
    a.keep_by(Privacy::TeamOnly(Crowd::new(3, 0)));
    (1..=4u8).for_each(|client| a.event(&of(client, client.into(), client.into(), 1000)));
    (1..=4u8).for_each(|client| a.event(&of(client, client.into(), 40_000, 2000)));
    a.judge_by(a.judgement.clone());
    a.event(&of(1, 1, 50_000, 2500));
    a.event(&of(1, 1, 86_400, 3000));
    assert_eq!(a.withheld(), 3, "of two before the third came, and of the first after midnight");
    let found = all(a);
    let told: Vec<_> = found.iter().map(|s| (&*s.client, &*s.team, s.bytes_up, s.first_seen == s.last_seen)).collect();
    assert_eq!(told, [("design", "design", 2000 + 4000 + 500, true)], "rules that change nothing end nothing");
    assert!(found.iter().all(|s| s.first_seen.seconds() == 0 && s.identity.is_unknown()));
}

#[test]
fn a_forgotten_client_is_not_written_back() {
    for mut a in [attribution(), {
        let mut a = attribution();
        a.keep_by(pseudonymous(1));
        a
    }] {
        a.event(&of(1, 1, 0, 500));
        a.event(&of(2, 2, 0, 500));
        let client = a.privacy.written("10.0.0.1").unwrap();
        let ended = a.forget(&|written| *written == *client);
        assert_eq!((ended.len(), ended[0].closed), (1, true));
        a.event(&of(1, 1, 5, 900));
        a.judge_by(judgement());
        a.event(&of(1, 1, 6, 950));
        a.event(&of(1, 9, 7, 30));
        let found = all(a);
        let told: Vec<_> = found.iter().map(|s| (s.client == client, s.bytes_up)).collect();
        assert_eq!(told, [(false, 500), (true, 30)], "only what it does anew");
    }
}

#[test]
fn a_clock_set_back_ends_what_is_open_and_goes_on_from_there() {
    let mut a = attribution();
    a.event(&hello(1, "chat.example", 5000));
    a.event(&Event::Flow(state(1, "chat.example", 5000, (500, 700))));
    a.set_back(Time::new(1100, 0));
    assert!(a.drain().iter().all(|f| f.sighting.closed), "what began later than now is over");
    a.event(&Event::Flow(state(1, "chat.example", 200, (800, 900))));
    a.tick(Time::new(1250, 0));
    let next = a.drain();
    let [finding] = &next[..] else { panic!("{next:?}") };
    let s = &finding.sighting;
    assert_eq!((s.first_seen, s.last_seen, s.bytes_up, s.closed), (Time::new(1200, 0), Time::new(1200, 0), 300, false));
    assert_eq!(a.now(), Time::new(1250, 0));
}
