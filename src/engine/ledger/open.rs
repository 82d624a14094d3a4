//! One open sighting: what entries do to it, and how it is judged.

use super::SightingKey;
use super::bucket::{Bucket, LEAK, LEAK_FILES};
use super::thresholds::Limits;
use crate::engine::agent::Portrait;
use crate::engine::event::Conversation;
use crate::engine::frame::Time;
use crate::engine::minutes::Minutes;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Finding, Sighting, Turns};

/// One entry of the ledger.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A look-up of a name; `is_use` where the name is the tool itself.
    LookUp {
        /// Whether the name is the tool itself.
        is_use: bool,
    },
    /// A flow whose name is known now.
    Contact {
        /// Whether the name is the tool itself.
        is_use: bool,
    },
    /// Bytes of a named flow.
    Bytes {
        /// Whether the name is the tool itself.
        is_use: bool,
        /// Whether the host is there for uploads.
        is_upload: bool,
        /// Whether the host serves pages, which ask for much of themselves.
        is_page: bool,
        /// More payload bytes sent by the client.
        up: u64,
        /// More payload bytes sent to it.
        down: u64,
        /// Of the bytes up, those that no page sends of itself.
        posted: u64,
        /// More prompts and answers.
        turns: u32,
        /// When bytes moved in the flow, from its beginning.
        minutes: Minutes,
    },
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) key: SightingKey,
    pub(super) sighting: Sighting,
    /// Minutes counted as active.
    pub(super) minutes: Minutes,
    /// What was sent to use hosts in one go.
    pub(super) sent: Bucket,
    /// Of it, what no page sends of itself: of pages in one go, of other hosts in all.
    pub(super) posted: Bucket,
    /// What was sent to upload hosts in one go.
    pub(super) sent_as_files: Bucket,
    pub(super) has_used_lookup: bool,
    pub(super) has_used_contact: bool,
    pub(super) is_dirty: bool,
    pub(super) told: Option<Evidence>,
    pub(super) was_due: bool,
    pub(super) is_newly_due: bool,
    /// What its flows told of the program.
    pub(super) portrait: Portrait,
    /// It became stricter since last told.
    pub(super) is_tightened: bool,
    /// Its moments are not those of its entries.
    pub(super) tells_no_time: bool,
    /// What opened it, or raised it last.
    pub(super) by: Option<Conversation>,
}

impl Open {
    pub(super) fn enter(&mut self, entry: &Entry, now: Time) {
        let s = &mut self.sighting;
        if !self.tells_no_time {
            s.last_seen = s.last_seen.max(now);
        }
        match *entry {
            Entry::LookUp { is_use } => self.has_used_lookup |= is_use,
            Entry::Contact { is_use } => {
                s.connections = s.connections.saturating_add(1);
                s.evidence = s.evidence.max(Evidence::Contacted);
                self.has_used_contact |= is_use;
                if is_use {
                    self.portrait.connected(now);
                    s.agent = self.portrait.agent();
                }
            }
            Entry::Bytes { is_use, is_upload, is_page, up, down, posted, turns, minutes } => {
                s.bytes_up = s.bytes_up.saturating_add(up);
                s.bytes_down = s.bytes_down.saturating_add(down);
                let fresh = self.minutes.join(minutes.since(Minutes::of(s.first_seen)));
                s.active_minutes = s.active_minutes.saturating_add(fresh);
                s.turns = Turns::about(s.turns.count().saturating_add(turns));
                if is_use {
                    self.sent.pour(up, now, LEAK);
                    self.posted.pour(posted, now, if is_page { LEAK } else { 0 });
                    s.use_bytes.up = s.use_bytes.up.saturating_add(up);
                    s.use_bytes.down = s.use_bytes.down.saturating_add(down);
                }
                if is_upload {
                    self.sent_as_files.pour(up, now, LEAK_FILES);
                    s.use_bytes.upload = s.use_bytes.upload.saturating_add(up);
                }
            }
        }
    }

    /// Evidence only rises; presence only falls.
    pub(super) fn judge(&mut self, limits: &Limits) {
        let s = &mut self.sighting;
        if s.evidence >= Evidence::Contacted {
            let used = s.use_bytes;
            let is_sent = self.sent.level() >= limits.engaged_up || self.posted.level() >= limits.engaged_posted;
            if s.turns.low > 0 || (is_sent && used.down >= limits.engaged_down) {
                s.evidence = s.evidence.max(Evidence::Engaged);
            }
            if self.sent.level() >= limits.upload || self.sent_as_files.level() >= limits.upload_host {
                s.evidence = Evidence::Uploaded;
            }
        }
        s.presence_only = if s.evidence == Evidence::Resolved { !self.has_used_lookup } else { !self.has_used_contact };
        let is_due = s.is_alert_due();
        let rose = self.told.is_some_and(|told| told < Evidence::Uploaded) && s.evidence == Evidence::Uploaded;
        self.is_newly_due |= is_due && (!self.was_due || rose);
        self.was_due |= is_due;
    }

    /// A stricter status from now on; under each status an alert may be due.
    pub(super) fn tighten(&mut self, status: Status, by: Option<Conversation>) {
        self.by = by;
        self.sighting.status = status;
        self.is_tightened = true;
        let is_due = self.sighting.is_alert_due();
        self.is_newly_due |= is_due;
        self.was_due |= is_due;
    }

    pub(super) fn finding(&mut self) -> Finding {
        let now = self.sighting.evidence;
        let is_new = self.told.is_none();
        let from = match self.told {
            None => Some(Evidence::Resolved),
            Some(told) => Evidence::ALL.into_iter().find(|e| *e > told && *e <= now),
        };
        let is_tightened = std::mem::take(&mut self.is_tightened);
        let from = from.or(is_tightened.then_some(now));
        self.told = Some(now);
        let due = std::mem::take(&mut self.is_newly_due);
        Finding { sighting: self.sighting.clone(), reached: from.map(|from| (from, now)), due, is_new, by: self.by }
    }
}
