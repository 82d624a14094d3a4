//! Teams instead of clients: a cell is a team, a service and a policy status on a day (UTC). It is shown under its team once `k` different
//! clients were seen in it; before, its use goes to the cell of [`OTHER`], which stands for the whole network. That cell is shown once `k`
//! different clients were seen on the network that day; before, nothing is kept at all. So whatever is kept could be any of `k` clients.
//!
//! A sighting stands for a cell: it begins with its day, ends with it, and tells no time of day.

use std::collections::HashSet;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Person;
use crate::engine::frame::Time;
use crate::engine::group::OTHER;
use crate::engine::policy::Status;

/// Seconds of a day.
pub(super) const DAY: u64 = 86_400;
/// Cells whose clients are counted; what is beyond them belongs to everybody.
const MAX_CELLS: usize = 65_536;
/// Microseconds of a day's first second.
const SECOND: u64 = 1_000_000;
/// Steps in which moments of one day are apart: room for every status.
const STATUSES: u64 = 8;
const _: () = assert!(Status::ALL.len() as u64 <= STATUSES);

/// Team, service and policy status.
type Cell = (Arc<str>, Arc<str>, Status);

/// Who was seen today, as keyed hashes in memory: never more than `k` of a cell, and never stored.
pub struct Crowd {
    k: usize,
    hasher: FixedState,
    other: Arc<str>,
    day: Option<u64>,
    /// Microseconds after midnight that tell sightings of one cell apart, where a start or new rules made two of them.
    offset: u64,
    everybody: HashSet<u64>,
    cells: HashMap<Cell, HashSet<u64>, FixedState>,
    withheld: u64,
}

impl Crowd {
    /// Nobody seen yet; `seed` keys the hashes of clients.
    pub fn new(k: usize, seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        let cells = HashMap::with_hasher(hasher.clone());
        let other = OTHER.into();
        Crowd { k: k.max(1), hasher, other, day: None, offset: 0, everybody: HashSet::new(), cells, withheld: 0 }
    }

    /// Lets time pass; true where a new day began.
    pub(super) fn tick(&mut self, now: Time) -> bool {
        let day = now.seconds() / DAY;
        if self.day.is_some_and(|known| day <= known) {
            return false;
        }
        if self.day.is_none() {
            let within = self.hasher.hash_one(now.0) % (SECOND / 2);
            self.offset = within.saturating_sub(within % STATUSES);
        }
        let is_first = self.day.replace(day).is_none();
        self.everybody.clear();
        self.cells.clear();
        !is_first
    }

    /// A client is on the network.
    pub(super) fn notice(&mut self, now: Time, person: impl FnOnce() -> Person) {
        self.tick(now);
        if self.everybody.len() < self.k {
            self.everybody.insert(self.hasher.hash_one(person()));
        }
    }

    /// The team a client's use of a service is kept under, now that this client counts too.
    pub(super) fn team(&mut self, person: &Person, team: &Arc<str>, service: &Arc<str>, status: Status) -> Option<Arc<str>> {
        let hash = self.hasher.hash_one(person);
        let is_shown = **team != *OTHER && {
            let key = (Arc::clone(team), Arc::clone(service), status);
            let has_room = self.cells.len() < MAX_CELLS || self.cells.contains_key(&key);
            has_room && {
                let clients = self.cells.entry(key).or_default();
                if clients.len() < self.k {
                    clients.insert(hash);
                }
                clients.len() >= self.k
            }
        };
        if is_shown {
            return Some(Arc::clone(team));
        }
        if self.everybody.len() < self.k {
            self.withheld = self.withheld.saturating_add(1);
            return None;
        }
        Some(Arc::clone(&self.other))
    }

    /// The moment sightings of today begin and end at: another one for each status, since a sighting is known by team, service and moment.
    pub(super) fn moment(&self, status: Status) -> Time {
        let midnight = Time::new(self.day.unwrap_or_default().saturating_mul(DAY), 0);
        midnight.plus_micros(self.offset).plus_micros(status as u64)
    }

    /// Sightings of a cell that are opened from now on are others than those before.
    pub(super) fn begin_anew(&mut self) {
        self.offset = self.offset.saturating_add(STATUSES) % (SECOND - STATUSES);
    }

    pub(super) fn withheld(&self) -> u64 {
        self.withheld
    }
}

