//! Encrypted ClientHello: what is GREASE, what is real, and what the DNS memory says of a name that is hidden.

mod wire;

use std::collections::BTreeMap;

use shadowtap::engine::event::Detail;
use wire::hello::{Hello, dns_answer, dns_query, modern};
use wire::judged::judged;
use wire::packet::{Talk, address, join, udp, vec8, vec16};
use wire::quic::{self, Client};
use wire::watch::Watch;

const ECH: u16 = 0xfe0d;
const ESNI: u16 = 0xffce;
const CLIENT: &str = "10.0.0.5:51514";
const SERVER: &str = "198.51.100.7:443";
const ADDRESS: [u8; 4] = [198, 51, 100, 7];

/// The extension as clients send it, true or GREASE: outer, HKDF-SHA256 with AES-128-GCM, config id, key, payload.
fn with_ech(hello: Hello) -> Hello {
    let body = join(&[&[0, 0, 1, 0, 1, 77], &vec16(&[8; 32]), &vec16(&[9; 208])]);
    hello.with(ECH, &body)
}

/// Value of an HTTPS record (RFC 9460) whose ech parameter (RFC 9849) has configurations with these public names.
fn https_record(public_names: &[&str]) -> Vec<u8> {
    let config = |name: &&str| {
        let key = join(&[&[77], &[0, 0x20], &vec16(&[5; 32]), &vec16(&[0, 1, 0, 1])]);
        join(&[&[0xfe, 0x0d], &vec16(&join(&[&key, &[0], &vec8(name.as_bytes()), &[0, 0]]))])
    };
    let unknown = join(&[&[0xfe, 0x99], &vec16(&[1, 2, 3])]);
    let list = vec16(&join(&[&unknown, &public_names.iter().flat_map(config).collect::<Vec<u8>>()]));
    join(&[&[0, 1, 0], &[0, 1, 0, 3, 2, b'h', b'2'], &[0, 5], &vec16(&list)])
}

/// A client asks and is answered.
fn asks(watch: &mut Watch, client: &str, name: &str, kind: u16, ttl: u32, data: &[&[u8]]) {
    let resolver = address("10.0.0.1:53");
    watch.ip(&udp(address(client), resolver, &dns_query(9, name, kind)));
    watch.ip(&udp(resolver, address(client), &dns_answer(9, name, kind, ttl, data)));
}

/// A client's hello over TCP and some bytes both ways.
fn connects(watch: &mut Watch, hello: &Hello) {
    let mut talk = Talk::new(CLIENT, SERVER);
    watch.ips(&talk.open());
    watch.ip(&talk.say(&hello.wire()));
    watch.ip(&talk.answer(&[23; 900]));
}

#[test]
fn the_truth_table_of_ech() {
    let nameless = |hello: Hello| hello.without(0);
    // Hello, public name that an HTTPS record told before, then: ech and name that are shown, reason of the flow.
    let table = [
        ("no extension", modern("chatgpt.com"), None, Some(("none", "chatgpt.com")), "named"),
        ("GREASE: nobody's public name", with_ech(modern("chatgpt.com")), None, Some(("grease", "chatgpt.com")), "named"),
        (
            "GREASE beside others' public names",
            with_ech(modern("chatgpt.com")),
            Some("cover.example"),
            Some(("grease", "chatgpt.com")),
            "named",
        ),
        ("a learned public name", with_ech(modern("cover.example")), Some("cover.example"), Some(("real", "cover.example")), "ech_real"),
        (
            "a learned public name in capitals",
            with_ech(modern("Cover.Example")),
            Some("cOver.example"),
            Some(("real", "cover.example")),
            "ech_real",
        ),
        ("a public name not learned", with_ech(modern("cover.example")), None, Some(("grease", "cover.example")), "named"),
        ("a shipped public name", with_ech(modern("cloudflare-ech.com")), None, Some(("real", "cloudflare-ech.com")), "ech_real"),
        ("a public name without the extension", modern("cloudflare-ech.com"), None, Some(("none", "cloudflare-ech.com")), "named"),
        ("no name, no extension", nameless(modern("x.example")), None, None, "no_sni"),
        ("no name, undecided", nameless(with_ech(modern("x.example"))), None, None, "no_sni"),
        ("ESNI instead of a name", nameless(modern("x.example")).with(ESNI, &[1; 100]), None, None, "ech_real"),
        ("ESNI beside a name", modern("front.example").with(ESNI, &[1; 100]), None, Some(("real", "front.example")), "ech_real"),
    ];
    for (how, hello, learned, shown, reason) in table {
        let mut over_quic = Watch::new();
        let mut over_tcp = Watch::new();
        for watch in [&mut over_tcp, &mut over_quic] {
            if let Some(public) = learned {
                asks(watch, "10.0.0.77:5000", "hidden.example", 65, 300, &[&https_record(&[public])]);
            }
        }
        connects(&mut over_tcp, &hello);
        let initial = Client::new(quic::V1, &[1; 8], &[2; 8]).initial(&quic::padded(&quic::crypto(0, &hello.message()), 1100));
        over_quic.ip(&udp(address(CLIENT), address(SERVER), &initial));
        for watch in [&mut over_tcp, &mut over_quic] {
            let hellos: Vec<_> = watch
                .observations()
                .into_iter()
                .filter_map(|o| if let Detail::Hello(h) = &o.detail { Some((h.ech.word(), o.name.as_str().to_owned())) } else { None })
                .collect();
            assert_eq!(hellos, shown.iter().map(|(e, n)| (*e, (*n).to_owned())).collect::<Vec<_>>(), "{how}");
            assert_eq!(watch.flows().iter().map(|f| f.reason.word()).collect::<Vec<_>>(), [reason], "{how}");
        }
    }
}

