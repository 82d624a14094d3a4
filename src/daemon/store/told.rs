//! Which alerts a batch makes: one for a client, a service and a policy status, and one more for an upload under it.
//!
//! A client can use a service under several statuses at a time, where rules speak of hosts or tenants; what was told under one says
//! nothing of another. An address may get a new owner; what was told of one says nothing of the next. Where no owner is known, any will do.
//! What was allowed since by a change of the policy has lapsed: it is told again.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::daemon::mac;
use crate::daemon::notice::NoticeKind;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Finding, Sighting};

/// A client, a service and a policy status.
pub(super) type Key<'a> = (&'a str, &'a str, u8);

/// Owner of an address, empty where not known.
type Owner = String;

/// What was told of one owner under one status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    /// Whether an upload was.
    pub uploaded: bool,
    /// Whether it was allowed since.
    pub lapsed: bool,
    /// Sessions since that were no news.
    pub repeats: u64,
}

/// An alert that a sighting makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    /// Why.
    pub kind: NoticeKind,
    /// Sessions since the last one that were no news.
    pub repeats: u64,
}

/// What was told of every client and service a batch speaks of.
#[derive(Default)]
pub(super) struct Memory<'a> {
    told: HashMap<Key<'a>, BTreeMap<Owner, Told>>,
    /// Clients and services that were told about under any status, and the owners then.
    pairs: HashMap<(&'a str, &'a str), HashSet<Owner>>,
    changed: HashSet<(Key<'a>, Owner)>,
    /// Services of which nothing was ever told.
    new_services: HashSet<&'a str>,
}

impl<'a> Memory<'a> {
    /// Puts in what the store remembers.
    pub fn remember(&mut self, key: Key<'a>, owner: Owner, told: Told) {
        self.pairs.entry((key.0, key.1)).or_default().insert(owner.clone());
        self.told.entry(key).or_default().insert(owner, told);
    }

    /// Notes that nothing was ever told of a service.
    pub fn is_new(&mut self, service: &'a str) {
        self.new_services.insert(service);
    }

    /// Which alert this finding makes, if any.
    pub fn judge(&mut self, finding: &'a Finding) -> Option<Due> {
        let sighting = &finding.sighting;
        if !sighting.is_alert_due() {
            return None;
        }
        let key = (&*sighting.client, &*sighting.service, sighting.status as u8);
        let owner = owner_of(sighting);
        self.adopt(key, &owner);
        let uploaded = sighting.evidence == Evidence::Uploaded;
        let (told, mut repeats) = (self.told(&key, &owner), 0);
        let kind = match told {
            None if self.is_known(&key, &owner) => NoticeKind::StatusChanged,
            None if sighting.status == Status::Unreviewed && self.new_services.contains(key.1) => NoticeKind::NewService,
            None => NoticeKind::FirstUse,
            Some(Told { lapsed: true, .. }) => NoticeKind::StatusChanged,
            Some(Told { uploaded: false, repeats: before, .. }) if uploaded => {
                repeats = before;
                NoticeKind::Uploaded
            }
            Some(told) => {
                self.repeat(key, owner, told, finding);
                return None;
            }
        };
        self.new_services.remove(key.1);
        self.remember(key, owner.clone(), Told { uploaded, ..Told::default() });
        self.changed.insert((key, owner));
        Some(Due { kind, repeats })
    }

    /// What is otherwise now than it was.
    pub fn changed(self) -> impl Iterator<Item = (Key<'a>, Owner, Told)> {
        self.changed.into_iter().filter_map(move |(key, owner)| {
            let told = *self.told.get(&key)?.get(&owner)?;
            Some((key, owner, told))
        })
    }

    /// Counts a session that is no news, once: when it comes as far as to be told.
    fn repeat(&mut self, key: Key<'a>, owner: Owner, told: Told, finding: &Finding) {
        let comes_so_far = finding.reached.is_some_and(|(lowest, highest)| (lowest..=highest).contains(&Evidence::Contacted));
        if comes_so_far && self.told.get(&key).is_some_and(|owners| owners.contains_key(&owner)) {
            self.remember(key, owner.clone(), Told { repeats: told.repeats.saturating_add(1), ..told });
            self.changed.insert((key, owner));
        }
    }

