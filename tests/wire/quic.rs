//! QUIC Initials protected as clients do it (RFC 9001 §5), other long headers, and short ones.

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::packet::{join, vec8};

pub const V1: u32 = 1;
pub const V2: u32 = 0x6b33_43cf;
pub const DRAFT_29: u32 = 0xff00_001d;

struct Size(usize);

impl KeyType for Size {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(secret: &Prk, label: &str, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let text = format!("tls13 {label}");
    let info = [&(length as u16).to_be_bytes()[..], &[text.len() as u8], text.as_bytes(), &[0]];
    secret.expand(&info, Size(length)).and_then(|okm| okm.fill(&mut out)).expect("short output");
    out
}

fn salt(version: u32) -> Vec<u8> {
    let hex = match version {
        V1 => "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
        V2 => "0dede3def700a6db819381be6e269dcbf9bd2ed9",
        DRAFT_29 => "afbfec289993d24c9e9786f19c6111e04390a899",
        other => panic!("no salt of version {other:#x}"),
    };
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect()
}

/// One client that sends Initials.
#[derive(Clone)]
pub struct Client {
    pub version: u32,
    /// Connection id whose keys protect: the first the client chose, or the one a Retry gave.
    pub key_id: Vec<u8>,
    pub dcid: Vec<u8>,
    pub scid: Vec<u8>,
    pub token: Vec<u8>,
    pub number: u32,
}

impl Client {
    pub fn new(version: u32, dcid: &[u8], scid: &[u8]) -> Self {
        Client { version, key_id: dcid.into(), dcid: dcid.into(), scid: scid.into(), token: Vec::new(), number: 0 }
    }

    /// An Initial with these frames.
    pub fn initial(&mut self, frames: &[u8]) -> Vec<u8> {
        self.long_header(if self.version == V2 { 1 } else { 0 }, "client in", frames)
    }

    /// What a server's Initial looks like to anybody: ids the other way round, the server's keys.
    pub fn answer(&self, frames: &[u8], server_id: &[u8]) -> Vec<u8> {
        let mut server = Client { dcid: self.scid.clone(), scid: server_id.into(), ..self.clone() };
        server.long_header(if self.version == V2 { 1 } else { 0 }, "server in", frames)
    }

    /// 0-RTT under keys nobody can derive; here the Initial's stand in for them.
    pub fn zero_rtt(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.long_header(if self.version == V2 { 2 } else { 1 }, "nobody knows", bytes)
    }

    fn long_header(&mut self, kind: u8, side: &str, frames: &[u8]) -> Vec<u8> {
        let number = self.number.to_be_bytes();
        self.number += 1;
        let is_initial = kind == if self.version == V2 { 1 } else { 0 };
        let token = if is_initial { varint_field(&self.token) } else { Vec::new() };
        let length = varint(4 + frames.len() as u64 + 16);
        let first = [0xc0 | kind << 4 | 3];
        let (dcid, scid) = (vec8(&self.dcid), vec8(&self.scid));
        let header = join(&[&first, &self.version.to_be_bytes(), &dcid, &scid, &token, &length, &number]);
        let initial = Salt::new(HKDF_SHA256, &salt(self.version)).extract(&self.key_id);
        let secret = Prk::new_less_safe(HKDF_SHA256, &expand(&initial, side, 32));
        let prefix = if self.version == V2 { "quicv2" } else { "quic" };
        let part = |name: &str, length| expand(&secret, &format!("{prefix} {name}"), length);
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&part("iv", 12));
        nonce.iter_mut().rev().zip(number.iter().rev()).for_each(|(n, b)| *n ^= b);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &part("key", 16)).expect("16 bytes"));
        let mut body = frames.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&header), &mut body).expect("short");
        let mask = HeaderProtectionKey::new(&AES_128, &part("hp", 16)).and_then(|k| k.new_mask(&body[..16])).expect("16 bytes");
        let mut packet = join(&[&header, &body]);
        packet[0] ^= mask[0] & 0x0f;
        let at = header.len() - 4;
        packet[at..at + 4].iter_mut().zip(&mask[1..]).for_each(|(b, m)| *b ^= m);
        packet
    }

    /// A Retry of the server (RFC 9000 §17.2.5): its tag is not checked by anyone here.
    pub fn retry(&self, server_id: &[u8], token: &[u8]) -> Vec<u8> {
        let first = if self.version == V2 { 0xc0 } else { 0xf0 };
        join(&[&[first], &self.version.to_be_bytes(), &vec8(&self.scid), &vec8(server_id), token, &[7; 16]])
    }

    /// What a client does when it gets one: another connection id, other keys, the token.
    pub fn after_retry(&self, server_id: &[u8], token: &[u8]) -> Client {
        Client { key_id: server_id.into(), dcid: server_id.into(), token: token.into(), ..self.clone() }
    }
}

/// A version negotiation of the server (RFC 9000 §17.2.1).
pub fn version_negotiation(dcid: &[u8], scid: &[u8], versions: &[u32]) -> Vec<u8> {
    let list: Vec<u8> = versions.iter().flat_map(|v| v.to_be_bytes()).collect();
    join(&[&[0x80, 0, 0, 0, 0], &vec8(dcid), &vec8(scid), &list])
}

/// A datagram with a short header.
pub fn short(dcid: &[u8], length: usize) -> Vec<u8> {
    let filler: Vec<u8> = (0..length).map(|i| (i as u8).wrapping_mul(31) ^ dcid.first().copied().unwrap_or(0)).collect();
    join(&[&[0x41], dcid, &filler])
}

/// A CRYPTO frame.
pub fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    join(&[&[6], &varint(offset as u64), &varint_field(bytes)])
}

/// Frames filled up with PADDING to the size Initials have.
pub fn padded(frames: &[u8], length: usize) -> Vec<u8> {
    let mut out = frames.to_vec();
    out.resize(length.max(frames.len()), 0);
    out
}

fn varint_field(bytes: &[u8]) -> Vec<u8> {
    join(&[&varint(bytes.len() as u64), bytes])
}

/// A variable-length integer of four bytes (RFC 9000 §16).
fn varint(value: u64) -> Vec<u8> {
    (value as u32 | 0x8000_0000).to_be_bytes().to_vec()
}
