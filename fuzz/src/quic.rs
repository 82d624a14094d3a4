//! QUIC: long headers as they come, and Initials protected here as a client does it, so that the frames inside are reached.

use std::cell::OnceCell;

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::names::quic::{self, Keys, Kind, MAX_CID};
use shadowtap::engine::names::tls;
use shadowtap::engine::stream::{MAX_STREAM, Stream};

use super::verdict::{bounded, steered};

/// Packets lie in the datagram; what was protected is opened as it was, a changed bit is not; CRYPTO data stays inside its bounds.
pub fn run(data: &[u8]) {
    let Some(([at, way], bytes)) = steered(data) else { return };
    match way % 8 {
        0 => opened(bytes),
        1 | 2 => headers(bytes),
        3 | 4 => sealed(bytes, at),
        _ => frames(bytes),
    }
}

/// Long headers one after the other.
fn headers(datagram: &[u8]) {
    let mut count = 0;
    for packet in quic::packets(datagram) {
        count += 1;
        let is_long = packet.kind == Kind::VersionNegotiation;
        assert!(is_long || (packet.dcid.len() <= MAX_CID && packet.scid.len() <= MAX_CID), "{packet:?}");
        assert!(packet.dcid.len() + packet.scid.len() + 7 <= datagram.len());
    }
    // Form, version and two lengths are seven bytes.
    assert!(count * 7 <= datagram.len(), "{count} packets in {}", datagram.len());
}

/// The way of the engine: keys from the connection id, every Initial tried.
fn opened(datagram: &[u8]) {
    let Some(packet) = quic::packets(datagram).find(|p| p.kind == Kind::Initial) else { return };
    let Some(keys) = Keys::derive(packet.version, packet.dcid) else { return };
    let mut scratch = Vec::new();
    if let Some(plain) = keys.open(&packet, &mut scratch) {
        assert!(plain.len() < datagram.len());
        frames(plain);
    }
}

/// Keys of a client that chose the connection id of RFC 9001 Appendix A, as that appendix gives them.
struct Sealing {
    engine: Keys,
    key: LessSafeKey,
    header: HeaderProtectionKey,
}

const DCID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
const KEY: [u8; 16] = 0x1f36_9613_dd76_d546_7730_efcb_e3b1_a22d_u128.to_be_bytes();
const IV: [u8; 12] = [0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c];
const HEADER: [u8; 16] = 0x9f50_449e_04a0_e810_283a_1e99_33ad_edd2_u128.to_be_bytes();

impl Sealing {
    fn new() -> Self {
        Sealing {
            engine: Keys::derive(1, &DCID).expect("version 1"),
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &KEY).expect("16 bytes")),
            header: HeaderProtectionKey::new(&AES_128, &HEADER).expect("16 bytes"),
        }
    }

    /// An Initial with packet number 0 and these frames.
    fn initial(&self, frames: &[u8]) -> Vec<u8> {
        let length = ((frames.len() + 17) as u32 | 0x8000_0000).to_be_bytes();
        let header = [&[0xc0, 0, 0, 0, 1, 8][..], &DCID, &[0, 0], &length, &[0]].concat();
        let mut packet = header.clone();
        packet.extend_from_slice(frames);
        let body = &mut packet[header.len()..];
        let tag = self.key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(IV), Aad::from(&header), body).expect("short");
        packet.extend_from_slice(tag.as_ref());
        let at = header.len() - 1;
        let mask = self.header.new_mask(&packet[at + 4..at + 20]).expect("16 bytes");
        packet[0] ^= mask[0] & 0x0f;
        packet[at] ^= mask[1];
        packet
    }
}

thread_local! {
    static SEALING: OnceCell<Sealing> = const { OnceCell::new() };
}

fn sealed(plain: &[u8], at: usize) {
    // The sample of the header's protection ends 20 bytes behind the number.
    if plain.len() < 3 || plain.len() > 16 << 10 {
        return;
    }
    SEALING.with(|sealing| {
        let sealing = sealing.get_or_init(Sealing::new);
        let mut datagram = sealing.initial(plain);
        let mut scratch = Vec::new();
        let packet = quic::packets(&datagram).next().expect("a packet");
        assert_eq!((packet.kind, packet.version, packet.dcid), (Kind::Initial, 1, &DCID[..]));
        assert_eq!(sealing.engine.open(&packet, &mut scratch), Some(plain), "what was protected");
        let bit = at % (datagram.len() * 8);
        datagram[bit / 8] ^= 1 << (bit % 8);
        if let Some(packet) = quic::packets(&datagram).next().filter(|p| p.kind == Kind::Initial) {
            assert_eq!(sealing.engine.open(&packet, &mut scratch), None, "bit {bit} was changed");
        }
    });
    frames(plain);
}

/// CRYPTO data of one packet into a stream, as a flow does it.
fn frames(plain: &[u8]) {
    let mut stream = Stream::default();
    stream.reset(0, true);
    let mut last = Verdict::NeedMore(4);
    let mut sum = 0;
    let walked = quic::crypto_frames(plain, |offset, bytes| {
        sum += bytes.len();
        let Ok(offset) = u32::try_from(offset) else { return };
        if (offset as usize) < MAX_STREAM {
            stream.insert(offset, bytes);
            let now = tls::message(stream.ready()).map(|h| h.name.map(<[u8]>::to_vec));
            bounded(&now, stream.ready().len());
            if !matches!(last, Verdict::NeedMore(_)) {
                assert_eq!(now, last, "the stream only grows, the answer changed");
            }
            last = now;
        }
    });
    assert!(sum <= plain.len(), "{sum} bytes of frames in {}", plain.len());
    assert!(walked.is_ok_and(|()| true) || walked.is_err_and(|at| at < plain.len()));
    assert!(stream.ready().len() <= MAX_STREAM);
}
