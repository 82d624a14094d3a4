//! Whether somebody set the clock that dates frames: the wall clock, beside one that nobody sets.

use std::time::{Duration, Instant};

use crate::daemon::clock;
use crate::engine::frame::Time;

/// Nanoseconds by which the clock is set at least; what NTP does by and by stays far below in the time between two looks.
const STEP: u64 = 2_000_000_000;
/// How long after it was set the first frame with the new time is waited for.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Both clocks, as last looked at.
pub(super) struct Clocks {
    wall: Time,
    steady: Instant,
    set: Option<Instant>,
}

impl Clocks {
    pub(super) fn new() -> Self {
        Clocks { wall: clock::now(), steady: Instant::now(), set: None }
    }

    /// Looks at both; from time to time.
    pub(super) fn look(&mut self) {
        self.compare(clock::now(), Instant::now());
    }

    fn compare(&mut self, wall: Time, steady: Instant) {
        let passed = u64::try_from(steady.duration_since(self.steady).as_nanos()).unwrap_or(u64::MAX);
        if self.wall.0.saturating_add(passed).abs_diff(wall.0) > STEP {
            self.set = Some(steady);
        }
        (self.wall, self.steady) = (wall, steady);
    }

    /// Whether the wall clock was set a while ago; told once.
    pub(super) fn take_set(&mut self) -> bool {
        self.look();
        self.set.take().is_some_and(|when| self.steady.duration_since(when) < REMEMBERED)
    }
}

/// Whether a frame's time is so far from packet time that the clock may have been set.
#[inline]
pub(super) fn is_far(time: Time, now: Time) -> bool {
    time.0.abs_diff(now.0) > STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_once_and_one_that_drifts_is_not() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut clocks = Clocks { wall: Time::new(1000, 0), steady: start, set: None };
        // 500 parts in a million, for a day: what NTP may do.
        for n in 1..=86_400u32 {
            clocks.compare(Time::new(1000, 0).plus_micros(u64::from(n) * 1_000_500), start + second * n);
        }
        assert!(clocks.set.is_none());
        let (wall, steady) = (clocks.wall, clocks.steady);
        clocks.compare(Time(wall.0 - 3600 * 1_000_000_000), steady + second);
        assert!(clocks.set.take().is_some());
        clocks.compare(Time(clocks.wall.0 + 1_000_000_000), steady + 2 * second);
        assert!(clocks.set.is_none());
        clocks.compare(clocks.wall.plus_seconds(86_400), steady + 3 * second);
        assert!(clocks.set.is_some());
    }
}
