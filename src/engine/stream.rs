//! The first bytes of one direction in order: segments in any order, repeated or overlapping, up to a bound.

/// Bytes of one direction that are held while a hello is open, pieces behind a gap included.
pub const MAX_STREAM: usize = 64 << 10;
/// How far before what is known a piece may stand.
const FURTHEST_BACK: i32 = -(MAX_STREAM as i32);
/// Pieces behind a gap.
const MAX_PENDING: usize = 128;

/// A direction's bytes from its base on. Positions are TCP sequence numbers, or offsets of CRYPTO data with base 0.
#[derive(Debug, Default)]
pub struct Stream {
    base: u32,
    ready: Vec<u8>,
    pending: Vec<(u32, Box<[u8]>)>,
    pending_bytes: usize,
    is_anchored: bool,
}

/// What an insertion did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inserted {
    /// More bytes are in order now.
    Grew,
    /// Nothing new in order: a repetition, or a piece behind a gap.
    Kept,
    /// A repetition whose content differs; the first stands.
    Conflict,
    /// The bound is reached; the piece is dropped.
    Full,
}

impl Stream {
    /// Empties it and sets where it begins. Without an anchor the base is only the earliest piece seen so far, and may move back.
    pub fn reset(&mut self, base: u32, is_anchored: bool) {
        self.base = base;
        self.is_anchored = is_anchored;
        self.ready.clear();
        self.pending.clear();
        self.pending_bytes = 0;
    }

    /// Gives back what room it has in reserve.
    pub fn shrink(&mut self) {
        self.ready.shrink_to_fit();
        self.pending.shrink_to_fit();
    }

    /// The bytes in order from the base.
    pub fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// Whether the first byte is known to be the direction's first.
    pub fn is_anchored(&self) -> bool {
        self.is_anchored
    }

    /// Whether pieces wait behind a gap.
    pub fn has_gap(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Drops `n` bytes from the front; the base moves on.
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.ready.len());
        self.ready.drain(..n);
        self.base = self.base.wrapping_add(n as u32);
    }

    /// Makes `base` the beginning; pieces that stand before it are dropped.
    pub fn anchor(&mut self, base: u32) {
        let at = self.base;
        let ready = std::mem::take(&mut self.ready);
        self.base = base;
        self.is_anchored = true;
        if !ready.is_empty() {
            self.insert(at, &ready);
        }
        self.pending.retain(|(seq, bytes)| distance(base, seq.wrapping_add(bytes.len() as u32)) > 0);
        self.pending_bytes = self.pending.iter().map(|(_, b)| b.len()).sum();
    }

    /// Makes where it begins now the beginning: no earlier piece moves it back any more.
    pub fn anchor_here(&mut self) {
        self.is_anchored = true;
    }

    /// Adds a piece at `seq`. Of two contents for one place the one that came first stands.
    pub fn insert(&mut self, seq: u32, bytes: &[u8]) -> Inserted {
        match self.contradicted(seq, bytes) {
            None => self.place(seq, bytes),
            Some(settled) => match self.place(seq, &settled) {
                Inserted::Full => Inserted::Full,
                _ => Inserted::Conflict,
            },
        }
    }

    /// The piece with what waits behind a gap put in its places; `None` where that says nothing else.
    fn contradicted(&self, seq: u32, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut settled: Option<Vec<u8>> = None;
        for (at, known) in &self.pending {
            let offset = distance(seq, *at);
            let (from, skipped) = (offset.max(0) as usize, offset.min(0).unsigned_abs() as usize);
            let (known, own) = (known.get(skipped..).unwrap_or_default(), bytes.get(from..).unwrap_or_default());
            let common = known.len().min(own.len());
            if known.get(..common) != own.get(..common)
                && let Some(first) = known.get(..common)
                && let Some(place) = settled.get_or_insert_with(|| bytes.to_vec()).get_mut(from..from.saturating_add(common))
            {
                place.copy_from_slice(first);
            }
        }
        settled
    }

    fn place(&mut self, seq: u32, bytes: &[u8]) -> Inserted {
        let offset = distance(self.base, seq);
        if offset < 0 {
            return self.insert_before(seq, bytes, offset);
        }
        let offset = offset as usize;
        if offset > self.ready.len() {
            return self.hold(seq, bytes);
        }
        let before = self.ready.len();
        let appended = self.append(offset, bytes);
        // A piece that contradicts what is known may close a gap all the same.
        match (self.ready.len() > before).then(|| self.drain_pending()) {
            Some(drained) if appended == Inserted::Grew || drained == Inserted::Full => drained,
            _ => appended,
        }
    }

    fn insert_before(&mut self, seq: u32, bytes: &[u8], offset: i32) -> Inserted {
        if self.is_anchored {
            // Retransmission of what was consumed, or its tail is new.
            return match bytes.get(offset.unsigned_abs() as usize..) {
                Some(tail) if !tail.is_empty() => self.place(self.base, tail),
                _ => Inserted::Kept,
            };
        }
        if offset < FURTHEST_BACK {
            return Inserted::Full;
        }
        let (old_base, old) = (self.base, std::mem::take(&mut self.ready));
        self.base = seq;
        if !old.is_empty() && self.hold(old_base, &old) == Inserted::Full {
            return Inserted::Full;
        }
        self.place(seq, bytes)
    }

    fn append(&mut self, offset: usize, bytes: &[u8]) -> Inserted {
        let known = self.ready.get(offset..).unwrap_or_default();
        let overlap = known.len().min(bytes.len());
        let is_same = known.get(..overlap) == bytes.get(..overlap);
        let fresh = bytes.get(overlap..).unwrap_or_default();
        if self.ready.len().saturating_add(fresh.len()) > MAX_STREAM {
            return Inserted::Full;
        }
        self.ready.extend_from_slice(fresh);
        match (is_same, fresh.is_empty()) {
            (false, _) => Inserted::Conflict,
            (true, true) => Inserted::Kept,
            (true, false) => Inserted::Grew,
        }
    }

    fn hold(&mut self, seq: u32, bytes: &[u8]) -> Inserted {
        let far = distance(self.base, seq) as usize;
        let is_full = self.pending.len() >= MAX_PENDING || self.pending_bytes.saturating_add(bytes.len()) > MAX_STREAM;
        if far.saturating_add(bytes.len()) > MAX_STREAM || is_full {
            return Inserted::Full;
        }
        let base = self.base;
        let at = self.pending.partition_point(|(s, _)| distance(base, *s) < far as i32);
        let is_repeated = self.pending.get(at).is_some_and(|(s, b)| *s == seq && b.len() >= bytes.len());
        if !is_repeated {
            self.pending_bytes = self.pending_bytes.saturating_add(bytes.len());
            self.pending.insert(at, (seq, bytes.into()));
        }
        Inserted::Kept
    }

    fn drain_pending(&mut self) -> Inserted {
        let mut outcome = Inserted::Grew;
        while let Some((seq, bytes)) = self.pending.first() {
            let offset = distance(self.base, *seq);
            if offset > self.ready.len() as i32 {
                break;
            }
            let bytes = bytes.clone();
            self.pending.remove(0);
            self.pending_bytes = self.pending_bytes.saturating_sub(bytes.len());
            match self.append(offset.max(0) as usize, bytes.get(offset.min(0).unsigned_abs() as usize..).unwrap_or_default()) {
                Inserted::Conflict => outcome = Inserted::Conflict,
                Inserted::Full => return Inserted::Full,
                _ => {}
            }
        }
        outcome
    }
}

