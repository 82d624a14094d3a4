//! From frames to bindings: who has an address, as leases, neighbours and accounting tell, and how little of a repeated telling is said.

mod wire;

use std::net::SocketAddr;

use shadowtap::engine::event::{Anomaly, Binding, BindingKind, BindingSource, Event};
use wire::dice::Dice;
use wire::packet::{address, ethernet, framed, ip, join, udp};
use wire::watch::{ETHERNET, Watch};

/// Who sends the frames of these tests.
const SENDER: [u8; 6] = [2, 0, 0, 0, 0, 1];
const ANNA: [u8; 6] = [2, 0, 0, 0, 0, 5];

fn bindings(watch: &Watch) -> Vec<&Binding> {
    watch.events.iter().filter_map(|e| if let Event::Binding(b) = e { Some(&**b) } else { None }).collect()
}

/// Kind, address and last byte of the MAC address of each.
fn told(watch: &Watch) -> Vec<(BindingSource, BindingKind, String, Option<u8>)> {
    let text = |b: &&Binding| (b.source, b.kind, b.address.map_or_else(String::new, |a| a.addr().to_string()), b.mac.map(|m| m[5]));
    bindings(watch).iter().map(text).collect()
}

fn arp(operation: u8, mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    join(&[&[0, 1, 8, 0, 6, 4, 0, operation], &mac, &sender, &[0; 6], &target, &[0; 18]])
}

/// An ICMPv6 message with that hop limit.
fn icmp6(src: &str, hops: u8, kind: u8, target: &str, options: &[u8]) -> Vec<u8> {
    let target = target.parse::<std::net::Ipv6Addr>().expect("an address").octets();
    let mut datagram = ip(
        src.parse().expect("an address"),
        "ff02::1".parse().expect("an address"),
        58,
        &join(&[&[kind, 0, 0, 0, 0, 0, 0, 0], &target, options]),
    );
    datagram[7] = hops;
    datagram
}

fn link_layer(kind: u8, mac: [u8; 6]) -> Vec<u8> {
    join(&[&[kind, 1], &mac])
}

fn dhcp(op: u8, own: [u8; 4], given: [u8; 4], options: &[u8]) -> Vec<u8> {
    let mut message = join(&[&[op, 1, 6, 1, 1, 2, 3, 4, 0, 0, 0, 0], &own, &given, &[10, 0, 0, 1, 10, 1, 0, 1], &ANNA]);
    message.resize(236, 0);
    join(&[&message, b"\x63\x82\x53\x63", options, b"\xff"])
}

fn radius(attributes: &[&[u8]]) -> Vec<u8> {
    let attributes = attributes.concat();
    join(&[&[4, 1], &(20 + attributes.len() as u16).to_be_bytes(), &[9; 16], &attributes])
}

#[test]
fn neighbours_tell_their_addresses_once_a_minute() {
    let mut watch = Watch::new();
    for _ in 0..50 {
        watch.frame(ETHERNET, &ethernet([8, 6], &arp(1, SENDER, [10, 0, 0, 5], [10, 0, 0, 1])));
        watch.frame(ETHERNET, &ethernet([8, 6], &arp(1, SENDER, [0; 4], [10, 0, 0, 6])));
        watch.frame(ETHERNET, &ethernet([8, 6], &arp(2, ANNA, [10, 0, 0, 7], [10, 0, 0, 1])));
    }
    use BindingKind::{Holds, Probes};
    let once = [(BindingSource::Arp, Holds, "10.0.0.5".into(), Some(1)), (BindingSource::Arp, Probes, "10.0.0.6".into(), Some(1))];
    assert_eq!(told(&watch), once, "and who speaks for another tells nothing");
    watch.wait(61);
    watch.frame(ETHERNET, &ethernet([8, 6], &arp(1, SENDER, [10, 0, 0, 5], [10, 0, 0, 1])));
    assert_eq!(bindings(&watch).len(), 3);
    assert_eq!(watch.odd(), []);
}

