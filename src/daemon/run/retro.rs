//! What new signatures would have seen: domains that belonged to no service are remembered for some days, without clients, and those that
//! belong to one now are said.

use crate::daemon::clock;
use crate::daemon::remembered::{found, sentence};
use crate::daemon::store::{Store, UNMATCHED_DAYS};
use crate::engine::signature::Signatures;

/// Lines that are logged at most; the rest is one number.
const MOST: usize = 20;

/// Says which remembered domains a new list names that the old one did not.
pub(super) async fn say_found(store: &Store, old: &Signatures, new: &Signatures) {
    let today = clock::now().seconds() / 86_400;
    let memories = match store.unmatched(today.saturating_sub(UNMATCHED_DAYS - 1), today).await {
        Ok(memories) => memories,
        Err(error) => return tracing::warn!(%error, "names remembered cannot be read"),
    };
    let found = found(&memories, old, new);
    for (memory, service) in found.iter().take(MOST) {
        tracing::info!(service, domain = memory.domain, "a new signature was seen before: {}", sentence(memory, UNMATCHED_DAYS - 1));
    }
    if found.len() > MOST {
        tracing::info!(more = found.len() - MOST, "new signatures were seen before; see shadowtap signatures seen");
    }
}
