//! One address, and who held it one after the other. Each way of telling has its rule for what is a new owner and what is more of the same.

use std::collections::VecDeque;
use std::sync::Arc;

use super::tenure::Tenure;
use crate::engine::frame::Time;

/// Owners remembered before the present one: what their flows still tell is theirs.
const PAST: usize = 3;
/// An address that is seen with one MAC address, another, and the first again within this time (nanoseconds) is had by both: a bond of two
/// network cards, one range used twice, a conflict. What turns by turns is no change of owner.
const CONTEST: u64 = 600_000_000_000;

/// What a telling changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// More is known of the same owner.
    More,
    /// The address has another owner.
    Owner,
}

/// Who is logged on, as accounting tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session<'a> {
    pub(super) user: Option<&'a Arc<str>>,
    pub(super) id: Option<u64>,
    pub(super) mac: Option<[u8; 6]>,
}

/// One address and its owners.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    past: VecDeque<Tenure>,
    pub(super) now: Tenure,
}

impl Held {
    /// Whose the address was at a moment.
    pub(super) fn at(&self, at: Time) -> &Tenure {
        if at >= self.now.from {
            return &self.now;
        }
        self.past.iter().rev().find(|t| t.from <= at).or(self.past.front()).unwrap_or(&self.now)
    }

    /// One owner's time, by its number.
    pub(super) fn by_id(&self, id: u32) -> Option<&Tenure> {
        self.tenures().find(|t| t.id == id)
    }

    /// The last time a MAC address had it.
    pub(super) fn of_mac(&self, mac: [u8; 6]) -> Option<&Tenure> {
        self.tenures().find(|t| t.is_of(mac))
    }

    fn tenures(&self) -> impl Iterator<Item = &Tenure> {
        std::iter::once(&self.now).chain(self.past.iter().rev())
    }

    /// Where the owner's time is over, nobody known follows.
    pub(super) fn settle(&mut self, at: Time) {
        if let Some(until) = self.now.until.filter(|until| *until <= at) {
            self.follow(until, Tenure::default());
        }
    }

    /// Somebody else has the address from that moment on.
    fn follow(&mut self, from: Time, next: Tenure) -> Change {
        let from = from.max(self.now.from);
        let id = self.now.id.wrapping_add(1);
        let mut old = std::mem::replace(&mut self.now, Tenure { id, from, ..next });
        old.until = Some(old.until.map_or(from, |until| until.min(from)));
        if self.past.len() >= PAST {
            self.past.pop_front();
        }
        self.past.push_back(old);
        Change::Owner
    }

    /// A frame or a neighbour shows the address with a MAC address.
    pub(super) fn shows(&mut self, mac: [u8; 6], at: Time) -> Change {
        if at < self.now.from {
            return Change::None;
        }
        if self.now.is_over(at) && self.now.is_of(mac) {
            // A lease whose renewal was not seen.
            self.now.until = None;
        }
        self.settle(at);
        let is_by_turns = self.is_by_turns(mac, at);
        let now = &mut self.now;
        match now.mac {
            Some(known) if known == mac => {
                (now.is_seen, now.seen) = (true, at);
                now.alias = now.alias.filter(|_| now.contested.is_some());
                Change::None
            }
            None => {
                (now.mac, now.is_seen, now.seen) = (Some(mac), true, at);
                Change::More
            }
            Some(_) if now.alias == Some(mac) => {
                now.contested = now.contested.map(|_| at);
                Change::None
            }
            // The owner of a lease was never seen itself: this one speaks for it.
            Some(_) if now.is_lent && !now.is_seen && now.alias.is_none() => {
                now.alias = Some(mac);
                Change::None
            }
            Some(_) if is_by_turns => {
                now.alias = Some(mac);
                let is_new = now.contested.replace(at).is_none();
                if is_new { Change::More } else { Change::None }
            }
            Some(_) => self.follow(at, Tenure { mac: Some(mac), is_seen: true, seen: at, ..Tenure::default() }),
        }
    }

    fn is_by_turns(&self, mac: [u8; 6], at: Time) -> bool {
        let is_back = self.past.back().is_some_and(|past| past.is_of(mac)) && at.since(self.now.from) < CONTEST;
        is_back || self.now.contested.is_some_and(|last| at.since(last) < CONTEST)
    }

    /// A host asks whether it may take the address: it is its, where nobody known has it.
    pub(super) fn probed(&mut self, mac: [u8; 6], at: Time) -> Change {
        self.settle(at);
        if self.now.mac.is_none() { self.shows(mac, at) } else { Change::None }
    }

