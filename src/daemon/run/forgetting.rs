//! Clients that were forgotten while the daemon runs: the ledger lets go of them too, and then the store of the last trace of it.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use tokio::time::Instant;

use super::ledger_thread::Message;
use super::shared::Shared;
use crate::daemon::forgotten::Forgotten;
use crate::daemon::store::Store;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// How long what the ledger gave the writer before may take to be written.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// Has the ledger forget whom the store forgot.
pub(super) async fn watch(store: Store, events: Sender<Message>, shared: Arc<Shared>) {
    let stopped = shared.stopped();
    tokio::pin!(stopped);
    let mut under_way: Vec<(Instant, Vec<Forgotten>)> = Vec::new();
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let Ok(mut new) = store.just_forgotten().await else { continue };
        new.retain(|f| !under_way.iter().any(|(_, known)| known.iter().any(|k| k.id == f.id)));
        if !new.is_empty() {
            tracing::info!(marks = new.len(), "a client was forgotten: nothing of it that is in memory will be written");
            let (events, message) = (events.clone(), Message::Forget(new.clone()));
            let _ = tokio::task::spawn_blocking(move || events.send(message).is_ok()).await;
            under_way.push((Instant::now(), new));
        }
        let over = under_way.iter().take_while(|(since, _)| since.elapsed() >= UNDER_WAY).count();
        for (_, done) in under_way.drain(..over) {
            if let Err(error) = store.let_go(&done).await {
                tracing::warn!(%error, "marks of forgotten clients could not be removed; the next start does");
            }
        }
    }
}
