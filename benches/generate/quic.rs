//! QUIC connections (RFC 9000) whose Initials are really protected (RFC 9001 §5; version 2 of RFC 9369).

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::hello::{self, Shape, vec8};
use super::profile::Size;
use super::rng::Rng;
use super::script::{Payload, Script};
use super::truth::Truth;
use super::wire::Ends;

/// Smallest datagram that may carry a client's Initial (RFC 9000 §14.1), and what Chrome sends.
const INITIAL: usize = 1250;

/// A version's salt, labels and type bits of an Initial.
struct Version {
    number: u32,
    salt: [u8; 20],
    labels: [&'static str; 3],
    first: u8,
}

const V1: Version = Version {
    number: 1,
    salt: [0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a],
    labels: ["quic key", "quic iv", "quic hp"],
    first: 0xc0,
};
const V2: Version = Version {
    number: 0x6b33_43cf,
    salt: [0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9],
    labels: ["quicv2 key", "quicv2 iv", "quicv2 hp"],
    first: 0xd0,
};

/// A whole connection.
pub fn connection(rng: &mut Rng, ends: Ends, name: &str, size: &Size, truth: &mut Truth) -> Script {
    let mut script = Script::new(rng, ends);
    let version = if rng.percent(5) { V2 } else { V1 };
    let (dcid, scid, server_cid) = (rng.bytes(8), rng.bytes(8), rng.bytes(8));
    let client = Sealer::new(&version, &dcid, "client in");
    let server = Sealer::new(&version, &dcid, "server in");
    let shape = if rng.percent(70) { Shape::Chrome } else { Shape::Go };
    let message = hello::message(rng, shape, Some(name), Some(&scid));
    for (number, frames) in crypto(rng, &message).into_iter().enumerate() {
        script.datagram(rng, 0, Payload::Bytes(client.initial(&dcid, &scid, number as u8, frames, INITIAL)));
    }
    // The server's Initial and Handshake in one datagram, a second with the rest; then the client acknowledges both.
    let answer = [&[2, 0, 0, 0, 0, 6, 0, 0x40, 90][..], &rng.bytes(90)].concat();
    let mut flight = server.initial(&scid, &server_cid, 0, answer, 0);
    flight.extend(handshake(rng, &version, &scid, &server_cid, INITIAL - flight.len()));
    script.datagram(rng, 1, Payload::Bytes(flight));
    let rest = handshake(rng, &version, &scid, &server_cid, 1200);
    script.datagram(rng, 1, Payload::Bytes(rest));
    let mut thanks = client.initial(&server_cid, &scid, 2, vec![2, 0, 0, 0, 0], 0);
    thanks.extend(handshake(rng, &version, &server_cid, &scid, INITIAL - thanks.len()));
    script.datagram(rng, 0, Payload::Bytes(thanks));
    for _ in 0..rng.between(1, size.rounds) {
        let (up, down) = size.message(rng);
        one_rtt(rng, &mut script, 0, up, &server_cid);
        one_rtt(rng, &mut script, 1, down, &scid);
    }
    truth.name("quic_sni", &ends, name);
    script
}

/// Datagrams with short headers alone: a connection that began before the capture.
pub fn midstream(rng: &mut Rng, ends: Ends, size: &Size, truth: &mut Truth) -> Script {
    let mut script = Script::new(rng, ends);
    let cids = [rng.bytes(8), rng.bytes(8)];
    for _ in 0..size.rounds {
        let (up, down) = size.message(rng);
        one_rtt(rng, &mut script, 0, up, &cids[0]);
        one_rtt(rng, &mut script, 1, down, &cids[1]);
    }
    truth.nameless("quic_midstream");
    script
}

/// The hello's bytes as CRYPTO frames: cut in pieces, shuffled, over as many datagrams as needed (RFC 9000 §19.6).
fn crypto(rng: &mut Rng, message: &[u8]) -> Vec<Vec<u8>> {
    let datagrams = message.len().div_ceil(1000);
    let mut cuts: Vec<usize> = (0..rng.between(2, 7)).map(|_| rng.below(message.len() as u64) as usize).collect();
    cuts.extend((1..datagrams).map(|n| n * message.len() / datagrams));
    cuts.extend([0, message.len()]);
    cuts.sort_unstable();
    let mut pieces: Vec<(usize, usize)> = cuts.windows(2).map(|w| (w[0], w[1])).filter(|(from, to)| from < to).collect();
    rng.shuffle(&mut pieces);
    let mut all = vec![Vec::new()];
    for (from, to) in pieces {
        let frame = [&[6][..], &varint(from), &varint(to - from), &message[from..to]].concat();
        let last = all.len() - 1;
        if all[last].len() + frame.len() > 1150 {
            all.push(Vec::new());
        }
        let last = all.len() - 1;
        all[last].extend(frame);
        match rng.below(3) {
            0 => all[last].push(1),
            1 => all[last].extend([0; 3]),
            _ => {}
        }
    }
    all
}

/// A Handshake packet (RFC 9000 §17.2.4) whose content is noise.
fn handshake(rng: &mut Rng, version: &Version, dcid: &[u8], scid: &[u8], size: usize) -> Vec<u8> {
    let kind = if version.number == 1 { 0xe0 } else { 0xf0 };
    let mut packet = [&[kind | rng.below(16) as u8][..], &version.number.to_be_bytes(), &vec8(dcid), &vec8(scid)].concat();
    let rest = size.saturating_sub(packet.len() + 2).max(32);
    packet.extend((0x4000 | rest as u16).to_be_bytes());
    packet.extend(rng.bytes(rest));
    packet
}

fn one_rtt(rng: &mut Rng, script: &mut Script, from: usize, mut length: usize, cid: &[u8]) {
    while length > 0 {
        let size = length.min(1250);
        length -= size;
        let head = [&[0x40 | rng.below(64) as u8][..], cid].concat();
        script.datagram(rng, from, Payload::Noise(head, size.max(32)));
        if rng.percent(40) {
            let head = [&[0x40 | rng.below(64) as u8][..], cid].concat();
            let size = rng.between(33, 45) as usize;
            script.datagram(rng, 1 - from, Payload::Noise(head, size));
        }
    }
}

/// One or two bytes (RFC 9000 §16).
fn varint(n: usize) -> Vec<u8> {
    if n < 64 { vec![n as u8] } else { (0x4000 | n as u16).to_be_bytes().into() }
}

/// Protects Initials of one end.
struct Sealer {
    number: u32,
    first: u8,
    key: LessSafeKey,
    iv: [u8; 12],
    header: HeaderProtectionKey,
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Sealer {
    fn new(version: &Version, dcid: &[u8], end: &str) -> Sealer {
        let initial = Salt::new(HKDF_SHA256, &version.salt).extract(dcid);
        let secret = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&initial, end));
        let [key, iv, header] = version.labels;
        let key = UnboundKey::new(&AES_128_GCM, &expand::<16>(&secret, key)).expect("16 bytes");
        let header = HeaderProtectionKey::new(&AES_128, &expand::<16>(&secret, header)).expect("16 bytes");
        Sealer { number: version.number, first: version.first, key: LessSafeKey::new(key), iv: expand::<12>(&secret, iv), header }
    }

