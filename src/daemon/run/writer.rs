//! The writer: one batch after the other into the store. A batch that cannot be written is tried again until it can, or until a stop leaves
//! no time for more; then what is lost is counted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::opening;
use super::shared::Shared;
use crate::daemon::alert::payload::{self, Words};
use crate::daemon::config::WrittenRule;
use crate::daemon::notice::Notice;
use crate::daemon::rejudge::rejudge;
use crate::daemon::rule_text::conditions;
use crate::daemon::rules::Rules;
use crate::daemon::store::{Batch, Store, StoreError, Telling};
use crate::engine::sighting::Sighting;

/// Between two tries to write a batch.
const AGAIN: Duration = Duration::from_millis(500);

/// How long a batch may take before the store is said to be slow.
const SLOW: Duration = Duration::from_secs(5);

/// How long after the word to stop a batch is still tried.
const LAST: Duration = Duration::from_millis(3000);

/// Writes batches until the ledger is gone. Returns how many sightings could not be written before a stop.
pub(super) async fn write(store: Store, mut inbox: mpsc::Receiver<Batch>, shared: Arc<Shared>) -> usize {
    let stopped = shared.stopped();
    let mut deadline = Box::pin(async {
        stopped.await;
        tokio::time::sleep(LAST).await;
    });
    let mut lost = HashSet::new();
    let mut is_late = false;
    loop {
        let mut batch = match timeout(SLOW, inbox.recv()).await {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            // Nothing waits for it: it is slow no more, as far as anybody can tell.
            Err(_) => {
                shared.store_trouble(None);
                continue;
            }
        };
        batch.lines = shared.lines(&batch.findings);
        let batch = Arc::new(batch);
        if !is_late {
            tokio::select! {
                biased;
                () = persist(&store, &batch, &shared) => continue,
                () = &mut deadline => is_late = true,
            }
        }
        let whose = |s: &Sighting| (Arc::clone(&s.client), Arc::clone(&s.service), s.first_seen);
        lost.extend(batch.findings.iter().map(|f| whose(&f.sighting)));
    }
    lost.len()
}

/// Tries a batch until it is written, and says so where that takes long.
async fn persist(store: &Store, batch: &Arc<Batch>, shared: &Arc<Shared>) {
    loop {
        let begun = Instant::now();
        let mut committing = commit_aside(store.clone(), Arc::clone(batch), Arc::clone(shared));
        let committed = match timeout(SLOW, &mut committing).await {
            Ok(committed) => committed,
            Err(_) => {
                shared.store_trouble(Some(format!("the store is slow: a batch is being written for more than {} s", SLOW.as_secs())));
                committing.await
            }
        };
        match committed.unwrap_or(Err(StoreError::Sql(sqlx::Error::WorkerCrashed))) {
            Ok(()) if begun.elapsed() < SLOW => return shared.store_trouble(None),
            // It is well again once a batch goes quickly.
            Ok(()) => return,
            Err(error) => {
                shared.store_trouble(Some(error.line()));
                opening::mend(store, &error, shared).await;
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Commits on a thread that has nobody else to serve: a disk may take seconds.
fn commit_aside(store: Store, batch: Arc<Batch>, shared: Arc<Shared>) -> JoinHandle<Result<(), StoreError>> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(commit(&store, &batch, &shared)))
}

async fn commit(store: &Store, batch: &Batch, shared: &Shared) -> Result<(), StoreError> {
    let (rules, dispatch) = (shared.rules(), shared.dispatch());
    let render = |notice: &Notice<'_>| word(notice, &rules, &dispatch.alerting.runbook);
    let committed = store.commit(batch, Some(&Telling { dispatch: &dispatch, render: &render })).await?;
    shared.metrics.store_write(committed.seconds);
    if !batch.lines.lines.is_empty() {
        shared.streamed.send_replace(());
    }
    if committed.dropped_lines > 0 {
        shared.metrics.stream_dropped(committed.dropped_lines);
        tracing::error!(lines = committed.dropped_lines, "a stream is so far behind that its oldest lines were dropped; see stream_queue");
    }
    committed.kept_back.iter().for_each(|(kind, reason)| shared.metrics.alert_suppressed(kind.word(), reason));
    if committed.alerts > 0 {
        shared.alerted.notify_one();
    }
    Ok(())
}

/// The payload of an alert, with the words signatures and policy have for it.
pub(super) fn word(notice: &Notice<'_>, rules: &Rules, runbook: &str) -> String {
    let s = notice.sighting;
    let mut words = Words { service_name: &s.service, runbook, ..Words::default() };
    let service = rules.signatures.service(&s.service);
    if let Some(service) = service {
        words.service_name = &service.name;
    }
    let rejudged = rejudge(&rules.signatures, &rules.policy, s, s.last_seen);
    // A rule for an address cannot be found again where privacy left none: another one's words would be wrong.
    if let Some(decision) = rejudged.iter().map(|r| r.decision).find(|d| d.status == s.status) {
        words.reason = decision.reason;
        words.alternative = decision.alternative;
        words.alternative_name = decision.alternative.and_then(|id| rules.signatures.service(id)).map(|service| &*service.name);
        words.rule = decision.rule.and_then(|at| rules.written.get(at)).map(written);
    }
    payload::render(notice, &words)
}

/// A rule as `policy explain` has it.
fn written(rule: &WrittenRule) -> String {
    format!("{}:{}: {} ({})", rule.file.display(), rule.line, rule.rule.status.word(), conditions(&rule.rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::Config;
    use crate::daemon::fixture::{finding, sighting};

    /// A store, and somebody who holds it so that nothing can be written.
    async fn held(folder: &tempfile::TempDir) -> (Store, sqlx::SqlitePool) {
        let path = folder.path().join("s.sqlite");
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let holder = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&holder).await.unwrap();
        (store, holder)
    }

    #[tokio::test]
    async fn a_stop_that_finds_the_store_held_counts_each_sighting_lost_once() {
        let folder = tempfile::tempdir().unwrap();
        let (store, holder) = held(&folder).await;
        let config = Config::default();
        let shared = Arc::new(Shared::new(&config, &Rules::load(&config).unwrap().value, std::iter::empty(), mpsc::channel(1).0).unwrap());
        let (batches, inbox) = mpsc::channel(2);
        let writer = tokio::spawn(write(store, inbox, Arc::clone(&shared)));
        let other = Sighting { client: "10.0.0.6".into(), ..sighting() };
        for sightings in [vec![sighting()], vec![sighting(), other]] {
            let findings: Vec<_> = sightings.into_iter().map(finding).collect();
            batches.send(findings.into()).await.unwrap();
        }
        drop(batches);
        shared.stop_signal.send_replace(true);
        let lost = tokio::time::timeout(LAST + Duration::from_secs(1), writer).await.expect("gives up in time").unwrap();
        assert_eq!(lost, 2);
        sqlx::query("ROLLBACK").execute(&holder).await.unwrap();
    }
}
