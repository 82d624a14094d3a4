//! Encapsulations inside encapsulations, up to the bound and beyond it.

mod wire;

use shadowtap::engine::event::Anomaly;
use wire::hello::{dns_query, modern};
use wire::packet::{Talk, address, framed, join, udp};
use wire::tunnel as t;
use wire::watch::{ETHERNET, Watch};

const NAME: &str = "chatgpt.com";

/// How a datagram is put into another: its report, and the wrapping.
type Wrap = (&'static str, fn(&[u8], bool) -> Vec<u8>);

const WRAPS: [Wrap; 9] = [
    ("gre", |d, up| t::gre(0x2000, &[1, 2, 3, 4], u16::from_be_bytes(wire::packet::ether_type(d)), d, up)),
    ("gre", |d, up| t::gre(0, &[], 0x6558, &framed(d), up)),
    ("erspan:33", |d, up| t::gre(0x1000, &[0, 0, 0, 9], 0x88be, &join(&[&[0x10, 1, 0, 33, 0, 0, 0, 1], &framed(d)]), up)),
    ("vxlan:42", |d, up| t::vxlan(42, d, up)),
    ("geneve:44", |d, up| t::geneve(44, &[1, 2, 3, 1, 9, 9, 9, 9], d, up)),
    ("gtp:77", |d, up| t::gtp(0, 77, &[], d, up)),
    ("ipip", |d, up| t::ip_in(false, d, up)),
    ("ipip", |d, up| t::ip_in(true, d, up)),
    ("mpls:20", |d, up| t::over_udp(6635, &t::labels(&[20]), d, up)),
];

/// A hello of three segments and an answer, wrapped in the given order, innermost first.
fn watched(wraps: &[Wrap], finish: impl Fn(&[u8]) -> Vec<u8>) -> Watch {
    let mut talk = Talk::new("10.0.0.5:51514", "198.51.100.7:443");
    let hello = modern(NAME).wire();
    let mut datagrams: Vec<_> = talk.open().into_iter().zip([true, false]).collect();
    datagrams.extend(hello.chunks(60).map(|piece| (talk.say(piece), true)).collect::<Vec<_>>());
    datagrams.push((talk.answer(&[23; 500]), false));
    let mut watch = Watch::new();
    for (datagram, is_up) in datagrams {
        let wrapped = wraps.iter().fold(datagram, |d, (_, wrap)| wrap(&d, is_up));
        watch.frame(ETHERNET, &finish(&wrapped));
    }
    watch
}

#[test]
fn every_pair_of_tunnels_inside_a_vlan_shows_both() {
    for outer in WRAPS {
        for inner in WRAPS {
            let mut watch = watched(&[inner, outer], |d| t::vlans(&[(0x88a8, 7), (0x8100, 8)], d));
            let seen = watch.only();
            assert_eq!(seen.name.as_str(), NAME, "{} in {}", inner.0, outer.0);
            assert_eq!(seen.encap.tunnel(), Some(format!("{}/{}", outer.0, inner.0)));
            assert_eq!(seen.encap.vlans().collect::<Vec<_>>(), [7, 8]);
            assert_eq!(watch.volumes(), [(modern(NAME).wire().len() as u64, 500)]);
            assert_eq!(watch.odd(), []);
        }
    }
}

#[test]
fn eight_headers_are_followed_and_the_ninth_is_an_anomaly() {
    for wrap in WRAPS {
        let eight = watched(&[wrap; 8], framed);
        assert_eq!(eight.only().encap.layers().count(), 8, "{}", wrap.0);
        assert_eq!(eight.only().encap.tunnel(), Some([wrap.0; 8].join("/")));
        assert_eq!(eight.odd(), []);
        let mut nine = watched(&[wrap; 9], framed);
        assert_eq!(nine.names(), [], "{}", wrap.0);
        assert!(nine.anomalies(Anomaly::Nesting) >= 3, "{}: {:?}", wrap.0, nine.odd());
        assert_eq!(nine.flows(), [], "{}: what is too deep is no flow", wrap.0);
    }
    let tags: Vec<_> = (1..=9).map(|id| (0x8100, id)).collect();
    assert_eq!(watched(&[], |d| t::vlans(&tags[..8], d)).only().encap.vlans().count(), 8);
    let nine = watched(&[], |d| t::vlans(&tags, d));
    assert_eq!(nine.names(), []);
    assert!(nine.anomalies(Anomaly::Nesting) >= 3);
}

#[test]
fn a_datagram_on_a_tunnels_port_that_is_none_stands_for_itself() {
    for port in [4789, 8472, 4790, 6081, 2152, 3544, 4754, 6635, 1701, 37008, 5247, 5072] {
        let mut watch = Watch::new();
        let query = dns_query(1, NAME, 1);
        watch.ip(&udp(address("10.0.0.5:53"), address(&format!("10.0.0.1:{port}")), &query));
        assert_eq!(watch.names(), [("dns_query", NAME)], "port {port}");
    }
}

#[test]
fn tunnels_inside_fragments_are_followed() {
    let hello = modern(NAME).padded(1200).wire();
    let mut talk = Talk::new("10.0.0.5:51514", "198.51.100.7:443");
    for (report, wrap) in WRAPS {
        let mut watch = Watch::new();
        let whole = wrap(&talk.clone().say(&hello), true);
        watch.ips(&t::fragments(&whole, 9, 480));
        assert_eq!(watch.only().encap.tunnel().as_deref(), Some(report));
        let mut watch = Watch::new();
        for piece in t::fragments(&talk.clone().say(&hello), 10, 480) {
            watch.ip(&wrap(&piece, true));
        }
        assert_eq!(watch.only().encap.tunnel().as_deref(), Some(report), "fragments inside {report}");
        assert_eq!(watch.volumes(), [(hello.len() as u64, 0)]);
    }
    talk.say(&hello);
}
