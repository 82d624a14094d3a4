//! Which records hold at a moment, for every subject of one kind.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::engine::frame::Time;

/// Records about one subject that count at one moment: those that began last.
pub(super) const MOST_AT_ONCE: usize = 16;

/// A record and when it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub from: Time,
    /// Exclusive.
    pub until: Time,
    /// Its number; a smaller one stands first.
    pub record: u32,
}

/// Subjects, each with stretches of time in which the same records hold.
pub(super) struct Timelines<K> {
    /// First stretch and number of stretches of each.
    spans: HashMap<K, (u32, u32), FixedState>,
    stretches: Vec<Stretch>,
    records: Vec<u32>,
}

/// From a moment until the next stretch begins.
struct Stretch {
    from: Time,
    first: u32,
    len: u32,
}

impl<K> Default for Timelines<K> {
    fn default() -> Self {
        Timelines { spans: HashMap::with_hasher(FixedState::with_seed(0)), stretches: Vec::new(), records: Vec::new() }
    }
}

impl<K: Ord + Hash + Clone> Timelines<K> {
    /// Sorts records by subject and time; one that ends before it begins never holds.
    pub fn new(mut held: Vec<(K, Held)>) -> Self {
        held.retain(|(_, h)| h.from < h.until);
        held.sort_unstable_by(|(a, x), (b, y)| (a, x.from, x.record).cmp(&(b, y.from, y.record)));
        let mut timelines = Timelines::default();
        timelines.records.reserve(held.len());
        for group in held.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((subject, _)) = group.first() else { continue };
            let first = timelines.stretches.len();
            timelines.sweep(group);
            let len = timelines.stretches.len().saturating_sub(first);
            timelines.spans.insert(subject.clone(), (narrow(first), narrow(len)));
        }
        timelines
    }

    /// Numbers of the records that hold, those that began last first.
    pub fn at(&self, subject: &K, at: Time) -> &[u32] {
        let found = || {
            let (first, len) = *self.spans.get(subject)?;
            let stretches = part(&self.stretches, first, len);
            let stretch = stretches.get(stretches.partition_point(|s| s.from <= at).checked_sub(1)?)?;
            Some(part(&self.records, stretch.first, stretch.len))
        };
        found().unwrap_or_default()
    }

    /// Goes through the moments at which a record of one subject begins or ends.
    fn sweep(&mut self, group: &[(K, Held)]) {
        let mut moments: Vec<(Time, bool, Held)> = Vec::with_capacity(group.len().saturating_mul(2));
        for (_, held) in group {
            moments.push((held.from, true, *held));
            if held.until < Time(u64::MAX) {
                moments.push((held.until, false, *held));
            }
        }
        moments.sort_by_key(|(moment, ..)| *moment);
        let mut holding = BTreeSet::new();
        for same in moments.chunk_by(|a, b| a.0 == b.0) {
            for (_, begins, held) in same {
                let rank = (Reverse(held.from), held.record);
                if *begins {
                    holding.insert(rank);
                } else {
                    holding.remove(&rank);
                }
            }
            let Some((from, ..)) = same.first() else { continue };
            let first = self.records.len();
            self.records.extend(holding.iter().take(MOST_AT_ONCE).map(|(_, record)| *record));
            let len = self.records.len().saturating_sub(first);
            self.stretches.push(Stretch { from: *from, first: narrow(first), len: narrow(len) });
        }
    }
}

fn part<T>(all: &[T], first: u32, len: u32) -> &[T] {
    let first = first as usize;
    all.get(first..first.saturating_add(len as usize)).unwrap_or_default()
}

/// An index; one beyond 32 bits, which no bound of the daemon allows, finds nothing.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
