//! Where open sightings stand: one after another, found by key and by client.

use std::collections::BTreeSet;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::SightingKey;
use super::open::Open;
use crate::engine::identity::Client;

/// The open sightings, each at a place that stays its own while it is open. The hash table holds places alone: keys are long.
#[derive(Debug)]
pub(super) struct Places {
    index: HashTable<u32>,
    places: Vec<Option<Open>>,
    free: Vec<u32>,
    clients: BTreeSet<(Client, u32)>,
    hasher: FixedState,
}

impl Places {
    /// None yet; `seed` keys the hash.
    pub(super) fn new(seed: u64) -> Self {
        Places {
            index: HashTable::new(),
            places: Vec::new(),
            free: Vec::new(),
            clients: BTreeSet::new(),
            hasher: FixedState::with_seed(seed),
        }
    }

    /// Sightings that are open.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Places there are, also those where none stands.
    pub(super) fn all(&self) -> std::ops::Range<u32> {
        0..self.places.len() as u32
    }

    /// The place of a key.
    pub(super) fn find(&self, key: &SightingKey) -> Option<u32> {
        self.index.find(self.hasher.hash_one(key), |at| self.at(*at).is_some_and(|open| open.key == *key)).copied()
    }

    /// The sighting at a place.
    pub(super) fn at(&self, at: u32) -> Option<&Open> {
        self.places.get(at as usize)?.as_ref()
    }

    /// The same, to be changed; its key stays.
    pub(super) fn at_mut(&mut self, at: u32) -> Option<&mut Open> {
        self.places.get_mut(at as usize)?.as_mut()
    }

    /// The places of a client's.
    pub(super) fn of_client(&self, client: Client) -> impl Iterator<Item = u32> {
        self.clients.range((client, 0)..=(client, u32::MAX)).map(|(_, at)| *at)
    }

    /// Adds one whose key has no place yet.
    pub(super) fn insert(&mut self, open: Open) -> u32 {
        let (hash, client) = (self.hasher.hash_one(&open.key), open.key.client);
        let at = self.free.pop().unwrap_or_else(|| {
            let at = self.places.len() as u32;
            self.places.push(None);
            at
        });
        if let Some(place) = self.places.get_mut(at as usize) {
            *place = Some(open);
        }
        self.clients.insert((client, at));
        let (places, hasher) = (&self.places, &self.hasher);
        let rehash = |at: &u32| places.get(*at as usize).and_then(Option::as_ref).map_or(0, |open| hasher.hash_one(&open.key));
        self.index.insert_unique(hash, at, rehash);
        at
    }

    /// Takes the one at a place out.
    pub(super) fn take(&mut self, at: u32) -> Option<Open> {
        let open = self.places.get_mut(at as usize)?.take()?;
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(&open.key), |known| *known == at) {
            entry.remove();
        }
        self.clients.remove(&(open.key.client, at));
        self.free.push(at);
        Some(open)
    }
}
