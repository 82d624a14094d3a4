//! Every road a packet takes to a span port: the same hello, QUIC Initial and DNS query inside each of them.

mod wire;

use wire::hello::{dns_query, modern};
use wire::packet::{Talk, address, ethernet, framed, join, udp};
use wire::quic::{self, Client};
use wire::tunnel::{self as t, Framed};
use wire::watch::{ETHERNET, Watch};

const NAME: &str = "chatgpt.com";
/// Bytes of the exchange beside the hello: more of the client's, and the server's answer.
const MORE: usize = 700;
const DOWN: usize = 1100;

type Wrap = dyn Fn(&[u8], bool) -> Framed;

/// One encapsulation: how it wraps a datagram (told whether the client sent it), and what it must be reported as.
struct Road {
    name: &'static str,
    wrap: Box<Wrap>,
    vlan: &'static [u16],
    tunnel: Option<&'static str>,
    /// The inner datagrams must be of IPv6.
    needs_v6: bool,
}

fn road(name: &'static str, vlan: &'static [u16], tunnel: &'static str, wrap: impl Fn(&[u8], bool) -> Framed + 'static) -> Road {
    let tunnel = (!tunnel.is_empty()).then_some(tunnel);
    Road { name, wrap: Box::new(wrap), vlan, tunnel, needs_v6: false }
}

/// A road over Ethernet.
fn over(name: &'static str, vlan: &'static [u16], tunnel: &'static str, wrap: impl Fn(&[u8], bool) -> Vec<u8> + 'static) -> Road {
    road(name, vlan, tunnel, move |d, up| (ETHERNET, wrap(d, up)))
}

/// A road of an outer IP datagram in an Ethernet frame.
fn ip(name: &'static str, tunnel: &'static str, wrap: impl Fn(&[u8], bool) -> Vec<u8> + 'static) -> Road {
    over(name, &[], tunnel, move |d, up| framed(&wrap(d, up)))
}

/// A road for IPv6 inside.
fn v6(mut road: Road) -> Road {
    road.needs_v6 = true;
    road
}

fn kind(d: &[u8]) -> u16 {
    u16::from_be_bytes(wire::packet::ether_type(d))
}

fn tags() -> Vec<Road> {
    vec![
        over("plain", &[], "", |d, _| framed(d)),
        over("802.1Q", &[10], "", |d, _| t::vlans(&[(0x8100, 10)], d)),
        over("QinQ 802.1ad", &[100, 10], "", |d, _| t::vlans(&[(0x88a8, 100), (0x8100, 10)], d)),
        over("QinQ of old", &[100, 10], "", |d, _| t::vlans(&[(0x9100, 100), (0x8100, 10)], d)),
        over("QinQ twice 802.1Q", &[100, 10], "", |d, _| t::vlans(&[(0x8100, 100), (0x8100, 10)], d)),
        over("MPLS", &[], "mpls:16", |d, _| ethernet([0x88, 0x47], &join(&[&t::labels(&[16]), d]))),
        over("MPLS, three labels", &[], "mpls:18", |d, _| ethernet([0x88, 0x47], &join(&[&t::labels(&[16, 17, 18]), d]))),
        over("MPLS pseudo-wire", &[], "mpls:16", |d, _| ethernet([0x88, 0x47], &join(&[&t::labels(&[16]), &[0, 0, 0, 1], &framed(d)]))),
        over("MPLS in a VLAN", &[5], "mpls:99", |d, _| t::tagged(0x8100, 5, [0x88, 0x47], &join(&[&t::labels(&[99]), d]))),
        over("PPPoE", &[], "pppoe:7", |d, _| t::pppoe(7, d)),
        over("NSH", &[], "nsh", |d, _| {
            let next = if d[0] >> 4 == 4 { 1 } else { 2 };
            ethernet([0x89, 0x4f], &join(&[&[0x0f, 0xc6, 1, next], &[0, 0, 1, 255], &[0; 16], d]))
        }),
        over("NSH with a frame", &[], "nsh", |d, _| ethernet([0x89, 0x4f], &join(&[&[0x0f, 0xc2, 2, 3], &[0, 0, 1, 255], &framed(d)]))),
    ]
}

