//! What holds for every decoder that is asked again as bytes come: an answer is never contradicted by a longer one.

use std::fmt::Debug;

use shadowtap::engine::bytes::Verdict;

/// Two numbers before the input steer the checks; the rest is what a decoder reads. At most 64 KiB.
pub fn steered(data: &[u8]) -> Option<([usize; 2], &[u8])> {
    let (head, rest) = data.split_first_chunk::<4>()?;
    let number = |a: u8, b: u8| usize::from(u16::from_le_bytes([a, b]));
    Some(([number(head[0], head[1]), number(head[2], head[3])], rest))
}

/// A cut through `bytes` that `steer` chooses: from nothing up to all but one.
pub fn cut(bytes: &[u8], steer: usize) -> &[u8] {
    &bytes[..steer % bytes.len().max(1)]
}

/// Offsets and lengths of an answer stay inside the input; wanting more means more than there is.
pub fn bounded<T: Debug>(verdict: &Verdict<T>, length: usize) {
    match verdict {
        Verdict::NeedMore(n) => assert!(*n > length, "{n} bytes wanted, {length} are there"),
        Verdict::Malformed(at) => assert!(*at <= length, "malformed at {at} of {length}"),
        Verdict::Found(_) | Verdict::Not => {}
    }
}

/// The prefix property. `part` is the answer to the first `have` bytes, `whole` that to all `length`.
pub fn agrees<T: PartialEq + Debug>(part: &Verdict<T>, have: usize, whole: &Verdict<T>, length: usize) {
    match (part, whole) {
        // It may say anything once the bytes it wanted are there; before that it may turn out to be something else.
        (Verdict::NeedMore(n), whole) => {
            assert!(length >= *n || !matches!(whole, Verdict::Found(_)), "{have} bytes want {n}, {length} give {whole:?}");
        }
        (Verdict::Malformed(_), Verdict::Malformed(_)) => {}
        (part, whole) => assert_eq!(part, whole, "{have} bytes and {length}"),
    }
}
