//! A captured hello becomes thousands of tests: every prefix of it, every way it may be cut, shuffled, repeated and contradicted.

mod wire;

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::event::Anomaly;
use shadowtap::engine::names::{dns, tls};
use wire::captured::hello_records;
use wire::dice::Dice;
use wire::hello::{Hello, modern, record};
use wire::packet::Talk;
use wire::watch::Watch;

const NAME: &str = "chatgpt.com";

/// A connection of the tests: the client's first byte has sequence number 1001, or stands just before the numbers wrap.
fn talk(is_wrapping: bool) -> Talk {
    let mut talk = Talk::new("10.0.0.5:51514", "198.51.100.7:443");
    if is_wrapping {
        talk.up = u32::MAX - 40;
    }
    talk
}

/// What is named when client bytes arrive as these pieces, each at its offset.
fn names_of(pieces: &[(usize, Vec<u8>)], has_syn: bool, is_wrapping: bool) -> Watch {
    let (mut watch, mut talk) = (Watch::new(), talk(is_wrapping));
    let handshake = talk.open();
    if has_syn {
        watch.ips(&handshake);
    }
    for (offset, bytes) in pieces {
        watch.ip(&talk.client_at(*offset, bytes));
    }
    watch
}

fn pieces(bytes: &[u8], cuts: &[std::ops::Range<usize>]) -> Vec<(usize, Vec<u8>)> {
    cuts.iter().map(|c| (c.start, bytes[c.clone()].to_vec())).collect()
}

fn assert_named(watch: &Watch, name: &str, how: &str) {
    assert_eq!(watch.names(), [("tls_sni", name)], "{how}; odd: {:?}", watch.odd());
}

#[test]
fn every_prefix_of_a_captured_hello_waits_and_every_longer_stream_answers_the_same() {
    for (file, name) in [("curl-h2", "chatgpt.com"), ("chromium-tcp", "gemini.google.com"), ("openssl", "claude.ai")] {
        let hello = hello_records(file);
        let mut scratch = Vec::new();
        let Verdict::Found(whole) = tls::client_hello(&hello, &mut scratch) else { panic!("{file} is read") };
        assert_eq!(whole.name, Some(name.as_bytes()), "{file}");
        for length in 0..hello.len() {
            let mut scratch = Vec::new();
            match tls::client_hello(&hello[..length], &mut scratch) {
                Verdict::NeedMore(n) => assert!(n > length && n <= hello.len(), "{file}: {n} wanted after {length}"),
                other => panic!("{file}: {length} bytes gave {other:?}"),
            }
        }
        for more in 1..300 {
            let (mut longer, mut scratch) = (hello.clone(), Vec::new());
            longer.extend((0..more).map(|i| i as u8));
            assert_eq!(tls::client_hello(&longer, &mut scratch), Verdict::Found(whole), "{file} and {more} bytes");
        }
    }
}

#[test]
fn every_prefix_of_a_captured_dns_message_over_tcp_waits() {
    let stream = wire::captured::client_streams("dig-tcp", 53).into_iter().next().expect("a question");
    let length = 2 + usize::from(u16::from_be_bytes([stream[0], stream[1]]));
    let parsed = dns::parse(&stream[2..length]).expect("a question");
    for cut in 1..stream.len() {
        let mut talk = Talk::new("10.0.0.5:51514", "198.51.100.7:53");
        let mut watch = Watch::new();
        watch.ips(&talk.open());
        watch.ip(&talk.client_at(0, &stream[..cut]));
        assert_eq!(watch.observations().len(), usize::from(cut >= length), "{cut} bytes");
        watch.ip(&talk.client_at(cut, &stream[cut..]));
        assert_eq!(watch.only().name.as_str(), parsed.questions[0].name.as_str(), "cut at {cut}");
    }
}

#[test]
fn every_single_cut_names_the_same_with_and_without_syn() {
    for (file, name) in [("curl-h2", "chatgpt.com"), ("chromium-tcp", "gemini.google.com"), ("openssl", "claude.ai")] {
        let hello = hello_records(file);
        for cut in 1..hello.len() {
            let halves = pieces(&hello, &[0..cut, cut..hello.len()]);
            let swapped = pieces(&hello, &[cut..hello.len(), 0..cut]);
            for has_syn in [true, false] {
                assert_named(&names_of(&halves, has_syn, cut % 2 == 0), name, &format!("{file} cut at {cut}, SYN {has_syn}"));
                assert_named(&names_of(&swapped, has_syn, cut % 2 == 0), name, &format!("{file} swapped at {cut}, SYN {has_syn}"));
            }
        }
    }
}

#[test]
fn every_pair_of_cuts_in_every_order_names_the_same() {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let hello = Hello { extensions: vec![(0, wire::hello::server_name(NAME))], ..modern(NAME) }.wire();
    for first in 1..hello.len() - 1 {
        for second in first + 1..hello.len() {
            let parts = pieces(&hello, &[0..first, first..second, second..hello.len()]);
            let order = ORDERS[(first + second) % 6];
            let shuffled: Vec<_> = order.iter().map(|i| parts[*i].clone()).collect();
            let has_syn = (first / 6 + second) % 2 == 0;
            assert_named(&names_of(&shuffled, has_syn, first % 2 == 0), NAME, &format!("{first}, {second}, {order:?}, SYN {has_syn}"));
        }
    }
}

