//! What the store does: distinct sightings a second, bytes each, how far it is behind when 200,000 updates a second come in over 50,000 open
//! sightings while somebody reads, what reports cost, and what retention costs a writer.
//!
//! `cargo bench --bench storing [-- --sightings N] [--times 10] [--keep]`: with `--times` the report is measured on a second store of so many
//! times as many. Stores are made below `target/bench` and taken away again unless `--keep`.

mod grow;
mod keep;
mod made;
mod streams;
mod update;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use made::{finding, sighting};
use shadowtap::daemon::store::Store;
use shadowtap::engine::sighting::Finding;

/// Sightings of one batch while the store is filled.
const BATCH: u64 = 10_000;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
        at.map_or(Ok(default), |n| n.replace('_', "").parse::<u64>())
    };
    let (sightings, times) = (number("--sightings", 1_000_000)?, number("--times", 0)?);
    let path = PathBuf::from("target/bench/storing.sqlite");
    std::fs::create_dir_all("target/bench")?;
    remove(&path);
    let store = Store::open(path.to_str().ok_or("path")?).await?;
    fill(&store, sightings).await?;
    store.close().await;
    println!("{:.1} bytes a sighting, {} MiB in all", bytes(&path)? as f64 / sightings as f64, mebibytes(&path)?);
    let store = Store::open(path.to_str().ok_or("path")?).await?;
    for with_reader in [false, true] {
        update::update(&store, sightings, with_reader).await?;
    }
    streams::streams(&store, sightings + update::OPEN).await?;
    keep::report(&store, &path).await?;
    if times > 1 {
        let many = PathBuf::from("target/bench/storing-many.sqlite");
        let grown = grow::grow(&path, &many, i64::try_from(times)?).await?;
        keep::report(&grown, &many).await?;
        grown.close().await;
        if !arguments.iter().any(|a| a == "--keep") {
            remove(&many);
        }
    }
    keep::retain(&store, &path, sightings).await?;
    store.close().await;
    println!("{} MiB closed", mebibytes(&path)?);
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

fn bytes(path: &Path) -> Outcome<u64> {
    Ok(std::fs::metadata(path)?.len())
}

fn mebibytes(path: &Path) -> Outcome<u64> {
    Ok(bytes(path)? >> 20)
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}
