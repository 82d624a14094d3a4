//! JA4 TLS client fingerprint (FoxIO, technical_details/JA4.md).

use std::ops::Deref;

use ring::digest::{SHA256, digest};

use super::tls::{Hello, alpn, extension};
use crate::engine::bytes::Reader;

/// Characters of a fingerprint: ten, and twice an underscore and twelve.
const LENGTH: usize = 36;

/// A fingerprint as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ja4([u8; LENGTH]);

impl Ja4 {
    /// From text; `None` where it has not the length of one.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(Ja4(text.as_bytes().try_into().ok()?))
    }
}

impl Deref for Ja4 {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What carried the hello: the fingerprint's first letter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Carrier {
    /// TLS over TCP.
    Tcp,
    /// QUIC.
    Quic,
    /// DTLS.
    Dtls,
}

/// What a hello offers, as far as the fingerprint is made of it: the order of ciphers and extensions, and GREASE, are left out, so that every
/// hello of one program offers the same. Its memory is used again for the next hello.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Offer {
    /// Carrier, version, number of extensions, number of ciphers and extensions below, whether a server is named.
    head: (Option<Carrier>, u16, u16, u16, u16, bool),
    /// Ciphers, extensions but for the name and ALPN, signature algorithms.
    codes: Vec<u16>,
    /// ProtocolNameList of ALPN.
    alpn: Vec<u8>,
}

impl Offer {
    /// Takes a hello's in the place of the one before.
    pub fn take(&mut self, hello: &Hello<'_>, carrier: Carrier) {
        self.codes.clear();
        self.codes.extend(codes(hello.ciphers));
        let ciphers = self.codes.len();
        let (mut extensions, mut has_name) = (0u16, false);
        for code in extension_codes(hello.extensions) {
            extensions = extensions.saturating_add(1);
            has_name |= code == extension::SERVER_NAME;
            if code != extension::SERVER_NAME && code != extension::ALPN {
                self.codes.push(code);
            }
        }
        let kept = self.codes.len().saturating_sub(ciphers);
        if let Some((ciphers, extensions)) = self.codes.split_at_mut_checked(ciphers) {
            ciphers.sort_unstable();
            extensions.sort_unstable();
        }
        self.codes.extend(codes(hello.signature_algorithms));
        let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        self.head = (Some(carrier), version(hello), extensions, count(ciphers), count(kept), has_name);
        self.alpn.clear();
        self.alpn.extend_from_slice(hello.alpn);
    }

    /// Codes in it, and bytes of ALPN.
    pub fn len(&self) -> usize {
        self.codes.len().saturating_add(self.alpn.len())
    }

    /// Whether it offers nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Protocols offered, in order.
    pub fn protocols(&self) -> impl Iterator<Item = &[u8]> {
        alpn(&self.alpn)
    }

    /// The fingerprint.
    pub fn ja4(&self) -> Option<Ja4> {
        let (carrier, version, count, ciphers, kept, has_name) = self.head;
        let letter = match carrier? {
            Carrier::Tcp => 't',
            Carrier::Quic => 'q',
            Carrier::Dtls => 'd',
        };
        let (ciphers, rest) = self.codes.split_at_checked(ciphers.into())?;
        let (extensions, algorithms) = rest.split_at_checked(kept.into())?;
        let (version, named, protocol) = (version_text(version), if has_name { 'd' } else { 'i' }, first_protocol(&self.alpn));
        let head = format!("{letter}{version}{named}{:02}{:02}{protocol}", ciphers.len().min(99), count.min(99));
        let mut second = hex(extensions);
        if !algorithms.is_empty() {
            second.push('_');
            second.push_str(&hex(algorithms));
        }
        let second = if extensions.is_empty() { String::new() } else { second };
        Ja4::from_text(&format!("{head}_{}_{}", short_hash(&hex(ciphers)), short_hash(&second)))
    }
}

/// GREASE values (RFC 8701): both bytes equal, low nibble ten.
pub const fn is_grease(code: u16) -> bool {
    code & 0x0f0f == 0x0a0a && code >> 8 == code & 0xff
}

fn codes(list: &[u8]) -> impl Iterator<Item = u16> {
    let mut r = Reader::new(list);
    std::iter::from_fn(move || r.u16()).filter(|c| !is_grease(*c))
}

fn extension_codes(list: &[u8]) -> impl Iterator<Item = u16> {
    let mut r = Reader::new(list);
    std::iter::from_fn(move || {
        let kind = r.u16()?;
        r.vec16()?;
        Some(kind)
    })
    .filter(|c| !is_grease(*c))
}

/// The highest version offered.
fn version(hello: &Hello<'_>) -> u16 {
    codes(hello.versions).max().unwrap_or(hello.version)
}

fn version_text(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of the first protocol, of its hex form where either is not alphanumeric, `00` where there is none.
fn first_protocol(list: &[u8]) -> String {
    let Some(protocol) = alpn(list).next() else { return "00".into() };
    let (Some(first), Some(last)) = (protocol.first(), protocol.last()) else { return "00".into() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 0x0f)].iter().collect()
}

fn hex(codes: &[u16]) -> String {
    let mut text = String::with_capacity(codes.len().saturating_mul(5));
    for (i, code) in codes.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        for shift in [12, 8, 4, 0] {
            text.push(char::from_digit((u32::from(*code) >> shift) & 0xf, 16).unwrap_or('0'));
        }
    }
    text
}

fn short_hash(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".into();
    }
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().take(6).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the specification: ciphers, extensions and signature algorithms of one Chrome hello.
    #[test]
    fn hashes_as_the_specification_shows() {
        let ciphers = "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9";
        assert_eq!(short_hash(ciphers), "8daaf6152771");
        let extensions = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601";
        assert_eq!(short_hash(extensions), "e5627efa2ab1");
    }

    #[test]
    fn takes_the_protocol_as_the_specification_shows() {
        let first = |p: &[u8]| first_protocol(&[&[p.len() as u8], p].concat());
        assert_eq!(first(b"h2"), "h2");
        assert_eq!(first(b"http/1.1"), "h1");
        assert_eq!(first(b"\xab"), "ab");
        assert_eq!(first(b"\xab\xcd"), "ad");
        assert_eq!(first(b"\x30\xab"), "3b");
        assert_eq!(first(b"\x30\x31\xab\xcd"), "3d");
        assert_eq!(first_protocol(&[]), "00");
    }

    #[test]
    fn knows_grease() {
        assert!(is_grease(0x0a0a) && is_grease(0xfafa));
        assert!(!is_grease(0x0a1a) && !is_grease(0x1301));
    }
}
