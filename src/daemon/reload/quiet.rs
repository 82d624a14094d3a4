//! When a burst of events has settled. Pure; time is an argument.

use std::time::{Duration, Instant};

/// A burst of events that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    first: Instant,
    last: Instant,
}

impl Burst {
    /// `before` and one more event at `now`.
    pub fn grown(before: Option<Burst>, now: Instant) -> Self {
        Burst { first: before.map_or(now, |b| b.first), last: now }
    }

    /// How long until it counts as settled: `quiet` after its last event, yet at most `most` after its first.
    pub fn left(&self, now: Instant, quiet: Duration, most: Duration) -> Duration {
        (self.last + quiet).min(self.first + most).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settles_when_quiet_and_at_the_latest_after_the_most() {
        let (start, quiet, most) = (Instant::now(), Duration::from_millis(250), Duration::from_secs(2));
        let mut burst = Burst::grown(None, start);
        assert_eq!(burst.left(start, quiet, most), quiet);
        for n in 1..=20 {
            burst = Burst::grown(Some(burst), start + Duration::from_millis(100 * n));
        }
        assert!(burst.left(start + most, quiet, most).is_zero());
        assert_eq!(burst.left(start + Duration::from_millis(1900), quiet, most), Duration::from_millis(100));
    }
}
