//! How long to wait after a failure: exponential, with full jitter, so that sensors that failed together do not return together.

use std::time::Duration;

/// How a courier paces itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Longest wait after the first failure.
    pub first: Duration,
    /// Longest wait after many.
    pub longest: Duration,
    /// Longest wait a sink may ask for.
    pub longest_asked: Duration,
    /// How often to look for letters nobody told of: those another process put in, as one that says that an alert was acknowledged.
    pub look: Duration,
    /// How long a letter is tried before it is given up.
    pub give_up: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            longest_asked: Duration::from_secs(3600),
            look: Duration::from_secs(2),
            give_up: Duration::from_secs(7 * 86_400),
        }
    }
}

impl Pace {
    /// A wait after that many failures in a row: anything up to a bound that doubles each time.
    pub fn wait(&self, failures: u32) -> Duration {
        let bound = self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(self.longest);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(rand::random_range(0..=nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_doubles_up_to_the_longest() {
        let pace = Pace::default();
        for (failures, bound) in [(1, 1), (2, 2), (5, 16), (10, 300), (32, 300), (33, 300), (u32::MAX, 300)] {
            let longest = (0..200).map(|_| pace.wait(failures)).max().unwrap();
            let bound = Duration::from_secs(bound);
            assert!(longest <= bound && longest > bound / 2, "{failures}: {longest:?}");
        }
    }
}