impl fmt::Debug for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crowd").field("k", &self.k).field("cells", &self.cells.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = Time::new(20_000 * DAY + DAY / 2, 7);

    struct Scene {
        crowd: Crowd,
        now: Time,
    }

    impl Scene {
        fn new(k: usize) -> Self {
            Scene { crowd: Crowd::new(k, 1), now: NOON }
        }

        /// What a client's use of a service is kept under.
        fn seen(&mut self, client: u8, team: &str, service: &str, status: Status) -> Option<String> {
            let person = Person::at([10, 0, 0, client].into(), None);
            self.crowd.notice(self.now, || person.clone());
            self.crowd.team(&person, &team.into(), &service.into(), status).map(|t| t.to_string())
        }

        fn all(&mut self, clients: std::ops::Range<u8>, team: &str, service: &str) -> Vec<Option<String>> {
            clients.map(|c| self.seen(c, team, service, Status::Unreviewed)).collect()
        }
    }

    fn shown(teams: &[&str]) -> Vec<Option<String>> {
        teams.iter().map(|t| (!t.is_empty()).then(|| (*t).to_owned())).collect()
    }

    #[test]
    fn a_team_is_shown_from_its_kth_client_on_and_nobody_before_k_are_there() {
        let mut scene = Scene::new(3);
        assert_eq!(scene.all(0..2, "design", "a"), shown(&["", ""]));
        assert_eq!(scene.crowd.withheld(), 2);
        assert_eq!(scene.all(0..1, "design", "a"), shown(&[""]), "the same client again counts once");
        assert_eq!(scene.all(10..12, "sales", "a"), shown(&["other", "other"]), "three are there now");
        assert_eq!(scene.all(0..1, "design", "a"), shown(&["other"]));
        assert_eq!(scene.all(2..3, "design", "a"), shown(&["design"]));
        assert_eq!(scene.all(0..2, "design", "a"), shown(&["design", "design"]));
    }

    #[test]
    fn every_cell_needs_its_own_k_and_every_day_again() {
        let mut scene = Scene::new(2);
        assert_eq!(scene.all(0..2, "design", "a"), shown(&["", "design"]));
        assert_eq!(scene.all(0..2, "design", "b"), shown(&["other", "design"]));
        assert_eq!(scene.seen(0, "design", "a", Status::Unapproved).as_deref(), Some("other"), "a status of one client's own");
        assert_eq!(scene.all(0..2, "other", "c"), shown(&["other", "other"]));
        scene.now = NOON.plus_seconds(DAY / 2);
        assert_eq!(scene.all(0..2, "design", "a"), shown(&["", "design"]));
    }

    #[test]
    fn sightings_tell_their_day_only() {
        let mut scene = Scene::new(1);
        assert!(!scene.crowd.tick(NOON));
        let moment = |scene: &Scene| scene.crowd.moment(Status::Unreviewed);
        let first = moment(&scene);
        assert_eq!(first.seconds(), 20_000 * DAY);
        assert!(!scene.crowd.tick(NOON.plus_seconds(60)));
        assert_eq!(moment(&scene), first);
        let of_each = |scene: &Scene| Status::ALL.map(|status| scene.crowd.moment(status));
        let before = of_each(&scene);
        scene.crowd.begin_anew();
        let all: HashSet<_> = before.into_iter().chain(of_each(&scene)).collect();
        assert_eq!(all.len(), 2 * Status::ALL.len(), "no two sightings of a team and a service begin at one moment");
        assert!(all.iter().all(|m| m.seconds() == 20_000 * DAY));
        assert!(scene.crowd.tick(NOON.plus_seconds(DAY / 2)));
        assert!(!scene.crowd.tick(NOON), "no way back");
        assert_eq!(moment(&scene).seconds(), 20_001 * DAY);
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let mut scene = Scene::new(2);
        scene.crowd.tick(NOON);
        for n in 0..=MAX_CELLS {
            let service: Arc<str> = n.to_string().into();
            scene.crowd.team(&Person::at([10, 0, 0, 1].into(), None), &"design".into(), &service, Status::Unreviewed);
        }
        assert_eq!(scene.crowd.cells.len(), MAX_CELLS);
        scene.all(0..2, "design", "one too many");
        assert_eq!(scene.seen(1, "design", "one too many", Status::Unreviewed).as_deref(), Some("other"));
        (0..100).for_each(|c| drop(scene.seen(c, "design", "0", Status::Unreviewed)));
        assert!(scene.crowd.everybody.len() <= 2 && scene.crowd.cells.values().all(|c| c.len() <= 2));
    }
}
