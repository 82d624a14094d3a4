//! Equal addresses in different VLANs or VNIs are different flows; two VLAN ids on the two directions of one flow are not.

mod wire;

use std::collections::BTreeMap;

use wire::dice::Dice;
use wire::hello::{dns_query, modern};
use wire::packet::{Talk, address, framed, udp};
use wire::quic::{self, Client};
use wire::tunnel as t;
use wire::watch::{ETHERNET, Watch};

const CLIENT: &str = "10.0.0.5:51514";
const SERVER: &str = "198.51.100.7:443";
const NAMES: [&str; 3] = ["chatgpt.com", "claude.ai", "gemini.google.com"];

/// Where a flow is: number of the network, and how its frames look there by direction.
type Place = fn(usize, &[u8], bool) -> Vec<u8>;

const PLACES: [(&str, Place); 4] = [
    ("VLANs", |n, d, _| t::vlans(&[(0x8100, n as u16 + 10)], d)),
    ("inner VLANs", |n, d, _| t::vlans(&[(0x88a8, 5), (0x8100, n as u16 + 10)], d)),
    ("VXLAN VNIs", |n, d, up| framed(&t::vxlan(n as u32 + 10, d, up))),
    ("GENEVE VNIs", |n, d, up| framed(&t::geneve(n as u32 + 10, &[], d, up))),
];

/// Datagrams and whether the client sent them, and the bytes up and down that are in them.
type Exchange = (Vec<(Vec<u8>, bool)>, (u64, u64));
type MakeExchange = fn(usize, &mut Dice) -> Exchange;

/// Frames of one network's exchange over TCP: sequence numbers are the network's own.
fn over_tcp(n: usize, dice: &mut Dice) -> Exchange {
    let mut talk = Talk::new(CLIENT, SERVER);
    (talk.up, talk.down) = (dice.next() as u32, dice.next() as u32);
    let hello = modern(NAMES[n]).wire();
    let mut out: Vec<_> = talk.open().into_iter().zip([true, false]).collect();
    out.extend(hello.chunks(50).map(|p| (talk.say(p), true)).collect::<Vec<_>>());
    for i in 0..5 {
        out.push((talk.answer(&vec![23; 100 * (n + 1) + i]), false));
        out.push((talk.say(&vec![23; 10 * (n + 1) + i]), true));
    }
    let volumes = (hello.len() + 50 * (n + 1) + 10, 500 * (n + 1) + 10);
    (out, (volumes.0 as u64, volumes.1 as u64))
}

/// The same over QUIC: an Initial, then short headers.
fn over_quic(n: usize, dice: &mut Dice) -> Exchange {
    let (client, server) = (address(CLIENT), address(SERVER));
    let id = dice.next().to_be_bytes();
    let initial = Client::new(quic::V1, &id, &[n as u8; 8]).initial(&quic::padded(&quic::crypto(0, &modern(NAMES[n]).message()), 1100));
    let mut volumes = (initial.len() as u64, 0);
    let mut out = vec![(udp(client, server, &initial), true)];
    for i in 0..5 {
        let (up, down) = (quic::short(&id, 40 * (n + 1) + i), quic::short(&[n as u8; 8], 200 * (n + 1) + i));
        volumes = (volumes.0 + up.len() as u64, volumes.1 + down.len() as u64);
        out.extend([(udp(client, server, &up), true), (udp(server, client, &down), false)]);
    }
    (out, volumes)
}

/// Interleaves the networks' frames at random, each in its own order.
fn interleaved(mut networks: Vec<Vec<Vec<u8>>>, dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    networks.iter_mut().for_each(|n| n.reverse());
    while networks.iter().any(|n| !n.is_empty()) {
        let n = dice.below(networks.len());
        out.extend(networks[n].pop());
    }
    out
}

#[test]
fn equal_addresses_in_different_networks_stay_apart() {
    let mut dice = Dice::new(4242);
    let protocols: [(&str, MakeExchange); 2] = [("TCP", over_tcp), ("QUIC", over_quic)];
    for (place, wrap) in PLACES {
        for (protocol, exchange) in protocols {
            for round in 0..20 {
                let how = format!("{protocol} in different {place}, round {round}");
                let mut expected = BTreeMap::new();
                let mut networks = Vec::new();
                for (n, name) in NAMES.into_iter().enumerate() {
                    let (datagrams, volumes) = exchange(n, &mut dice);
                    expected.insert(name.to_owned(), volumes);
                    networks.push(datagrams.iter().map(|(d, up)| wrap(n, d, *up)).collect());
                }
                let mut watch = Watch::new();
                for frame in interleaved(networks, &mut dice) {
                    watch.frame(ETHERNET, &frame);
                }
                let flows = watch.flows();
                assert_eq!(flows.len(), NAMES.len(), "{how}");
                let told = watch.observations().into_iter().map(|o| {
                    let flow = flows.iter().find(|f| Some(f.id) == o.flow).expect("its flow");
                    (o.name.as_str().to_owned(), (flow.bytes_up, flow.bytes_down))
                });
                assert_eq!(told.collect::<BTreeMap<_, _>>(), expected, "{how}");
            }
        }
    }
}

#[test]
fn questions_in_different_networks_are_told_apart_and_a_routed_one_counts_once() {
    let query = |id| udp(address("10.0.0.5:5000"), address("10.0.0.1:53"), &dns_query(id, "chatgpt.com", 1));
    let told = |frames: [Vec<u8>; 2]| {
        let mut watch = Watch::new();
        frames.iter().for_each(|f| watch.frame(ETHERNET, f));
        watch.observations().len()
    };
    assert_eq!(told([t::vlans(&[(0x8100, 10)], &query(1)), t::vlans(&[(0x8100, 11)], &query(2))]), 2);
    assert_eq!(told([framed(&t::vxlan(10, &query(1), true)), framed(&t::vxlan(11, &query(1), true))]), 2);
    // To the bit the same in two VLANs at once: a router's two sides.
    assert_eq!(told([t::vlans(&[(0x8100, 10)], &query(1)), t::vlans(&[(0x8100, 11)], &query(1))]), 1);
}

#[test]
fn the_two_directions_of_a_flow_may_have_different_vlan_ids() {
    let mut dice = Dice::new(99);
    for exchange in [over_tcp, over_quic] {
        let (datagrams, volumes) = exchange(0, &mut dice);
        let mut watch = Watch::new();
        for (datagram, is_up) in &datagrams {
            watch.frame(ETHERNET, &t::vlans(&[(0x8100, if *is_up { 10 } else { 20 })], datagram));
        }
        assert_eq!(watch.only().name.as_str(), NAMES[0]);
        assert_eq!(watch.volumes(), [volumes]);
    }
}

#[test]
fn a_routed_packet_shown_in_both_its_vlans_counts_once() {
    let mut dice = Dice::new(7);
    for exchange in [over_tcp, over_quic] {
        let (datagrams, volumes) = exchange(1, &mut dice);
        let mut watch = Watch::new();
        for (datagram, _) in &datagrams {
            watch.frame(ETHERNET, &t::vlans(&[(0x8100, 10)], datagram));
            watch.frame(ETHERNET, &t::vlans(&[(0x8100, 20)], datagram));
        }
        assert_eq!(watch.only().name.as_str(), NAMES[1]);
        assert_eq!(watch.volumes(), [volumes]);
    }
}
