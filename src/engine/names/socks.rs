//! SOCKS4a and SOCKS5 requests (RFC 1928, RFC 1929), as the client sends them, with or without the server's answers.

use std::net::IpAddr;

use crate::engine::bytes::{Reader, Verdict};

/// Where a SOCKS client wants to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target<'a> {
    /// A domain name for the proxy to resolve.
    Name(&'a [u8]),
    /// An address.
    Address(IpAddr),
}

/// A request, and where the client's own bytes begin behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// Where to.
    pub target: Target<'a>,
    /// Destination port.
    pub port: u16,
    /// Length of everything up to and including the request.
    pub length: usize,
}

/// Reads a SOCKS5 client's bytes: greeting, user name and password where it sends them, request.
pub fn socks5(bytes: &[u8]) -> Verdict<Request<'_>> {
    let mut r = Reader::new(bytes);
    match (r.u8(), r.u8()) {
        (Some(5), Some(n)) if (1..=16).contains(&n) => {
            let Some(methods) = r.take(n.into()) else { return Verdict::NeedMore(usize::from(n).saturating_add(2)) };
            // Only methods that IANA lists or reserves for private use.
            if methods.iter().any(|m| (0x0a..0x80).contains(m)) {
                return Verdict::Not;
            }
        }
        (Some(5), None) => return Verdict::NeedMore(2),
        (None, _) => return Verdict::NeedMore(1),
        _ => return Verdict::Not,
    }
    let need = |r: &Reader<'_>, n: usize| Verdict::NeedMore(r.offset_in(bytes).saturating_add(n));
    if r.rest().first() == Some(&1) {
        let mut p = r;
        p.u8();
        if p.vec8().is_none() || p.vec8().is_none() {
            return Verdict::NeedMore(bytes.len().saturating_add(1));
        }
        r = p;
    }
    let Some([version, command, reserved, kind]) = r.array::<4>() else { return need(&r, 4) };
    if version != 5 || !(1..=3).contains(&command) || reserved != 0 {
        return Verdict::Not;
    }
    let target = match kind {
        1 => r.array::<4>().map(|a| Target::Address(IpAddr::from(a))),
        3 => r.vec8().map(Target::Name),
        4 => r.array::<16>().map(|a| Target::Address(IpAddr::from(a))),
        _ => return Verdict::Not,
    };
    let (Some(target), Some(port)) = (target, r.u16()) else { return Verdict::NeedMore(bytes.len().saturating_add(1)) };
    Verdict::Found(Request { target, port, length: r.offset_in(bytes) })
}

/// Reads a SOCKS4 or 4a request: a name follows where the address is `0.0.0.x`.
pub fn socks4(bytes: &[u8]) -> Verdict<Request<'_>> {
    let mut r = Reader::new(bytes);
    match (r.u8(), r.u8()) {
        (None, _) | (Some(4), None) => return Verdict::NeedMore(2),
        (Some(4), Some(1 | 2)) => {}
        _ => return Verdict::Not,
    }
    let (Some(port), Some(address)) = (r.u16(), r.array::<4>()) else { return Verdict::NeedMore(9) };
    if port == 0 {
        return Verdict::Not;
    }
    // User id and name are texts that end with a zero byte; 255 is far above what clients send.
    let text = |r: &mut Reader<'_>| {
        let n = r.rest().iter().take(256).position(|b| *b == 0)?;
        Some(n)
    };
    let Some(user) = text(&mut r) else { return unfinished(bytes, r) };
    if r.rest().iter().take(user).any(|b| !b.is_ascii_graphic() && *b != b' ') {
        return Verdict::Not;
    }
    r.take(user.saturating_add(1));
    let target = match address {
        [0, 0, 0, last] if last != 0 => {
            let Some(n) = text(&mut r) else { return unfinished(bytes, r) };
            let Some(name) = r.take(n) else { return Verdict::Not };
            r.u8();
            Target::Name(name)
        }
        other => Target::Address(IpAddr::from(other)),
    };
    Verdict::Found(Request { target, port, length: r.offset_in(bytes) })
}

fn unfinished<T>(bytes: &[u8], r: Reader<'_>) -> Verdict<T> {
    if r.len() > 255 { Verdict::Not } else { Verdict::NeedMore(bytes.len().saturating_add(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_prefix_waits(bytes: &[u8], read: impl Fn(&[u8]) -> Verdict<Request<'_>>) {
        for n in 0..bytes.len() {
            assert!(matches!(read(&bytes[..n]), Verdict::NeedMore(m) if m > n), "prefix of {n} bytes");
        }
    }

    #[test]
    fn socks5_with_and_without_password() {
        let plain = b"\x05\x01\x00\x05\x01\x00\x03\x0bchatgpt.com\x01\xbb";
        let Verdict::Found(r) = socks5(plain) else { panic!() };
        assert_eq!((r.target, r.port, r.length), (Target::Name(b"chatgpt.com"), 443, plain.len()));
        every_prefix_waits(plain, socks5);
        let password = b"\x05\x02\x00\x02\x01\x04user\x04pass\x05\x01\x00\x03\x0bchatgpt.com\x01\xbb\x16\x03";
        let Verdict::Found(r) = socks5(password) else { panic!() };
        assert_eq!((r.target, r.length), (Target::Name(b"chatgpt.com"), password.len() - 2));
        every_prefix_waits(&password[..password.len() - 2], socks5);
    }

    #[test]
    fn socks4a_names_and_socks4_addresses() {
        let named = b"\x04\x01\x01\xbb\0\0\0\x01me\0claude.ai\0";
        let Verdict::Found(r) = socks4(named) else { panic!() };
        assert_eq!((r.target, r.port, r.length), (Target::Name(b"claude.ai"), 443, named.len()));
        every_prefix_waits(named, socks4);
        let Verdict::Found(r) = socks4(b"\x04\x01\x01\xbb\x0a\0\0\x01\0") else { panic!() };
        assert_eq!(r.target, Target::Address(IpAddr::from([10, 0, 0, 1])));
    }
}
