//! The head of an HTTP/1 request.

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::names::http::{self, MAX_HEAD, Request};

use super::verdict::{agrees, bounded, cut, steered};

/// Prefix property of method and host (a User-Agent may follow the Host); hosts are parts of the request, without a port.
pub fn run(data: &[u8]) {
    let Some(([at, _], bytes)) = steered(data) else { return };
    let part = cut(bytes, at);
    let (whole, early) = (http::request(bytes), http::request(part));
    bounded(&whole, bytes.len());
    bounded(&early, part.len());
    agrees(&early.map(known), part.len(), &whole.map(known), bytes.len());
    let Verdict::Found(request) = whole else { return };
    assert!(http::may_open(bytes));
    let (host, user_agent) = match request {
        Request::Connect { host, length, user_agent } => {
            assert!(length <= bytes.len() && bytes[..length].ends_with(b"\n"), "a head of {length}");
            assert!(bytes.starts_with(b"CONNECT "));
            (host, user_agent)
        }
        Request::Plain { host, user_agent } => (host, user_agent),
    };
    assert!(!host.contains(&b'\n') && !user_agent.is_some_and(|u| u.contains(&b'\n')));
    // Nothing behind the head is read.
    let head = bytes.windows(2).position(|w| w == b"\n\n").into_iter().chain(bytes.windows(4).position(|w| w == b"\r\n\r\n")).min();
    if let (Some(end), Some(agent)) = (head, user_agent) {
        assert!((agent.as_ptr() as usize) <= bytes.as_ptr() as usize + end, "a User-Agent of the body");
    }
    assert!(host.len() <= bytes.len().min(MAX_HEAD * 2));
}

/// Which request it is, and whose.
fn known(request: Request<'_>) -> (bool, Vec<u8>) {
    match request {
        Request::Connect { host, .. } => (true, host.to_vec()),
        Request::Plain { host, .. } => (false, host.to_vec()),
    }
}
