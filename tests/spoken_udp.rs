//! Names over UDP: DTLS in every shape, QUIC with early data and changing addresses, and fingerprints to the published specification.

mod wire;

use shadowtap::engine::event::{Detail, FlowState};
use wire::hello::{Hello, alpn, codes8, codes16, modern, server_name};
use wire::packet::{Talk, address, udp, vec8};
use wire::quic::{self, Client};
use wire::watch::Watch;

const NAME: &str = "chatgpt.com";
const CLIENT: &str = "10.0.0.5:50000";
const SERVER: &str = "198.51.100.7:443";

fn sent(watch: &mut Watch, from: &str, to: &str, payload: &[u8]) -> u64 {
    watch.ip(&udp(address(from), address(to), payload));
    payload.len() as u64
}

#[test]
fn dtls_hellos_with_and_without_cookie_and_in_fragments_name_once() {
    let hello = Hello { version: 0xfefd, ..modern(NAME) }.without(43);
    for size in [20, 64, 10_000] {
        let first = hello.dtls(0, &[], size);
        let second = hello.dtls(1, &[7; 20], size);
        let mut reversed = first.clone();
        reversed.reverse();
        let doubled: Vec<_> = first.iter().flat_map(|f| [f.clone(), f.clone()]).collect();
        let with_cookie: Vec<_> = first.iter().chain(&second).cloned().collect();
        let lost: Vec<_> = first[1..].iter().chain(&second).cloned().collect();
        let joined = vec![first.concat()];
        for (how, datagrams) in [
            ("whole", first),
            ("reversed", reversed),
            ("doubled", doubled),
            ("with a cookie", with_cookie),
            ("lost, then a cookie", lost),
            ("in one datagram", joined),
        ] {
            let mut watch = Watch::new();
            datagrams.iter().for_each(|d| _ = sent(&mut watch, CLIENT, "198.51.100.7:4433", d));
            assert_eq!(watch.names(), [("dtls_sni", NAME)], "{how}, fragments of {size}; odd: {:?}", watch.odd());
            let Detail::Hello(facts) = &watch.only().detail else { panic!("a hello") };
            assert!(facts.ja4.as_deref().expect("a fingerprint").starts_with("dd2d"), "{facts:?}");
        }
    }
}

#[test]
fn a_quic_client_that_sends_early_data_is_named_and_counted() {
    let mut client = Client::new(quic::V1, &[1; 8], &[2; 8]);
    let early = client.zero_rtt(&[3; 400]);
    let initial = client.initial(&quic::padded(&quic::crypto(0, &modern(NAME).message()), 700));
    for datagrams in [vec![early.clone(), initial.clone()], vec![[&initial[..], &early].concat()], vec![initial.clone(), early.clone()]] {
        let mut watch = Watch::new();
        let total: u64 = datagrams.iter().map(|d| sent(&mut watch, CLIENT, SERVER, d)).sum();
        assert_eq!(watch.names(), [("quic_sni", NAME)]);
        assert_eq!(watch.volumes(), [(total, 0)]);
    }
}

/// A named connection whose server chose an id; the client goes on from other ends.
fn migrated(ids: &[u8], from: &[&str]) -> (Watch, (u64, u64)) {
    let mut client = Client::new(quic::V1, &[1; 8], &[2; 8]);
    let mut watch = Watch::new();
    let mut volumes = (0, 0);
    volumes.0 += sent(&mut watch, CLIENT, SERVER, &client.initial(&quic::padded(&quic::crypto(0, &modern(NAME).message()), 1100)));
    volumes.1 += sent(&mut watch, SERVER, CLIENT, &client.answer(&[1; 1000], ids));
    for (i, end) in from.iter().enumerate() {
        for length in [300 + i, 500 + i] {
            volumes.0 += sent(&mut watch, end, SERVER, &quic::short(ids, length));
            volumes.1 += sent(&mut watch, SERVER, end, &quic::short(&[2; 8], length * 3));
        }
    }
    (watch, volumes)
}

#[test]
fn a_client_that_goes_on_from_another_port_or_address_is_the_same_flow() {
    // Lower and higher than the server's address: the ends of the flow's key change places.
    for ends in [&[CLIENT, "10.0.0.5:50001"][..], &["203.0.113.200:1024"], &["10.0.0.9:60000", "203.0.113.200:1024", CLIENT]] {
        for length in [4, 8, 20] {
            let ids: Vec<u8> = (100..100 + length).collect();
            let (mut watch, volumes) = migrated(&ids, ends);
            assert_eq!(watch.names(), [("quic_sni", NAME)], "{ends:?}");
            let flows: Vec<FlowState> = watch.flows();
            assert_eq!(flows.len(), 1, "{ends:?}, ids of {length}: {flows:?}");
            assert_eq!((flows[0].bytes_up, flows[0].bytes_down), volumes, "{ends:?}, ids of {length}");
            assert_eq!(Some(flows[0].id), watch.only().flow);
            assert_eq!(flows[0].ends.client, address(ends[ends.len() - 1]).ip(), "its ends are the latest");
        }
    }
}

