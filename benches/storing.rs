//! What the store does: distinct sightings a second, bytes each, and how far it is behind when 200,000 updates a second come in over
//! 50,000 open sightings while somebody reads.
//!
//! `cargo bench --bench storing [-- --sightings N]`. The store is made below `target/bench` and taken away again unless `--keep`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shadowtap::daemon::store::{Batch, Store, Window};
use shadowtap::engine::event::Source;
use shadowtap::engine::frame::Time;
use shadowtap::engine::policy::Status;
use shadowtap::engine::sighting::{Agent, Evidence, Finding, Identity, Sighting, Sources, Turns, UseBytes};

/// 2026-11-01T00:00:00Z.
const BEGIN: u64 = 1_793_491_200;
/// Sightings of one batch while the store is filled.
const BATCH: u64 = 10_000;
/// Open sightings while it is updated.
const OPEN: u64 = 50_000;
/// Updates a second that come in.
const RATE: u64 = 200_000;
/// Flushes measured: the ledger hands out what changed every half second.
const FLUSHES: u64 = 20;
const FLUSH: Duration = Duration::from_millis(500);

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
    let sightings = option("--sightings").map_or(Ok(1_000_000), |n| n.replace('_', "").parse::<u64>())?;
    let path = PathBuf::from("target/bench/storing.sqlite");
    std::fs::create_dir_all("target/bench")?;
    remove(&path);
    let store = Store::open(path.to_str().ok_or("path")?).await?;
    fill(&store, sightings).await?;
    update(&store, sightings).await?;
    store.close().await;
    println!("{:.1} bytes a sighting, {} MiB in all", bytes(&path)? as f64 / (sightings + OPEN) as f64, bytes(&path)? >> 20);
    if !arguments.iter().any(|a| a == "--keep") {
        remove(&path);
    }
    Ok(())
}

/// Distinct sightings, all closed, spread over thirty days.
async fn fill(store: &Store, sightings: u64) -> Outcome<()> {
    let begun = Instant::now();
    let mut slowest = 0.0_f64;
    for batch in 0..sightings.div_ceil(BATCH) {
        let numbers = batch * BATCH..sightings.min((batch + 1) * BATCH);
        let findings: Vec<Finding> = numbers.map(|n| finding(sighting(n, sightings, true))).collect();
        slowest = slowest.max(store.commit(&findings.into(), None).await?.seconds);
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{sightings} distinct sightings: {:.0} a second, slowest commit of {BATCH} {:.0} ms",
        sightings as f64 / seconds,
        slowest * 1e3
    );
    Ok(())
}

/// Updates of open sightings as the ledger hands them out, while a reader reads all of them again and again.
async fn update(store: &Store, offset: u64) -> Outcome<()> {
    let reading = tokio::spawn(read_on(store.clone()));
    let mut open: Vec<Sighting> = (offset..offset + OPEN).map(|n| sighting(n, offset, false)).collect();
    let (begun, mut updates, mut behind) = (Instant::now(), 0_u64, Duration::ZERO);
    let mut slowest = 0.0_f64;
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
        let batch = Batch { findings, ..Batch::default() };
        slowest = slowest.max(store.commit(&batch, None).await?.seconds);
        behind = behind.max(begun.elapsed().saturating_sub(due));
    }
    let (reads, rows) = {
        reading.abort();
        reading.await.unwrap_or(Ok((0, 0)))?
    };
    println!(
        "{updates} updates of {OPEN} open sightings in {:.1} s: slowest commit {:.0} ms, at most {:.0} ms behind; read beside it {reads} times, {rows} rows",
        begun.elapsed().as_secs_f64(),
        slowest * 1e3,
        behind.as_secs_f64() * 1e3,
    );
    Ok(())
}

/// Reads the last sightings until it is stopped.
async fn read_on(store: Store) -> Result<(u64, u64), shadowtap::daemon::store::StoreError> {
    let (mut reads, mut rows) = (0, 0);
    let since = Some(Time::new(BEGIN + 29 * 86_400, 0));
    loop {
        let mut pages = store.sightings(Window { since, until: None }).await?;
        while let Some(page) = pages.next().await? {
            rows += page.len() as u64;
        }
        reads += 1;
        let _ = (reads, rows);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn finding(sighting: Sighting) -> Finding {
    Finding { reached: None, due: false, sighting }
}

/// One of `all` sightings: 5,000 clients, 60 services used by rank, up to four names.
fn sighting(n: u64, all: u64, closed: bool) -> Sighting {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let client = mixed % 5_000;
    let service = (mixed >> 16) % 60 * ((mixed >> 24) % 60) / 60;
    let first_seen = Time(Time::new(BEGIN, 0).0 + n * (30 * 86_400_000_000_000 / all.max(1)));
    let text = |t: String| -> Arc<str> { t.into() };
    let mut sources = Sources::default();
    sources.insert(Source::TlsSni);
    Sighting {
        client: text(format!("10.{}.{}.{}", client >> 12, client >> 8 & 15, client & 255)),
        identity: Identity { host: Some(text(format!("ws-{client:04}"))), ..Identity::default() }.into(),
        team: text(format!("team-{}", client % 50)),
        service: text(format!("vendor{service}.service")),
        vendor: text(format!("Vendor {service}")),
        category: "chat".into(),
        status: Status::ALL[(service % 5) as usize],
        evidence: Evidence::ALL[(mixed >> 32) as usize % 4],
        presence_only: false,
        agent: Agent::Browser,
        first_seen,
        last_seen: first_seen.plus_seconds(mixed >> 20 & 1023),
        connections: 7,
        bytes_up: mixed >> 10 & 0xf_ffff,
        bytes_down: mixed >> 5 & 0xff_ffff,
        use_bytes: UseBytes { up: mixed >> 10 & 0xf_ffff, down: mixed >> 5 & 0xff_ffff, upload: 0 },
        active_minutes: 3,
        turns: Turns { low: 4, high: 6 },
        sources,
        names: (0..1 + mixed % 4).map(|k| text(format!("host{k}.vendor{service}.example"))).collect(),
        closed,
    }
}

fn bytes(path: &Path) -> Outcome<u64> {
    Ok(std::fs::metadata(path)?.len())
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}
