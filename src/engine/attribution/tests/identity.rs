//! Who a sighting is of: owners that change, names that come later, clients that are left out.

use super::*;
use crate::engine::event::{Binding, BindingKind, BindingSource, Vlans};
use crate::engine::identity::{Known, Record, Subject};

const ANNA: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
const BEN: [u8; 6] = [2, 0, 0, 0, 0, 0xb];

fn at(second: u64) -> Time {
    Time::new(1000 + second, 0)
}

fn lease(mac: [u8; 6], host: &str, second: u64) -> Event {
    let told = Binding::told(at(second), BindingSource::Dhcp, BindingKind::Begins, Vlans::default()).at(IpAddr::from(CLIENT));
    Event::Binding(Box::new(Binding { mac: Some(mac), host: Some(host.into()), is_host_assigned: true, ..told }))
}

/// A flow that began at one second and stands so at another.
fn flow(id: u64, (begun, second): (u64, u64), bytes: (u64, u64), link: Link) -> Event {
    Event::Flow(FlowState { first_seen: at(begun), link, ..state(id, "chat.example", second, bytes) })
}

fn own(mac: [u8; 6]) -> Link {
    Link { mac: Some(mac), ttl: 64, vlans: Vlans::default() }
}

fn told(sightings: &[Sighting]) -> Vec<(String, Option<String>, u64)> {
    sightings.iter().map(|s| (s.client.to_string(), s.identity.host.as_ref().map(|h| h.to_string()), s.bytes_up)).collect()
}

#[test]
fn a_new_owner_s_use_is_another_sighting_and_late_bytes_go_to_whom_they_belong() {
    let mut a = attribution();
    a.event(&lease(ANNA, "anna", 0));
    a.event(&flow(1, (1, 5), (500, 700), own(ANNA)));
    a.event(&lease(BEN, "ben", 60));
    a.event(&flow(2, (61, 65), (40, 70), own(BEN)));
    a.event(&flow(1, (1, 70), (900, 700), own(ANNA)));
    let expected = [("10.0.0.1".into(), Some("anna".into()), 900), ("10.0.0.1".into(), Some("ben".into()), 40)];
    assert_eq!(told(&all(a)), expected);
}

#[test]
fn what_becomes_known_later_is_written_into_the_open_sighting() {
    let mut a = attribution();
    a.event(&flow(1, (0, 5), (500, 700), own(ANNA)));
    let before = a.drain();
    assert_eq!((before[0].sighting.identity.mac, before[0].sighting.identity.host.clone()), (Some(ANNA), None));
    a.event(&lease(ANNA, "anna", 60));
    let after = a.drain();
    assert_eq!(told(&[after[0].sighting.clone()]), [("10.0.0.1".into(), Some("anna".into()), 500)]);
    assert_eq!((after[0].reached, after[0].sighting.first_seen), (None, before[0].sighting.first_seen));
    assert_eq!(all(a).len(), 1);
}

#[test]
fn temporary_addresses_behind_a_router_are_one_estimate_through_a_restart() {
    let six = |last: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 0xa1b2, 0xc3d4, 0xe5f6, last]);
    let flow = |id: u64, last: u16, second: u64| {
        let ends = Ends { client: six(last), ..ends() };
        let link = Link { mac: Some([2, 0, 0, 0, 0, 1]), ttl: 61, vlans: Vlans::default() };
        Event::Flow(FlowState { first_seen: at(second), ends, link, ..state(id, "chat.example", second, (100, 1)) })
    };
    let mut a = attribution();
    a.event(&flow(1, 1, 0));
    let open = a.drain().remove(0).sighting;
    let mut b = attribution();
    b.restore(open);
    b.event(&flow(2, 2, 10));
    let found = all(b);
    assert_eq!(told(&found), [("2001:db8:1:2::/64".into(), None, 200)]);
    assert!(found[0].identity.is_estimate);
}

#[test]
fn many_stand_behind_what_the_site_says_and_behind_a_proxy() {
    let shared = Judgement { shared: ["10.0.0.0/24".parse().unwrap()].into(), ..judgement() };
    let mut a = Attribution::new(shared, Bounds::default());
    a.event(&flow(1, (0, 5), (500, 700), own(ANNA)));
    assert!(all(a)[0].identity.is_shared);
    let mut a = attribution();
    let Event::Name(mut o) = hello(1, "chat.example", 0) else { panic!("a name") };
    o.proxied = Some("192.0.2.77:5000".parse().unwrap());
    a.event(&Event::Name(o));
    a.event(&flow(1, (0, 5), (500, 700), own(ANNA)));
    assert!(all(a)[0].identity.is_shared, "a PROXY header");
    let mut a = attribution();
    a.event(&flow(1, (0, 5), (500, 700), own(ANNA)));
    let Event::Name(mut o) = hello(2, "chat.example", 10) else { panic!("a name") };
    (o.source, o.ends.client, o.ends.server) = (Source::HttpConnect, IpAddr::from([10, 0, 0, 99]), IpAddr::from(CLIENT));
    a.event(&Event::Name(o));
    let shared: Vec<_> = all(a).iter().map(|s| (s.client.to_string(), s.identity.is_shared)).collect();
    assert!(shared.contains(&("10.0.0.1".into(), true)), "asked to connect for others: {shared:?}");
}

/// Everything attribution keeps for somebody, in words.
fn kept(a: &mut Attribution) -> (usize, usize, u64, usize) {
    (a.ledger().len(), a.memory.len(), a.visibility().totals().values().sum(), a.drain_unmatched().len())
}

