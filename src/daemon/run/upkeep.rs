//! Upkeep while the daemon runs: days are added up, and what is too old goes.
//!
//! A day is added up soon after it changed, and the same day again not before five minutes have passed and twenty times as long as it
//! took: sums of a day that goes on are a few minutes old. A pass that takes out what is too old comes every hour.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::opening;
use super::shared::Shared;
use crate::daemon::clock;
use crate::daemon::store::{Store, StoreError};
use crate::daemon::upkeep;
use crate::engine::frame::Time;

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
    let steadiness = Steadiness(clock::now(), Instant::now());
    tokio::select! {
        () = stopped => {}
        () = Upkeep { store, shared, added: HashMap::new(), passed: None, needs_sweep: false, trouble: None, steadiness }.run() => {}
    }
}

struct Upkeep {
    store: Store,
    shared: Arc<Shared>,
    /// When each day was last added up.
    added: HashMap<i64, Instant>,
    passed: Option<Instant>,
    needs_sweep: bool,
    /// What was said last.
    trouble: Option<String>,
    steadiness: Steadiness,
}

/// Whether the clock on the wall goes as time does. By one that jumped, all data could be too old for a moment.
struct Steadiness(Time, Instant);

impl Steadiness {
    /// Whether it did so since it was asked last.
    fn is_steady(&mut self, wall: Time, at: Instant) -> bool {
        let (passed, shown) = (at.saturating_duration_since(self.1), Duration::from_nanos(wall.0.saturating_sub(self.0.0)));
        let is_back = wall.0.saturating_add(PASS.as_nanos() as u64) < self.0.0;
        *self = Steadiness(wall, at);
        !is_back && shown < passed + PASS
    }
}

impl Upkeep {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.add_up().await {
                Ok(()) => self.trouble = None,
                Err(error) => self.say("days cannot be added up; tried again soon", &error).await,
            }
            if self.passed.is_none_or(|at| at.elapsed() >= PASS) {
                self.passed = Some(Instant::now());
                if !self.steadiness.is_steady(clock::now(), Instant::now()) {
                    tracing::warn!("the clock jumped: what is too old by it stays for another hour");
                } else if let Err(error) = self.pass().await {
                    self.say("what is too old could not be taken out; tried again in an hour", &error).await;
                }
            }
        }
    }

    /// Says what fails, once while it goes on.
    async fn say(&mut self, what: &str, error: &StoreError) {
        let text = error.line();
        if self.trouble.as_ref() != Some(&text) {
            tracing::warn!(error = text, "{what}");
            self.trouble = Some(text);
        }
        opening::mend(&self.store, error, &self.shared).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::SEVEN;

    #[test]
    fn a_clock_that_jumped_is_believed_only_once_it_goes_as_time_does() {
        let begun = Instant::now();
        let mut steadiness = Steadiness(SEVEN, begun);
        let mut hour = 0;
        let mut next = |wall: u64| {
            hour += 1;
            steadiness.is_steady(Time::new(wall, 0), begun + hour * PASS)
        };
        let seven = SEVEN.seconds();
        let year = 365 * 86_400;
        assert!(next(seven + 3600) && next(seven + 7300), "a clock that is set by some seconds");
        assert!(!next(seven + year), "ahead");
        assert!(next(seven + year + 3600), "it stays so");
        assert!(!next(seven + 18_000), "back");
        assert!(next(seven + 21_600));
    }
}
