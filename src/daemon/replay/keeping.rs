//! The store of a replay. The replay's own thread writes it: it has nothing else to do meanwhile, and what goes there is still in its cache.

use tokio::runtime::{Builder, Runtime};

use crate::daemon::failure::Failure;
use crate::daemon::sealed::Sealed;
use crate::daemon::store::{Batch, Store};
use crate::engine::sighting::Finding;

/// Sightings of a batch. Each stands as it ended, so nothing is gained by writing it early.
const ROWS: usize = 4096;

/// Batches on their way into the store.
pub(super) struct Keeping {
    runtime: Runtime,
    store: Store,
    waiting: Vec<Finding>,
    /// Who stands behind pseudonyms; they go with the next batch.
    sealed: Vec<Sealed>,
}

impl Keeping {
    /// Opens the store.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn start(url: &str) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let store = runtime.block_on(Store::open(url))?;
        Ok(Keeping { runtime, store, waiting: Vec::new(), sealed: Vec::new() })
    }

    /// Keeps sightings that ended.
    ///
    /// # Errors
    /// Why the store took no more.
    pub(super) fn add(&mut self, findings: Vec<Finding>) -> Result<(), Failure> {
        self.waiting.extend(findings);
        if self.waiting.len() < ROWS {
            return Ok(());
        }
        let batch = Batch { findings: std::mem::take(&mut self.waiting), sealed: std::mem::take(&mut self.sealed), ..Batch::default() };
        self.runtime.block_on(self.store.commit(&batch, None))?;
        Ok(())
    }

    /// Keeps who stands behind pseudonyms.
    pub(super) fn add_sealed(&mut self, sealed: impl Iterator<Item = Sealed>) {
        self.sealed.extend(sealed);
    }

    /// Commits the rest, and closes the store.
    ///
    /// # Errors
    /// Why it is not all in the store.
    pub(super) fn finish(self, rest: Batch) -> Result<(), Failure> {
        let Keeping { runtime, store, waiting, sealed } = self;
        let batch = Batch { findings: waiting, sealed, ..rest };
        runtime.block_on(async {
            store.commit(&batch, None).await?;
            store.close().await;
            Ok(())
        })
    }
}