#[test]
fn one_byte_a_segment_names_the_same() {
    let hello = hello_records("openssl");
    let cuts: Vec<_> = (0..hello.len()).map(|i| i..i + 1).collect();
    for has_syn in [true, false] {
        let watch = names_of(&pieces(&hello, &cuts), has_syn, true);
        assert_named(&watch, "claude.ai", &format!("SYN {has_syn}"));
        assert_eq!(watch.odd(), [], "nothing odd about it");
    }
}

#[test]
fn random_cuts_orders_repetitions_and_overlaps_name_the_same() {
    let mut dice = Dice::new(20_261_123);
    let hello = hello_records("chromium-tcp");
    for round in 0..500 {
        let count = 2 + dice.below(40);
        let mut cuts = dice.cuts(hello.len(), count);
        for _ in 0..dice.below(6) {
            let from = dice.below(hello.len() - 1);
            cuts.push(from..from + 1 + dice.below(hello.len() - from));
        }
        dice.shuffle(&mut cuts);
        let watch = names_of(&pieces(&hello, &cuts), true, round % 2 == 0);
        assert_named(&watch, "gemini.google.com", &format!("round {round}: {cuts:?}"));
        assert_eq!(watch.odd(), [], "round {round}: repetitions of equal content are ordinary");
    }
}

#[test]
fn of_two_contents_for_one_place_the_first_captured_stands_and_the_second_is_counted() {
    let (truth, lie) = (modern("chatgpt.com").wire(), modern("example.org").wire());
    assert_eq!(truth.len(), lie.len());
    let (half, end) = (60, truth.len());
    let at = |bytes: &[u8], cut: std::ops::Range<usize>| (cut.start, bytes[cut].to_vec());
    for (how, sent) in [
        ("behind the front", vec![at(&truth, 0..half + 30), at(&lie, half..end - 30), at(&truth, end - 30..end)]),
        ("held behind a gap", vec![at(&truth, half..end), at(&lie, 0..end)]),
        ("held twice", vec![at(&truth, half..end), at(&lie, half..end), at(&truth, 0..half)]),
        ("held twice, the second longer", vec![at(&truth, half + 5..end), at(&lie, half..end), at(&truth, 0..half)]),
        ("held twice, the second inside", vec![at(&truth, half..end), at(&lie, half + 5..end - 5), at(&truth, 0..half)]),
    ] {
        let watch = names_of(&sent, true, false);
        assert_named(&watch, "chatgpt.com", how);
        assert_eq!(watch.anomalies(Anomaly::Overlap), 1, "{how}");
    }
}

#[test]
fn a_hello_may_be_cut_into_any_records_with_alerts_and_empty_ones_between() {
    let hello = modern(NAME);
    let message = hello.message();
    for size in [1, 2, 3, 4, 5, 7, 50, message.len() - 1, message.len()] {
        let stream = hello.records(size);
        let cuts: Vec<_> = (0..stream.len()).step_by(11).map(|i| i..(i + 11).min(stream.len())).collect();
        assert_named(&names_of(&pieces(&stream, &cuts), true, true), NAME, &format!("records of {size}"));
    }
    let mut odd = Vec::new();
    for (i, piece) in message.chunks(20).enumerate() {
        odd.extend(record(22, piece));
        odd.extend(if i % 2 == 0 { record(22, &[]) } else { record(21, &[1, 0]) });
    }
    for cut in 1..odd.len() {
        let halves = pieces(&odd, &[0..cut, cut..odd.len()]);
        assert_named(&names_of(&halves, true, false), NAME, &format!("cut at {cut}"));
    }
}

#[test]
fn a_hello_is_followed_to_64_kib_and_no_further() {
    let bound = 64 << 10;
    // Record headers count too: five bytes before each of four records.
    let longest = bound - 4 * 5;
    for (length, is_named) in [(16_000, true), (40_000, true), (longest, true), (bound + 1, false), (100_000, false)] {
        let stream = of_length(length).wire();
        let cuts: Vec<_> = (0..stream.len()).step_by(1400).map(|i| i..(i + 1400).min(stream.len())).collect();
        let mut watch = names_of(&pieces(&stream, &cuts), true, true);
        assert_eq!(watch.names().len(), usize::from(is_named), "{length} bytes; odd: {:?}", watch.odd());
        let flows = watch.flows();
        assert_eq!(flows.len(), 1, "{length}");
        assert_eq!(flows[0].bytes_up, stream.len() as u64, "bytes count to the end: {length}");
        assert_eq!(flows[0].reason.word() == "named", is_named, "{length}");
        let told = watch.anomalies(Anomaly::HelloBound) + watch.anomalies(Anomaly::Tls);
        assert_eq!(told > 0, !is_named, "{length}: {:?}", watch.odd());
    }
}

/// A hello whose message has this length: with as many cipher suites as fit, and padding for the rest.
fn of_length(length: usize) -> Hello {
    let mut hello = modern(NAME);
    let missing = length - hello.message().len();
    hello.ciphers.extend(vec![0x1301; (missing / 2).min(30_000)]);
    let left = length - hello.message().len();
    if left < 4 { hello } else { hello.padded(length) }
}
