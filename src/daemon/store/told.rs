//! Which alerts a batch makes: one for a client, a service and a policy status, and one more for an upload under it.
//!
//! A client can use a service under several statuses at a time, where rules speak of hosts or tenants; what was told under one says
//! nothing of another. An address may get a new owner; what was told of one says nothing of the next. Where no owner is known, any will do.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::daemon::mac;
use crate::daemon::notice::NoticeKind;
use crate::engine::sighting::{Evidence, Sighting};

/// A client, a service and a policy status.
pub(super) type Key<'a> = (&'a str, &'a str, u8);

/// Owner of an address, empty where not known.
type Owner = String;

/// What was told of every client and service a batch speaks of.
#[derive(Default)]
pub(super) struct Memory<'a> {
    /// Whether an upload was told under that status, by owner.
    told: HashMap<Key<'a>, BTreeMap<Owner, bool>>,
    /// Clients and services that were told about under any status, and the owners then.
    pairs: HashMap<(&'a str, &'a str), HashSet<Owner>>,
    changed: HashSet<(Key<'a>, Owner)>,
}

impl<'a> Memory<'a> {
    /// Puts in what the store remembers.
    pub fn remember(&mut self, key: Key<'a>, owner: Owner, uploaded: bool) {
        self.pairs.entry((key.0, key.1)).or_default().insert(owner.clone());
        self.told.entry(key).or_default().insert(owner, uploaded);
    }

    /// Which alert this sighting makes, if any.
    pub fn judge(&mut self, sighting: &'a Sighting) -> Option<NoticeKind> {
        if !sighting.is_alert_due() {
            return None;
        }
        let key = (&*sighting.client, &*sighting.service, sighting.status as u8);
        let owner = owner_of(sighting);
        self.adopt(key, &owner);
        let uploaded = sighting.evidence == Evidence::Uploaded;
        let kind = match self.told(&key, &owner) {
            None if self.is_known(&key, &owner) => NoticeKind::StatusChanged,
            None => NoticeKind::FirstUse,
            Some(false) if uploaded => NoticeKind::Uploaded,
            Some(_) => return None,
        };
        self.remember(key, owner.clone(), uploaded);
        self.changed.insert((key, owner));
        Some(kind)
    }

    /// What was told now, and whether an upload was.
    pub fn changed(self) -> impl Iterator<Item = (Key<'a>, Owner, bool)> {
        self.changed.into_iter().filter_map(move |(key, owner)| {
            let uploaded = *self.told.get(&key)?.get(&owner)?;
            Some((key, owner, uploaded))
        })
    }

    /// What was told of nobody known belongs to the first owner who is.
    fn adopt(&mut self, key: Key<'a>, owner: &str) {
        let Some(owners) = self.told.get_mut(&key).filter(|_| !owner.is_empty()) else { return };
        if !owners.contains_key(owner)
            && let Some(uploaded) = owners.remove("")
        {
            self.pairs.entry((key.0, key.1)).or_default().remove("");
            self.remember(key, owner.to_owned(), uploaded);
            self.changed.insert((key, owner.to_owned()));
        }
    }

    /// Whether an upload was told of this owner; of any, where it is not known.
    fn told(&self, key: &Key<'a>, owner: &str) -> Option<bool> {
        let owners = self.told.get(key)?;
        if owner.is_empty() { owners.values().copied().max() } else { owners.get(owner).copied() }
    }

    fn is_known(&self, key: &Key<'a>, owner: &str) -> bool {
        self.pairs.get(&(key.0, key.1)).is_some_and(|owners| owner.is_empty() || owners.contains(owner) || owners.contains(""))
    }
}

/// Who had the address: by MAC address, else by host name.
fn owner_of(sighting: &Sighting) -> Owner {
    let identity = &sighting.identity;
    identity.mac.map(mac::text).or_else(|| identity.host.as_deref().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::sighting;
    use crate::engine::sighting::Identity;

    fn of(host: Option<&str>) -> Sighting {
        Sighting { identity: Identity { host: host.map(Into::into), ..Identity::default() }.into(), ..sighting() }
    }

    #[test]
    fn a_new_owner_of_an_address_is_told_and_nobody_twice() {
        let (nobody, anna, ben) = (of(None), of(Some("anna")), of(Some("ben")));
        let mut memory = Memory::default();
        let kinds: Vec<_> = [&nobody, &anna, &anna, &ben, &nobody, &anna, &ben].into_iter().map(|s| memory.judge(s)).collect();
        let first = Some(NoticeKind::FirstUse);
        assert_eq!(kinds, [first, None, None, first, None, None, None], "who was nobody known turned out to be anna");
        let mut told: Vec<_> = memory.changed().map(|(_, owner, _)| owner).collect();
        told.sort();
        assert_eq!(told, ["anna", "ben"]);
    }
}
