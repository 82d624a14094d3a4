//! In which minutes bytes moved: whole minutes of packet time, the newest 32 of them.

use super::frame::Time;

/// Minutes in which bytes moved: the newest, and the 31 before it, a bit each. Cumulative, so that a lost telling heals with the next, and
/// those of several flows can be joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Minutes {
    /// The newest, counted from 1970.
    newest: u32,
    /// The newest is bit 0, the one before it bit 1.
    bits: u32,
}

impl Minutes {
    /// The minute of a moment.
    pub fn of(time: Time) -> u32 {
        u32::try_from(time.seconds() / 60).unwrap_or(u32::MAX)
    }

    /// Every minute up to that of a moment, as far back as is kept.
    pub fn until(time: Time) -> Self {
        Minutes { newest: Minutes::of(time), bits: u32::MAX }
    }

    /// The same by a clock that was set.
    pub fn moved(self, from: Time, to: Time) -> Self {
        let moment = Time::new(u64::from(self.newest).saturating_mul(60), 0);
        Minutes { newest: Minutes::of(moment.moved(from, to)), ..self }
    }

    /// Notes a minute.
    #[inline]
    pub fn note(&mut self, minute: u32) {
        if minute == self.newest && self.bits & 1 != 0 {
            return;
        }
        self.join(Minutes { newest: minute, bits: 1 });
    }

    /// Takes in the minutes of another; how many of them are new here. What is older than 31 minutes before the newest is forgotten, and
    /// not new.
    pub fn join(&mut self, other: Minutes) -> u32 {
        let moved = other.newest.saturating_sub(self.newest);
        if self.bits == 0 || moved > 0 {
            self.bits = self.bits.checked_shl(moved).unwrap_or(0);
            self.newest = other.newest.max(self.newest);
        }
        let aged = other.bits.checked_shl(self.newest.saturating_sub(other.newest)).unwrap_or(0);
        let new = (aged & !self.bits).count_ones();
        self.bits |= aged;
        new
    }

    /// Those not before a minute.
    pub fn since(self, minute: u32) -> Self {
        if self.newest < minute {
            return Minutes::default();
        }
        let kept = self.newest.saturating_sub(minute).saturating_add(1);
        let mask = 1u32.checked_shl(kept).map_or(u32::MAX, |bit| bit.wrapping_sub(1));
        Minutes { bits: self.bits & mask, ..self }
    }

    /// How many.
    pub fn count(self) -> u32 {
        self.bits.count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(minutes: &[u32]) -> Minutes {
        let mut all = Minutes::default();
        minutes.iter().for_each(|m| all.note(*m));
        all
    }

    #[test]
    fn each_minute_counts_once_in_any_order() {
        assert_eq!(of(&[29_000_000, 29_000_000, 29_000_003, 29_000_001]).count(), 3);
        assert_eq!(of(&[100, 131]).count(), 2);
        assert_eq!(of(&[100, 132]).count(), 1, "older ones are forgotten");
        assert_eq!(of(&[5, u32::MAX]).count(), 1);
    }

    #[test]
    fn joining_tells_what_is_new() {
        let mut all = of(&[100, 101]);
        assert_eq!(all.join(of(&[101, 103])), 1);
        assert_eq!(all.join(of(&[101, 103])), 0, "told again");
        assert_eq!(all.join(of(&[102])), 1, "later, of another flow");
        assert_eq!(all.join(of(&[60])), 0, "too long ago to tell");
        assert_eq!(Minutes::until(Time::new(6000, 0)).join(of(&[99, 100, 101])), 1, "what was counted before a restart");
    }

    #[test]
    fn what_was_before_a_session_is_left_out() {
        assert_eq!(of(&[100, 101, 105]).since(101).count(), 2);
        assert_eq!(of(&[100]).since(101).count(), 0);
        assert_eq!(of(&[100, 101]).since(0).count(), 2);
    }
}
