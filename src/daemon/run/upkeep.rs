//! Upkeep while the daemon runs: days are added up, and what is too old goes.
//!
//! A day is added up soon after it changed, and the same day again not before five minutes have passed and twenty times as long as it
//! took: sums of a day that goes on are a few minutes old. A pass that takes out what is too old comes every hour.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::shared::Shared;
use crate::daemon::clock;
use crate::daemon::store::{Store, StoreError};
use crate::daemon::upkeep;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// Between two passes; the first comes soon after the start.
const PASS: Duration = Duration::from_secs(3600);
/// Between two times the same day is added up.
const AGAIN: Duration = Duration::from_secs(300);
/// Of all time at most one part in so many goes into adding up.
const SHARE: u32 = 20;

/// Keeps the store up until it is time to stop.
pub(super) async fn keep_up(store: Store, shared: Arc<Shared>) {
    let stopped = shared.stopped();
    tokio::select! {
        () = stopped => {}
        () = Upkeep { store, shared, added: HashMap::new(), passed: None, needs_sweep: false }.run() => {}
    }
}

struct Upkeep {
    store: Store,
    shared: Arc<Shared>,
    /// When each day was last added up.
    added: HashMap<i64, Instant>,
    passed: Option<Instant>,
    needs_sweep: bool,
}

impl Upkeep {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.add_up().await {
                tracing::warn!(%error, "days cannot be added up; tried again soon");
            }
            if self.passed.is_none_or(|at| at.elapsed() >= PASS) {
                self.passed = Some(Instant::now());
                if let Err(error) = self.pass().await {
                    tracing::warn!(%error, "what is too old could not be taken out; tried again in an hour");
                }
            }
        }
    }

    /// Adds up what changed, the oldest day first.
    async fn add_up(&mut self) -> Result<(), StoreError> {
        self.added.retain(|_, at| at.elapsed() < AGAIN);
        for stale in self.store.stale_days(None, None).await? {
            if self.added.contains_key(&stale.day) {
                continue;
            }
            let begun = Instant::now();
            self.store.add_up(stale.day, clock::now()).await?;
            self.added.insert(stale.day, Instant::now());
            self.shared.metrics.day_added_up();
            tokio::time::sleep(begun.elapsed() * (SHARE - 1)).await;
        }
        Ok(())
    }

    async fn pass(&mut self) -> Result<(), StoreError> {
        let retention = self.shared.retention();
        let begun = Instant::now();
        let passed = upkeep::pass(&self.store, &retention, clock::now(), self.needs_sweep).await?;
        self.needs_sweep = passed.needs_sweep;
        if passed.removed.is_empty() {
            return Ok(());
        }
        let counts: Vec<String> = passed.removed.iter().map(|(kind, n)| format!("{} {n}", kind.word())).collect();
        passed.removed.iter().for_each(|(kind, n)| self.shared.metrics.retention_removed(kind.word(), *n));
        let (seconds, longest_ms) = (begun.elapsed().as_secs_f32(), passed.longest.as_millis());
        tracing::info!(seconds, longest_ms, "too old, and taken out: {}", counts.join(", "));
        Ok(())
    }
}
