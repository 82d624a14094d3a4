//! How much: turns, active minutes, uploads and use, by the roles of hosts.

use std::sync::Arc;

use super::tests::{CLIENT, all, judgement, state};
use super::*;
use crate::engine::event::FlowState;
use crate::engine::ledger::SpecialLimits;
use crate::engine::minutes::Minutes;
use crate::engine::policy::ServicePattern;
use crate::engine::sighting::{Evidence, Turns};

fn attribution() -> Attribution {
    Attribution::new(judgement(), Bounds::default())
}

/// Tells a flow at each of these seconds, with that much more up and down each time.
fn tell(a: &mut Attribution, id: u64, name: &str, seconds: impl Iterator<Item = u64>, (up, down): (u64, u64)) {
    for (n, second) in (1..).zip(seconds) {
        a.event(&Event::Flow(state(id, name, second, (up * n, down * n))));
    }
}

/// One flow told once, and what became of it.
fn one(name: &str, bytes: (u64, u64), exchanges: Exchanges) -> Sighting {
    let mut a = attribution();
    a.event(&Event::Flow(FlowState { exchanges, ..state(1, name, 1, bytes) }));
    all(a).remove(0)
}

#[test]
fn turns_are_those_of_hosts_that_are_the_tool_itself() {
    let exchanges = Exchanges { streamed: 2, all: 3 };
    let turns = |name| one(name, (2000, 9000), exchanges).turns;
    assert_eq!(turns("chat.example"), Turns { low: 2, high: 2 });
    assert_eq!(turns("api.chat.example"), Turns { low: 3, high: 3 }, "an API's answer may come in one piece");
    assert_eq!(turns("telemetry.chat.example"), Turns::default());
    assert_eq!(turns("cdn.chat.example"), Turns::default());
    assert_eq!(turns("files.chat.example"), Turns::default());
}

#[test]
fn turns_add_up_over_flows_and_a_restart_and_are_never_told_twice() {
    let told = |id, second, streamed| {
        let exchanges = Exchanges { streamed, all: streamed };
        Event::Flow(FlowState { exchanges, ..state(id, "chat.example", second, (1000 + second, 1000)) })
    };
    let mut a = attribution();
    for event in [told(1, 1, 5), told(1, 6, 5), told(1, 11, 9), told(2, 12, 11)] {
        a.event(&event);
    }
    let before = a.drain().remove(0).sighting;
    assert_eq!((before.turns, before.turns.count()), (Turns { low: 17, high: 23 }, 20));
    let mut b = attribution();
    b.restore(before);
    b.event(&told(3, 20, 20));
    assert_eq!(all(b).remove(0).turns, Turns::about(40));
}

#[test]
fn ranges_are_no_wider_than_thirty_percent_either_way() {
    for count in 0..5000 {
        let Turns { low, high } = Turns::about(count);
        assert_eq!(Turns { low, high }.count(), count);
        assert!(f64::from(high) <= 1.3 * f64::from(count) && f64::from(low) >= 0.7 * f64::from(count), "{low}..{high}");
    }
}

#[test]
fn an_exchange_is_use_though_few_bytes_went() {
    let streamed = |n| Exchanges { streamed: n, all: n };
    assert_eq!(one("chat.example", (1200, 5000), streamed(1)).evidence, Evidence::Engaged);
    assert_eq!(one("chat.example", (1200, 5000), streamed(0)).evidence, Evidence::Contacted);
    assert_eq!(one("telemetry.chat.example", (1200, 5000), streamed(1)).evidence, Evidence::Contacted);
}

#[test]
fn a_visit_is_no_use_and_a_body_is() {
    let evidence = |name: &str, up, posted| {
        let mut a = attribution();
        a.event(&Event::Flow(FlowState { posted, ..state(1, name, 1, (up, 3_000_000)) }));
        all(a).remove(0).evidence
    };
    assert_eq!(evidence("chat.example", 38_000, 700), Evidence::Contacted, "a page with 60 assets over QUIC");
    assert_eq!(evidence("chat.example", 10_000, 9_000), Evidence::Engaged);
    assert_eq!(evidence("api.chat.example", 10_000, 0), Evidence::Engaged);
}

