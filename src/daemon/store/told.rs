//! Which alerts a batch makes: one for a client and a service until something changes.

use std::collections::HashMap;

use crate::daemon::notice::NoticeKind;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};

/// What was last told about one client and one service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// Policy status of the newest sighting looked at.
    pub status: u8,
    /// Whether an upload under that status was told.
    pub uploaded: bool,
    /// First moment of the newest sighting looked at: an older one, closed late, says nothing about the status now.
    pub as_of: i64,
}

/// What was told of every client and service a batch speaks of.
#[derive(Default)]
pub(super) struct Memory<'a> {
    pairs: HashMap<(&'a str, &'a str), Told>,
    changed: Vec<(&'a str, &'a str)>,
}

impl<'a> Memory<'a> {
    /// Puts in what the store remembers.
    pub fn remember(&mut self, client: &'a str, service: &'a str, told: Told) {
        self.pairs.insert((client, service), told);
    }

    /// Which alert this sighting makes, if any.
    pub fn judge(&mut self, sighting: &'a Sighting) -> Option<NoticeKind> {
        let pair = (&*sighting.client, &*sighting.service);
        let due = sighting.is_alert_due();
        let uploaded = sighting.evidence == Evidence::Uploaded;
        let seen = Told { status: sighting.status as u8, uploaded: due && uploaded, as_of: sighting.first_seen.micros() };
        let Some(told) = self.pairs.get_mut(&pair) else {
            if due {
                self.pairs.insert(pair, seen);
                self.changed.push(pair);
            }
            return due.then_some(NoticeKind::FirstUse);
        };
        let before = *told;
        let mut kind = None;
        if told.status != seen.status && seen.as_of >= told.as_of && can_speak(sighting) {
            *told = seen;
            kind = due.then_some(NoticeKind::StatusChanged);
        } else if due && uploaded && !told.uploaded && told.status == seen.status {
            told.uploaded = true;
            kind = Some(NoticeKind::Uploaded);
        }
        told.as_of = told.as_of.max(seen.as_of);
        if *told != before {
            self.changed.push(pair);
        }
        kind
    }

    /// Pairs whose memory changed, each once.
    pub fn changed(mut self) -> Vec<(&'a str, &'a str, Told)> {
        self.changed.sort_unstable();
        self.changed.dedup();
        self.changed.into_iter().filter_map(|(c, s)| self.pairs.get(&(c, s)).map(|told| (c, s, *told))).collect()
    }
}

/// A status that allows the service is believed at once; one that does not, only with evidence enough to tell it: the change is kept
/// for the moment the evidence comes.
fn can_speak(sighting: &Sighting) -> bool {
    !matches!(sighting.status, Status::Unreviewed | Status::Unapproved) || sighting.is_alert_due()
}
