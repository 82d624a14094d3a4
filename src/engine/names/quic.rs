//! QUIC Initial packets (RFC 9000 §17.2, RFC 9001 §5, RFC 9369 for version 2, drafts by their salts).

use std::sync::LazyLock;

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use crate::engine::bytes::Reader;

/// Longest connection id the versions followed here allow (RFC 9000 §17.2).
pub const MAX_CID: usize = 20;

/// What a long header announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Carries CRYPTO frames under keys anyone can derive.
    Initial,
    /// The server wants an address proof; the client's next Initial has another connection id.
    Retry,
    /// The server does not speak the version.
    VersionNegotiation,
    /// 0-RTT or Handshake.
    Other,
}

/// One packet with a long header.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// Version, as sent.
    pub version: u32,
    /// Destination connection id.
    pub dcid: &'a [u8],
    /// Source connection id.
    pub scid: &'a [u8],
    /// From the first header byte to the packet's end.
    bytes: &'a [u8],
    /// Where the protected packet number begins.
    number_at: usize,
}

impl Packet<'_> {
    /// Where the frames begin in a packet that [`Keys::open`] opened.
    pub fn plain_at(&self, opened: &[u8]) -> Option<usize> {
        let size = usize::from(opened.first()? & 3).checked_add(1)?;
        self.number_at.checked_add(size)
    }
}

/// Whether a datagram may begin with a long header of QUIC: form bit, and a version that is known, reserved or 0.
#[inline]
pub fn may_open(datagram: &[u8]) -> bool {
    matches!(datagram, [first, v0, v1, v2, v3, dcid, ..] if first & 0x80 != 0
        && usize::from(*dcid) <= MAX_CID
        && matches!(u32::from_be_bytes([*v0, *v1, *v2, *v3]), v if v == 0 || salt(v).is_some()))
}

/// The long-header packets of a datagram, in order; ends at the first byte that is none.
pub fn packets(datagram: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let packet = packet(rest)?;
        rest = rest.get(packet.bytes.len()..)?;
        Some(packet)
    })
}

fn packet(bytes: &[u8]) -> Option<Packet<'_>> {
    let mut r = Reader::new(bytes);
    let first = r.u8().filter(|b| b & 0x80 != 0)?;
    let version = r.u32()?;
    let (dcid, scid) = (r.vec8()?, r.vec8()?);
    let whole = |kind| Some(Packet { kind, version, dcid, scid, bytes, number_at: 0 });
    if version == 0 {
        return whole(Kind::VersionNegotiation);
    }
    if dcid.len() > MAX_CID || scid.len() > MAX_CID || first & 0x40 == 0 {
        return None;
    }
    let kind = kind(first, version);
    if kind == Kind::Retry {
        return whole(kind);
    }
    if kind == Kind::Initial {
        let token = usize::try_from(r.varint()?).ok()?;
        r.take(token)?;
    }
    let length = usize::try_from(r.varint()?).ok()?;
    let number_at = r.offset_in(bytes);
    // A capture that cut the datagram leaves the packet incomplete: it cannot be authenticated.
    let bytes = bytes.get(..number_at.checked_add(length)?)?;
    Some(Packet { kind, version, dcid, scid, bytes, number_at })
}

fn kind(first: u8, version: u32) -> Kind {
    // Version 2 turns the numbers by one (RFC 9369 §3.2).
    let number = match version {
        V2 => ((first >> 4) & 3).wrapping_sub(1) & 3,
        _ => (first >> 4) & 3,
    };
    match number {
        0 => Kind::Initial,
        3 => Kind::Retry,
        _ => Kind::Other,
    }
}

const V2: u32 = 0x6b33_43cf;
const V1_SALT: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";

