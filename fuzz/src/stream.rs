//! The first bytes of a direction: pieces in any order, repeated and contradicting, against a map of which byte came first.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use shadowtap::engine::stream::{Inserted, MAX_STREAM, Stream};

/// A piece: where it stands and what is in it.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Piece {
    at: u16,
    length: u8,
    fill: u8,
}

/// What is in order is what came first for each place, and all of it; near the wrap of sequence numbers as elsewhere; inside its bound.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(base) = u.arbitrary::<u32>() else { return };
    let mut stream = Stream::default();
    stream.reset(base, true);
    let mut first: BTreeMap<usize, u8> = BTreeMap::new();
    let mut is_exact = true;
    for piece in u.arbitrary_iter::<Piece>().into_iter().flatten().flatten().take(200) {
        let at = usize::from(piece.at % 2048);
        let bytes: Vec<u8> = (0..piece.length).map(|i| piece.fill.wrapping_add(i / 16)).collect();
        let before = stream.ready().to_vec();
        let outcome = stream.insert(base.wrapping_add(at as u32), &bytes);
        assert!(stream.ready().starts_with(&before), "bytes in order changed");
        assert!(stream.ready().len() <= MAX_STREAM);
        // More than is held at once: what was dropped is not followed here.
        is_exact &= outcome != Inserted::Full;
        let is_contradicted = bytes.iter().enumerate().any(|(i, b)| first.get(&(at + i)).is_some_and(|known| known != b));
        for (i, byte) in bytes.into_iter().enumerate() {
            first.entry(at + i).or_insert(byte);
        }
        if is_exact {
            assert_eq!(outcome == Inserted::Conflict, is_contradicted, "{piece:?}");
            let expected: Vec<u8> = (0..).map_while(|i| first.get(&i).copied()).collect();
            assert_eq!(stream.ready(), expected, "{piece:?}");
            assert_eq!(outcome == Inserted::Grew, stream.ready().len() > before.len() && !is_contradicted, "{piece:?}");
        }
    }
}
