//! Hellos as clients send them: over TLS records, QUIC Initials and DTLS datagrams.

use rustls::Side;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::{DirectionalKeys, Keys, Version};

use crate::draw::Draw;

/// What a hello says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hello {
    /// Server name.
    pub name: Option<&'static str>,
    /// Whether the Encrypted ClientHello extension is there.
    pub has_ech: bool,
    /// Bytes of padding, before the name.
    pub padding: usize,
}

impl Hello {
    /// A hello with a name.
    pub fn named(name: &'static str) -> Self {
        Hello { name: Some(name), ..Hello::default() }
    }

    /// The body of the handshake message.
    pub fn body(&self, is_dtls: bool, draw: &mut Draw) -> Vec<u8> {
        let mut body = if is_dtls { vec![0xfe, 0xfd] } else { vec![3, 3] };
        body.extend(draw.bytes(32));
        body.extend(vec8(&draw.bytes(if is_dtls { 0 } else { 32 })));
        if is_dtls {
            body.push(0);
        }
        body.extend(vec16(&[0x13, 1, 0x13, 2]));
        body.extend([1, 0]);
        body.extend(vec16(&self.extensions(draw)));
        body
    }

    /// The handshake message.
    pub fn message(&self, draw: &mut Draw) -> Vec<u8> {
        handshake(1, &self.body(false, draw))
    }

    fn extensions(&self, draw: &mut Draw) -> Vec<u8> {
        let mut all = extension(16, &vec16(&vec8(b"h2")));
        all.extend(extension(43, &vec8(&[3, 4])));
        if self.padding > 0 {
            all.extend(extension(21, &vec![0; self.padding]));
        }
        if self.has_ech {
            let mut outer = vec![0, 0, 1, 0, 1, 7];
            outer.extend(vec16(&draw.bytes(32)));
            outer.extend(vec16(&draw.bytes(144)));
            all.extend(extension(0xfe0d, &outer));
        }
        if let Some(name) = self.name {
            let entry = [&[0][..], &vec16(name.as_bytes())].concat();
            all.extend(extension(0, &vec16(&entry)));
        }
        all
    }
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vec16(body)].concat()
}

fn vec8(body: &[u8]) -> Vec<u8> {
    [&[body.len() as u8][..], body].concat()
}

fn vec16(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

/// One TLS record.
pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &vec16(body)].concat()
}

/// A handshake message in one DTLS record.
pub fn dtls(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let fragment = [&[kind][..], &length[1..], &[0; 5], &length[1..], body].concat();
    [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0][..], &vec16(&fragment)].concat()
}

/// Initial packets of one QUIC connection, sealed by rustls.
pub struct Quic {
    keys: [Keys; 2],
    ids: [Vec<u8>; 2],
    numbers: [u8; 2],
}

impl Quic {
    /// A new connection.
    pub fn new(draw: &mut Draw) -> Self {
        let suite = TLS13_AES_128_GCM_SHA256.tls13().and_then(|s| s.quic_suite()).expect("it speaks QUIC");
        let first = draw.bytes(8);
        let keys = [Side::Client, Side::Server].map(|side| suite.keys(&first, side, Version::V1));
        Quic { keys, ids: [first, draw.bytes(8)], numbers: [0; 2] }
    }

    /// A datagram of the client (0) or the server (1) with CRYPTO data of its stream.
    pub fn datagram(&mut self, side: usize, offset: usize, crypto: &[u8]) -> Vec<u8> {
        let offset = (offset as u16 | 0x4000).to_be_bytes();
        let length = (crypto.len() as u16 | 0x4000).to_be_bytes();
        let mut frames = [&[6][..], &offset, &length, crypto].concat();
        frames.resize(frames.len().max(1150), 0);
        self.numbers[side] += 1;
        let (to, from) = (&self.ids[side], &self.ids[1 - side]);
        seal(&self.keys[side].local, self.numbers[side], to, from, frames)
    }
}

fn seal(keys: &DirectionalKeys, number: u8, to: &[u8], from: &[u8], mut frames: Vec<u8>) -> Vec<u8> {
    let size = ((frames.len() + 1 + 16) as u16 | 0x4000).to_be_bytes();
    let mut header = [&[0xc0, 0, 0, 0, 1][..], &vec8(to), &vec8(from), &[0], &size, &[number]].concat();
    let tag = keys.packet.encrypt_in_place(number.into(), &header, &mut frames).expect("sealed");
    frames.extend_from_slice(tag.as_ref());
    let (first, rest) = header.split_at_mut(1);
    let at = rest.len() - 1;
    keys.header.encrypt_in_place(&frames[3..19], &mut first[0], &mut rest[at..]).expect("hidden");
    [header, frames].concat()
}