/// Salt of a version's Initial secrets, and whether its labels are those of version 2.
fn salt(version: u32) -> Option<(&'static [u8; 20], bool)> {
    const V2_SALT: [u8; 20] = *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
    const DRAFT_29: [u8; 20] = *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
    const DRAFT_23: [u8; 20] = *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
    const DRAFT_21: [u8; 20] = *b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a";
    const T050: [u8; 20] = *b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10";
    const T051: [u8; 20] = *b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d";
    Some(match version {
        1 | 0xff00_0021 | 0xff00_0022 => (&V1_SALT, false),
        V2 => (&V2_SALT, true),
        0xff00_001d..=0xff00_0020 => (&DRAFT_29, false),
        0xff00_0017..=0xff00_001c => (&DRAFT_23, false),
        0xff00_0015 | 0xff00_0016 => (&DRAFT_21, false),
        // Facebook's mvfst: drafts under numbers of its own.
        0xface_b001 => (&DRAFT_21, false),
        0xface_b002 | 0xface_b00e | 0xface_b010 | 0xface_b011 | 0xface_b013 => (&DRAFT_23, false),
        0x5430_3530 => (&T050, false),
        0x5430_3531 => (&T051, false),
        // Reserved to force version negotiation (RFC 9000 §15): clients that use one protect as draft-29 did.
        v if v & 0x0f0f_0f0f == 0x0a0a_0a0a => (&DRAFT_29, false),
        _ => return None,
    })
}

/// The salt of version 1, made ready once: nearly every Initial is of that.
static VERSION_1: LazyLock<Salt> = LazyLock::new(|| Salt::new(HKDF_SHA256, &V1_SALT));

/// Keys of a client's Initial packets.
pub struct Keys {
    aead: LessSafeKey,
    iv: [u8; 12],
    header: HeaderProtectionKey,
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Keys {
    /// Derives them from the destination connection id of the client's first Initial, or the one a Retry gave. `None` for unknown versions.
    pub fn derive(version: u32, dcid: &[u8]) -> Option<Keys> {
        let (salt, is_v2) = salt(version)?;
        let initial = match version {
            1 => VERSION_1.extract(dcid),
            _ => Salt::new(HKDF_SHA256, salt).extract(dcid),
        };
        let mut secret = [0; 32];
        expand(&initial, "client in", &mut secret)?;
        let secret = Prk::new_less_safe(HKDF_SHA256, &secret);
        let (mut key, mut iv, mut header) = ([0; 16], [0; 12], [0; 16]);
        let labels = if is_v2 { ["quicv2 key", "quicv2 iv", "quicv2 hp"] } else { ["quic key", "quic iv", "quic hp"] };
        expand(&secret, labels[0], &mut key)?;
        expand(&secret, labels[1], &mut iv)?;
        expand(&secret, labels[2], &mut header)?;
        let aead = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
        Some(Keys { aead, iv, header: HeaderProtectionKey::new(&AES_128, &header).ok()? })
    }

    /// Removes header and packet protection; `scratch` holds the packet, the answer is its frames. `None` where it is not authentic.
    pub fn open<'s>(&self, packet: &Packet<'_>, scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
        scratch.clear();
        scratch.extend_from_slice(packet.bytes);
        let at = packet.number_at;
        let sample = packet.bytes.get(at.checked_add(4)?..at.checked_add(20)?)?;
        let mask = self.header.new_mask(sample).ok()?;
        let first = scratch.first_mut()?;
        *first ^= mask[0] & 0x0f;
        let size = usize::from(*first & 3).checked_add(1)?;
        let mut nonce = self.iv;
        let number = scratch.get_mut(at..at.checked_add(size)?)?;
        for (byte, mask) in number.iter_mut().zip(mask.iter().skip(1)) {
            *byte ^= mask;
        }
        // An Initial's packet number is small: what was cut from it is zero (RFC 9000 §17.1).
        for (slot, byte) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *slot ^= byte;
        }
        let (header, body) = scratch.split_at_mut_checked(at.checked_add(size)?)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.aead.open_in_place(nonce, Aad::from(&*header), body).ok().map(|plain| &*plain)
    }
}

/// HKDF-Expand-Label of TLS 1.3 with an empty context (RFC 8446 §7.1).
fn expand(secret: &Prk, label: &str, out: &mut [u8]) -> Option<()> {
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(label.len().checked_add(6)?).ok()?];
    let info = [&length[..], &label_length, b"tls13 ", label.as_bytes(), &[0]];
    secret.expand(&info, Length(out.len())).ok()?.fill(out).ok()
}