fn links() -> Vec<Road> {
    vec![
        road("PPP", &[], "", |d, _| (9, join(&[&[0xff, 3], &t::ppp(d)]))),
        road("PPP, compressed", &[], "", |d, _| (9, join(&[&[if d[0] >> 4 == 4 { 0x21 } else { 0x57 }], d]))),
        road("radiotap", &[], "", |d, _| (127, t::wifi(false, false, d))),
        road("radiotap, QoS", &[], "", |d, _| (127, t::wifi(true, false, d))),
        road("radiotap, four addresses", &[], "", |d, _| (127, t::wifi(false, true, d))),
        road("radiotap, QoS, four addresses", &[], "", |d, _| (127, t::wifi(true, true, d))),
        road("SLL", &[], "", |d, _| (113, join(&[&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0], &kind(d).to_be_bytes(), d]))),
        road("SLL, tagged", &[12], "", |d, _| {
            (113, join(&[&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x81, 0, 0, 12], &kind(d).to_be_bytes(), d]))
        }),
        road("SLL2", &[], "", |d, _| (276, join(&[&kind(d).to_be_bytes(), &[0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0], d]))),
        road("NULL, little-endian", &[], "", |d, _| (0, join(&[&[if d[0] >> 4 == 4 { 2 } else { 30 }, 0, 0, 0], d]))),
        road("NULL, big-endian", &[], "", |d, _| (0, join(&[&[0, 0, 0, if d[0] >> 4 == 4 { 2 } else { 24 }], d]))),
        road("LOOP", &[], "", |d, _| (108, join(&[&[0, 0, 0, if d[0] >> 4 == 4 { 2 } else { 28 }], d]))),
        road("RAW", &[], "", |d, _| (101, d.to_vec())),
        road("PKTAP, Ethernet", &[], "pktap", |d, _| (258, t::pktap(1, &framed(d)))),
        road("PKTAP, raw", &[], "pktap", |d, _| (258, t::pktap(12, d))),
        road("NFLOG", &[], "", |d, _| (239, t::nflog(d))),
    ]
}

