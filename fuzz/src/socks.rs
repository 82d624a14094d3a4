//! SOCKS 5 and 4a.

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::names::socks::{self, Request, Target};

use super::verdict::{agrees, bounded, cut, steered};

/// Prefix property; the tunnel begins inside the bytes, a name lies before it.
pub fn run(data: &[u8]) {
    let Some(([at, _], bytes)) = steered(data) else { return };
    for read in [socks::socks5, socks::socks4] {
        let part = cut(bytes, at);
        let (whole, early) = (read(bytes), read(part));
        bounded(&whole, bytes.len());
        bounded(&early, part.len());
        agrees(&early, part.len(), &whole, bytes.len());
        if let Verdict::Found(Request { target, length, .. }) = whole {
            assert!(length <= bytes.len() && length >= 9, "a request of {length}");
            assert_eq!(read(&bytes[..length]), whole, "its own bytes say something else");
            if let Target::Name(name) = target {
                assert!(name.len() <= 255 && bytes[..length].windows(name.len().max(1)).any(|w| name.is_empty() || w == name));
            }
        }
    }
    assert!(!matches!((socks::socks5(bytes), socks::socks4(bytes)), (Verdict::Found(_), Verdict::Found(_))), "both versions");
}
