//! Open sightings, as last counted: turns their cumulative bytes into increments, and knows how many clients are active.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::Sighting;

/// What a sighting adds to the counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Change {
    /// Bytes sent since it was last counted.
    pub up: u64,
    /// Bytes received since it was last counted.
    pub down: u64,
    /// It was not counted as active under its status, and is now.
    pub opened: bool,
    /// It was counted as active under this status, and is not now.
    pub left: Option<Status>,
}

struct Counted {
    up: u64,
    down: u64,
    status: Status,
}

/// Open sightings, as last counted. The ledger bounds how many there are.
#[derive(Default)]
pub(super) struct Tally {
    open: HashMap<(Arc<str>, Arc<str>, Time), Counted>,
}

impl Tally {
    /// Counts a sighting as it stands now.
    pub fn count(&mut self, s: &Sighting) -> Change {
        let key = (Arc::clone(&s.client), Arc::clone(&s.service), s.first_seen);
        let before = if s.closed { self.open.remove(&key) } else { self.open.insert(key, Counted::of(s)) };
        let (up, down, status) = before.map_or((0, 0, None), |b| (b.up, b.down, Some(b.status)));
        Change {
            up: s.bytes_up.saturating_sub(up),
            down: s.bytes_down.saturating_sub(down),
            opened: !s.closed && status != Some(s.status),
            left: status.filter(|old| s.closed || *old != s.status),
        }
    }
}

impl Counted {
    fn of(s: &Sighting) -> Self {
        Counted { up: s.bytes_up, down: s.bytes_down, status: s.status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::sighting;

    #[test]
    fn counts_what_is_new_and_who_is_there() {
        let mut tally = Tally::default();
        let (first, grown) = (sighting(), Sighting { bytes_up: 20_000, ..sighting() });
        assert_eq!(tally.count(&first), Change { up: 12_000, down: 340_000, opened: true, left: None });
        assert_eq!(tally.count(&first), Change::default());
        assert_eq!(tally.count(&grown), Change { up: 8_000, ..Change::default() });
        let banned = Sighting { status: Status::Unapproved, ..grown.clone() };
        assert_eq!(tally.count(&banned), Change { opened: true, left: Some(Status::Unreviewed), ..Change::default() });
        let closed = Sighting { closed: true, ..banned };
        assert_eq!(tally.count(&closed), Change { left: Some(Status::Unapproved), ..Change::default() });
        assert!(tally.open.is_empty());
    }
}
