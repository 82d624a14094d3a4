//! Keys of pseudonyms while the daemon runs: a new one when its time has come, or when somebody destroyed the one in use or began another.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use serde_json::json;

use super::ledger_thread::{Door, Message};
use super::shared::Shared;
use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::daemon::clock;
use crate::daemon::config::{Config, Mode};
use crate::daemon::failure::Failure;
use crate::daemon::privacy::{KeyFolder, PeriodKey};
use crate::daemon::store::{Store, StoreError};

/// Between two looks at the folder.
const LOOK: Duration = Duration::from_secs(2);

/// The key of the period that goes on, made where none does. True where it was made.
pub(super) fn current(config: &Config) -> Result<Option<(PeriodKey, bool)>, Failure> {
    if config.privacy.mode != Mode::Pseudonymous {
        return Ok(None);
    }
    let (folder, now) = (KeyFolder::new(&config.privacy.key_folder), clock::now());
    let newest = folder.keys()?.pop();
    match newest.filter(|key| key.from.plus_seconds(config.privacy.rotation) > now) {
        Some(key) => Ok(Some((key, false))),
        None => folder.begin(now).map(|key| Some((key, true))),
    }
}

/// Notes in the audit log that a key came into being.
pub(super) async fn note_created(store: &Store, key: &PeriodKey) -> Result<(), StoreError> {
    let entry = AuditEntry::of_daemon(AuditKind::KeyCreated, json!({ "period": key.period }));
    store.audit(&entry).await
}

/// Puts every new key into force at the ledger's door.
pub(super) async fn watch(mut period: String, config: Config, store: Store, events: Sender<Message>, shared: Arc<Shared>) {
    let stopped = shared.stopped();
    tokio::pin!(stopped);
    let mut trouble = None;
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let asked = config.clone();
        let key = match tokio::task::spawn_blocking(move || current(&asked)).await {
            Ok(Ok(Some((key, is_new)))) => {
                trouble = None;
                if is_new && let Err(error) = note_created(&store, &key).await {
                    tracing::error!(%error, "a new key of pseudonyms could not be noted in the audit log");
                }
                key
            }
            Ok(Ok(None)) => continue,
            Ok(Err(failure)) => {
                let why = failure.to_string();
                if trouble.as_ref() != Some(&why) {
                    tracing::error!("the key of pseudonyms cannot be looked after; the one in use stays: {why}");
                }
                trouble = Some(why);
                continue;
            }
            Err(_) => return,
        };
        if key.period == period {
            continue;
        }
        tracing::info!(period = key.period, "a new period of pseudonyms begins: every client is another one from now on");
        period.clone_from(&key.period);
        let (events, door) = (events.clone(), Door::new(&config, Some(&key)));
        let _ = tokio::task::spawn_blocking(move || events.send(Message::Privacy(Box::new(door))).is_ok()).await;
    }
}
