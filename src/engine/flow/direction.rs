//! One direction's volume: bytes counted once, whatever is repeated, lost or stray.

/// A forward jump in sequence space that counts at once: a window's worth of segments lost.
const NEAR: i32 = 1 << 22;
/// A forward jump above this is no gap but nonsense, whatever follows.
const MAX_GAP: i32 = 1 << 30;
/// How far before the first segment seen an earlier one may still arrive.
pub(super) const MAX_EARLY: i32 = 1 << 20;

/// One direction's volume.
#[derive(Clone, Copy, Default, Debug)]
pub struct Direction {
    /// Payload bytes: TCP sequence space covered, UDP payload.
    pub bytes: u64,
    /// Packets seen.
    pub packets: u32,
    /// TCP: where the next new byte is expected. UDP: digest of the last datagram.
    pub(super) next: u32,
    /// TCP: first byte counted.
    low: u32,
    /// TCP: end of a segment far ahead that nothing followed yet; 0 for none.
    jump: u32,
    /// TCP: SYN seen; `low` is then the first byte of the stream.
    pub has_start: bool,
    /// TCP: FIN seen.
    pub has_end: bool,
}

impl Direction {
    /// First sequence number of the stream, where SYN was seen.
    pub fn start(&self) -> Option<u32> {
        self.has_start.then_some(self.low)
    }

    /// Notes a SYN: the stream begins behind it.
    pub fn begin(&mut self, seq: u32) {
        self.low = seq.wrapping_add(1);
        self.next = self.low;
        self.has_start = true;
    }

    /// Counts `length` bytes at `seq` of TCP sequence space once; false where they stand nowhere near the stream.
    ///
    /// A jump ahead counts at once up to [`NEAR`]; a larger one, as a capture that lost much shows it, when the next segment goes on
    /// behind it. A stray segment alone moves nothing.
    #[inline]
    pub fn cover(&mut self, seq: u32, length: u32) -> bool {
        let end = seq.wrapping_add(length);
        if self.bytes == 0 && !self.has_start {
            (self.low, self.next, self.bytes) = (seq, end, length.into());
            return true;
        }
        let ahead = end.wrapping_sub(self.next) as i32;
        if ahead > 0 {
            if ahead > NEAR && !self.is_confirmed(seq, ahead) {
                self.jump = end;
                return false;
            }
            self.bytes = self.bytes.saturating_add(ahead as u64);
            self.next = end;
            return true;
        }
        let early = self.low.wrapping_sub(seq) as i32;
        if early > 0 && early < MAX_EARLY && !self.has_start && self.bytes < MAX_EARLY as u64 {
            self.bytes = self.bytes.saturating_add(early as u64);
            self.low = seq;
        }
        true
    }

    /// Whether a segment far ahead goes on where the one before it ended.
    fn is_confirmed(&self, seq: u32, ahead: i32) -> bool {
        let behind = seq.wrapping_sub(self.jump) as i32;
        ahead <= MAX_GAP && self.jump != 0 && (0..NEAR).contains(&behind)
    }

    /// Whether a sequence number stands where the next byte may: for a reset, which carries none.
    pub fn is_near(&self, seq: u32) -> bool {
        self.packets == 0 || (self.bytes == 0 && !self.has_start) || (self.next.wrapping_sub(seq) as i32).abs() <= NEAR
    }

    /// Counts a UDP payload; false where it repeats the one before to the bit (a mirror that shows packets twice).
    #[inline]
    pub fn datagram(&mut self, payload: &[u8], wire: u32) -> bool {
        let tail = payload.last_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b));
        let mixed = tail.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(wire);
        let digest = (mixed >> 32) as u32 ^ mixed as u32;
        let is_repeated = self.packets > 1 && digest == self.next && payload.len() > 20;
        self.next = digest;
        if !is_repeated {
            self.bytes = self.bytes.saturating_add(wire.into());
        }
        !is_repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_space_is_counted_once_through_wrap_repetition_and_nonsense() {
        let mut d = Direction::default();
        d.begin(u32::MAX - 10);
        assert!(d.cover(u32::MAX - 9, 100));
        assert!(d.cover(u32::MAX - 9, 100));
        assert!(d.cover(40, 100), "overlaps half");
        assert_eq!(d.bytes, 150);
        assert!(!d.cover(1 << 29, 10), "far ahead and alone");
        assert!(d.cover(140, 10), "the stream goes on where it was");
        assert_eq!(d.bytes, 160);
        assert!(!d.cover(100_000_000, 10));
        assert!(d.cover(100_000_010, 10), "and behind a jump that goes on");
        assert_eq!(d.bytes, 160 + 100_000_020 - 150);
        let mut late = Direction::default();
        assert!(late.cover(1000, 10) && late.cover(900, 100));
        assert_eq!(late.bytes, 110);
    }
}
