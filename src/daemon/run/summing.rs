//! Alerts that sum up, once they are due: the inventory and digests.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::daemon::alert::digest_payload;
use crate::daemon::clock;
use crate::daemon::store::Store;
use crate::daemon::summary::Summary;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Looks until the daemon stops.
pub(super) async fn sum_up(store: Store, shared: Arc<Shared>) {
    while !shared.is_stopping() {
        let (dispatch, rules, now) = (shared.dispatch(), shared.rules(), clock::now());
        let render = |mut summary: Summary| {
            for service in &mut summary.services {
                if let Some(known) = rules.signatures.service(&service.id) {
                    service.name = known.name.to_string();
                }
            }
            digest_payload::render(&summary, &dispatch.alerting.runbook)
        };
        let made = [store.make_inventory(&dispatch, now, &render).await, store.make_digest(&dispatch, now, &render).await];
        for made in made {
            match made {
                Ok(true) => shared.alerted.notify_one(),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "alerts cannot be summed up; tried again soon"),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
