//! The store of a replay, on a thread of its own: the replay goes on while a batch is committed.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{Builder, JoinHandle};

use crate::daemon::failure::Failure;
use crate::daemon::sealed::Sealed;
use crate::daemon::store::{Batch, Store};
use crate::engine::sighting::Finding;

/// Sightings of a batch. Each stands as it ended, so nothing is gained by writing it early.
const ROWS: usize = 4096;
/// Batches between the replay and the store; with more the replay waits.
const BATCHES: usize = 2;

/// Batches on their way into the store.
pub(super) struct Keeping {
    waiting: Vec<Finding>,
    /// Who stands behind pseudonyms; they go with the next batch.
    sealed: Vec<Sealed>,
    batches: SyncSender<Batch>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Keeping {
    /// Opens the store on its thread.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub(super) fn start(url: &str) -> Result<Self, Failure> {
        let (batches, inbox) = mpsc::sync_channel(BATCHES);
        let (opened, is_open) = mpsc::channel();
        let url = url.to_owned();
        let thread = Builder::new().name("store".into()).spawn(move || keep(&url, &opened, &inbox))?;
        if is_open.recv().is_err() {
            return joined(thread).and(Err(Failure::Internal("the store's thread ended".into())));
        }
        Ok(Keeping { waiting: Vec::new(), sealed: Vec::new(), batches, thread: Some(thread) })
    }

    /// Keeps sightings that ended.
    ///
    /// # Errors
    /// Why the store took no more.
    pub(super) fn add(&mut self, findings: Vec<Finding>) -> Result<(), Failure> {
        self.waiting.extend(findings);
        if self.waiting.len() < ROWS && !self.has_ended() {
            return Ok(());
        }
        let batch = Batch { findings: std::mem::take(&mut self.waiting), sealed: std::mem::take(&mut self.sealed), ..Batch::default() };
        if self.batches.send(batch).is_ok() {
            return Ok(());
        }
        // It takes no more, which it does only for an error.
        self.thread.take().map_or(Ok(()), joined)
    }

    /// Keeps who stands behind pseudonyms.
    pub(super) fn add_sealed(&mut self, sealed: impl Iterator<Item = Sealed>) {
        self.sealed.extend(sealed);
    }

    /// Commits the rest, and waits until all of it is in the store.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn finish(mut self, rest: Batch) -> Result<(), Failure> {
        let findings = std::mem::take(&mut self.waiting);
        // Where nobody takes it any more, the thread says why.
        let _ = self.batches.send(Batch { findings, sealed: self.sealed, ..rest });
        drop(self.batches);
        self.thread.map_or(Ok(()), joined)
    }

    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

/// Says when the store is open, and commits batches until there are no more.
fn keep(url: &str, opened: &Sender<()>, inbox: &Receiver<Batch>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let store = Store::open(url).await?;
        let _ = opened.send(());
        // This thread has nothing else to do: it may wait here.
        while let Ok(batch) = inbox.recv() {
            store.commit(&batch, None).await?;
        }
        store.close().await;
        Ok(())
    })
}

fn joined(thread: JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
    thread.join().unwrap_or_else(|_| Err(Failure::Internal("the store's thread ended badly".into())))
}
