//! An interface that is away: when to try again, and what has already been said. Pure; time is an argument.

use std::time::{Duration, Instant};

/// The first wait; each failure doubles it.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// An interface that is away.
#[derive(Debug)]
pub(super) struct Absence {
    began: Instant,
    next: Instant,
    wait: Duration,
    said: String,
    attempts: u64,
}

impl Absence {
    /// It went at `now`; `why` has been said.
    pub fn begin(now: Instant, why: String) -> Self {
        Absence { began: now, next: now + FIRST, wait: FIRST, said: why, attempts: 0 }
    }

    /// How long to wait for the next attempt; zero when it is due.
    pub fn left(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    /// How long it has been away.
    pub fn lasted(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// Attempts that failed.
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// An attempt failed; `Some` where the reason is another than was last said, which makes it worth saying.
    pub fn failed(&mut self, now: Instant, why: String) -> Option<String> {
        self.attempts += 1;
        self.wait = (self.wait * 2).min(LONGEST);
        self.next = now + self.wait;
        if why == self.said {
            return None;
        }
        self.said.clone_from(&why);
        Some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_but_never_long() {
        let start = Instant::now();
        let mut now = start;
        let mut absence = Absence::begin(now, "gone".into());
        let mut waits = Vec::new();
        for _ in 0..9 {
            waits.push(absence.left(now).as_millis());
            now += absence.left(now);
            assert!(absence.left(now).is_zero());
            absence.failed(now, "gone".into());
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!((absence.attempts(), absence.lasted(now)), (9, now - start));
    }

    #[test]
    fn says_a_reason_once_until_it_changes() {
        let now = Instant::now();
        let mut absence = Absence::begin(now, "gone".into());
        assert_eq!(absence.failed(now, "gone".into()), None);
        assert_eq!(absence.failed(now, "no right".into()), Some("no right".into()));
        assert_eq!(absence.failed(now, "no right".into()), None);
        assert_eq!(absence.failed(now, "gone".into()), Some("gone".into()));
    }
}
