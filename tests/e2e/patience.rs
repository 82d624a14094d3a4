//! Waiting for what must come true.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a thing that is due may take on a busy machine.
pub const DUE: Duration = Duration::from_secs(15);

/// Asks until there is an answer; the case fails when none comes in time.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DUE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "waited {} s in vain: {what}", DUE.as_secs());
        sleep(Duration::from_millis(50));
    }
}
