//! 200,000 updates a second over 50,000 open sightings, while somebody reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shadowtap::daemon::store::{Batch, Store, StoreError, Window};
use shadowtap::engine::sighting::{Finding, Sighting};

use super::Outcome;
use super::made::{BEGIN, DAYS, finding, sighting};

/// Open sightings while it is updated.
pub const OPEN: u64 = 50_000;
/// Updates a second that come in.
const RATE: u64 = 200_000;
/// Flushes measured: the ledger hands out what changed every half second.
const FLUSHES: u64 = 40;
const FLUSH: Duration = Duration::from_millis(500);

/// Updates of open sightings as the ledger hands them out: in half a second each of them changes twice, and is handed out once.
pub async fn update(store: &Store, offset: u64, with_reader: bool) -> Outcome<()> {
    let reader = Arc::new(Reader::default());
    let reading = with_reader.then(|| tokio::spawn(Arc::clone(&reader).read_on(store.clone())));
    let mut open: Vec<Sighting> = (offset..offset + OPEN).map(|n| sighting(n, offset, false)).collect();
    store.commit(&open.iter().cloned().map(finding).collect::<Vec<_>>().into(), None).await?;
    let (begun, mut updates, mut behind) = (Instant::now(), 0_u64, Duration::ZERO);
    let mut commits = Vec::new();
    for flush in 1..=FLUSHES {
        let due = FLUSH * u32::try_from(flush)?;
        if let Some(wait) = due.checked_sub(begun.elapsed()) {
            tokio::time::sleep(wait).await;
        }
        let came = begun.elapsed().as_millis() as u64 * RATE / 1000;
        let changed = (came - updates).min(OPEN) as usize;
        updates = came;
        for s in open.iter_mut().take(changed) {
            (s.bytes_up, s.bytes_down, s.last_seen) = (s.bytes_up + 900, s.bytes_down + 7000, s.last_seen.plus_seconds(1));
        }
        let findings: Vec<Finding> = open.iter().take(changed).cloned().map(finding).collect();
        commits.push(store.commit(&Batch { findings, ..Batch::default() }, None).await?.seconds);
        behind = behind.max(begun.elapsed().saturating_sub(due));
    }
    let seconds = begun.elapsed().as_secs_f64();
    reader.stop.store(true, Ordering::Relaxed);
    if let Some(reading) = reading {
        reading.await??;
    }
    commits.sort_by(f64::total_cmp);
    println!(
        "{updates} updates of {OPEN} open sightings in {seconds:.1} s: commits {:.0} ms (median) to {:.0} ms, at most {:.0} ms behind; \
         read beside it {} times, {} rows",
        commits.get(commits.len() / 2).copied().unwrap_or_default() * 1e3,
        commits.last().copied().unwrap_or_default() * 1e3,
        behind.as_secs_f64() * 1e3,
        reader.times.load(Ordering::Relaxed),
        reader.rows.load(Ordering::Relaxed),
    );
    // They end, so that nothing is open afterwards.
    open.iter_mut().for_each(|s| s.closed = true);
    store.commit(&open.into_iter().map(finding).collect::<Vec<_>>().into(), None).await?;
    Ok(())
}

/// Somebody who reads the last day again and again.
#[derive(Default)]
struct Reader {
    stop: AtomicBool,
    times: AtomicU64,
    rows: AtomicU64,
}

impl Reader {
    async fn read_on(self: Arc<Self>, store: Store) -> Result<(), StoreError> {
        let since = Some(BEGIN.plus_seconds((DAYS - 1) * 86_400));
        while !self.stop.load(Ordering::Relaxed) {
            let mut pages = store.sightings(Window { since, until: None }).await?;
            while let Some(page) = pages.next().await? {
                self.rows.fetch_add(page.len() as u64, Ordering::Relaxed);
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
            }
            self.times.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}