#[test]
fn neighbour_discovery_tells_of_addresses_their_probes_and_routers() {
    let mut watch = Watch::new();
    watch.ip(&icmp6("2001:db8::5", 255, 135, "2001:db8::1", &link_layer(1, SENDER)));
    watch.ip(&icmp6("::", 255, 135, "2001:db8::6", &[]));
    watch.ip(&icmp6("fe80::7", 255, 136, "2001:db8::7", &link_layer(2, ANNA)));
    watch.ip(&icmp6("fe80::1", 255, 134, "::101:200:0:1", &[]));
    watch.ip(&icmp6("2001:db8::9", 254, 135, "2001:db8::1", &link_layer(1, ANNA)));
    use BindingKind::{Holds, Probes};
    let ndp = |kind, address: &str, mac| (BindingSource::Ndp, kind, address.to_owned(), Some(mac));
    let expected = [ndp(Holds, "2001:db8::5", 1), ndp(Probes, "2001:db8::6", 1), ndp(Holds, "2001:db8::7", 5)];
    assert_eq!(told(&watch), expected, "what passed a router counts not, and a router without lifetime is none");
    // The last half of what is a target elsewhere is an option here.
    let mut router = icmp6("fe80::1", 255, 134, "::101:200:0:1", &[]);
    router[40 + 7] = 30;
    watch.ip(&router);
    assert_eq!(told(&watch).last(), Some(&(BindingSource::Ndp, BindingKind::Routes, String::new(), Some(1))));
    let mut broken = icmp6("2001:db8::5", 255, 135, "2001:db8::1", &[1, 0, 0, 0, 0, 0, 0, 0]);
    watch.ip(&broken);
    broken.truncate(60);
    broken[5] = 20;
    watch.ip(&broken);
    assert_eq!(watch.anomalies(Anomaly::Neighbour), 2);
}

#[test]
fn a_mirror_tunnel_tells_of_neighbours_too() {
    let mut watch = Watch::new();
    let inner = join(&[&[8, 0, 0, 0, 0, 0, 42, 0], &ethernet([8, 6], &arp(1, SENDER, [10, 0, 0, 5], [10, 0, 0, 1]))]);
    watch.ip(&udp(address("192.0.2.1:50000"), address("192.0.2.2:4789"), &inner));
    assert_eq!(told(&watch), [(BindingSource::Arp, BindingKind::Holds, "10.0.0.5".into(), Some(1))]);
}

#[test]
fn leases_are_told_with_their_ends_through_a_relay() {
    let mut watch = Watch::new();
    let (client, server) = (address("0.0.0.0:68"), address("255.255.255.255:67"));
    let (relay, central) = (address("10.0.0.254:67"), address("10.1.0.1:67"));
    watch.ip(&udp(client, server, &dhcp(1, [0; 4], [0; 4], b"\x35\x01\x03\x0c\x04Anna")));
    watch.ip(&udp(central, relay, &dhcp(2, [0; 4], [10, 0, 0, 7], b"\x35\x01\x05\x33\x04\x00\x00\x0e\x10")));
    watch.ip(&udp(relay, central, &dhcp(1, [10, 0, 0, 7], [0; 4], b"\x35\x01\x07")));
    watch.ip(&udp(central, relay, &dhcp(2, [0; 4], [10, 0, 0, 9], b"\x35\x01\x02")));
    let found = bindings(&watch);
    let kinds: Vec<_> = found.iter().map(|b| (b.kind, b.address.map(|a| a.addr().to_string()), b.mac)).collect();
    let at = Some("10.0.0.7".to_owned());
    let expected = [(BindingKind::Names, None), (BindingKind::Begins, at.clone()), (BindingKind::Ends, at)];
    assert_eq!(kinds, expected.map(|(kind, address)| (kind, address, Some(ANNA))), "an offer lends nothing");
    assert_eq!(found[0].host.as_deref(), Some("anna"));
    assert_eq!(found[1].until, Some(found[1].time.plus_seconds(3600)));
    assert_eq!(watch.only().name.as_str(), "anna", "the client's own name is an observation too");
}

#[test]
fn accounting_is_known_by_content_and_not_by_port() {
    let report = radius(&[b"\x01\x06anna", b"\x28\x06\x00\x00\x00\x01", b"\x08\x06\x0a\x00\x00\x07", b"\x1f\x1302-00-00-00-00-05"]);
    for port in [1813, 1646] {
        let mut watch = Watch::new();
        watch.ip(&udp(address("10.2.0.1:40000"), SocketAddr::new("10.2.0.2".parse().expect("ip"), port), &report));
        let found = bindings(&watch);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].user.as_deref(), found[0].mac), (BindingKind::Begins, Some("anna"), Some(ANNA)));
        assert_eq!(watch.engine.open_flows(), 0, "it opens no flow");
    }
    let mut watch = Watch::new();
    watch.ip(&udp(address("10.2.0.1:40000"), address("10.2.0.2:1812"), &report));
    watch.ip(&udp(address("10.2.0.1:40000"), address("10.2.0.2:1813"), b"\x04\x01\x40\x00 another protocol of that port"));
    assert_eq!((bindings(&watch).len(), watch.engine.open_flows()), (0, 2));
    assert_eq!(watch.odd(), []);
    watch.ip(&udp(address("10.2.0.1:40000"), address("10.2.0.2:1813"), &radius(&[b"\x01\x01"])));
    assert_eq!(watch.anomalies(Anomaly::Radius), 1);
}

