//! Names: what is accepted is a host name by RFC 1123, written out here a second time.

use std::net::IpAddr;

use shadowtap::engine::host::HostName;

/// Accepted exactly where the rules say so; the same when read again.
pub fn run(data: &[u8]) {
    checked(data);
}

/// One name from the wire.
pub fn checked(bytes: &[u8]) {
    let read = HostName::parse(bytes);
    let expected = expected(bytes);
    assert_eq!(read.as_ref().ok().map(HostName::as_str), expected.as_deref(), "{bytes:?}");
    let Ok(name) = read else { return };
    assert!(name.is_host(), "{name} is accepted and no host");
    assert_eq!(HostName::parse(name.as_str().as_bytes()).as_ref(), Ok(&name), "read again");
}

fn expected(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let is_label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'))
    };
    let is_host = (1..=253).contains(&text.len()) && bare.parse::<IpAddr>().is_err() && text.split('.').all(is_label);
    is_host.then_some(text)
}