    /// What was told of nobody known belongs to the first owner who is.
    fn adopt(&mut self, key: Key<'a>, owner: &str) {
        let Some(owners) = self.told.get_mut(&key).filter(|_| !owner.is_empty()) else { return };
        if !owners.contains_key(owner)
            && let Some(told) = owners.remove("")
        {
            self.pairs.entry((key.0, key.1)).or_default().remove("");
            self.remember(key, owner.to_owned(), told);
            self.changed.insert((key, owner.to_owned()));
        }
    }

    /// What was told of this owner; of any, where it is not known.
    fn told(&self, key: &Key<'a>, owner: &str) -> Option<Told> {
        let owners = self.told.get(key)?;
        if !owner.is_empty() {
            return owners.get(owner).copied();
        }
        owners.values().copied().reduce(|one, other| Told {
            uploaded: one.uploaded || other.uploaded,
            lapsed: one.lapsed && other.lapsed,
            repeats: one.repeats.max(other.repeats),
        })
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
    use crate::daemon::fixture::{finding, sighting};
    use crate::engine::sighting::Identity;

    fn of(host: Option<&str>) -> Finding {
        finding(Sighting { identity: Identity { host: host.map(Into::into), ..Identity::default() }.into(), ..sighting() })
    }

    #[test]
    fn a_new_owner_of_an_address_is_told_and_nobody_twice() {
        let (nobody, anna, ben) = (of(None), of(Some("anna")), of(Some("ben")));
        let mut memory = Memory::default();
        let story = [&nobody, &anna, &anna, &ben, &nobody, &anna, &ben];
        let kinds: Vec<_> = story.into_iter().map(|s| memory.judge(s).map(|due| due.kind)).collect();
        let first = Some(NoticeKind::FirstUse);
        assert_eq!(kinds, [first, None, None, first, None, None, None], "who was nobody known turned out to be anna");
        let mut told: Vec<_> = memory.changed().map(|(_, owner, _)| owner).collect();
        told.sort();
        assert_eq!(told, ["anna", "ben"]);
    }

    #[test]
    fn the_first_use_by_anybody_of_what_nobody_decided_about_is_news() {
        let (mut memory, anna, ben) = (Memory::default(), of(Some("anna")), of(Some("ben")));
        memory.is_new("openai.chatgpt");
        assert_eq!(memory.judge(&anna).map(|due| due.kind), Some(NoticeKind::NewService));
        assert_eq!(memory.judge(&ben).map(|due| due.kind), Some(NoticeKind::FirstUse));
    }

    #[test]
    fn sessions_that_are_no_news_are_counted_once_each_and_told_with_the_next_alert() {
        let (mut memory, first) = (Memory::default(), of(Some("anna")));
        memory.judge(&first);
        for _ in 0..3 {
            memory.judge(&first);
        }
        let goes_on = Finding { reached: None, ..first.clone() };
        assert_eq!(memory.judge(&goes_on), None);
        let uploaded = finding(Sighting { evidence: Evidence::Uploaded, ..first.sighting.clone() });
        assert_eq!(memory.judge(&uploaded), Some(Due { kind: NoticeKind::Uploaded, repeats: 3 }));
        assert_eq!(memory.judge(&uploaded), None);
    }

    #[test]
    fn what_was_allowed_in_between_is_told_again() {
        let (mut memory, anna) = (Memory::default(), of(Some("anna")));
        let key = ("10.0.0.5", "openai.chatgpt", Status::Unreviewed as u8);
        memory.remember(key, "anna".into(), Told { uploaded: true, lapsed: true, repeats: 9 });
        assert_eq!(memory.judge(&anna), Some(Due { kind: NoticeKind::StatusChanged, repeats: 0 }));
        assert_eq!(memory.judge(&anna), None);
    }
}
