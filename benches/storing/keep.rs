//! What reports and retention cost once there are many sightings.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shadowtap::daemon::config::Retention;
use shadowtap::daemon::store::{Store, StoreError, Window};
use shadowtap::daemon::upkeep;
use shadowtap::engine::frame::Time;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::made::{BEGIN, DAYS, finding, sighting};
use super::{Outcome, mebibytes};

/// Sightings of a batch of the writer beside retention, and the pause between two.
const BATCH: u64 = 100;
const PAUSE: Duration = Duration::from_millis(10);
/// What a report would ask without sums of days: every row, by team, service and status.
const RAW: &str = "
    SELECT team_id, service_id, status, count(*), sum(presence_only), max(evidence), sum(evidence = 3), sum(connections), sum(bytes_up),
           sum(bytes_down), sum(active_minutes), sum(turns_low), sum(turns_high), max(last_seen)
    FROM sighting GROUP BY team_id, service_id, status";
/// In it the sightings of that writer begin.
const LAST_HOUR: Time = BEGIN.plus_seconds(DAYS * 86_400 - 3600);

/// More sightings are not read one by one: each costs the same, and that takes a quarter of an hour.
const ONE_BY_ONE: i64 = 20_000_000;

/// A report out of sums, the same sums out of all sightings in one statement, and all sightings read one by one.
pub async fn report(store: &Store, path: &Path) -> Outcome<()> {
    let end = BEGIN.plus_seconds(DAYS * 86_400);
    let (begun, stale) = (Instant::now(), store.stale_days(None, None).await?);
    let mut longest = Duration::ZERO;
    for day in &stale {
        let begun = Instant::now();
        store.add_up(day.day, end).await?;
        longest = longest.max(begun.elapsed());
    }
    println!("{} days added up in {:.1} s, the longest in {:.2} s", stale.len(), begun.elapsed().as_secs_f64(), longest.as_secs_f64());
    let begun = Instant::now();
    let sums = store.sums(None, None).await?;
    let crowd = store.crowd(None, None).await?;
    let sightings: i64 = sums.iter().map(|s| s.sightings).sum();
    println!(
        "sums of all days: {} lines, {} services, {sightings} sightings, in {:.0} ms",
        sums.len(),
        crowd.services.len(),
        begun.elapsed().as_secs_f64() * 1e3
    );
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let begun = Instant::now();
    let lines = sqlx::query(RAW).fetch_all(&pool).await?.len();
    println!("the same sums out of single sightings: {lines} lines, in {:.1} s", begun.elapsed().as_secs_f64());
    pool.close().await;
    if sightings <= ONE_BY_ONE {
        let begun = Instant::now();
        let (mut pages, mut rows, mut bytes) = (store.sightings(Window::default()).await?, 0_u64, 0_u64);
        while let Some(page) = pages.next().await? {
            rows += page.len() as u64;
            bytes += page.iter().map(|s| s.bytes_up).sum::<u64>();
        }
        println!("all sightings one by one: {rows} rows, {bytes} bytes sent, in {:.1} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The older half goes, while a writer commits small batches all the while.
pub async fn retain(store: &Store, path: &Path, sightings: u64) -> Outcome<()> {
    let alone = Writer::start(store, sightings);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let alone = alone.stop().await?;
    let half = Some(Duration::from_secs(DAYS / 2 * 86_400));
    let retention = Retention { sightings: half, daily: None, alerts: None, visibility: None };
    let writer = Writer::start(store, sightings + 10_000_000);
    let begun = Instant::now();
    let before = mebibytes(path)?;
    let passed = upkeep::pass(store, &retention, BEGIN.plus_seconds(DAYS * 86_400), false).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let beside = writer.stop().await?;
    let removed: Vec<_> = passed.removed.iter().map(|(kind, rows)| format!("{} {rows}", kind.word())).collect();
    println!(
        "the older half taken out in {seconds:.1} s: {}; longest step {:.0} ms; {before} MiB, then {} MiB",
        removed.join(", "),
        passed.longest.as_secs_f64() * 1e3,
        mebibytes(path)?
    );
    println!("a writer of {BATCH} rows beside it: {}; alone: {}", beside.words(), alone.words());
    Ok(())
}

/// How long commits took, seconds, sorted.
struct Commits(Vec<f64>);

impl Commits {
    fn words(&self) -> String {
        let at = |share: f64| self.0.get((self.0.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or_default() * 1e3;
        format!("{} commits, {:.1} ms (median), {:.1} ms (99 %), {:.0} ms (longest)", self.0.len(), at(0.5), at(0.99), at(1.0))
    }
}

/// Somebody who commits small batches.
struct Writer {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Result<Vec<f64>, StoreError>>,
}

impl Writer {
    fn start(store: &Store, offset: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (store, asked) = (store.clone(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut commits = Vec::new();
            for number in 0.. {
                if asked.load(Ordering::Relaxed) {
                    break;
                }
                let batch = (0..BATCH).map(|n| {
                    let mut s = sighting(offset + number * BATCH + n, offset, true);
                    s.first_seen = Time(LAST_HOUR.0 + 1000 * (offset + number * BATCH + n));
                    s.last_seen = s.first_seen.plus_seconds(60);
                    finding(s)
                });
                // From the moment it wants to write: waiting for the writer counts.
                let begun = Instant::now();
                store.commit(&batch.collect::<Vec<_>>().into(), None).await?;
                commits.push(begun.elapsed().as_secs_f64());
                tokio::time::sleep(PAUSE).await;
            }
            Ok(commits)
        });
        Writer { stop, task }
    }

    async fn stop(self) -> Outcome<Commits> {
        self.stop.store(true, Ordering::Relaxed);
        let mut commits = self.task.await??;
        commits.sort_by(f64::total_cmp);
        Ok(Commits(commits))
    }
}