    /// A server lends the address to a MAC address from a moment on; `begins` where it is a new lease.
    pub(super) fn lent(&mut self, mac: [u8; 6], (from, until): (Time, Option<Time>), begins: bool) -> Change {
        if self.now.mac != Some(mac) {
            self.settle(from);
        }
        let has_just_begun = self.now.has_just_begun(from);
        let now = &mut self.now;
        match now.mac {
            Some(known) if known == mac => {
                (now.is_lent, now.until) = (true, until);
                Change::None
            }
            None if !begins || has_just_begun => {
                (now.mac, now.is_lent, now.until) = (Some(mac), true, until);
                Change::More
            }
            _ => self.follow(from, Tenure { mac: Some(mac), is_lent: true, until, ..Tenure::default() }),
        }
    }

    /// A server of DHCPv6 lends the address to a client, whose MAC address is known or not.
    pub(super) fn lent_to(&mut self, duid: u64, mac: Option<[u8; 6]>, (at, until): (Time, Option<Time>)) -> Change {
        if self.now.duid != Some(duid) {
            self.settle(at);
        }
        let now = &mut self.now;
        let is_other_mac = mac.is_some_and(|mac| now.mac.is_some() && !now.is_of(mac));
        match now.duid {
            Some(known) if known == duid => {
                now.until = until;
                Change::None
            }
            None if !is_other_mac => {
                (now.duid, now.is_lent, now.until) = (Some(duid), true, until);
                Change::More
            }
            _ => self.follow(at, Tenure { duid: Some(duid), is_lent: true, until, ..Tenure::default() }),
        }
    }

    /// A MAC address gives the address back, or was refused it.
    pub(super) fn returned(&mut self, mac: [u8; 6], at: Time) {
        if self.now.is_of(mac) && self.now.is_lent && !self.now.is_over(at) {
            self.now.until = Some(at);
        }
    }

    /// The same for a client of DHCPv6.
    pub(super) fn returned_by(&mut self, duid: u64, at: Time) {
        if self.now.duid == Some(duid) && !self.now.is_over(at) {
            self.now.until = Some(at);
        }
    }

    /// Accounting tells whose session has the address since `from`; `begins` where the session is new.
    pub(super) fn logged_on(&mut self, session: Session<'_>, from: Time, begins: bool, at: Time) -> Change {
        self.settle(at);
        let has_just_begun = self.now.has_just_begun(from);
        let Session { user, id, mac } = session;
        let now = &mut self.now;
        let is_same = now.user.is_some() && now.user.as_ref() == user;
        let is_other_mac = mac.is_some_and(|mac| now.mac.is_some() && !now.is_of(mac));
        let is_more = if is_other_mac { is_same && now.session == id } else { now.user.is_none() || is_same };
        if !is_more || (now.user.is_none() && begins && !has_just_begun && now.mac.is_none()) {
            let is_known = mac.is_some() && mac == now.mac;
            let (mac, is_seen) = (mac, is_known && now.is_seen);
            return self
                .follow(from, Tenure { mac, is_seen, is_lent: mac.is_some(), user: user.cloned(), session: id, ..Tenure::default() });
        }
        let is_new = !is_same && user.is_some();
        let is_new_mac = now.mac.is_none() && mac.is_some();
        now.user = user.cloned().or(now.user.take());
        now.session = id.or(now.session);
        if is_new_mac {
            (now.mac, now.is_lent) = (mac, true);
        }
        if is_new || is_new_mac { Change::More } else { Change::None }
    }

    /// Accounting tells that a session since `from` ended at that moment: the machine stays, its user does not.
    pub(super) fn logged_off(&mut self, session: Session<'_>, from: Time, at: Time) -> Change {
        let now = &mut self.now;
        let is_its = match (now.session, session.id) {
            (Some(known), Some(ended)) => known == ended,
            _ => now.user.is_some() && now.user.as_ref() == session.user,
        };
        // The beginning was not seen: then the end tells whose session it was.
        let is_late = now.user.is_none() && now.is_fresh(from) && session.mac.is_none_or(|mac| now.mac.is_none_or(|known| known == mac));
        if !(is_its || is_late) || now.is_over(at) {
            return Change::None;
        }
        if is_late {
            now.user = session.user.cloned();
        }
        let (mac, is_lent, is_seen, alias, duid) = (now.mac, now.is_lent, now.is_seen, now.alias, now.duid);
        let (until, name) = (now.until, now.name.clone());
        self.follow(at, Tenure { mac, is_lent, is_seen, alias, duid, until, name, ..Tenure::default() })
    }
}