    /// A protected Initial; padded so that the datagram has `size` bytes, where that is more than it needs.
    fn initial(&self, dcid: &[u8], scid: &[u8], number: u8, mut frames: Vec<u8>, size: usize) -> Vec<u8> {
        let mut packet = [&[self.first][..], &self.number.to_be_bytes(), &vec8(dcid), &vec8(scid), &[0]].concat();
        // Length (two bytes), packet number (one), tag.
        let around = packet.len() + 2 + 1 + 16;
        frames.resize(frames.len().max(size.saturating_sub(around)).max(20), 0);
        packet.extend((0x4000 | (1 + frames.len() + 16) as u16).to_be_bytes());
        let at = packet.len();
        packet.push(number);
        let mut nonce = self.iv;
        nonce[11] ^= number;
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&packet), &mut frames).expect("short");
        packet.extend(frames);
        let mask = self.header.new_mask(&packet[at + 4..at + 20]).expect("16 bytes");
        packet[0] ^= mask[0] & 0x0f;
        packet[at] ^= mask[1];
        packet
    }
}

/// HKDF-Expand-Label (RFC 8446 §7.1).
fn expand<const N: usize>(secret: &Prk, label: &str) -> [u8; N] {
    let label = [&[0, N as u8, 6 + label.len() as u8][..], b"tls13 ", label.as_bytes(), &[0]].concat();
    let mut out = [0; N];
    secret.expand(&[&label], Length(N)).and_then(|okm| okm.fill(&mut out)).expect("short");
    out
}
