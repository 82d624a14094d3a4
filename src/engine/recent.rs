//! A map that knows in which order its values were renewed, and lets go of what is over before it grows.
//!
//! Values lie one after another and the hash table holds their places alone: room that a list has in reserve is never touched, where a
//! table of values is touched all over and is half empty after each growth.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::frame::Time;

/// No place.
const NONE: u32 = u32::MAX;
/// Values below which nothing is looked for that is over.
const LEAST: usize = 1024;
/// Packet time after which it is looked for, however few values came (nanoseconds).
const EVERY: u64 = 300_000_000_000;

/// Values by key, the one renewed longest ago first.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    index: HashTable<u32>,
    places: Vec<Option<Held<K, V>>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    hasher: FixedState,
    /// Number of values from which on those that are over are looked for, and when it was last done.
    sweep_at: usize,
    swept: Time,
}

#[derive(Debug)]
struct Held<K, V> {
    older: u32,
    newer: u32,
    key: K,
    value: V,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// None yet; `seed` keys the hash.
    pub(super) fn new(seed: u64) -> Self {
        Self::hashed_by(FixedState::with_seed(seed), Time::default())
    }

    fn hashed_by(hasher: FixedState, swept: Time) -> Self {
        let (index, places, free) = (HashTable::new(), Vec::new(), Vec::new());
        Recent { index, places, free, oldest: NONE, newest: NONE, hasher, sweep_at: LEAST, swept }
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The value of a key, where it has one.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.held(self.place(key)?).map(|held| &held.value)
    }

    /// The same, to be changed; it stays where it stands in the order.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.place(key)?;
        self.held_mut(at).map(|held| &mut held.value)
    }

    /// Gives a key its value, the newest: `renewed` makes it from the one it had.
    pub(super) fn renew(&mut self, key: K, renewed: impl FnOnce(Option<V>) -> V) {
        let old = self.place(&key).and_then(|at| self.take(at));
        self.push(key, renewed(old.map(|(_, value)| value)));
    }

    /// Takes out the value renewed longest ago.
    pub(super) fn pop_oldest(&mut self) -> Option<(K, V)> {
        self.take(self.oldest)
    }

    /// Keeps only what `is_meant`.
    pub(super) fn retain(&mut self, mut is_meant: impl FnMut(&K, &V) -> bool) {
        for at in 0..self.places.len() as u32 {
            if self.held(at).is_some_and(|held| !is_meant(&held.key, &held.value)) {
                self.take(at);
            }
        }
        // What a flood made room for is given back when it is over.
        if self.places.len() > self.len().max(LEAST).saturating_mul(4) {
            let empty = Self::hashed_by(self.hasher.clone(), self.swept);
            let mut old = std::mem::replace(self, empty);
            while let Some((key, value)) = old.pop_oldest() {
                self.push(key, value);
            }
        }
    }

    /// Lets go of what is over, where an eighth more came since this was last done, or some time passed: a few steps for each that comes.
    pub(super) fn sweep(&mut self, now: Time, mut is_over: impl FnMut(&K, &V) -> bool) {
        if self.len() < self.sweep_at && now.since(self.swept) < EVERY {
            return;
        }
        self.retain(|key, value| !is_over(key, value));
        (self.sweep_at, self.swept) = (self.len().saturating_add(self.len() / 8).max(LEAST), now);
    }

    fn held(&self, at: u32) -> Option<&Held<K, V>> {
        self.places.get(at as usize)?.as_ref()
    }

    fn held_mut(&mut self, at: u32) -> Option<&mut Held<K, V>> {
        self.places.get_mut(at as usize)?.as_mut()
    }

    fn place(&self, key: &K) -> Option<u32> {
        let is_it = |at: &u32| self.held(*at).is_some_and(|held| held.key == *key);
        self.index.find(self.hasher.hash_one(key), is_it).copied()
    }

    /// Adds a key that has no value, as the newest.
    fn push(&mut self, key: K, value: V) {
        let hash = self.hasher.hash_one(&key);
        let held = Some(Held { older: self.newest, newer: NONE, key, value });
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.places.get_mut(at as usize) {
                    *place = held;
                }
                at
            }
            None => {
                let at = self.places.len() as u32;
                self.places.push(held);
                at
            }
        };
        match self.held_mut(self.newest) {
            Some(before) => before.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
        let (places, hasher) = (&self.places, &self.hasher);
        let rehash = |at: &u32| places.get(*at as usize).and_then(Option::as_ref).map_or(0, |held| hasher.hash_one(&held.key));
        self.index.insert_unique(hash, at, rehash);
    }

    fn take(&mut self, at: u32) -> Option<(K, V)> {
        let Held { older, newer, key, value } = self.places.get_mut(at as usize)?.take()?;
        match self.held_mut(older) {
            Some(before) => before.newer = newer,
            None => self.oldest = newer,
        }
        match self.held_mut(newer) {
            Some(after) => after.older = older,
            None => self.newest = older,
        }
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(&key), |known| *known == at) {
            entry.remove();
        }
        self.free.push(at);
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_in_the_order_of_renewal() {
        let mut recent = Recent::new(1);
        for n in 0..5 {
            recent.renew(n, |_| n * 10);
        }
        recent.renew(1, |old| old.unwrap() + 1);
        recent.retain(|key, _| *key != 2);
        *recent.get_mut(&0).unwrap() = 7;
        assert_eq!((recent.len(), recent.get(&1), recent.get(&2)), (4, Some(&11), None));
        assert_eq!(std::iter::from_fn(|| recent.pop_oldest()).collect::<Vec<_>>(), [(0, 7), (3, 30), (4, 40), (1, 11)]);
        assert_eq!((recent.oldest, recent.newest), (NONE, NONE));
    }

    #[test]
    fn what_is_over_makes_room_before_it_grows() {
        let mut recent = Recent::new(1);
        for n in 0..100_000u64 {
            recent.sweep(Time(n), |_, until| *until < n);
            recent.renew(n, |_| n + 2000);
            assert!(recent.places.len() <= 2600, "{}", recent.places.len());
        }
    }

    #[test]
    fn a_flood_gives_its_room_back_and_what_stays_keeps_its_order() {
        let mut recent = Recent::new(1);
        for n in 0..100_000u64 {
            recent.renew(n, |_| n);
        }
        recent.sweep(Time(EVERY), |key, _| *key % 1000 != 0);
        assert_eq!((recent.len(), recent.places.len()), (100, 100));
        assert!(recent.places.capacity() < 1000 && recent.index.capacity() < 1000);
        assert_eq!(recent.pop_oldest(), Some((0, 0)));
        assert_eq!(recent.pop_oldest(), Some((1000, 1000)));
    }
}
