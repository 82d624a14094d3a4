//! A bounded table that lets go of what nobody asked for lately.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Values by key. When it is full a hand goes round: what was asked for since its last round stays, the next that was not goes.
#[derive(Debug)]
pub(super) struct Slots<K, V> {
    index: HashTable<u32>,
    /// The ring. Values stand here, one after another, and the hash table holds their places: half of a table may be empty.
    slots: Vec<Slot<K, V>>,
    hasher: FixedState,
    /// What the compiler cannot know that no place is: one outside of the ring.
    nowhere: V,
    hand: usize,
    bound: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    is_touched: bool,
}

impl<K: Copy + Eq + Hash, V: Default> Slots<K, V> {
    pub(super) fn new(bound: usize, seed: u64) -> Self {
        let (index, slots, hasher) = (HashTable::new(), Vec::new(), FixedState::with_seed(seed));
        Slots { index, slots, hasher, nowhere: V::default(), hand: 0, bound: bound.max(1), evicted: 0 }
    }

    /// How many were let go.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The value of a key, where it has one; this does not keep it.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        self.slots.get(self.place(key)?).map(|slot| &slot.value)
    }

    /// The value of a key, where it has one.
    pub(super) fn find(&mut self, key: &K) -> Option<&mut V> {
        let at = self.place(key)?;
        let slot = self.slots.get_mut(at)?;
        slot.is_touched = true;
        Some(&mut slot.value)
    }

    /// The value of a key, a new one where it had none.
    pub(super) fn entry(&mut self, key: K) -> &mut V {
        let at = match self.place(&key) {
            Some(at) => {
                if let Some(slot) = self.slots.get_mut(at) {
                    slot.is_touched = true;
                }
                at
            }
            // The hand has just passed a new key's place: it is safe for a round without a touch.
            None => self.put(Slot { key, value: V::default(), is_touched: false }),
        };
        self.slots.get_mut(at).map_or(&mut self.nowhere, |slot| &mut slot.value)
    }

    fn place(&self, key: &K) -> Option<usize> {
        let is_it = |at: &u32| self.slots.get(*at as usize).is_some_and(|slot| slot.key == *key);
        self.index.find(self.hasher.hash_one(key), is_it).map(|at| *at as usize)
    }

    /// Gives a new key its place in the ring; in a full one that of the first that nobody asked for.
    fn put(&mut self, slot: Slot<K, V>) -> usize {
        let hash = self.hasher.hash_one(slot.key);
        let at = if self.slots.len() < self.bound {
            self.slots.push(slot);
            self.slots.len().saturating_sub(1)
        } else {
            let at = self.victim();
            let Some(place) = self.slots.get_mut(at) else { return at };
            let old = std::mem::replace(place, slot);
            self.evicted = self.evicted.saturating_add(1);
            if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(old.key), |known| *known as usize == at) {
                entry.remove();
            }
            at
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, at as u32, |at| slots.get(*at as usize).map_or(0, |slot| hasher.hash_one(slot.key)));
        at
    }

    /// The place of the next that nobody asked for. Two rounds at most: the first takes every touch away.
    fn victim(&mut self) -> usize {
        for _ in 0..self.slots.len().saturating_mul(2) {
            self.hand = self.hand.saturating_add(1).checked_rem(self.slots.len()).unwrap_or(0);
            if let Some(slot) = self.slots.get_mut(self.hand)
                && !std::mem::take(&mut slot.is_touched)
            {
                break;
            }
        }
        self.hand
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
        assert_eq!((slots.slots.len(), slots.index.len(), slots.evicted()), (100, 100, 9_900));
        assert_eq!(slots.peek(&9_999), Some(&9_999));
        assert_eq!(slots.peek(&1), None);
    }
}
