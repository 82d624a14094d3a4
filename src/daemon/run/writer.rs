//! The writer: one batch after the other into the store. A batch that cannot be written is tried again until it can.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::shared::Shared;
use crate::daemon::alert::payload::{self, Words};
use crate::daemon::notice::Notice;
use crate::daemon::rules::Rules;
use crate::daemon::store::{Batch, Store, Telling};
use crate::engine::policy::Question;

/// Between two tries to write a batch.
const AGAIN: Duration = Duration::from_millis(500);

/// Writes batches until the ledger is gone.
pub(super) async fn write(store: Store, mut inbox: mpsc::Receiver<Batch>, shared: Arc<Shared>) {
    while let Some(batch) = inbox.recv().await {
        while let Err(error) = commit(&store, &batch, &shared).await {
            shared.store_trouble(Some(error));
            tokio::time::sleep(AGAIN).await;
        }
        shared.store_trouble(None);
    }
}

async fn commit(store: &Store, batch: &Batch, shared: &Shared) -> Result<(), String> {
    let (rules, sinks) = (shared.rules(), shared.sinks());
    let render = |notice: &Notice<'_>| word(notice, &rules);
    let committed = store.commit(batch, Some(&Telling { sinks: &sinks, render: &render })).await.map_err(|e| e.to_string())?;
    shared.metrics.store_write(committed.seconds);
    if committed.alerts > 0 {
        shared.alerted.notify_one();
    }
    Ok(())
}

/// The payload of an alert, with the words signatures and policy have for it.
fn word(notice: &Notice<'_>, rules: &Rules) -> String {
    let s = notice.sighting;
    let mut words = Words { service_name: &s.service, ..Words::default() };
    let service = rules.signatures.service(&s.service);
    if let Some(service) = service {
        words.service_name = &service.name;
    }
    let matched = s.names.iter().filter_map(|n| rules.signatures.match_name(n).map(|m| (n, m))).find(|(_, m)| m.service.id == s.service);
    if let Some((name, matched)) = matched {
        let client: Option<IpAddr> = s.client.parse().ok();
        let decision = rules.policy.decide(&Question::new(&matched, name, &s.team, client), notice.created);
        words.reason = decision.reason;
        words.alternative = decision.alternative;
    }
    payload::render(notice, &words)
}
