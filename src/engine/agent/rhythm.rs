//! The rhythm of a client's connections to one service in one session: what no person keeps up is a server's.

use crate::engine::frame::Time;

/// Intervals between connections before their evenness says anything.
const ENOUGH_INTERVALS: u32 = 30;
/// Shortest time they must span, in seconds.
const ENOUGH_SECONDS: u64 = 3600;
/// Shortest mean interval, in milliseconds: closer connections are those of one task.
const SHORTEST_MEAN: u64 = 5000;
/// The standard deviation of a timer is at most the mean divided by this.
const EVENNESS: u128 = 5;
/// A quarter of an hour, in seconds.
const QUARTER: u64 = 900;
/// Quarters of an hour with connections that are more than a person's day: 20 hours of 24.
const SLEEPLESS_QUARTERS: u32 = 80;

/// Connections so far: how many, and how far apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rhythm {
    last: Time,
    /// Milliseconds between connections, and their squares: in a session of years they stay below 2^64.
    sum: u64,
    squares: u64,
    intervals: u32,
    /// Quarters of an hour with connections; 0 before the first.
    quarters: u32,
}

impl Rhythm {
    /// One more connection. One before the last known counts as simultaneous with it.
    pub fn beat(&mut self, now: Time) {
        let now = now.max(self.last);
        if self.quarters == 0 {
            (self.last, self.quarters) = (now, 1);
            return;
        }
        let interval = now.0.saturating_sub(self.last.0) / 1_000_000;
        self.intervals = self.intervals.saturating_add(1);
        self.sum = self.sum.saturating_add(interval);
        self.squares = self.squares.saturating_add(interval.saturating_mul(interval));
        self.quarters = self.quarters.saturating_add(u32::from(now.seconds() / QUARTER > self.last.seconds() / QUARTER));
        self.last = now;
    }

    /// Whether no person keeps this up: at work in nearly every quarter of a day, or as even as a timer.
    pub fn is_machine(&self) -> bool {
        self.quarters >= SLEEPLESS_QUARTERS || self.is_even()
    }

    /// Variance at most (mean / [`EVENNESS`])², without dividing: n·Σx² − (Σx)² ≤ (Σx)² / EVENNESS².
    fn is_even(&self) -> bool {
        let (n, sum) = (u128::from(self.intervals), u128::from(self.sum));
        let spread = n.saturating_mul(self.squares.into()).saturating_sub(sum.saturating_mul(sum));
        self.intervals >= ENOUGH_INTERVALS
            && self.sum >= ENOUGH_SECONDS.saturating_mul(1000)
            && self.sum.checked_div(self.intervals.into()).is_some_and(|mean| mean >= SHORTEST_MEAN)
            && spread.saturating_mul(EVENNESS * EVENNESS) <= sum.saturating_mul(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(seconds: impl IntoIterator<Item = u64>) -> Rhythm {
        let mut rhythm = Rhythm::default();
        let mut now = Time(1_700_000_000_000_000_000);
        rhythm.beat(now);
        for interval in seconds {
            now = now.plus_seconds(interval);
            rhythm.beat(now);
        }
        rhythm
    }

    #[test]
    fn a_timer_is_a_machine_once_it_ran_an_hour() {
        assert!(rhythm(std::iter::repeat_n(120, 30)).is_machine());
        assert!(!rhythm(std::iter::repeat_n(120, 29)).is_machine(), "too few");
        assert!(!rhythm(std::iter::repeat_n(60, 59)).is_machine(), "not an hour");
        assert!(!rhythm(std::iter::repeat_n(1, 7200)).is_machine(), "one long task");
        let jitter = (0..60).map(|n| 120 + [0, 20, 40, 10][n % 4]);
        assert!(rhythm(jitter).is_machine(), "a timer may be late");
    }

    #[test]
    fn a_person_is_none() {
        // A working day of eight hours: bursts of a prompt every minute, then pauses.
        let day = (0..160).map(|n| if n % 8 == 7 { 850 } else { 30 + (n * 37) % 90 });
        assert!(!rhythm(day).is_machine());
    }

    #[test]
    fn who_never_sleeps_is_a_machine() {
        let irregular = |n: usize| (0..n).map(|n| [5, 700, 40, 600][n % 4]);
        assert!(rhythm(irregular(4 * 60)).is_machine(), "22 hours");
        assert!(!rhythm(irregular(4 * 40)).is_machine(), "15 hours");
    }
}