#[test]
fn every_public_name_of_a_list_is_learned_and_unknown_versions_are_passed_over() {
    let mut watch = Watch::new();
    asks(&mut watch, CLIENT, "hidden.example", 65, 300, &[&https_record(&["one.example", "two.example"])]);
    for (name, reason) in [("one.example", "ech_real"), ("two.example", "ech_real"), ("three.example", "named")] {
        let mut talk = Talk::new(&format!("10.0.0.6:{}", 1000 + name.len()), SERVER);
        watch.ip(&talk.say(&with_ech(modern(name)).wire()));
        let flow = watch.observations().last().and_then(|o| o.flow);
        let told = watch.flows().into_iter().find(|f| Some(f.id) == flow).map(|f| f.reason.word());
        assert_eq!(told, Some(reason), "{name}");
    }
}

/// A hidden flow after these look-ups, some seconds later.
fn hidden(look_ups: &[(&str, &str)], seconds: u64, hello: &Hello) -> (Vec<wire::judged::Told>, BTreeMap<&'static str, u64>) {
    let mut watch = Watch::new();
    for (client, name) in look_ups {
        asks(&mut watch, client, name, 1, 60, &[&ADDRESS]);
    }
    watch.wait(seconds);
    connects(&mut watch, hello);
    watch.wait(10);
    judged(&mut watch)
}

#[test]
fn the_dns_memory_names_a_hidden_flow_where_one_name_remains() {
    let outer = with_ech(modern("cloudflare-ech.com"));
    let nameless = modern("x.example").without(0);
    for (hello, reason) in [(&outer, "ech_real"), (&nameless, "no_sni")] {
        let (told, seen) = hidden(&[("10.0.0.5:5000", "chatgpt.com")], 1, hello);
        let sources = vec!["dns_query", "dns_answer", "dns_memory"];
        assert_eq!(told, [("openai.chatgpt".to_owned(), "contacted", 1, sources)], "one candidate");
        assert_eq!(seen, BTreeMap::from([(reason, 1)]), "and the flow still counts as unseen");
    }
}

#[test]
fn the_dns_memory_names_nothing_where_it_could_be_wrong() {
    let outer = with_ech(modern("cloudflare-ech.com"));
    let both = [("10.0.0.5:5000", "chatgpt.com"), ("10.0.0.5:5001", "claude.ai")];
    let (told, _) = hidden(&both, 1, &outer);
    assert_eq!(told.len(), 2);
    let is_bare = |t: &wire::judged::Told| (t.1, t.2) == ("resolved", 0) && !t.3.contains(&"dns_memory");
    assert!(told.iter().all(is_bare), "two candidates: {told:?}");
    let (told, _) = hidden(&[("10.0.0.5:5000", "chatgpt.com"), ("10.0.0.5:5001", "www.example.org")], 1, &outer);
    assert!(told.len() == 1 && told.iter().all(is_bare), "one of two is no service: {told:?}");
    // Sixty seconds to live and sixty of grace.
    let (told, _) = hidden(&both[..1], 119, &outer);
    assert_eq!(told[0].1, "contacted", "fresh to the end: {told:?}");
    let (told, _) = hidden(&both[..1], 121, &outer);
    assert!(told.iter().all(is_bare), "stale: {told:?}");
    let (told, _) = hidden(&[("10.0.0.99:5000", "chatgpt.com")], 1, &outer);
    assert!(told.iter().all(is_bare), "another client's look-up: {told:?}");
    // GREASE is no reason to ask: the name in clear is the truth.
    let (told, seen) = hidden(&both[..1], 1, &with_ech(modern("claude.ai")));
    let services: Vec<_> = told.iter().map(|t| (t.0.as_str(), t.1)).collect();
    assert_eq!(services, [("anthropic.claude", "contacted"), ("openai.chatgpt", "resolved")]);
    assert_eq!(seen, BTreeMap::from([("named", 1)]));
}

#[test]
fn chromium_sends_grease_on_every_connection() {
    for (file, name) in [("chromium-tcp", "gemini.google.com"), ("chromium-quic", "chatgpt.com")] {
        let mut watch = Watch::new();
        for frame in wire::captured::frames(file) {
            watch.frame(frame.link, &frame.bytes);
        }
        let seen = watch.observations();
        assert!(!seen.is_empty(), "{file}");
        for o in seen {
            let Detail::Hello(hello) = &o.detail else { panic!("{file}: a hello") };
            assert_eq!((hello.ech.word(), o.name.as_str()), ("grease", name), "{file}");
        }
    }
}

/// `tests/ech-peer` wrote this capture; its server's log said: port 50001 decrypted and served chatgpt.com, 50002 and 50003 not encrypted.
#[test]
fn a_true_handshake_that_the_server_decrypted_is_real_and_found_again_by_the_look_up() {
    let mut watch = Watch::new();
    for frame in wire::captured::frames("ech") {
        watch.frame(frame.link, &frame.bytes);
    }
    let mut hellos = Vec::new();
    for o in watch.observations() {
        if let Detail::Hello(hello) = &o.detail {
            hellos.push((o.ends.client_port, hello.ech.word(), o.name.as_str()));
        }
    }
    assert_eq!(hellos, [(50001, "real", "cover.example"), (50002, "grease", "chatgpt.com"), (50003, "none", "chatgpt.com")]);
    let (told, seen) = judged(&mut watch);
    let sources = vec!["tls_sni", "dns_query", "dns_answer", "dns_memory"];
    assert_eq!(told, [("openai.chatgpt".to_owned(), "contacted", 3, sources)]);
    assert_eq!(seen, BTreeMap::from([("ech_real", 1), ("named", 2)]));
}
