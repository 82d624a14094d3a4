//! ClientHello over records, as a message, in DTLS fragments, and in what a capture left of it.

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::names::ja4::{Carrier, Offer};
use shadowtap::engine::names::tls::{self, Hello};

use super::hostname;
use super::verdict::{agrees, bounded, cut, steered};

/// Every prefix property of a hello; JA4 of 36 printable characters; fragments inside their message.
pub fn run(data: &[u8]) {
    let Some(([at, way], bytes)) = steered(data) else { return };
    match way % 4 {
        0 | 1 => records(bytes, at),
        2 => message(bytes, at),
        _ => datagram(bytes),
    }
}

fn records(bytes: &[u8], at: usize) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let part = cut(bytes, at);
    let whole = tls::client_hello(bytes, &mut first);
    let early = tls::client_hello(part, &mut second);
    bounded(&whole, bytes.len());
    bounded(&early, part.len());
    agrees(&early, part.len(), &whole, bytes.len());
    match whole {
        Verdict::Found(hello) => {
            assert!(tls::may_open(bytes), "found where none may open");
            facts(&hello);
            if let Some(left) = tls::partial(bytes) {
                assert!(left.is_broken && left.name.is_some());
            }
        }
        Verdict::NeedMore(n) => assert!(n <= bytes.len() + tls::MAX_HELLO + 9, "{n} wanted of {}", bytes.len()),
        Verdict::Not | Verdict::Malformed(_) => {}
    }
    assert!(first.len() <= tls::MAX_HELLO + (1 << 14) + 2048, "a scratch of {}", first.len());
    if tls::is_too_long(bytes) {
        assert!(!matches!(tls::client_hello(bytes, &mut first), Verdict::Found(_)));
    }
}

fn message(bytes: &[u8], at: usize) {
    let part = cut(bytes, at);
    let (whole, early) = (tls::message(bytes), tls::message(part));
    bounded(&whole, bytes.len());
    bounded(&early, part.len());
    agrees(&early, part.len(), &whole, bytes.len());
    let Verdict::Found(hello) = whole else { return };
    facts(&hello);
    // The same message in one record is the same hello.
    let length = 4 + (usize::from(bytes[1]) << 16 | usize::from(bytes[2]) << 8 | usize::from(bytes[3]));
    if let Ok(size) = u16::try_from(length)
        && size <= 1 << 14
    {
        let record = [&[22, 3, 1][..], &size.to_be_bytes(), &bytes[..length]].concat();
        let mut scratch = Vec::new();
        assert_eq!(tls::client_hello(&record, &mut scratch), Verdict::Found(hello));
    }
}

fn datagram(bytes: &[u8]) {
    let mut sum = 0;
    let verdict = tls::dtls_fragments(bytes, |f| {
        sum += f.bytes.len();
        assert!(f.offset as usize + f.bytes.len() <= f.length as usize, "a fragment beyond its message");
    });
    bounded(&verdict, bytes.len());
    assert!(sum <= bytes.len(), "{sum} bytes of fragments in {}", bytes.len());
    if let Some(hello) = tls::dtls_hello(bytes) {
        facts(&hello);
    }
}

/// What holds for every hello.
pub fn facts(hello: &Hello<'_>) {
    let listed: usize = tls::alpn(hello.alpn).map(|p| p.len() + 1).sum();
    assert!(listed <= hello.alpn.len(), "protocols longer than their list");
    let mut offer = Offer::default();
    offer.take(hello, Carrier::Tcp);
    let text = offer.ja4().expect("every hello has a fingerprint");
    assert!(text.len() == 36 && text.is_ascii(), "{text:?} is no JA4");
    if let Some(name) = hello.name {
        hostname::checked(name);
    }
}