#[test]
fn no_prefix_and_no_changed_byte_tells_of_another_address() {
    let (relay, central) = (address("10.0.0.254:67"), address("10.1.0.1:67"));
    let lease = dhcp(2, [0; 4], [10, 0, 0, 7], b"\x35\x01\x05\x33\x04\x00\x00\x0e\x10\x0c\x04anna");
    let report = radius(&[b"\x01\x06anna", b"\x28\x06\x00\x00\x00\x01", b"\x08\x06\x0a\x00\x00\x07"]);
    for (src, dst, message) in [(central, relay, &lease), (address("10.2.0.1:40000"), address("10.2.0.2:1813"), &report)] {
        for length in 0..message.len() {
            let mut watch = Watch::new();
            watch.ip(&udp(src, dst, &message[..length]));
            assert_eq!(told(&watch), [], "{length} bytes");
            let whole = framed(&udp(src, dst, message));
            watch.cut_frame(ETHERNET, &whole, whole.len() - message.len() + length);
            assert_eq!(told(&watch), [], "cut after {length} bytes");
        }
    }
    let mut dice = Dice::new(20_261_124);
    let mut watch = Watch::new();
    for _ in 0..20_000 {
        let mut frame = match dice.below(4) {
            0 => framed(&udp(central, relay, &lease)),
            1 => framed(&udp(address("10.2.0.1:40000"), address("10.2.0.2:1813"), &report)),
            2 => framed(&icmp6("2001:db8::5", 255, 135, "2001:db8::1", &link_layer(1, SENDER))),
            _ => ethernet([8, 6], &arp(1, SENDER, [10, 0, 0, 5], [10, 0, 0, 1])),
        };
        for _ in 0..=dice.below(4) {
            let at = dice.below(frame.len());
            frame[at] = dice.next() as u8;
        }
        let kept = 1 + dice.below(frame.len());
        watch.cut_frame(ETHERNET, &frame, if dice.below(2) == 0 { kept } else { frame.len() });
    }
    for binding in bindings(&watch) {
        assert!(binding.host.as_deref().is_none_or(|h| h.len() <= 253 && h.is_ascii()), "{binding:?}");
        assert!(binding.mac.is_none_or(|m| m[0] & 1 == 0), "{binding:?}");
    }
}

#[test]
fn a_flow_tells_what_its_client_s_frames_show() {
    let mut watch = Watch::new();
    let mut talk = wire::packet::Talk::new("10.0.0.5:51514", "198.51.100.7:443");
    let [syn, answer] = talk.open();
    let tagged = |datagram: &[u8], vlan: u8| ethernet([0x81, 0], &join(&[&[0, vlan], &wire::packet::ether_type(datagram), datagram]));
    watch.frame(ETHERNET, &tagged(&syn, 30));
    watch.frame(ETHERNET, &tagged(&answer, 31));
    let hello = wire::hello::modern("chatgpt.com").wire();
    watch.frame(ETHERNET, &tagged(&talk.say(&hello), 30));
    let flow = watch.flows().into_iter().next().expect("a flow");
    assert_eq!((flow.link.mac, flow.link.ttl), (Some(SENDER), 64));
    assert_eq!(flow.link.vlans.iter().collect::<Vec<_>>(), [30, 31]);
    assert_eq!(watch.only().link.mac, Some(SENDER));
    let mut tunnelled = Watch::new();
    let mut talk = wire::packet::Talk::new("10.0.0.5:51514", "198.51.100.7:443");
    let outer = ["192.0.2.1", "192.0.2.2"].map(|a| a.parse().expect("an address"));
    for datagram in talk.open().into_iter().chain([talk.say(&hello)]) {
        tunnelled.ip(&ip(outer[0], outer[1], 4, &datagram));
    }
    assert_eq!(tunnelled.flows()[0].link.mac, None, "the frame is the tunnel's");
}
