//! Names in IP fragments: in any order, repeated; what overlaps is hostile and gives nothing.

mod wire;

use shadowtap::engine::event::Anomaly;
use wire::dice::Dice;
use wire::hello::{dns_query, modern};
use wire::packet::{Talk, address, join, udp};
use wire::tunnel::fragments;
use wire::watch::Watch;

const NAME: &str = "claude.ai";
const ENDS: [(&str, &str); 2] = [("10.0.0.5:51514", "198.51.100.7:443"), ("[2001:db8::5]:51514", "[2001:db8:7::7]:443")];

/// A hello in one datagram, and its length.
fn hello(ends: (&str, &str)) -> (Vec<u8>, u64) {
    let bytes = modern(NAME).padded(1400).wire();
    (Talk::new(ends.0, ends.1).say(&bytes), bytes.len() as u64)
}

#[test]
fn fragments_in_any_order_and_repeated_name_once_and_count_once() {
    let mut dice = Dice::new(815);
    for ends in ENDS {
        let (datagram, length) = hello(ends);
        for size in [8, 16, 48, 104, 400, 1400, 1424] {
            let whole = fragments(&datagram, 77, size);
            if whole.len() > 128 {
                continue; // more pieces than a datagram may have: the next test
            }
            let reversed: Vec<_> = whole.iter().rev().cloned().collect();
            let mut shuffled = whole.clone();
            dice.shuffle(&mut shuffled);
            let doubled: Vec<_> = whole.iter().flat_map(|f| [f.clone(), f.clone()]).collect();
            for (how, pieces) in [("in order", &whole), ("reversed", &reversed), ("shuffled", &shuffled), ("doubled", &doubled)] {
                let mut watch = Watch::new();
                watch.ips(pieces);
                assert_eq!(watch.names(), [("tls_sni", NAME)], "{size} {how}");
                assert_eq!(watch.odd(), [], "{size} {how}");
                assert_eq!(watch.volumes(), [(length, 0)], "{size} {how}");
            }
            for missing in 0..whole.len() {
                let mut watch = Watch::new();
                watch.ips(whole.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, f)| f));
                assert_eq!(watch.names(), [], "{size}, without piece {missing}");
            }
        }
    }
}

#[test]
fn more_pieces_than_a_datagram_may_have_are_an_anomaly() {
    let (datagram, _) = hello(ENDS[0]);
    let mut watch = Watch::new();
    watch.ips(&fragments(&datagram, 77, 8));
    assert_eq!(watch.names(), []);
    assert!(watch.anomalies(Anomaly::Fragment) > 0);
}

#[test]
fn fragments_that_overlap_are_hostile_and_name_nothing() {
    for ends in ENDS {
        let (datagram, _) = hello(ends);
        let header = if ends.0.starts_with('[') { 40 } else { 20 };
        let mut lie = datagram.clone();
        let at = lie.windows(NAME.len()).position(|w| w == NAME.as_bytes()).expect("the name");
        lie[at..at + NAME.len()].copy_from_slice(b"evil.test");
        assert_eq!(lie.len(), datagram.len());
        assert!(at - header < 320, "the name is in the first pieces");
        let (truth, lies) = (fragments(&datagram, 77, 320), fragments(&lie, 77, 320));
        let shifted = fragments(&lie, 77, 160);
        for (how, order) in [
            ("the same place, other bytes", vec![&truth[0], &lies[0], &truth[1], &truth[2], &truth[3], &truth[4]]),
            ("half of the place", vec![&truth[0], &shifted[1], &truth[1], &truth[2], &truth[3]]),
            ("the lie first", vec![&shifted[1], &truth[0], &truth[1], &truth[2], &truth[3]]),
            ("across two", vec![&truth[1], &truth[0], &shifted[3], &truth[2], &truth[3]]),
        ] {
            let mut watch = Watch::new();
            watch.ips(order);
            assert_eq!(watch.names(), [], "{how}");
            assert!(watch.anomalies(Anomaly::Fragment) > 0, "{how}: {:?}", watch.odd());
        }
    }
}

#[test]
fn fragments_of_two_datagrams_do_not_mix() {
    let (client, server) = (address("10.0.0.5:5000"), address("10.0.0.1:53"));
    let datagram = |name: &str| udp(client, server, &join(&[&dns_query(1, name, 1), &[0; 40]]));
    let (a, b) = (fragments(&datagram("chatgpt.com"), 1, 24), fragments(&datagram("example.org"), 2, 24));
    let mut watch = Watch::new();
    watch.ips(a.iter().zip(&b).flat_map(|(a, b)| [a, b]));
    assert_eq!(watch.names(), [("dns_query", "chatgpt.com"), ("dns_query", "example.org")]);
    assert_eq!(watch.odd(), []);
}