/// The CRYPTO frames of an Initial's plaintext (RFC 9000 §19.6), `each(offset, bytes)` in order.
///
/// # Errors
/// The offset of a frame that no Initial may carry, or that is cut off.
pub fn crypto_frames<'a>(plain: &'a [u8], mut each: impl FnMut(u64, &'a [u8])) -> Result<(), usize> {
    let mut r = Reader::new(plain);
    while let Some(kind) = r.rest().first().copied() {
        let at = r.offset_in(plain);
        match kind {
            0 => r = padding(r),
            1 => {
                r.u8();
            }
            // Google's T05x gave CRYPTO the number 8.
            6 | 8 => {
                let (offset, bytes) = crypto_frame(&mut r).ok_or(at)?;
                each(offset, bytes);
            }
            2 | 3 => ack(&mut r).ok_or(at)?,
            0x1c => return Ok(()),
            _ => return Err(at),
        }
    }
    Ok(())
}

/// What is left behind a run of PADDING: most of an Initial is nothing else.
fn padding(mut r: Reader<'_>) -> Reader<'_> {
    let mut probe = r;
    while probe.array::<32>() == Some([0; 32]) {
        r = probe;
    }
    while r.rest().first() == Some(&0) {
        r.u8();
    }
    r
}

fn crypto_frame<'a>(r: &mut Reader<'a>) -> Option<(u64, &'a [u8])> {
    r.u8()?;
    let offset = r.varint()?;
    let length = usize::try_from(r.varint()?).ok()?;
    Some((offset, r.take(length)?))
}

fn ack(r: &mut Reader<'_>) -> Option<()> {
    let kind = r.u8()?;
    r.varint()?;
    r.varint()?;
    let ranges = r.varint()?;
    r.varint()?;
    for _ in 0..ranges {
        r.varint()?;
        r.varint()?;
    }
    if kind == 3 {
        for _ in 0..3 {
            r.varint()?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).map(|b| char::from(b).to_digit(16).unwrap() as u8).collect();
        digits.chunks(2).map(|p| p[0] << 4 | p[1]).collect()
    }

    /// RFC 9001 Appendix A.2: the head of the protected client Initial, enough to check the key schedule and header protection.
    #[test]
    fn derives_the_keys_of_rfc_9001_appendix_a() {
        let keys = Keys::derive(1, &bytes("8394c8f03e515708")).unwrap();
        assert_eq!(keys.iv.to_vec(), bytes("fa044b2f42a3fd3b46fb255c"));
        let mask = keys.header.new_mask(&bytes("d1b1c98dd7689fb8ec11d242b123dc9b")).unwrap();
        assert_eq!(mask.to_vec(), bytes("437b9aec36"));
    }

    /// RFC 9369 Appendix A.1 and A.2.
    #[test]
    fn derives_the_keys_of_version_2() {
        let keys = Keys::derive(V2, &bytes("8394c8f03e515708")).unwrap();
        assert_eq!(keys.iv.to_vec(), bytes("91f73e2351d8fa91660e909f"));
    }

    #[test]
    fn padding_ends_where_it_ends() {
        for length in 0..100 {
            let mut plain = vec![0; length];
            plain.extend([6, 0, 1, 7, 0]);
            let mut out = Vec::new();
            assert_eq!(crypto_frames(&plain, |offset, b| out.push((offset, b.to_vec()))), Ok(()));
            assert_eq!(out, [(0, vec![7])], "{length} bytes");
        }
    }

    #[test]
    fn frames_no_initial_may_carry_are_refused() {
        let collect = |plain: &[u8]| {
            let mut out = Vec::new();
            crypto_frames(plain, |offset, b| out.push((offset, b.to_vec()))).map(|()| out)
        };
        assert_eq!(collect(&[0, 1, 6, 0, 2, 9, 9, 6, 5, 1, 7, 0]), Ok(vec![(0, vec![9, 9]), (5, vec![7])]));
        assert_eq!(collect(&[2, 0, 0, 1, 0, 0, 0, 6, 0, 1, 8]), Ok(vec![(0, vec![8])]));
        assert_eq!(collect(&[0, 0x0a, 0]), Err(1));
        assert_eq!(collect(&[6, 0, 9, 1]), Err(0));
    }
}
