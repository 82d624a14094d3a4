//! Reassembly of IP fragments: hostile pieces against a model, honest ones in any order.

use arbitrary::{Arbitrary, Unstructured};
use shadowtap::engine::event::Anomaly;
use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::packet::{Fragments, Step, Walk};

use super::wire::packet::{address, framed, udp};
use super::wire::tunnel::fragments;

/// A piece as an attacker sends it.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Piece {
    id: u8,
    offset: u16,
    length: u8,
    more: bool,
    fill: u8,
    wait: u8,
}

/// Whatever comes whole holds every accepted piece in its place; honest pieces in any order, repeated, give the datagram.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let (Ok(id), Ok(size), Ok(length)) = (u.arbitrary::<u16>(), u.int_in_range(1..=12usize), u.int_in_range(1..=400usize)) else { return };
    let order: Vec<u8> = u.arbitrary().unwrap_or_default();
    honest(id, size * 8, length, &order);
    hostile(u.arbitrary_iter::<Piece>().into_iter().flatten().flatten().take(64).map(Piece::near));
}

impl Piece {
    /// Half of the pieces are such as fit together.
    fn near(mut self) -> Self {
        if self.id < 0x80 {
            self.offset %= 6;
            self.length = if self.more { (self.length % 3 + 1) * 8 } else { self.length };
        }
        self
    }
}

/// An IPv4 datagram of one piece, eight bytes a unit of its offset.
fn frame(piece: Piece) -> Vec<u8> {
    let payload = vec![piece.fill; piece.length.into()];
    let (src, dst) = (address("10.0.0.1:0"), address("10.0.0.2:0"));
    let mut datagram = super::wire::packet::ip(src.ip(), dst.ip(), 200, &payload);
    let word = (piece.offset & 0x1fff) | if piece.more { 0x2000 } else { 0 };
    datagram[4..6].copy_from_slice(&u16::from(piece.id % 4).to_be_bytes());
    datagram[6..8].copy_from_slice(&word.to_be_bytes());
    framed(&datagram)
}

fn hostile(pieces: impl Iterator<Item = Piece>) {
    let mut table = Fragments::new(1);
    let mut accepted: [Vec<Piece>; 4] = Default::default();
    let mut since = [0; 4];
    let mut now = 0u64;
    for piece in pieces {
        now += u64::from(piece.wait) * 100_000_000;
        let frame = frame(piece);
        let mut walk = Walk::of(&Frame { time: Time(now), link: LinkType(1), bytes: &frame, wire_len: frame.len() as u32 });
        let Ok(Step::Fragment(fragment)) = walk.decode(LinkType(1)) else { continue };
        let at = usize::from(piece.id % 4);
        // Older than 30 s it was given up.
        if now - since[at] > 30_000_000_000 {
            accepted[at].clear();
        }
        match table.insert(&fragment) {
            Ok(whole) => {
                if accepted[at].is_empty() {
                    since[at] = now;
                }
                accepted[at].push(piece);
                let Some(whole) = whole else { continue };
                assert!(whole.len() <= 65_535, "{} bytes", whole.len());
                let mut covered = vec![false; whole.len()];
                for p in accepted[at].drain(..) {
                    let from = usize::from(p.offset & 0x1fff) * 8;
                    let place = from..from + usize::from(p.length);
                    assert_eq!(whole[place.clone()], vec![p.fill; p.length.into()], "{p:?} is not in its place");
                    covered[place].fill(true);
                }
                assert!(covered.iter().all(|c| *c), "bytes that nobody sent");
            }
            Err(Anomaly::Fragment) => {
                // Excess is refused alone, overlap with all there was.
                let is_alone = piece.length == 0
                    || (piece.more && piece.length % 8 != 0)
                    || u32::from(piece.offset & 0x1fff) * 8 + u32::from(piece.length) > 65_535;
                if !is_alone {
                    accepted[at].clear();
                }
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn honest(id: u16, size: usize, length: usize, order: &[u8]) {
    let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
    let datagram = udp(address("10.0.0.1:4000"), address("10.0.0.2:5000"), &payload);
    let mut pieces = fragments(&datagram, id, size);
    if pieces.len() < 2 {
        return;
    }
    for (i, by) in order.iter().enumerate() {
        let (a, b) = (i % pieces.len(), usize::from(*by) % pieces.len());
        pieces.swap(a, b);
    }
    // One of them comes twice, as long as it is not the last.
    let again = pieces[0].clone();
    pieces.insert(1, again);
    let mut table = Fragments::new(2);
    let mut wholes = 0;
    for piece in &pieces {
        let frame = framed(piece);
        let mut walk = Walk::of(&Frame { time: Time(1), link: LinkType(1), bytes: &frame, wire_len: frame.len() as u32 });
        let Ok(Step::Fragment(fragment)) = walk.decode(LinkType(1)) else { panic!("a fragment is none") };
        if let Some(whole) = table.insert(&fragment).expect("honest pieces") {
            assert_eq!(whole, datagram[20..], "another datagram");
            wholes += 1;
        }
    }
    assert_eq!(wholes, 1, "{} pieces of {size}", pieces.len());
}
