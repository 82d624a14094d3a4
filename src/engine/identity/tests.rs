//! Who an address belongs to, as one telling follows the other.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::engine::event::{Binding, BindingKind, BindingSource, Duid, Link, Source, Vlans};
use crate::engine::frame::Time;
use crate::engine::host::HostName;

type Mac = [u8; 6];

const ANNA: Mac = [2, 0, 0, 0, 0, 0xa];
const BEN: Mac = [2, 0, 0, 0, 0, 0xb];
const ROUTER: Mac = [2, 0, 0, 0, 0, 1];

fn at(second: u64) -> Time {
    Time::new(1_700_000_000 + second, 0)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn link(mac: Mac, ttl: u8) -> Link {
    Link { mac: Some(mac), ttl, vlans: Vlans::default() }
}

fn bindings() -> Bindings {
    Bindings::new(1000, 7)
}

fn told(source: BindingSource, kind: BindingKind, second: u64) -> Binding {
    Binding::told(at(second), source, kind, Vlans::default())
}

/// A lease of an hour.
fn lease(address: &str, mac: Mac, kind: BindingKind, second: u64) -> Binding {
    let until = Some(at(second + 3600));
    Binding { mac: Some(mac), until, is_host_assigned: true, ..told(BindingSource::Dhcp, kind, second).at(ip(address)) }
}

fn asks(mac: Mac, host: &str, second: u64) -> Binding {
    Binding { mac: Some(mac), host: Some(host.into()), ..told(BindingSource::Dhcp, BindingKind::Names, second) }
}

fn neighbour(address: &str, mac: Mac, kind: BindingKind, second: u64) -> Binding {
    let source = if address.contains(':') { BindingSource::Ndp } else { BindingSource::Arp };
    Binding { mac: Some(mac), ..told(source, kind, second).at(ip(address)) }
}

fn accounting(address: &str, user: &str, kind: BindingKind, second: u64) -> Binding {
    let net = address.parse::<ipnet::IpNet>().unwrap_or_else(|_| ip(address).into());
    let until = (kind == BindingKind::Ends).then(|| at(second));
    Binding { address: Some(net), user: Some(user.into()), until, ..told(BindingSource::Radius, kind, second) }
}

/// Client, number of the tenure, MAC address' last byte, host, user.
fn who(b: &mut Bindings, address: &str, second: u64) -> (String, u32, Option<u8>, Option<String>, Option<String>) {
    let Who { client, tenure, identity } = b.who(ip(address), at(second));
    let text = |t: Option<Arc<str>>| t.map(|t| t.to_string());
    (client.to_string(), tenure, identity.mac.map(|m| m[5]), text(identity.host), text(identity.user))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn an_address_that_is_lent_again_has_another_owner_and_keeps_the_one_it_had() {
    let mut b = bindings();
    b.take(&asks(ANNA, "anna", 0));
    b.take(&lease("10.0.0.7", ANNA, BindingKind::Begins, 1));
    let anna = who(&mut b, "10.0.0.7", 5);
    assert_eq!((anna.2, anna.3.clone()), (Some(0xa), some("anna")));
    b.take(&lease("10.0.0.7", ANNA, BindingKind::Holds, 1800));
    b.take(&asks(BEN, "ben", 9000));
    b.take(&lease("10.0.0.7", BEN, BindingKind::Begins, 9001));
    let ben = who(&mut b, "10.0.0.7", 9002);
    assert_eq!((ben.2, ben.3), (Some(0xb), some("ben")));
    assert_eq!(who(&mut b, "10.0.0.7", 5), anna, "what happened then was hers");
    assert_ne!(ben.1, anna.1);
    let between = who(&mut b, "10.0.0.7", 7000);
    assert_eq!((between.2, between.3), (None, None), "her lease was over, his had not begun");
}

#[test]
fn a_name_that_comes_later_is_added_to_the_same_owner() {
    let mut b = bindings();
    b.sees(ip("10.0.0.7"), &link(ANNA, 64), at(0));
    let first = who(&mut b, "10.0.0.7", 0);
    b.changed(at(0));
    b.named(ip("10.0.0.7"), &HostName::unchecked("anna-laptop.local"), Source::Mdns, &link(ANNA, 255), at(60));
    let changed = b.changed(at(60));
    assert_eq!(changed.iter().map(|w| (w.client.to_string(), w.tenure)).collect::<Vec<_>>(), [(first.0.clone(), first.1)]);
    assert_eq!(changed[0].identity.host.as_deref(), Some("anna-laptop"));
    b.take(&lease("10.0.0.7", ANNA, BindingKind::Begins, 120));
    assert_eq!(who(&mut b, "10.0.0.7", 130), (first.0, first.1, Some(0xa), some("anna-laptop"), None));
}

#[test]
fn another_mac_address_is_another_owner_and_a_router_s_is_none() {
    let mut b = bindings();
    b.sees(ip("10.0.0.7"), &link(ANNA, 64), at(0));
    b.take(&neighbour("10.0.0.7", BEN, BindingKind::Probes, 10));
    assert_eq!(who(&mut b, "10.0.0.7", 11).2, Some(0xa), "who asks whether it is free has it not");
    b.take(&neighbour("10.0.0.7", BEN, BindingKind::Holds, 20));
    assert_eq!(who(&mut b, "10.0.0.7", 21).2, Some(0xb));
    assert_eq!(who(&mut b, "10.0.0.7", 19).2, Some(0xa));
    b.sees(ip("10.0.0.8"), &link(ROUTER, 63), at(30));
    assert_eq!(who(&mut b, "10.0.0.8", 31).2, None, "passed on by a router");
    b.sees(ip("10.0.0.9"), &link([0, 0, 0x5e, 0, 1, 3], 64), at(32));
    assert_eq!(who(&mut b, "10.0.0.9", 33).2, None, "shared by routers");
    b.sees(ip("10.0.0.9"), &Link { mac: Some(ANNA), ..Link::default() }, at(34));
    assert_eq!(who(&mut b, "10.0.0.9", 35).2, None, "no packet of its own was seen");
}

#[test]
fn a_mac_address_behind_which_many_stand_is_taken_back() {
    let mut b = bindings();
    for n in [5, 6] {
        b.sees(ip(&format!("10.0.0.{n}")), &link(ROUTER, 64), at(n));
    }
    assert_eq!(who(&mut b, "10.0.0.5", 10).2, Some(1));
    b.changed(at(10));
    b.sees(ip("10.0.0.7"), &link(ROUTER, 64), at(20));
    let corrected: Vec<_> = b.changed(at(20)).iter().map(|w| (w.client.to_string(), w.tenure, w.identity.mac)).collect();
    assert_eq!(corrected, [("10.0.0.5".to_owned(), 0, None), ("10.0.0.6".to_owned(), 0, None)]);
    assert_eq!(who(&mut b, "10.0.0.7", 21).2, None);
    b.take(&lease("10.0.0.9", ROUTER, BindingKind::Begins, 30));
    assert_eq!(who(&mut b, "10.0.0.9", 31).2, Some(1), "its own lease is its own");
    let mut announced = bindings();
    announced.sees(ip("10.0.0.5"), &link(ROUTER, 64), at(0));
    announced.take(&Binding { mac: Some(ROUTER), ..told(BindingSource::Ndp, BindingKind::Routes, 1) });
    assert_eq!(who(&mut announced, "10.0.0.5", 2).2, None);
}

#[test]
fn a_repeater_that_speaks_for_a_leaseholder_changes_no_owner() {
    let mut b = bindings();
    b.take(&asks(ANNA, "anna", 0));
    b.take(&lease("10.0.0.7", ANNA, BindingKind::Begins, 1));
    let anna = who(&mut b, "10.0.0.7", 2);
    for second in 2..100 {
        b.sees(ip("10.0.0.7"), &link(ROUTER, 64), at(second * 100));
        b.take(&lease("10.0.0.7", ANNA, BindingKind::Holds, second * 100 + 50));
    }
    assert_eq!((who(&mut b, "10.0.0.7", 9999), anna.2, &anna.3), (anna.clone(), Some(0xa), &some("anna")));
}

#[test]
fn an_address_that_two_have_by_turns_changes_no_owner_and_has_no_mac_address() {
    let mut b = bindings();
    for second in 0..500 {
        b.sees(ip("10.0.0.7"), &link(if second % 2 == 0 { ANNA } else { BEN }, 64), at(second * 90));
    }
    let told = who(&mut b, "10.0.0.7", 500 * 90);
    assert!(told.1 <= 1 && told.2.is_none(), "{told:?}");
    b.sees(ip("10.0.0.7"), &link([2, 0, 0, 0, 0, 0xc], 64), at(100_000));
    assert_eq!(who(&mut b, "10.0.0.7", 100_001).2, Some(0xc), "long after, a third is a new owner");
}

#[test]
fn a_lease_that_ends_ends_what_is_known_unless_its_owner_goes_on() {
    for end in
        [lease("10.0.0.7", ANNA, BindingKind::Ends, 100), Binding { address: None, ..lease("10.0.0.7", ANNA, BindingKind::Ends, 100) }]
    {
        let mut b = bindings();
        b.take(&lease("10.0.0.7", ANNA, BindingKind::Begins, 0));
        b.take(&Binding { until: None, ..end });
        assert_eq!((who(&mut b, "10.0.0.7", 99).2, who(&mut b, "10.0.0.7", 101).2), (Some(0xa), None));
    }
    let mut b = bindings();
    b.take(&lease("10.0.0.7", ANNA, BindingKind::Begins, 0));
    let anna = who(&mut b, "10.0.0.7", 1);
    b.take(&lease("10.0.0.7", BEN, BindingKind::Ends, 50));
    assert_eq!(who(&mut b, "10.0.0.7", 3599).2, Some(0xa), "not his to give back");
    b.sees(ip("10.0.0.7"), &link(ANNA, 128), at(4000));
    assert_eq!(who(&mut b, "10.0.0.7", 4001), anna, "a renewal that was not seen");
}

#[test]
fn an_unknown_owner_is_not_the_one_who_comes_next() {
    let mut b = bindings();
    let before = who(&mut b, "10.0.0.7", 0);
    b.take(&lease("10.0.0.7", ANNA, BindingKind::Begins, 600));
    assert_eq!(who(&mut b, "10.0.0.7", 0), before);
    assert_eq!(who(&mut b, "10.0.0.7", 601).2, Some(0xa));
    let before = who(&mut b, "10.0.0.8", 0);
    b.take(&lease("10.0.0.8", ANNA, BindingKind::Holds, 600));
    let after = who(&mut b, "10.0.0.8", 601);
    assert_eq!((after.1, after.2), (before.1, Some(0xa)), "who renews had it before");
}

#[test]
fn accounting_tells_whose_session_an_address_has() {
    let mut b = bindings();
    b.take(&accounting("10.0.0.7", "anna", BindingKind::Begins, 0));
    let anna = who(&mut b, "10.0.0.7", 10);
    assert_eq!(anna.4, some("anna"));
    b.take(&accounting("10.0.0.7", "anna", BindingKind::Holds, 60));
    assert_eq!(who(&mut b, "10.0.0.7", 61), anna);
    b.take(&accounting("10.0.0.7", "ben", BindingKind::Begins, 100));
    assert_eq!((who(&mut b, "10.0.0.7", 99).4, who(&mut b, "10.0.0.7", 101).4), (some("anna"), some("ben")));
    b.take(&accounting("10.0.0.7", "anna", BindingKind::Ends, 110));
    assert_eq!(who(&mut b, "10.0.0.7", 111).4, some("ben"), "another's session ended, late");
    b.take(&accounting("10.0.0.7", "ben", BindingKind::Ends, 120));
    assert_eq!((who(&mut b, "10.0.0.7", 119).4, who(&mut b, "10.0.0.7", 121).4), (some("ben"), None));
}

#[test]
fn a_session_without_an_address_is_found_by_its_machine() {
    let mut b = bindings();
    let session =
        |kind, user: &str, second| Binding { mac: Some(ANNA), user: Some(user.into()), ..told(BindingSource::Radius, kind, second) };
    b.take(&session(BindingKind::Names, "anna", 0));
    b.take(&lease("10.0.0.7", ANNA, BindingKind::Begins, 1));
    let anna = who(&mut b, "10.0.0.7", 10);
    assert_eq!((anna.2, anna.4), (Some(0xa), some("anna")));
    b.take(&session(BindingKind::Names, "carl", 100));
    let carl = who(&mut b, "10.0.0.7", 101);
    assert_eq!((carl.2, carl.4.clone(), carl.1 != anna.1), (Some(0xa), some("carl"), true), "{carl:?}");
    b.take(&session(BindingKind::Ends, "carl", 200));
    let nobody = who(&mut b, "10.0.0.7", 201);
    assert_eq!((nobody.2, nobody.4), (Some(0xa), None));
    assert_eq!(who(&mut b, "10.0.0.7", 150).4, some("carl"));
}

#[test]
fn the_end_of_a_session_tells_who_it_was_where_its_beginning_was_not_seen() {
    let mut b = bindings();
    who(&mut b, "10.0.0.7", 50);
    let ended = Binding { from: at(0), ..accounting("10.0.0.7", "anna", BindingKind::Ends, 100) };
    b.take(&ended);
    let told: Vec<_> = b.changed(at(100)).into_iter().map(|w| (w.tenure, w.identity.user)).collect();
    assert!(told.contains(&(0, Some("anna".into()))), "{told:?}");
    assert_eq!((who(&mut b, "10.0.0.7", 60).4, who(&mut b, "10.0.0.7", 101).4), (some("anna"), None));
}

#[test]
fn temporary_addresses_of_one_machine_are_one_client() {
    let mut b = bindings();
    let addresses = ["2001:db8:1:2:a1b2:c3d4:e5f6:1", "2001:db8:1:2:9999:8888:7777:2", "2001:db8:1:2:1234:5678:9abc:3"];
    b.take(&neighbour(addresses[0], ANNA, BindingKind::Probes, 0));
    b.take(&neighbour(addresses[1], ANNA, BindingKind::Holds, 1));
    b.sees(ip(addresses[2]), &link(ANNA, 64), at(2));
    for (n, address) in addresses.iter().enumerate() {
        let (client, tenure, mac, ..) = who(&mut b, address, 10 + n as u64);
        assert_eq!((client.as_str(), tenure, mac), (addresses[0], 0, Some(0xa)), "{address}");
    }
    b.take(&asks(ANNA, "anna", 20));
    assert_eq!(who(&mut b, addresses[2], 21).3, some("anna"), "DHCPv4 tells the machine's name");
    b.take(&neighbour(addresses[0], BEN, BindingKind::Holds, 30));
    let ben = who(&mut b, addresses[0], 31);
    assert_eq!((ben.0.as_str(), ben.2), (addresses[0], Some(0xb)));
    let anna = who(&mut b, addresses[2], 32);
    assert_eq!((anna.0.as_str(), anna.2), (addresses[2], Some(0xa)), "the address that stood for her is his now");
}

#[test]
fn behind_a_router_temporary_addresses_count_by_their_prefix() {
    let mut b = bindings();
    for (address, client, is_estimate) in [
        ("2001:db8:1:2:a1b2:c3d4:e5f6:1", "2001:db8:1:2::/64", true),
        ("2001:db8:1:2:9999:8888:7777:2", "2001:db8:1:2::/64", true),
        ("2001:db8:1:2::53", "2001:db8:1:2::53", false),
        ("2001:db8:1:2:211:22ff:fe33:4455", "2001:db8:1:2:211:22ff:fe33:4455", false),
        ("10.0.0.7", "10.0.0.7", false),
    ] {
        b.sees(ip(address), &link(ROUTER, 63), at(0));
        let Who { client: found, identity, .. } = b.who(ip(address), at(1));
        assert_eq!((found.to_string().as_str(), identity.is_estimate), (client, is_estimate), "{address}");
    }
    let machine = b.who(ip("2001:db8:1:2:211:22ff:fe33:4455"), at(2)).identity;
    assert_eq!(machine.mac, Some([0, 0x11, 0x22, 0x33, 0x44, 0x55]), "the address itself tells it");
}

#[test]
fn a_prefix_that_is_one_user_s_is_no_estimate() {
    let mut b = bindings();
    b.take(&accounting("2001:db8:1:2::/64", "anna", BindingKind::Begins, 0));
    let Who { client, identity, .. } = b.who(ip("2001:db8:1:2:a1b2:c3d4:e5f6:1"), at(1));
    assert_eq!((client.to_string().as_str(), identity.user.as_deref(), identity.is_estimate), ("2001:db8:1:2::/64", Some("anna"), false));
    b.take(&accounting("2001:db8:1:2::/64", "ben", BindingKind::Begins, 100));
    let Who { tenure, identity, .. } = b.who(ip("2001:db8:1:2:a1b2:c3d4:e5f6:1"), at(101));
    assert_eq!((tenure, identity.user.as_deref()), (2, Some("ben")));
}

#[test]
fn dhcpv6_knows_a_machine_by_its_duid() {
    let mut b = bindings();
    let duid = |digest, mac| Some(Duid { digest, mac });
    let ask = told(BindingSource::Dhcpv6, BindingKind::Names, 0);
    b.take(&Binding { duid: duid(1, Some([2, 9, 9, 9, 9, 9])), mac: Some(ANNA), host: Some("anna".into()), ..ask });
    let reply = |digest, kind, second| Binding {
        duid: duid(digest, None),
        until: Some(at(second + 3600)),
        ..told(BindingSource::Dhcpv6, kind, second).at(ip("2001:db8::a1b2:c3d4:e5f6:1"))
    };
    b.take(&reply(1, BindingKind::Holds, 1));
    let anna = who(&mut b, "2001:db8::a1b2:c3d4:e5f6:1", 2);
    assert_eq!((anna.2, anna.3), (Some(0xa), some("anna")), "the MAC address of its frame, not that of its DUID");
    b.take(&reply(2, BindingKind::Holds, 100));
    let other = who(&mut b, "2001:db8::a1b2:c3d4:e5f6:1", 101);
    assert_eq!((other.2, other.3, other.1), (None, None, 1));
    b.take(&reply(2, BindingKind::Ends, 200));
    assert_eq!(who(&mut b, "2001:db8::a1b2:c3d4:e5f6:1", 201).0, "2001:db8::/64", "nobody's any more");
}

#[test]
fn a_nat_and_a_proxy_say_so() {
    let mut b = bindings();
    b.take(&neighbour("10.0.0.7", ANNA, BindingKind::Holds, 0));
    for second in 1..4 {
        assert!(!b.who(ip("10.0.0.7"), at(second)).identity.is_shared);
        b.passes(ip("10.0.0.7"), &link(ANNA, 63), at(second));
    }
    assert!(b.who(ip("10.0.0.7"), at(5)).identity.is_shared);
    assert!(b.changed(at(5)).iter().any(|w| w.identity.is_shared));
    for second in 1..50 {
        b.passes(ip("10.0.0.8"), &link(ROUTER, 63), at(second));
    }
    assert!(!b.who(ip("10.0.0.8"), at(60)).identity.is_shared, "that it stands behind a router says nothing");
    b.proxies(ip("10.0.0.9"), at(0));
    assert!(b.who(ip("10.0.0.9"), at(1)).identity.is_shared);
    b.take(&lease("10.0.0.9", ANNA, BindingKind::Begins, 100));
    b.take(&lease("10.0.0.9", BEN, BindingKind::Begins, 200));
    assert!(!b.who(ip("10.0.0.9"), at(201)).identity.is_shared, "the proxy is gone");
}

#[test]
fn a_restart_goes_on_with_who_it_was() {
    use crate::engine::sighting::Identity;
    let mut b = bindings();
    b.restore("10.0.0.7".parse().unwrap(), &Identity { mac: Some(ANNA), user: Some("anna".into()), ..Identity::default() });
    b.sees(ip("10.0.0.7"), &link(ANNA, 64), at(0));
    assert_eq!(who(&mut b, "10.0.0.7", 1), ("10.0.0.7".into(), 0, Some(0xa), None, some("anna")));
    b.sees(ip("10.0.0.7"), &link(BEN, 64), at(10));
    let ben = who(&mut b, "10.0.0.7", 11);
    assert_eq!((ben.1, ben.2, ben.4), (1, Some(0xb), None));
    b.restore("2001:db8:1:2::/64".parse().unwrap(), &Identity { is_estimate: true, ..Identity::default() });
    assert_eq!(who(&mut b, "2001:db8:1:2:a1b2:c3d4:e5f6:1", 20).0, "2001:db8:1:2::/64");
}

#[test]
fn any_order_of_tellings_keeps_its_bounds() {
    let mut b = Bindings::new(50, 7);
    let mut state = 12345u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    let kinds = [BindingKind::Holds, BindingKind::Begins, BindingKind::Ends, BindingKind::Probes, BindingKind::Names, BindingKind::Routes];
    let sources = [BindingSource::Arp, BindingSource::Ndp, BindingSource::Dhcp, BindingSource::Dhcpv6, BindingSource::Radius];
    for _ in 0..50_000 {
        let second = next(100_000);
        let mac = [2, 0, 0, 0, 0, next(20) as u8];
        let address = if next(2) == 0 {
            IpAddr::from([10, 0, 0, next(60) as u8])
        } else {
            IpAddr::from([0x2001, 0xdb8, 0, 0, 9, 9, 9, next(60) as u16])
        };
        let binding = Binding {
            address: (next(5) > 0).then(|| address.into()),
            mac: (next(5) > 0).then_some(mac),
            duid: (next(3) == 0).then(|| Duid { digest: next(9), mac: Some(mac) }),
            host: (next(3) == 0).then(|| format!("h{}", next(9)).into()),
            user: (next(3) == 0).then(|| format!("u{}", next(9)).into()),
            session: (next(2) == 0).then(|| next(5)),
            until: (next(2) == 0).then(|| at(second + next(1000))),
            from: at(second.saturating_sub(next(1000))),
            ..told(sources[next(5) as usize], kinds[next(6) as usize], second)
        };
        b.take(&binding);
        b.sees(address, &link(mac, if next(2) == 0 { 64 } else { 63 }), at(second));
        let asked = b.who(address, at(next(100_000)));
        assert!(asked.client.net().contains(&asked.client.address()));
        b.changed(at(second));
    }
    let (addresses, machines) = b.evicted();
    assert!(addresses > 0 && machines == 0, "{addresses} {machines}");
}
