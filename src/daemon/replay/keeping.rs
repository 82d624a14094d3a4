//! The store of a replay, on a thread of its own: the replay goes on while a batch is committed.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use crate::daemon::failure::Failure;
use crate::daemon::store::{Batch, Location, Store, StoreError};
use crate::engine::sighting::Finding;

/// Sightings of a batch. Each stands as it ended, so nothing is gained by writing it early.
const ROWS: usize = 4096;
/// Batches between the replay and the store; with more the replay waits.
const BATCHES: usize = 2;

/// Batches on their way into the store.
pub(super) struct Keeping {
    waiting: Vec<Finding>,
    batches: SyncSender<Batch>,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl Keeping {
    /// Opens the store on its thread; what is wrong with it is said at the first batch.
    pub(super) fn start(url: &str) -> Result<Self, Failure> {
        Location::parse(url).map_err(StoreError::from)?;
        let (batches, inbox) = mpsc::sync_channel(BATCHES);
        let url = url.to_owned();
        let thread = thread::Builder::new().name("store".into()).spawn(move || keep(&url, &inbox))?;
        Ok(Keeping { waiting: Vec::new(), batches, thread })
    }

    /// Keeps sightings that ended.
    pub(super) fn add(&mut self, findings: Vec<Finding>) -> Result<(), Failure> {
        self.waiting.extend(findings);
        if self.waiting.len() < ROWS && !self.thread.is_finished() {
            return Ok(());
        }
        let findings = std::mem::take(&mut self.waiting);
        match self.batches.send(findings.into()) {
            Ok(()) => Ok(()),
            // Its thread ends early only for an error.
            Err(_) => Err(self.failure()),
        }
    }

    /// Commits the rest, and waits until all of it is in the store.
    pub(super) fn finish(mut self, rest: Batch) -> Result<(), Failure> {
        let findings = std::mem::take(&mut self.waiting);
        let _ = self.batches.send(Batch { findings, ..rest });
        let Keeping { batches, thread, .. } = self;
        drop(batches);
        thread.join().map_err(|_| Failure::Internal("the store's thread ended badly".into()))?.map_err(Failure::from)
    }
}
