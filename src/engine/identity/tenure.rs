//! One owner's time at an address, and what is known of the owner.

use std::sync::Arc;

use super::device::Name;
use crate::engine::event::Link;
use crate::engine::frame::Time;

/// Use of an address so shortly before its lease or session was told is its new owner's: messages of two captures change places.
const SLACK: u64 = 10_000_000_000;
/// How often the same MAC address is noted again, in nanoseconds.
const REPEAT: u64 = 60_000_000_000;
/// Flows passed on that are needed to tell a NAT.
const PASSED: u32 = 3;
/// A NAT may have one flow of its own for so many it passes on; a machine with virtual ones behind it has more.
const OWN_SHARE: u32 = 16;

/// One owner's time at an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Tenure {
    /// Counts the owners of one address.
    pub(super) id: u32,
    pub(super) from: Time,
    pub(super) until: Option<Time>,
    /// When it was first asked who this is.
    pub(super) used: Option<Time>,
    pub(super) mac: Option<[u8; 6]>,
    /// The owner has the address from a server.
    pub(super) is_lent: bool,
    /// Frames or neighbours showed the address with its MAC address.
    pub(super) is_seen: bool,
    /// When they last did.
    pub(super) seen: Time,
    /// A MAC address that speaks for the owner: a repeater's.
    pub(super) alias: Option<[u8; 6]>,
    /// When the address was last seen with another MAC address than the one it had just had, by turns: two have it at a time.
    pub(super) contested: Option<Time>,
    pub(super) duid: Option<u64>,
    pub(super) user: Option<Arc<str>>,
    pub(super) session: Option<u64>,
    pub(super) name: Option<Name>,
    pub(super) sharing: Sharing,
}

impl Tenure {
    pub(super) fn is_over(&self, at: Time) -> bool {
        self.until.is_some_and(|until| until <= at)
    }

    /// Whether the address was not in use before a moment.
    pub(super) fn is_fresh(&self, from: Time) -> bool {
        self.used.is_none_or(|used| from.since(used) <= SLACK)
    }

    /// Whether its use began so shortly before a moment that it is of who has the address from then on.
    pub(super) fn has_just_begun(&self, from: Time) -> bool {
        self.used.is_some() && self.is_fresh(from)
    }

    /// Whether a frame with this MAC address tells nothing new.
    pub(super) fn is_known(&self, mac: [u8; 6], at: Time) -> bool {
        self.is_seen && self.mac == Some(mac) && !self.is_over(at) && at.since(self.seen) < REPEAT
    }

    /// Whether this MAC address is the owner's, or speaks for it.
    pub(super) fn is_of(&self, mac: [u8; 6]) -> bool {
        self.mac == Some(mac) || self.alias == Some(mac)
    }
}

/// What tells that many stand behind an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sharing {
    /// It speaks for others: a proxy.
    pub(super) is_proxy: bool,
    /// Flows that began at its owner.
    own: u32,
    /// Flows that its owner passed on in its own name.
    passed: u32,
}

impl Sharing {
    /// Takes a new flow whose frames the owner itself sent.
    pub(super) fn note(&mut self, link: &Link) {
        if link.is_next() {
            self.own = self.own.saturating_add(1);
        } else if link.is_passed_on() {
            self.passed = self.passed.saturating_add(1);
        }
        // The last thousand or two count.
        if self.own.saturating_add(self.passed) > 2000 {
            (self.own, self.passed) = (self.own / 2, self.passed / 2);
        }
    }

    pub(super) fn is_shared(self) -> bool {
        self.is_proxy || (self.passed >= PASSED && self.own.saturating_mul(OWN_SHARE) <= self.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nat_passes_on_nearly_everything_and_a_machine_with_containers_does_not() {
        let link = |ttl| Link { ttl, ..Link::default() };
        let told = |ttls: &[u8]| {
            let mut sharing = Sharing::default();
            ttls.iter().for_each(|ttl| sharing.note(&link(*ttl)));
            sharing.is_shared()
        };
        assert!(told(&[63, 127, 63]));
        assert!(!told(&[63, 63]) && !told(&[64; 50]) && !told(&[63, 63, 63, 64]) && !told(&[1, 17, 100, 0]));
        assert!(told(&[&[63; 16][..], &[64]].concat()));
        let mut busy = Sharing::default();
        (0..10_000).for_each(|n| busy.note(&link(if n % 100 == 0 { 64 } else { 63 })));
        assert!(busy.is_shared());
        (0..10_000).for_each(|_| busy.note(&link(64)));
        assert!(!busy.is_shared());
    }
}