#[test]
fn what_a_page_sends_of_itself_all_day_is_neither_use_nor_an_upload() {
    let mut a = attribution();
    tell(&mut a, 1, "chat.example", (0..86_400).step_by(30), (2000, 3000));
    let page = all(a).remove(0);
    assert_eq!((page.evidence, page.bytes_up), (Evidence::Contacted, 5_760_000));
    let mut a = attribution();
    tell(&mut a, 1, "api.chat.example", (0..86_400).step_by(30), (2000, 3000));
    assert_eq!(all(a).remove(0).evidence, Evidence::Engaged, "to an API it is use, and no upload");
}

#[test]
fn an_upload_is_what_is_sent_in_one_go() {
    let evidence = |name: &str, each: u64| {
        let mut a = attribution();
        tell(&mut a, 1, name, (0..50).step_by(5), (each / 10, 200));
        all(a).remove(0).evidence
    };
    assert_eq!(evidence("files.chat.example", 300_000), Evidence::Uploaded);
    assert_eq!(evidence("chat.example", 300_000), Evidence::Contacted);
    assert_eq!(evidence("chat.example", 1_200_000), Evidence::Uploaded);
    assert_eq!(evidence("api.chat.example", 1_200_000), Evidence::Uploaded);
    let mut a = attribution();
    (1..=6).for_each(|id| tell(&mut a, id, "chat.example", (0..10).step_by(5), (100_000, 200)));
    assert_eq!(all(a).remove(0).evidence, Evidence::Uploaded, "in parts over several connections");
}

#[test]
fn hosts_of_mere_presence_are_a_contact_at_most() {
    for name in ["cdn.chat.example", "telemetry.chat.example", "auth.chat.example"] {
        let seen = one(name, (50_000_000, 50_000_000), Exchanges { streamed: 9, all: 9 });
        assert_eq!((seen.evidence, seen.presence_only, seen.is_alert_due()), (Evidence::Contacted, true, false), "{name}");
    }
}

#[test]
fn thresholds_hold_for_a_service_and_a_team() {
    let strict = SpecialLimits { team: Some("design".into()), upload: Some(20_000), ..SpecialLimits::default() };
    let of_service =
        SpecialLimits { service: Some(ServicePattern::parse("vendor.*")), upload_host: Some(1000), ..SpecialLimits::default() };
    let thresholds = Thresholds { special: [strict, of_service].into(), ..Thresholds::default() };
    let evidence = |team: &str, name| {
        let net = ipnet::IpNet::from(IpAddr::from(CLIENT));
        let teams = Arc::new(Groups::new([(&team.into(), &[net][..])]));
        let mut a = Attribution::new(Judgement { teams, thresholds: thresholds.clone(), ..judgement() }, Bounds::default());
        a.event(&Event::Flow(state(1, name, 1, (30_000, 500))));
        all(a).remove(0).evidence
    };
    assert_eq!((evidence("design", "chat.example"), evidence("sales", "chat.example")), (Evidence::Uploaded, Evidence::Contacted));
    assert_eq!(evidence("sales", "files.chat.example"), Evidence::Uploaded);
}

#[test]
fn active_minutes_are_those_in_which_bytes_moved_over_all_flows() {
    let at = |id, name: &str, second: u64, minutes: Minutes| Event::Flow(FlowState { minutes, ..state(id, name, second, (second + 1, 1)) });
    // 1000 s after the epoch is 40 s into a minute.
    let of = |seconds: &[u64]| {
        let mut minutes = Minutes::default();
        seconds.iter().for_each(|s| minutes.note(Minutes::of(Time::new(1000 + s, 0))));
        minutes
    };
    let mut a = attribution();
    a.event(&at(1, "chat.example", 10, of(&[10])));
    a.event(&at(2, "cdn.chat.example", 12, of(&[12])));
    // One telling of two minutes, and one whose telling before was lost.
    a.event(&at(1, "chat.example", 22, of(&[10, 18, 22])));
    a.event(&at(2, "cdn.chat.example", 300, of(&[12, 200, 300])));
    let before = a.drain().remove(0).sighting;
    assert_eq!(before.active_minutes, 4);
    let mut b = attribution();
    b.restore(before);
    b.event(&at(3, "chat.example", 305, of(&[305])));
    b.event(&at(3, "chat.example", 400, of(&[305, 400])));
    assert_eq!(all(b).remove(0).active_minutes, 5, "the minute of the restart counts once");
    let mut c = attribution();
    c.event(&at(1, "chat.example", 10, of(&[10])));
    c.event(&at(1, "chat.example", 1500, of(&[10, 1500])));
    assert_eq!(all(c).iter().map(|s| s.active_minutes).collect::<Vec<_>>(), [1, 1], "each session has its own");
}