#[test]
fn of_clients_that_are_left_out_nothing_is_kept_but_a_count() {
    let guests = Link { mac: Some(ANNA), ttl: 64, vlans: [30].into_iter().collect() };
    let by = |subnets: &[&str], macs: &[[u8; 6]], vlans: &[u16]| {
        let subnets: Vec<IpNet> = subnets.iter().map(|s| s.parse().unwrap()).collect();
        Exclusion::new(&subnets, macs, vlans)
    };
    let mut counts = Vec::new();
    for exclude in [Exclusion::default(), by(&["10.0.0.0/24"], &[], &[]), by(&[], &[ANNA], &[]), by(&[], &[], &[30])] {
        let is_out = !exclude.is_empty();
        let mut a = Attribution::new(Judgement { exclude, ..judgement() }, Bounds::default());
        a.remember_unmatched(Some(Unmatched::new(|name| Some(name), 100, 1)));
        let Event::Name(mut named) = hello(1, "chat.example", 0) else { panic!("a name") };
        named.link = guests;
        let mut asked = named.clone();
        (asked.source, asked.flow, asked.detail) = (Source::DnsQuery, None, Detail::Query { qtype: 1 });
        let mut answered = asked.clone();
        // Of an answer only the receiver's end of the frame is the client's.
        (answered.source, answered.link.ttl) = (Source::DnsAnswer, 0);
        answered.detail = Detail::Answer { qtype: 1, addresses: vec![(ends().server, 300)] };
        let mut ordinary = asked.clone();
        ordinary.name = HostName::unchecked("other.example");
        for o in [asked, answered, ordinary, named] {
            a.event(&Event::Name(o));
        }
        a.event(&flow(1, (0, 5), (500, 700), guests));
        for closed in [false, true] {
            let nameless = FlowState { closed, link: guests, ..state(2, "", 6, (1, 1)) };
            a.event(&Event::Flow(nameless));
        }
        a.event(&Event::Flow(FlowState { closed: true, link: guests, ..state(1, "chat.example", 9, (500, 700)) }));
        counts.push((
            is_out,
            kept(&mut a),
            a.excluded().flows,
            a.excluded().names,
            a.bindings.mac_of(IpAddr::from(CLIENT), at(9)).is_some(),
        ));
        a.finish();
        assert_eq!(a.drain().is_empty(), is_out);
    }
    let (ordinary, left_out) = counts.split_first().unwrap();
    assert_eq!(*ordinary, (false, (1, 1, 2, 1), 0, 0, true), "or else the rest of this test says nothing");
    for out in left_out {
        assert_eq!(*out, (true, (0, 0, 0, 0), 2, 4, false));
    }
}

#[test]
fn a_machine_that_is_left_out_is_so_behind_a_router_too() {
    let exclude = Exclusion::new(&[], &[ANNA], &[]);
    let mut a = Attribution::new(Judgement { exclude, ..judgement() }, Bounds::default());
    a.event(&lease(ANNA, "anna", 0));
    let router = Link { mac: Some([2, 0, 0, 0, 0, 1]), ttl: 63, vlans: Vlans::default() };
    a.event(&flow(1, (1, 5), (500, 700), router));
    assert_eq!(a.bindings.who(IpAddr::from(CLIENT), at(5)).identity.host, None, "her name is not kept");
    a.event(&lease(BEN, "ben", 60));
    a.event(&flow(2, (61, 65), (40, 70), router));
    assert_eq!(told(&all(a)), [("10.0.0.1".into(), Some("ben".into()), 40)]);
}

#[test]
fn a_machine_whose_mac_address_only_a_file_tells_is_left_out_too() {
    let known = Known { mac: Some(ANNA), host: Some("anna".into()), shared: true, ..Known::default() };
    let record = Record { subject: Subject::Address(IpAddr::from(CLIENT)), from: None, until: Some(at(30)), known };
    let directory = Arc::new(Directory::new(vec![record]));
    let with = |exclude| Attribution::new(Judgement { directory: Arc::clone(&directory), exclude, ..judgement() }, Bounds::default());
    let router = Link { mac: Some([2, 0, 0, 0, 0, 1]), ttl: 63, vlans: Vlans::default() };
    let (mut told_of, mut left_out) = (with(Exclusion::default()), with(Exclusion::new(&[], &[ANNA], &[])));
    for a in [&mut told_of, &mut left_out] {
        a.event(&flow(1, (1, 5), (500, 700), router));
    }
    let sightings = all(told_of);
    assert_eq!(told(&sightings), [("10.0.0.1".into(), Some("anna".into()), 500)]);
    assert!(sightings[0].identity.is_shared, "the file says so");
    left_out.event(&flow(2, (61, 65), (40, 70), router));
    assert_eq!(told(&all(left_out)), [("10.0.0.1".into(), None, 40)], "somebody else's by then");
}

#[test]
fn who_is_left_out_from_now_on_has_no_open_sighting_any_more() {
    let mut a = attribution();
    a.event(&flow(1, (0, 5), (500, 700), own(ANNA)));
    a.judge_by(Judgement { exclude: Exclusion::new(&[], &[ANNA], &[]), ..judgement() });
    assert_eq!(a.ledger().len(), 0);
    a.event(&flow(1, (0, 10), (900, 700), own(ANNA)));
    assert_eq!(told(&all(a)), [("10.0.0.1".into(), None, 500)], "what was before stays");
}