fn tunnels() -> Vec<Road> {
    let seq = [0, 0, 0, 9];
    vec![
        ip("GRE", "gre", |d, up| t::gre(0, &[], kind(d), d, up)),
        ip("GRE, checksum, key, sequence", "gre", |d, up| t::gre(0xb000, &[0; 12], kind(d), d, up)),
        ip("GRE, key", "gre", |d, up| t::gre(0x2000, &[1, 2, 3, 4], kind(d), d, up)),
        ip("GRETAP", "gre", |d, up| t::gre(0, &[], 0x6558, &framed(d), up)),
        ip("PPTP", "gre", |d, up| t::gre(0x3081, &[0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2], 0x880b, &join(&[&[0xff, 3], &t::ppp(d)]), up)),
        ip("ERSPAN I", "erspan:0", |d, up| t::gre(0, &[], 0x88be, &framed(d), up)),
        ip("ERSPAN II", "erspan:33", move |d, up| t::gre(0x1000, &seq, 0x88be, &join(&[&[0x10, 1, 0, 33, 0, 0, 0, 1], &framed(d)]), up)),
        ip("ERSPAN III", "erspan:34", move |d, up| {
            t::gre(0x1000, &seq, 0x22eb, &join(&[&[0x20, 1, 0, 34, 0, 0, 0, 1, 0, 0, 0, 0], &framed(d)]), up)
        }),
        ip("ERSPAN III, sub-header", "erspan:35", move |d, up| {
            t::gre(0x1000, &seq, 0x22eb, &join(&[&[0x20, 1, 0, 35, 0, 0, 0, 1, 0, 0, 0, 1], &[7; 8], &framed(d)]), up)
        }),
        ip("VXLAN", "vxlan:42", |d, up| t::vxlan(42, d, up)),
        ip("VXLAN-GPE, IP", "vxlan:43", |d, up| t::over_udp(4790, &[0x0c, 0, 0, if d[0] >> 4 == 4 { 1 } else { 2 }, 0, 0, 43, 0], d, up)),
        ip("VXLAN-GPE, frame", "vxlan:43", |d, up| t::over_udp(4790, &[0x0c, 0, 0, 3, 0, 0, 43, 0], &framed(d), up)),
        ip("GENEVE", "geneve:44", |d, up| t::geneve(44, &[], d, up)),
        ip("GENEVE, options", "geneve:44", |d, up| t::geneve(44, &[1, 2, 3, 1, 9, 9, 9, 9, 1, 2, 4, 0], d, up)),
        ip("GTP-U", "gtp:77", |d, up| t::gtp(0, 77, &[], d, up)),
        ip("GTP-U, sequence", "gtp:77", |d, up| t::gtp(2, 77, &[0, 1, 0, 0], d, up)),
        ip("GTP-U, two extension headers", "gtp:77", |d, up| t::gtp(4, 77, &[0, 0, 0, 0x85, 1, 0, 9, 0xc0, 2, 0, 0, 0, 0, 0, 0, 0], d, up)),
        ip("IP in IPv4", "ipip", |d, up| t::ip_in(false, d, up)),
        ip("IP in IPv6", "ipip", |d, up| t::ip_in(true, d, up)),
        v6(ip("Teredo", "teredo", |d, up| t::teredo(false, false, d, up))),
        v6(ip("Teredo, origin", "teredo", |d, up| t::teredo(false, true, d, up))),
        v6(ip("Teredo, authentication and origin", "teredo", |d, up| t::teredo(true, true, d, up))),
        ip("L2TP", "l2tp", |d, up| t::over_udp(1701, &[0, 2, 0, 1, 0, 2], &join(&[&[0xff, 3], &t::ppp(d)]), up)),
        ip("L2TP, length, sequence, offset", "l2tp", |d, up| {
            t::over_udp(1701, &[0x4a, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 2, 9, 9], &t::ppp(d), up)
        }),
        ip("TZSP", "tzsp", |d, up| t::over_udp(37008, &[1, 0, 0, 1, 10, 1, 5, 0, 1], &framed(d), up)),
        ip("CAPWAP, 802.3", "capwap", |d, up| t::over_udp(5247, &[0, 0x10, 0, 0, 0, 0, 0, 0], &framed(d), up)),
        ip("CAPWAP, 802.11", "capwap", |d, up| {
            let frame = join(&[&[0x88, 1, 0, 0], &[2; 18], &[0, 0, 0, 0], &t::snap(d)]);
            t::over_udp(5247, &[0, 0x10, 1, 0, 0, 0, 0, 0], &frame, up)
        }),
        ip("MPLS in UDP", "mpls:20", |d, up| t::over_udp(6635, &t::labels(&[20]), d, up)),
        v6(ip("IPv6 extension headers", "", |d, _| {
            // Hop-by-hop, destination options, routing, an atomic fragment, authentication, mobility.
            let chain = [
                &[60, 0, 1, 4, 0, 0, 0, 0][..],
                &[43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                &[44, 0, 4, 0, 0, 0, 0, 0],
                &[51, 0, 0, 0, 0, 0, 0, 9],
                &[135, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
                &[d[6], 0, 0, 0, 0, 0, 0, 0],
            ];
            t::with_extensions(d, 0, &chain.concat())
        })),
    ]
}

fn roads() -> Vec<Road> {
    [tags(), links(), tunnels()].into_iter().flatten().collect()
}

fn ends(is_v6: bool) -> (&'static str, &'static str) {
    if is_v6 { ("[2001:db8::5]:51514", "[2001:db8:7::7]:443") } else { ("10.0.0.5:51514", "198.51.100.7:443") }
}

/// A whole exchange over TCP: datagrams and who sent them.
fn exchange(is_v6: bool) -> Vec<(Vec<u8>, bool)> {
    let (client, server) = ends(is_v6);
    let mut talk = Talk::new(client, server);
    let [syn, answer] = talk.open();
    let hello = modern(NAME).wire();
    let mut out = vec![(syn, true), (answer, false)];
    out.push((talk.say(&hello), true));
    out.push((talk.answer(&vec![23; DOWN]), false));
    out.push((talk.say(&vec![23; MORE]), true));
    out
}

fn up_bytes() -> u64 {
    (modern(NAME).wire().len() + MORE) as u64
}

fn assert_seen(watch: &mut Watch, road: &Road, how: &str, volumes: (u64, u64)) {
    let seen = watch.only();
    let how = format!("{}, {how}", road.name);
    assert_eq!(seen.name.as_str(), NAME, "{how}");
    assert_eq!((seen.encap.vlans().collect::<Vec<_>>(), seen.encap.tunnel().as_deref()), (road.vlan.to_vec(), road.tunnel), "{how}");
    assert_eq!(seen.ends.client, address(ends(seen.ends.client.is_ipv6()).0).ip(), "{how}");
    assert_eq!(watch.volumes(), [volumes], "{how}");
}

#[test]
fn a_tcp_hello_and_all_bytes_are_seen_on_every_road() {
    for road in roads() {
        for is_v6 in [road.needs_v6, true] {
            let frames: Vec<_> = exchange(is_v6).iter().map(|(d, up)| ((road.wrap)(d, *up), *up)).collect();
            let mut plain = Watch::new();
            frames.iter().for_each(|((link, bytes), _)| plain.frame(*link, bytes));
            assert_eq!(plain.odd(), [], "{}", road.name);
            assert_seen(&mut plain, &road, "both directions", (up_bytes(), DOWN as u64));

            let mut one_sided = Watch::new();
            frames.iter().filter(|(_, up)| *up).for_each(|((link, bytes), _)| one_sided.frame(*link, bytes));
            assert_seen(&mut one_sided, &road, "one-sided", (up_bytes(), 0));

            let mut doubled = Watch::new();
            frames.iter().for_each(|((link, bytes), _)| (0..2).for_each(|_| doubled.frame(*link, bytes)));
            assert_seen(&mut doubled, &road, "each frame twice", (up_bytes(), DOWN as u64));

            // The hello stands in the first 460 bytes; what is cut of the rest counts by its length on the wire.
            let mut snapped = Watch::new();
            frames.iter().for_each(|((link, bytes), _)| snapped.cut_frame(*link, bytes, 460));
            assert_seen(&mut snapped, &road, "snapped", (up_bytes(), DOWN as u64));
            assert_eq!(snapped.odd(), [("snapped", 2)], "{}", road.name);
        }
    }
}

#[test]
fn a_quic_initial_and_a_dns_query_are_seen_on_every_road() {
    for road in roads() {
        for is_v6 in [road.needs_v6, true] {
            let (client, server) = ends(is_v6);
            let (client, server) = (address(client), address(server));
            let initial = Client::new(quic::V1, &[1; 8], &[2; 8]).initial(&quic::padded(&quic::crypto(0, &modern(NAME).message()), 1100));
            let mut watch = Watch::new();
            for (datagram, is_up) in [(udp(client, server, &initial), true), (udp(server, client, &[0x45; 900]), false)] {
                let (link, bytes) = (road.wrap)(&datagram, is_up);
                (0..2).for_each(|_| watch.frame(link, &bytes));
            }
            assert_eq!(watch.names(), [("quic_sni", NAME)], "{}", road.name);
            assert_seen(&mut watch, &road, "QUIC", (initial.len() as u64, 900));

            let resolver = std::net::SocketAddr::new(server.ip(), 53);
            let mut watch = Watch::new();
            let (link, bytes) = (road.wrap)(&udp(client, resolver, &dns_query(7, NAME, 65)), true);
            (0..2).for_each(|_| watch.frame(link, &bytes));
            assert_eq!(watch.names(), [("dns_query", NAME)], "{}", road.name);
            let seen = watch.only();
            assert_eq!((seen.encap.vlans().collect::<Vec<_>>(), seen.encap.tunnel().as_deref()), (road.vlan.to_vec(), road.tunnel));
        }
    }
}

/// The same frames through a real interface, as a span port hands them over: kernel, libpcap and our own capture between.
#[test]
#[cfg(all(target_os = "linux", feature = "daemon"))]
fn every_road_over_ethernet_is_read_live() {
    if !wire::pair::own_pair() {
        return;
    }
    let settings = shadowtap::daemon::config::Capture { buffer_mib: 4, ..Default::default() };
    let mut capture = shadowtap::daemon::capture::live::LiveCapture::open("vb", &settings).expect("a capture");
    let mut sender = pcap::Capture::from_device("va").expect("va").open().expect("a sender");
    let over_ethernet = roads().into_iter().filter(|r| (r.wrap)(&exchange(true)[0].0, true).0 == ETHERNET);
    for road in over_ethernet {
        let frames: Vec<_> = exchange(true).iter().map(|(d, up)| (road.wrap)(d, *up).1).collect();
        frames.iter().for_each(|frame| sender.sendpacket(frame.as_slice()).expect("sent"));
        let mut watch = Watch::new();
        read_live(&mut capture, &mut watch, frames.len());
        assert_seen(&mut watch, &road, "live", (up_bytes(), DOWN as u64));
    }
}

/// Gives what the capture brings to the engine until the exchange was there; what the kernel says of itself (ICMPv6) is left out.
#[cfg(all(target_os = "linux", feature = "daemon"))]
fn read_live(capture: &mut shadowtap::daemon::capture::live::LiveCapture, watch: &mut Watch, expected: usize) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(8);
    let mut taken = 0;
    while taken < expected && std::time::Instant::now() < until {
        capture.read(|frame| {
            let is_own =
                frame.bytes.get(12..14) == Some(&[0x86, 0xdd]) && matches!(frame.bytes.get(20), Some(0 | 58)) && frame.bytes.len() < 120;
            if !is_own {
                watch.frame(frame.link.0, frame.bytes);
                taken += 1;
            }
        });
    }
}

/// The same where several threads share the interface: whatever stands around a flow, one of them sees both its directions.
#[test]
#[cfg(all(target_os = "linux", feature = "daemon"))]
fn both_directions_on_every_road_come_to_one_thread_of_several() {
    if !wire::pair::own_pair() {
        return;
    }
    let settings = shadowtap::daemon::config::Capture { threads: 3, buffer_mib: 2, ..Default::default() };
    let mut captures = shadowtap::daemon::capture::live::LiveCapture::open_all("vb", &settings).expect("captures");
    let mut sender = wire::pair::Sender::new();
    for road in roads().into_iter().filter(|r| (r.wrap)(&exchange(true)[0].0, true).0 == ETHERNET) {
        for is_v6 in [road.needs_v6, true] {
            let frames: Vec<_> = exchange(is_v6).iter().map(|(d, up)| (road.wrap)(d, *up).1).collect();
            let taken = sender.share(&mut captures, &frames);
            let all: Vec<usize> = taken.iter().map(Vec::len).collect();
            assert!(all.contains(&frames.len()) && all.iter().sum::<usize>() == frames.len(), "{}: {all:?}", road.name);
        }
    }
}
