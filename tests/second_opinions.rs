//! Other decoders read the project's captures too, and must agree; and the message that one of them refused is read.

mod wire;

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::frame::{Frame, LinkType};
use shadowtap::engine::names::{dns, tls};
use shadowtap::engine::packet::{Step, Transport, Walk};
use simple_dns::rdata::RData;
use tls_parser::{TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions, parse_tls_plaintext};
use wire::captured::{client_streams, frames, hello_records};
use wire::hello::dns_query;
use wire::watch::Watch;

const CAPTURES: [&str; 5] = ["curl-h2", "curl-ipv6", "openssl", "chromium-tcp", "dig-udp"];

#[test]
fn tls_parser_reads_the_same_hellos() {
    for file in CAPTURES.iter().filter(|f| !f.starts_with("dig")) {
        let bytes = hello_records(file);
        let (_, plain) = parse_tls_plaintext(&bytes).expect("one record");
        let TlsMessage::Handshake(TlsMessageHandshake::ClientHello(theirs)) = &plain.msg[0] else { panic!("{file}: a hello") };
        let mut scratch = Vec::new();
        let Verdict::Found(ours) = tls::client_hello(&bytes, &mut scratch) else { panic!("{file}: we read it") };
        let ciphers: Vec<u16> = theirs.ciphers.iter().map(|c| c.0).collect();
        assert_eq!(codes(ours.ciphers), ciphers, "{file}");
        assert_eq!(ours.version, theirs.version.0, "{file}");
        let (_, extensions) = parse_tls_client_hello_extensions(theirs.ext.expect("extensions")).expect("extensions");
        for extension in &extensions {
            match extension {
                TlsExtension::SNI(names) => assert_eq!(ours.name, names.first().map(|(_, n)| *n), "{file}"),
                TlsExtension::ALPN(list) => assert_eq!(&tls::alpn(ours.alpn).collect::<Vec<_>>(), list, "{file}"),
                TlsExtension::SignatureAlgorithms(list) => assert_eq!(&codes(ours.signature_algorithms), list, "{file}"),
                TlsExtension::SupportedVersions(list) => {
                    assert_eq!(codes(ours.versions), list.iter().map(|v| v.0).collect::<Vec<_>>(), "{file}");
                }
                _ => {}
            }
        }
        assert!(extensions.iter().any(|e| matches!(e, TlsExtension::SNI(_))), "{file} has a name to agree on");
    }
}

fn codes(list: &[u8]) -> Vec<u16> {
    list.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect()
}

#[test]
fn simple_dns_reads_the_same_messages() {
    let messages = dns_messages();
    assert!(messages.len() >= 24, "questions and answers over UDP and TCP: {}", messages.len());
    for message in messages {
        let (ours, theirs) = (dns::parse(&message).expect("we read it"), simple_dns::Packet::parse(&message).expect("they read it"));
        assert!(!ours.is_broken);
        assert_eq!(ours.is_response, theirs.has_flags(simple_dns::PacketFlag::RESPONSE));
        let questions: Vec<_> = theirs.questions.iter().map(|q| (q.qname.to_string().to_lowercase(), u16::from(q.qtype))).collect();
        assert_eq!(ours.questions.iter().map(|q| (q.name.as_str().to_owned(), q.qtype)).collect::<Vec<_>>(), questions);
        let mut addresses = Vec::new();
        for answer in &theirs.answers {
            match &answer.rdata {
                RData::A(a) => addresses.push((std::net::IpAddr::from(a.address.to_be_bytes()), answer.ttl)),
                RData::AAAA(a) => addresses.push((std::net::IpAddr::from(a.address.to_be_bytes()), answer.ttl)),
                _ => {}
            }
        }
        assert_eq!(ours.answers.iter().flat_map(|a| a.addresses.clone()).collect::<Vec<_>>(), addresses);
    }
}

/// Every DNS message of the captures of dig.
fn dns_messages() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for frame in frames("dig-udp") {
        let frame = Frame { time: frame.time, link: LinkType(frame.link), bytes: &frame.bytes, wire_len: frame.bytes.len() as u32 };
        if let Ok(Step::Packet(p)) = Walk::of(&frame).decode(frame.link)
            && p.segment.transport == Transport::Udp
        {
            messages.push(p.segment.payload.to_vec());
        }
    }
    assert!(messages.len() >= 12, "dig-udp");
    for stream in client_streams("dig-tcp", 53).into_iter().chain(wire::captured::server_streams("dig-tcp", 53)) {
        let mut rest = &stream[..];
        while let [hi, lo, more @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*hi, *lo]));
            messages.push(more[..length].to_vec());
            rest = &more[length..];
        }
    }
    messages
}

/// `dns-parser` 0.8 refuses each of these three messages whole ("invalid query type"): its list of types ends before them.
#[test]
fn questions_of_types_that_dns_parser_refuses_are_read() {
    let https = b"\x1a\x2b\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07chatgpt\x03com\x00\x00\x41\x00\x01";
    assert_eq!(&dns_query(0x1a2b, "chatgpt.com", 65), https);
    for (kind, word) in [(65u16, "HTTPS"), (64, "SVCB"), (257, "CAA"), (65280, "TYPE65280")] {
        let mut message = https.to_vec();
        let at = message.len() - 4;
        message[at..at + 2].copy_from_slice(&kind.to_be_bytes());
        let parsed = dns::parse(&message).expect("read");
        assert_eq!((parsed.questions[0].name.as_str(), parsed.questions[0].qtype), ("chatgpt.com", kind));
        assert_eq!(dns::type_word(kind), word);
        // simple-dns in its turn refuses types without a name ("invalid query type" for 65280): no closed list reads them all.
        if kind != 65280 {
            let theirs = simple_dns::Packet::parse(&message).expect("the second opinion reads it too");
            assert_eq!(u16::from(theirs.questions[0].qtype), kind);
        }
        let mut watch = Watch::new();
        watch.ip(&wire::packet::udp(wire::packet::address("10.0.0.5:5000"), wire::packet::address("10.0.0.1:53"), &message));
        assert_eq!(watch.names(), [("dns_query", "chatgpt.com")]);
    }
}
