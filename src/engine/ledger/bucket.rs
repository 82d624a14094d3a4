//! What was sent in one go: a bucket that leaks.

use crate::engine::frame::Time;

/// Bytes a second that leak while less is sent: what an open page sends of itself (headers of polls, telemetry) stays below it.
pub(super) const LEAK: u64 = 2048;
/// The same of what goes to hosts that are there for files: only headers of requests for files are not to add up.
pub(super) const LEAK_FILES: u64 = 256;

/// Bytes poured in, less what leaked since.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Bucket {
    level: u64,
    at: Time,
}

impl Bucket {
    /// Pours bytes in at a moment. So many leaked each second since the last, unless more than that is poured: an upload that goes on loses
    /// nothing.
    pub(super) fn pour(&mut self, bytes: u64, now: Time, leak: u64) {
        let leaked = (now.since(self.at) / 1_000_000).saturating_mul(leak) / 1000;
        let kept = if bytes > leaked { self.level } else { self.level.saturating_sub(leaked) };
        self.level = kept.saturating_add(bytes);
        self.at = self.at.max(now);
    }

    /// What is in it since last poured.
    pub(super) fn level(&self) -> u64 {
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_fills_it_and_a_day_of_headers_does_not() {
        let mut bucket = Bucket::default();
        (0..10).for_each(|n| bucket.pour(500_000, Time::new(1000 + 5 * n, 0), LEAK));
        assert_eq!(bucket.level(), 5_000_000, "in 50 s");
        let mut bucket = Bucket::default();
        (0..86_400 / 5).for_each(|n| bucket.pour(5_000, Time::new(1000 + 5 * n, 0), LEAK));
        assert!(bucket.level() < 10_000, "86 MB in a day: {}", bucket.level());
    }
}
