//! Rules that ask how far a sighting has come. The status of a sighting's key is that of its names by themselves; where evidence or
//! volume reaches the bound of a rule, the sighting gets a stricter status on top, and keeps it to its end.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Attribution, Judgement};
use crate::engine::event::Conversation;
use crate::engine::frame::Time;
use crate::engine::ledger::SightingKey;
use crate::engine::policy::{Question, Status};
use crate::engine::sighting::Sighting;

impl Attribution {
    /// Judges an open sighting as far as it has come, by the name seen last; it can only become stricter.
    pub(super) fn tighten(&mut self, key: &SightingKey, name: &str, by: Conversation) {
        let Judgement { policy, signatures, .. } = &self.judgement;
        if !policy.has_bounds() {
            return;
        }
        let (Some(standing), Some(matched)) = (self.ledger.standing(key), signatures.match_name(name)) else { return };
        let question =
            Question::new(&matched, name, &standing.team, Some(key.client.address())).after(standing.evidence, standing.bytes_up);
        let status = policy.decide(&question, self.now).status;
        if status.is_stricter_than(standing.status) {
            self.ledger.tighten(key, status, self.privacy.is_full().then_some(by));
        }
    }
}

/// Status that a name of a sighting has by itself, and that of the sighting by all it has come to.
fn statuses(judgement: &Judgement, client: IpAddr, sighting: &Sighting, name: &str, now: Time) -> Option<(Status, Status)> {
    let matched = judgement.signatures.match_name(name).filter(|m| m.service.id == sighting.service)?;
    let question = Question::new(&matched, name, &sighting.team, Some(client));
    let first = judgement.policy.decide(&question, now).status;
    let then = judgement.policy.judge(&question.after(sighting.evidence, sighting.bytes_up), now).status;
    Some((first, then))
}

/// Whether an open sighting stands as it would if it had begun under these rules, by one of its names.
pub(super) fn stands(judgement: &Judgement, key: &SightingKey, sighting: &Sighting, now: Time) -> bool {
    let as_it_is = |name: &Arc<str>| statuses(judgement, key.client.address(), sighting, name, now) == Some((key.status, sighting.status));
    sighting.names.iter().any(as_it_is)
}

/// The status an earlier run found a sighting by: that of a name by itself where the sighting's own follows from it, else its own.
pub(super) fn first_status(judgement: &Judgement, client: IpAddr, sighting: &Sighting) -> Status {
    let found = |name: &Arc<str>| statuses(judgement, client, sighting, name, sighting.last_seen);
    let mut all = sighting.names.iter().filter_map(found);
    all.find(|(_, then)| *then == sighting.status).map_or(sighting.status, |(first, _)| first)
}
