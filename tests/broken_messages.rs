//! What breaks off or lies must not take with it what could be read: why DNS and hellos are read by our own code (docs/decisions/0001, 0002).

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::names::{dns, tls};

/// A DNS message: header with these flags and counts, a question for chatgpt.com of this type, then `rest`.
fn message(flags: u16, counts: [u16; 4], qtype: u16, rest: &[u8]) -> Vec<u8> {
    let mut m = vec![0x12, 0x34];
    m.extend(flags.to_be_bytes());
    counts.iter().for_each(|c| m.extend(c.to_be_bytes()));
    m.extend(b"\x07chatgpt\x03com\0");
    m.extend(qtype.to_be_bytes());
    m.extend([0, 1]);
    m.extend(rest);
    m
}

/// Answers that break off or lie: the question and what stood before the break are kept; simple-dns gives nothing of these.
#[test]
fn a_broken_record_does_not_take_the_question_with_it() {
    let address = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x68\x12\x20\x2f";
    let cut: &[u8] = &address[..13];
    let lying = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\xff\x01";
    let pointer_to_itself = b"\xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\x68\x12\x20\x2f";
    for broken in [cut, lying, pointer_to_itself] {
        let answer = message(0x8180, [1, 2, 0, 0], 1, &[&address[..], broken].concat());
        assert!(simple_dns::Packet::parse(&answer).is_err(), "simple-dns reads {broken:02x?}");
        let parsed = dns::parse(&answer).expect("readable");
        assert!(parsed.is_broken);
        assert_eq!(parsed.questions[0].name.as_str(), "chatgpt.com");
        assert_eq!(parsed.answers[0].addresses[0].0.to_string(), "104.18.32.47");
    }
}

/// A hello whose second extension lies about its length behind a good server name.
#[test]
fn a_broken_extension_does_not_take_the_name_with_it() {
    let name = b"\0\0\0\x10\0\x0e\0\0\x0bchatgpt.com";
    let lying = b"\0\x2b\0\xff\x01";
    let extensions = [&name[..], lying].concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(&extensions);
    let mut hello = vec![1, 0];
    hello.extend((body.len() as u16).to_be_bytes());
    hello.extend(&body);

    let Verdict::Found(ours) = tls::message(&hello) else { panic!("not read") };
    assert_eq!(ours.name, Some(&b"chatgpt.com"[..]));
    assert!(ours.is_broken);
    let (_, theirs) = tls_parser::parse_tls_message_handshake(&hello).expect("tls-parser reads the frame of it");
    let tls_parser::TlsMessage::Handshake(tls_parser::TlsMessageHandshake::ClientHello(theirs)) = theirs else { panic!("no hello") };
    let (left, _) = tls_parser::parse_tls_client_hello_extensions(theirs.ext.expect("extensions")).expect("it stops where it must");
    assert!(!left.is_empty(), "tls-parser stops at the lie without saying so");
}
