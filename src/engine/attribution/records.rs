//! Values by number of a flow, one after another in memory: a table of values this large would be half empty, and moved each time it grows.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::engine::event::FlowId;

/// Values by number of a flow.
#[derive(Debug)]
pub(super) struct Records<V> {
    index: HashTable<u32>,
    places: Vec<Option<(FlowId, V)>>,
    free: Vec<u32>,
    hasher: FixedState,
}

impl<V> Records<V> {
    /// None yet; `seed` keys the hash.
    pub(super) fn new(seed: u64) -> Self {
        Records { index: HashTable::new(), places: Vec::new(), free: Vec::new(), hasher: FixedState::with_seed(seed) }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn contains(&self, id: FlowId) -> bool {
        self.place(id).is_some()
    }

    pub(super) fn get(&self, id: FlowId) -> Option<&V> {
        self.places.get(self.place(id)? as usize)?.as_ref().map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, id: FlowId) -> Option<&mut V> {
        let place = self.place(id)?;
        self.places.get_mut(place as usize)?.as_mut().map(|(_, value)| value)
    }

    /// Adds a value of a flow that has none yet.
    pub(super) fn insert(&mut self, id: FlowId, value: V) {
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(room) = self.places.get_mut(place as usize) {
                    *room = Some((id, value));
                }
                place
            }
            None => {
                let place = self.places.len() as u32;
                self.places.push(Some((id, value)));
                place
            }
        };
        let (places, hasher) = (&self.places, &self.hasher);
        let rehash = |at: &u32| places.get(*at as usize).and_then(Option::as_ref).map_or(0, |(id, _)| hasher.hash_one(id));
        self.index.insert_unique(hasher.hash_one(id), place, rehash);
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, id: FlowId) -> Option<V> {
        let places = &self.places;
        let is_it = |at: &u32| places.get(*at as usize).and_then(Option::as_ref).is_some_and(|(known, _)| *known == id);
        let (place, _) = self.index.find_entry(self.hasher.hash_one(id), is_it).ok()?.remove();
        let (_, value) = self.places.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.places.iter_mut().flatten().map(|(_, value)| value)
    }

    fn place(&self, id: FlowId) -> Option<u32> {
        let is_it = |at: &u32| self.places.get(*at as usize).and_then(Option::as_ref).is_some_and(|(known, _)| *known == id);
        self.index.find(self.hasher.hash_one(id), is_it).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_makes_room() {
        let mut records = Records::new(1);
        for n in 0..10_000u64 {
            records.insert(FlowId(n), n);
            if n >= 100 {
                assert_eq!(records.remove(FlowId(n - 100)), Some(n - 100));
            }
        }
        assert_eq!((records.len(), records.places.len()), (100, 101));
        assert_eq!(records.remove(FlowId(0)), None);
        assert_eq!((records.get(FlowId(9_999)), records.get(FlowId(0))), (Some(&9_999), None));
        *records.get_mut(FlowId(9_950)).unwrap() = 7;
        assert!(records.contains(FlowId(9_950)) && records.values_mut().any(|value| *value == 7));
    }
}
