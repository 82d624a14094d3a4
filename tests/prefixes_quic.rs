//! QUIC datagrams in every shape a client may send them in: always the same name, and none before the hello is whole.

mod wire;

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::event::Anomaly;
use shadowtap::engine::names::{quic as names_quic, tls};
use wire::captured::client_datagrams;
use wire::dice::Dice;
use wire::hello::{Hello, modern};
use wire::packet::{address, udp};
use wire::quic::{Client, DRAFT_29, V1, V2, crypto, padded, version_negotiation};
use wire::watch::Watch;

const NAME: &str = "chatgpt.com";
const CLIENT: &str = "10.0.0.5:50000";
const SERVER: &str = "198.51.100.7:443";

fn up(datagram: &[u8]) -> Vec<u8> {
    udp(address(CLIENT), address(SERVER), datagram)
}

fn down(datagram: &[u8]) -> Vec<u8> {
    udp(address(SERVER), address(CLIENT), datagram)
}

fn named<'a>(datagrams: impl IntoIterator<Item = &'a Vec<u8>>) -> Watch {
    let mut watch = Watch::new();
    for datagram in datagrams {
        watch.ip(&up(datagram));
    }
    watch
}

fn assert_named(watch: &Watch, name: &str, how: &str) {
    assert_eq!(watch.names(), [("quic_sni", name)], "{how}; odd: {:?}", watch.odd());
}

/// A hello that needs several Initials, its CRYPTO data cut into pieces, one Initial each.
fn initials(client: &mut Client, hello: &Hello, pieces: &[std::ops::Range<usize>]) -> Vec<Vec<u8>> {
    let message = hello.message();
    pieces.iter().map(|p| client.initial(&padded(&crypto(p.start, &message[p.clone()]), 1100))).collect()
}

/// CRYPTO data of Chromium's first Initials, by offset, and how many datagrams hold it.
fn captured_crypto() -> (Vec<u8>, usize) {
    let datagrams = client_datagrams("chromium-quic", 443);
    let (mut data, mut covered, mut keys, mut used) = (Vec::new(), Vec::new(), None, 0);
    for datagram in &datagrams {
        let is_whole = matches!(tls::message(&data), Verdict::Found(_)) && covered.iter().all(|c| *c);
        if is_whole {
            break;
        }
        used += 1;
        for packet in names_quic::packets(datagram).filter(|p| p.kind == names_quic::Kind::Initial) {
            let keys = keys.get_or_insert_with(|| names_quic::Keys::derive(packet.version, packet.dcid).expect("known version"));
            let mut scratch = Vec::new();
            if keys.open(&packet, &mut scratch).is_none() {
                continue;
            }
            // Frames stand between the packet number and the tag of 16 bytes.
            let at = packet.plain_at(&scratch).expect("a header");
            names_quic::crypto_frames(&scratch[at..scratch.len() - 16], |offset, bytes| {
                let (from, to) = (offset as usize, offset as usize + bytes.len());
                data.resize(data.len().max(to), 0);
                covered.resize(data.len(), false);
                data[from..to].copy_from_slice(bytes);
                covered[from..to].fill(true);
            })
            .expect("frames of an Initial");
        }
    }
    (data, used)
}

#[test]
fn every_prefix_of_captured_crypto_data_waits_and_every_longer_one_answers_the_same() {
    let (data, _) = captured_crypto();
    let length = 4 + usize::from(data[1]) * 65536 + usize::from(data[2]) * 256 + usize::from(data[3]);
    let Verdict::Found(whole) = tls::message(&data[..length]) else { panic!("the hello is read") };
    assert_eq!(whole.name, Some(&b"chatgpt.com"[..]));
    for cut in 0..length {
        let verdict = tls::message(&data[..cut]);
        assert!(matches!(verdict, Verdict::NeedMore(n) if n > cut && n <= length), "{cut} bytes: {verdict:?}");
    }
    let longer = [&data[..length], &[0; 300]].concat();
    for more in 1..300 {
        assert_eq!(tls::message(&longer[..length + more]), Verdict::Found(whole));
    }
}

#[test]
fn every_prefix_of_the_captured_datagrams_names_nothing_and_all_of_them_name_once() {
    let datagrams = client_datagrams("chromium-quic", 443);
    let (_, used) = captured_crypto();
    assert!(used > 1, "the hello spans datagrams");
    for count in 0..datagrams.len() {
        let watch = named(&datagrams[..count]);
        assert_eq!(watch.observations().len(), usize::from(count >= used), "{count} datagrams");
    }
    for order in [[0, 1], [1, 0]] {
        let both: Vec<_> = order.iter().map(|i| datagrams[*i].clone()).collect();
        assert_named(&named(&both), NAME, &format!("{order:?}"));
    }
    // Cut anywhere, the last one is no packet: it cannot be authenticated.
    let last = &datagrams[used - 1];
    for cut in (0..last.len()).step_by(13) {
        let mut watch = named(&datagrams[..used - 1]);
        watch.ip(&up(&last[..cut]));
        assert_eq!(watch.names(), [], "cut at {cut}");
        watch.ip(&up(last));
        assert_named(&watch, NAME, &format!("whole after a cut at {cut}"));
    }
}

#[test]
fn every_version_and_every_length_of_connection_ids_names_the_same() {
    let ids: Vec<u8> = (1..=20).collect();
    for version in [V1, V2, DRAFT_29] {
        for dcid in 0..=20 {
            for scid in [0, 1, 8, 20] {
                let mut client = Client::new(version, &ids[..dcid], &ids[20 - scid..]);
                let datagrams = initials(&mut client, &modern(NAME), &[0..40, 40..modern(NAME).message().len()]);
                let watch = named(&datagrams);
                assert_named(&watch, NAME, &format!("version {version:#x}, ids of {dcid} and {scid}"));
                assert_eq!(watch.odd(), []);
            }
        }
    }
}

