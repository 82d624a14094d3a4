//! Which alerts a batch makes: one for a client, a service and a policy status, and one more for an upload under it.
//!
//! A client can use a service under several statuses at a time, where rules speak of hosts or tenants; what was told under one says
//! nothing of another.

use std::collections::{HashMap, HashSet};

use crate::daemon::notice::NoticeKind;
use crate::engine::sighting::{Evidence, Sighting};

/// A client, a service and a policy status.
pub(super) type Key<'a> = (&'a str, &'a str, u8);

/// What was told of every client and service a batch speaks of.
#[derive(Default)]
pub(super) struct Memory<'a> {
    /// Whether an upload was told under that status.
    told: HashMap<Key<'a>, bool>,
    /// Clients and services that were told about under any status.
    pairs: HashSet<(&'a str, &'a str)>,
    changed: HashSet<Key<'a>>,
}

impl<'a> Memory<'a> {
    /// Puts in what the store remembers.
    pub fn remember(&mut self, key: Key<'a>, uploaded: bool) {
        self.told.insert(key, uploaded);
        self.pairs.insert((key.0, key.1));
    }

    /// Which alert this sighting makes, if any.
    pub fn judge(&mut self, sighting: &'a Sighting) -> Option<NoticeKind> {
        if !sighting.is_alert_due() {
            return None;
        }
        let key = (&*sighting.client, &*sighting.service, sighting.status as u8);
        let uploaded = sighting.evidence == Evidence::Uploaded;
        let kind = match self.told.get(&key) {
            None if self.pairs.contains(&(key.0, key.1)) => NoticeKind::StatusChanged,
            None => NoticeKind::FirstUse,
            Some(false) if uploaded => NoticeKind::Uploaded,
            Some(_) => return None,
        };
        self.remember(key, uploaded);
        self.changed.insert(key);
        Some(kind)
    }

    /// What was told now, and whether an upload was.
    pub fn changed(self) -> impl Iterator<Item = (Key<'a>, bool)> {
        self.changed.into_iter().filter_map(move |key| self.told.get(&key).map(|uploaded| (key, *uploaded)))
    }
}
