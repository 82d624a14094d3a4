//! How far an open sighting has come, and a status that follows from it: policy may bind one to evidence and volume.

use std::sync::Arc;

use super::{Ledger, SightingKey};
use crate::engine::event::Conversation;
use crate::engine::policy::Status;
use crate::engine::sighting::Evidence;

/// How an open sighting stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Group of the client, as it was at the beginning.
    pub team: Arc<str>,
    /// Status it has now; not milder than that of its key.
    pub status: Status,
    /// Evidence so far.
    pub evidence: Evidence,
    /// Payload bytes sent by the client so far.
    pub bytes_up: u64,
}

impl Ledger {
    /// How the open sighting with this key stands; `None` where there is none.
    pub fn standing(&self, key: &SightingKey) -> Option<Standing> {
        let s = &self.open.at(self.open.find(key)?)?.sighting;
        Some(Standing { team: Arc::clone(&s.team), status: s.status, evidence: s.evidence, bytes_up: s.bytes_up })
    }

    /// Gives an open sighting a stricter status from now on; it stays the same sighting, and is found by the same key. Where an alert is
    /// due under the new status, it is due at once.
    pub fn tighten(&mut self, key: &SightingKey, status: Status, by: Option<Conversation>) {
        let Some(at) = self.open.find(key) else { return };
        let Some(open) = self.open.at_mut(at) else { return };
        let was_due = open.is_newly_due;
        open.tighten(status, by);
        if open.is_newly_due && !was_due {
            self.due.push(at);
        }
        if !open.is_dirty {
            open.is_dirty = true;
            self.dirty.push(at);
        }
    }
}