#[test]
fn shuffled_repeated_and_overlapping_crypto_frames_name_the_same() {
    let mut dice = Dice::new(9000);
    let hello = modern(NAME).padded(3000);
    for round in 0..200 {
        let version = [V1, V2, DRAFT_29][round % 3];
        let mut client = Client::new(version, &dice.next().to_be_bytes(), &[1, 2, 3]);
        let mut pieces = dice.cuts(3000, 8);
        for _ in 0..dice.below(4) {
            let from = dice.below(2900);
            pieces.push(from..from + 1 + dice.below(100));
        }
        dice.shuffle(&mut pieces);
        let mut datagrams = initials(&mut client, &hello, &pieces);
        let again = datagrams[dice.below(datagrams.len())].clone();
        datagrams.insert(dice.below(datagrams.len()), again);
        assert_named(&named(&datagrams), NAME, &format!("round {round}: {pieces:?}"));
    }
}

#[test]
fn initials_coalesced_with_others_name_the_same() {
    let (hello, id) = (modern(NAME), [9; 8]);
    let length = hello.message().len();
    let mut client = Client::new(V1, &id, &[4; 5]);
    let first = client.initial(&crypto(100, &hello.message()[100..]));
    let second = client.initial(&[padded(&[1], 5), crypto(0, &hello.message()[..100])].concat());
    let early = client.zero_rtt(&[5; 200]);
    for (how, datagram) in [
        ("two Initials", [&first[..], &second].concat()),
        ("0-RTT behind", [&first[..], &second, &early].concat()),
        ("0-RTT between", [&second[..], &early, &first].concat()),
        ("zeros behind", [&second[..], &first, &[0; 300]].concat()),
    ] {
        assert_named(&named([&datagram]), NAME, &format!("{how}, {length} bytes of hello"));
    }
    assert_eq!(named([&first]).names(), [], "half a hello names nothing");
}

#[test]
fn a_retry_or_a_version_negotiation_between_names_the_same_once() {
    let hello = modern(NAME).padded(1500);
    let mut client = Client::new(V1, &[1; 8], &[2; 4]);
    let before = initials(&mut client, &hello, &[0..700, 700..1500]);
    let mut retried = client.after_retry(&[3; 12], b"a token");
    let after = initials(&mut retried, &hello, &[0..800, 800..1500]);
    let mut watch = Watch::new();
    watch.ip(&up(&before[0]));
    watch.ip(&down(&client.retry(&[3; 12], b"a token")));
    watch.ips(&after.iter().map(|d| up(d)).collect::<Vec<_>>());
    assert_named(&watch, NAME, "half a hello, a Retry, the whole");
    let mut watch = named(&before);
    watch.ip(&down(&client.retry(&[3; 12], b"a token")));
    watch.ips(&after.iter().map(|d| up(d)).collect::<Vec<_>>());
    assert_named(&watch, NAME, "the whole before and after a Retry counts once");

    for (from, to) in [(0x1a2a_3a4a, V1), (V1, V2), (V2, DRAFT_29)] {
        let mut first = Client::new(if from == 0x1a2a_3a4a { DRAFT_29 } else { from }, &[5; 8], &[6; 8]);
        let mut datagram = first.initial(&padded(&crypto(0, &hello.message()[..600]), 1100));
        datagram[1..5].copy_from_slice(&u32::to_be_bytes(from));
        let mut second = Client::new(to, &[7; 8], &[6; 8]);
        let mut watch = named([&datagram]);
        watch.ip(&down(&version_negotiation(&[6; 8], &[5; 8], &[to])));
        watch.ips(&initials(&mut second, &hello, &[0..750, 750..1500]).iter().map(|d| up(d)).collect::<Vec<_>>());
        assert_named(&watch, NAME, &format!("{from:#x}, a version negotiation, {to:#x}"));
    }
}

#[test]
fn the_servers_initials_and_acknowledgements_change_nothing() {
    let hello = modern(NAME).padded(1500);
    let mut client = Client::new(V1, &[1; 8], &[2; 4]);
    let sent = initials(&mut client, &hello, &[0..700, 700..1500]);
    let mut watch = named(&sent[..1]);
    watch.ip(&down(&client.answer(&padded(&[2, 0, 0, 0, 0], 1100), &[8; 8])));
    // From its second Initial on the client uses the id the server chose; the keys stay.
    client.dcid = vec![8; 8];
    watch.ip(&up(&client.initial(&padded(&crypto(700, &hello.message()[700..]), 1100))));
    assert_named(&watch, NAME, "the id changes, the keys do not");
    let flows = watch.flows();
    assert_eq!((flows.len(), flows[0].reason.word()), (1, "named"));
}

#[test]
fn of_two_contents_for_one_place_the_first_stands_and_the_second_is_counted() {
    let (truth, lie) = (modern("chatgpt.com").message(), modern("example.org").message());
    let mut client = Client::new(V1, &[1; 8], &[2; 4]);
    let whole = truth.len();
    for frames in [
        vec![crypto(0, &truth[..100]), crypto(0, &lie)],
        vec![crypto(55, &truth[55..]), crypto(0, &lie)],
        vec![crypto(50, &truth[50..]), crypto(50, &lie[50..]), crypto(0, &truth[..50])],
    ] {
        let datagrams: Vec<_> = frames.iter().map(|f| client.initial(&padded(f, 600))).collect();
        let watch = named(&datagrams);
        assert_named(&watch, "chatgpt.com", &format!("{} packets, {whole} bytes", datagrams.len()));
        assert_eq!(watch.anomalies(Anomaly::Overlap), 1);
    }
}
