//! JA4 TLS client fingerprint (FoxIO, technical_details/JA4.md).

use ring::digest::{SHA256, digest};

use super::tls::{Hello, alpn, extension};
use crate::engine::bytes::Reader;

/// What carried the hello: the fingerprint's first letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// TLS over TCP.
    Tcp,
    /// QUIC.
    Quic,
    /// DTLS.
    Dtls,
}

/// The fingerprint, 36 characters.
pub fn ja4(hello: &Hello<'_>, carrier: Carrier) -> String {
    let mut ciphers: Vec<u16> = codes(hello.ciphers).collect();
    let mut extensions: Vec<u16> = extension_codes(hello.extensions).collect();
    let letter = match carrier {
        Carrier::Tcp => 't',
        Carrier::Quic => 'q',
        Carrier::Dtls => 'd',
    };
    let has_name = extensions.contains(&extension::SERVER_NAME);
    let head = format!(
        "{letter}{}{}{:02}{:02}{}",
        version(hello),
        if has_name { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
        first_protocol(hello.alpn)
    );
    ciphers.sort_unstable();
    extensions.retain(|e| *e != extension::SERVER_NAME && *e != extension::ALPN);
    extensions.sort_unstable();
    let mut second = hex(&extensions);
    let algorithms: Vec<u16> = codes(hello.signature_algorithms).collect();
    if !algorithms.is_empty() {
        second.push('_');
        second.push_str(&hex(&algorithms));
    }
    let second = if extensions.is_empty() { String::new() } else { second };
    format!("{head}_{}_{}", short_hash(&hex(&ciphers)), short_hash(&second))
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

fn version(hello: &Hello<'_>) -> &'static str {
    match codes(hello.versions).max().unwrap_or(hello.version) {
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