/// How far `b` stands behind `a` in sequence space (RFC 9293 §3.4).
#[inline]
pub fn distance(a: u32, b: u32) -> i32 {
    b.wrapping_sub(a) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(base: u32, anchored: bool) -> Stream {
        let mut s = Stream::default();
        s.reset(base, anchored);
        s
    }

    #[test]
    fn any_order_repetition_and_overlap_give_the_same_bytes() {
        let whole: Vec<u8> = (0..200u8).collect();
        let base = u32::MAX - 50;
        let cuts = [(0, 40), (40, 41), (30, 90), (85, 200), (0, 40), (100, 150)];
        // Every rotation of the pieces, forwards and backwards.
        for start in 0..cuts.len() {
            for backwards in [false, true] {
                let mut s = stream(base, true);
                for i in 0..cuts.len() {
                    let i = (start + if backwards { cuts.len() - i } else { i }) % cuts.len();
                    let (from, to) = cuts[i];
                    s.insert(base.wrapping_add(from as u32), &whole[from..to]);
                }
                assert_eq!(s.ready(), whole, "start {start} backwards {backwards}");
            }
        }
    }

    #[test]
    fn the_first_of_two_contents_stands_and_is_told() {
        let mut s = stream(0, true);
        assert_eq!(s.insert(0, b"abcd"), Inserted::Grew);
        assert_eq!(s.insert(2, b"XXef"), Inserted::Conflict);
        assert_eq!(s.ready(), b"abcdef");
    }

    #[test]
    fn what_waits_behind_a_gap_follows_a_piece_that_contradicts() {
        let mut s = stream(0, true);
        s.insert(0, b"ab");
        s.insert(4, b"ef");
        assert_eq!(s.insert(1, b"Xcd"), Inserted::Conflict);
        assert_eq!(s.ready(), b"abcdef");
        assert!(!s.has_gap());
    }

    #[test]
    fn without_an_anchor_the_base_moves_back() {
        let mut s = stream(100, false);
        s.insert(100, b"def");
        s.insert(97, b"abc");
        assert_eq!(s.ready(), b"abcdef");
        s.anchor(98);
        assert_eq!(s.ready(), b"bcdef");
    }

    #[test]
    fn a_stream_without_end_stays_inside_its_bound() {
        let mut s = stream(0, true);
        for i in 0..10_000u32 {
            s.insert(i * 100 + 1, &[0; 99]);
        }
        assert!(s.pending_bytes <= MAX_STREAM && s.pending.len() <= MAX_PENDING);
        let mut s = stream(0, true);
        assert_eq!(s.insert(0, &vec![0; MAX_STREAM]), Inserted::Grew);
        assert_eq!(s.insert(MAX_STREAM as u32, &[0]), Inserted::Full);
    }
}