#[test]
fn a_short_header_of_an_unknown_id_is_a_connection_joined_midway() {
    let (mut watch, volumes) = migrated(&[5; 8], &[]);
    let length = sent(&mut watch, "10.0.0.9:60000", SERVER, &quic::short(&[6; 8], 600));
    let flows = watch.flows();
    assert_eq!(flows.iter().map(|f| (f.reason.word(), f.bytes_up)).collect::<Vec<_>>(), [("named", volumes.0), ("midstream", length)]);
    // The same id at another server is another connection.
    let (mut watch, _) = migrated(&[5; 8], &[]);
    sent(&mut watch, CLIENT, "198.51.100.8:443", &quic::short(&[5; 8], 600));
    assert_eq!(watch.flows().len(), 2);
}

fn ja4(hello: &Hello) -> String {
    let mut talk = Talk::new(CLIENT, SERVER);
    let mut watch = Watch::new();
    watch.ip(&talk.say(&hello.wire()));
    let Detail::Hello(facts) = &watch.only().detail else { panic!("a hello") };
    facts.ja4.as_deref().expect("a fingerprint").to_owned()
}

/// The hello of the specification's worked example (FoxIO, technical_details/JA4.md): its fingerprint is published.
fn example() -> Hello {
    let ciphers = vec![
        0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
    ];
    let algorithms = codes16(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]);
    let mut extensions = vec![(0x2a2a, vec![]), (0, server_name(NAME)), (16, alpn(&["h2", "http/1.1"])), (13, algorithms)];
    extensions.push((43, codes8(&[0x3a3a, 0x0304, 0x0303])));
    for kind in [0x1b, 0x33, 0x4469, 0x17, 0x2d, 0x05, 0x23, 0x12, 0xff01, 0x0b, 0x0a, 0x15] {
        extensions.push((kind, vec![]));
    }
    extensions.push((0x4a4a, vec![0]));
    Hello { version: 0x0303, ciphers, extensions, has_extensions: true }
}

#[test]
fn fingerprints_are_those_the_specification_publishes() {
    assert_eq!(ja4(&example()), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    let mut client = Client::new(quic::V1, &[1; 8], &[2; 8]);
    let mut watch = Watch::new();
    sent(&mut watch, CLIENT, SERVER, &client.initial(&quic::padded(&quic::crypto(0, &example().message()), 1100)));
    let Detail::Hello(facts) = &watch.only().detail else { panic!("a hello") };
    assert_eq!(facts.ja4.as_deref(), Some("q13d1516h2_8daaf6152771_e5627efa2ab1"));
}

#[test]
fn grease_changes_no_fingerprint_wherever_it_stands() {
    let plain = ja4(&example());
    let mut greased = example();
    greased.ciphers.push(0xdada);
    greased.extensions.insert(0, (0x8a8a, vec![1, 2, 3]));
    let algorithms = codes16(&[0x6a6a, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0xeaea, 0x0501, 0x0806, 0x0601, 0x0a0a]);
    let at = greased.extensions.iter().position(|(k, _)| *k == 13).expect("there");
    greased.extensions[at].1 = algorithms;
    assert_eq!(ja4(&greased), plain);
    let mut reordered = example();
    reordered.extensions.reverse();
    reordered.ciphers.reverse();
    assert_eq!(ja4(&reordered), plain, "ciphers and extensions are sorted");
    let mut other = example();
    let at = other.extensions.iter().position(|(k, _)| *k == 13).expect("there");
    other.extensions[at].1 = codes16(&[0x0804, 0x0403]);
    assert_ne!(ja4(&other), plain, "signature algorithms are not: their order tells");
}

#[test]
fn fingerprints_of_hellos_with_little_in_them() {
    let bare = Hello { version: 0x0301, ciphers: vec![0x0a0a], extensions: vec![(0, server_name(NAME))], has_extensions: true };
    assert_eq!(ja4(&bare), "t10d000100_000000000000_000000000000");
    let no_algorithms = Hello { extensions: vec![(0, server_name(NAME)), (0x0a, vec8(&[1]))], ciphers: vec![0x002f], ..bare };
    let text = ja4(&no_algorithms);
    assert!(text.starts_with("t10d010200_") && !text.ends_with("_000000000000"), "{text}");
}
