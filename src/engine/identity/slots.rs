//! A bounded table that lets go of what nobody asked for lately.

use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Values by key. When it is full a hand goes round: what was asked for since its last round stays, the next that was not goes.
#[derive(Debug)]
pub(super) struct Slots<K, V> {
    values: HashMap<K, Slot<V>, FixedState>,
    ring: Vec<K>,
    hand: usize,
    bound: usize,
    evicted: u64,
}

#[derive(Debug, Default)]
struct Slot<V> {
    value: V,
    is_touched: bool,
}

impl<K: Copy + Eq + Hash, V: Default> Slots<K, V> {
    pub(super) fn new(bound: usize, seed: u64) -> Self {
        Slots { values: HashMap::with_hasher(FixedState::with_seed(seed)), ring: Vec::new(), hand: 0, bound: bound.max(1), evicted: 0 }
    }

    /// How many were let go.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The value of a key, where it has one; this does not keep it.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|slot| &slot.value)
    }

    /// The value of a key, where it has one.
    pub(super) fn find(&mut self, key: &K) -> Option<&mut V> {
        let slot = self.values.get_mut(key)?;
        slot.is_touched = true;
        Some(&mut slot.value)
    }

    /// The value of a key, a new one where it had none.
    pub(super) fn entry(&mut self, key: K) -> &mut V {
        // The hand has just passed a new key's place: it is safe for a round without a touch.
        let is_known = self.values.contains_key(&key);
        if !is_known {
            self.make_room(key);
        }
        let slot = self.values.entry(key).or_default();
        slot.is_touched |= is_known;
        &mut slot.value
    }

    /// Gives a new key its place in the ring; in a full one that of the first that nobody asked for. Two rounds at most: the first takes
    /// every touch away.
    fn make_room(&mut self, key: K) {
        if self.ring.len() < self.bound {
            return self.ring.push(key);
        }
        for _ in 0..self.ring.len().saturating_mul(2) {
            self.hand = Some(self.hand.saturating_add(1)).filter(|next| *next < self.ring.len()).unwrap_or(0);
            let Some(place) = self.ring.get_mut(self.hand) else { return };
            match self.values.get_mut(place) {
                Some(slot) if slot.is_touched => slot.is_touched = false,
                _ => {
                    self.values.remove(place);
                    self.evicted = self.evicted.saturating_add(1);
                    *place = key;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_stays_inside_the_bound_and_spares_what_is_asked_for() {
        let mut slots: Slots<u32, u32> = Slots::new(100, 7);
        *slots.entry(0) = 42;
        for key in 1..10_000 {
            *slots.entry(key) = key;
            assert_eq!(slots.find(&0), Some(&mut 42));
        }
        assert_eq!((slots.ring.len(), slots.values.len(), slots.evicted()), (100, 100, 9_900));
        assert_eq!(slots.peek(&9_999), Some(&9_999));
        assert_eq!(slots.peek(&1), None);
    }
}
