//! DNS messages: names in presentation form, bounded by RFC 1035, whatever compression does.

use shadowtap::engine::host::HostName;
use shadowtap::engine::names::dns::{self, Message};

use super::verdict::{cut, steered};

/// Octets of the longest name (RFC 1035 §2.3.4), each at most four characters (`\255`).
const LONGEST: usize = 4 * 255;

/// Names are ASCII, lower case, bounded; what a cut message says is the front of what the whole one says; memory is bounded by the input.
pub fn run(data: &[u8]) {
    let Some(([at, _], bytes)) = steered(data) else { return };
    let Some(whole) = dns::parse(bytes) else {
        assert!(dns::parse(cut(bytes, at)).is_none(), "a part is read, the whole is not");
        assert!(!dns::looks_like_query(bytes));
        return;
    };
    shape(&whole, bytes.len());
    if dns::looks_like_query(bytes) {
        assert!(!whole.is_response && whole.questions.len() == 1 && !whole.is_broken);
    }
    let part = cut(bytes, at);
    let Some(early) = dns::parse(part) else { return };
    assert_eq!((early.is_response, early.opcode), (whole.is_response, whole.opcode));
    assert!(whole.questions.starts_with(&early.questions), "{early:?} is no front of {whole:?}");
    assert!(early.public_names.len() <= whole.public_names.len());
    for (a, b) in early.answers.iter().zip(&whole.answers) {
        assert!(a.name == b.name && b.addresses.starts_with(&a.addresses), "{a:?} is no front of {b:?}");
    }
    assert!(early.answers.len() <= whole.answers.len());
}

fn shape(message: &Message, length: usize) {
    let names = message.questions.iter().map(|q| &q.name).chain(message.answers.iter().map(|a| &a.name));
    for name in names.map(HostName::as_str) {
        assert!(name.len() <= LONGEST && name.is_ascii(), "a name of {}", name.len());
        assert!(!name.bytes().any(|b| b.is_ascii_uppercase() || !(0x21..=0x7e).contains(&b)), "{name:?} is no presentation form");
    }
    assert!(message.questions.len() <= 16 && message.questions.len() * 5 <= length, "questions beyond the message");
    let addresses: usize = message.answers.iter().map(|a| a.addresses.len()).sum();
    // A record with an address takes a name, ten bytes and four of data at least.
    assert!(addresses * 15 <= length, "{addresses} addresses in {length} bytes");
    assert!(message.answers.len() <= addresses);
    assert!(message.public_names.iter().map(|n| n.len() + 1).sum::<usize>() <= length);
}
