//! Upkeep of a store: what is older than the configuration allows is taken out, in steps between which the writer is free.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::config::Retention;
use super::kept::Kept;
use super::store::{Step, Store, StoreError, Swept};
use crate::engine::frame::Time;

/// After a step the writer is free for so many times as long as the step took.
const REST: u32 = 4;
/// And at least for so long.
const LEAST_REST: Duration = Duration::from_millis(5);
/// Times a day is added up before a pass leaves it to the next.
const TRIES: u32 = 3;

/// A pass: everything that is due at one moment.
pub struct Pass<'a> {
    store: &'a Store,
    now: Time,
    removed: BTreeMap<&'static str, (Kept, u64)>,
    longest: Duration,
}

/// What a pass came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Passed {
    /// Rows taken out, by kind; those of which there were none are left out.
    pub removed: Vec<(Kept, u64)>,
    /// The longest step.
    pub longest: Duration,
    /// Whether the dictionaries are still to be swept: something else wrote meanwhile.
    pub needs_sweep: bool,
}

impl Passed {
    /// Rows of a kind taken out.
    pub fn of(&self, kind: Kept) -> u64 {
        self.removed.iter().find(|(k, _)| *k == kind).map_or(0, |(_, n)| *n)
    }
}

/// Takes out what is too old at `now`, and with `sweep` or after anything went the dictionary entries nothing refers to any more; then
/// gives free pages back.
///
/// It may be given up between any two steps, and ended at any moment: the next pass goes on where it was.
///
/// # Errors
/// The database's own; what went before it stays out.
pub async fn pass(store: &Store, retention: &Retention, now: Time, sweep: bool) -> Result<Passed, StoreError> {
    let mut pass = Pass { store, now, removed: BTreeMap::new(), longest: Duration::ZERO };
    let limit = |kept: Option<Duration>| {
        let nanos = u64::try_from(kept?.as_nanos()).unwrap_or(u64::MAX);
        now.0.checked_sub(nanos).map(Time)
    };
    if let Some(limit) = limit(retention.sightings) {
        pass.sightings(limit).await?;
    }
    if let Some(limit) = limit(retention.daily) {
        pass.all(Kept::Daily, limit).await?;
    }
    if let Some(limit) = limit(retention.alerts) {
        pass.alerts(limit).await?;
    }
    if let Some(limit) = limit(retention.visibility) {
        pass.all(Kept::Visibility, limit).await?;
    }
    pass.all(Kept::Unmatched, now).await?;
    let frees = [Kept::Sightings, Kept::Alerts].iter().any(|kind| pass.removed.contains_key(kind.word()));
    let needs_sweep = (sweep || frees) && !pass.sweep().await?;
    while pass.step(store.give_back()).await? {}
    Ok(Passed { removed: pass.removed.into_values().collect(), longest: pass.longest, needs_sweep })
}

impl Pass<'_> {
    async fn sightings(&mut self, limit: Time) -> Result<(), StoreError> {
        let mut from = 0;
        while let Some(day) = self.store.next_day(from, limit).await? {
            let mut tries = 0;
            loop {
                match self.step(self.store.take_sightings(day, limit)).await? {
                    Step::Took(0) => break,
                    Step::Took(took) => self.count(Kept::Sightings, took),
                    Step::IsStale if tries == TRIES => break,
                    Step::IsStale => {
                        tries += 1;
                        self.store.add_up(day, self.now).await?;
                    }
                }
            }
            from = day.saturating_add(1);
        }
        Ok(())
    }

    async fn alerts(&mut self, limit: Time) -> Result<(), StoreError> {
        let mut after = 0;
        while let Some((last, took)) = self.step(self.store.take_alerts(limit, after)).await? {
            after = last;
            self.count(Kept::Alerts, took);
        }
        Ok(())
    }

    /// Steps of a kind that has nothing else to heed, until one takes nothing.
    async fn all(&mut self, kind: Kept, limit: Time) -> Result<(), StoreError> {
        loop {
            let took = match kind {
                Kept::Daily => self.step(self.store.take_daily(limit)).await?,
                Kept::Visibility => self.step(self.store.take_visibility(limit)).await?,
                Kept::Unmatched => self.step(self.store.take_unmatched(limit)).await?,
                _ => 0,
            };
            if took == 0 {
                return Ok(());
            }
            self.count(kind, took);
        }
    }

    /// Takes out entries of dictionaries that nothing refers to. False where it was not certain in the end what these are.
    async fn sweep(&mut self) -> Result<bool, StoreError> {
        let mut sweep = self.store.begin_sweep().await?;
        loop {
            let begun = Instant::now();
            if !self.store.mark(&mut sweep).await? {
                break;
            }
            tokio::time::sleep(LEAST_REST.max(begun.elapsed())).await;
        }
        loop {
            match self.step(self.store.sweep(&mut sweep)).await? {
                Swept::Took(kind, took) => self.count(kind, took),
                Swept::Uncertain => return Ok(false),
                Swept::Done => return Ok(true),
            }
        }
    }

    /// A step, and the rest after it.
    async fn step<T>(&mut self, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let begun = Instant::now();
        let done = step.await?;
        let took = begun.elapsed();
        self.longest = self.longest.max(took);
        tokio::time::sleep(LEAST_REST.max(took * REST)).await;
        Ok(done)
    }

    fn count(&mut self, kind: Kept, took: u64) {
        if took > 0 {
            self.removed.entry(kind.word()).or_insert((kind, 0)).1 += took;
        }
    }
}

#[cfg(test)]
mod tests;
