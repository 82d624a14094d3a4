//! The one field of an HPACK header block (RFC 7541) that names a host. Only literals are followed: in the first block of a connection the
//! dynamic table is empty, so `:authority` stands there as a literal.

use httlib_huffman::{DecoderSpeed, decode};

use crate::engine::bytes::Reader;

/// Static table index of `:authority` and of `host` (RFC 7541 Appendix A).
const AUTHORITY: u32 = 1;
const HOST: u32 = 38;
/// Longest string that is decoded.
const MAX_STRING: usize = 4096;

/// Value of `:authority`, else of `host`; `None` where neither stands in the block as a literal.
pub fn authority(block: &[u8]) -> Option<Vec<u8>> {
    let mut r = Reader::new(block);
    let mut host = None;
    while let Some(first) = r.rest().first().copied() {
        let prefix = match first {
            0x80.. => 7,
            0x40..=0x7f => 6,
            0x20..=0x3f => 5,
            _ => 4,
        };
        let index = integer(&mut r, prefix)?;
        if first >= 0x80 || (0x20..0x40).contains(&first) {
            continue;
        }
        let name = if index == 0 { string(&mut r)? } else { Vec::new() };
        let value = string(&mut r)?;
        if index == AUTHORITY || name == b":authority" {
            return Some(value);
        }
        if index == HOST || name == b"host" {
            host = Some(value);
        }
    }
    host
}

/// An integer with an n-bit prefix (RFC 7541 §5.1).
fn integer(r: &mut Reader<'_>, prefix: u32) -> Option<u32> {
    let mask = (1u32 << prefix).checked_sub(1)?;
    let mut value = u32::from(r.u8()?) & mask;
    if value < mask {
        return Some(value);
    }
    for shift in [0, 7, 14, 21] {
        let byte = r.u8()?;
        value = value.checked_add(u32::from(byte & 0x7f) << shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A string literal, Huffman-coded or plain (RFC 7541 §5.2).
fn string(r: &mut Reader<'_>) -> Option<Vec<u8>> {
    let is_coded = r.rest().first()? & 0x80 != 0;
    let length = usize::try_from(integer(r, 7)?).ok().filter(|n| *n <= MAX_STRING)?;
    let bytes = r.take(length)?;
    if !is_coded {
        return Some(bytes.to_vec());
    }
    let mut out = Vec::with_capacity(length.saturating_mul(2));
    decode(bytes, &mut out, DecoderSpeed::FourBits).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541 Appendix C.3.1 and C.4.1: the first request, plain and Huffman-coded.
    #[test]
    fn reads_the_examples_of_rfc_7541() {
        let plain = b"\x82\x86\x84\x41\x0fwww.example.com";
        assert_eq!(authority(plain).as_deref(), Some(&b"www.example.com"[..]));
        let coded = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(authority(coded).as_deref(), Some(&b"www.example.com"[..]));
    }

    #[test]
    fn a_block_without_it_or_cut_off_gives_none() {
        assert_eq!(authority(b"\x82\x86\x84"), None);
        assert_eq!(authority(b"\x82\x86\x84\x41\x0fwww"), None);
        assert_eq!(authority(b"\x41\xff\xff\xff\xff\xff\xff"), None);
    }
}
