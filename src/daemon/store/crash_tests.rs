//! The store when things break: the process killed in a commit, a full disk.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;
use crate::daemon::dispatch::Dispatch;
use crate::daemon::fixture::{SEVEN, finding, sighting};
use crate::daemon::notice::Notice;
use crate::engine::sighting::{Finding, Sighting};

const CHILD: &str = "SHADOWTAP_TEST_CRASHING_STORE";
const BATCH: u64 = 40;

fn batch(number: u64) -> Vec<Finding> {
    let one = |n: u64| Sighting { client: format!("batch{number}-{n}").into(), first_seen: SEVEN.plus_seconds(number), ..sighting() };
    (0..BATCH).map(one).map(finding).collect()
}

async fn commit(store: &Store, number: u64) -> Result<Committed, StoreError> {
    let sinks = ["soc".to_owned()];
    let render = |notice: &Notice<'_>| notice.sighting.client.to_string();
    store.commit(&batch(number).into(), Some(&Telling { dispatch: &Dispatch::at_once(&sinks), render: &render })).await
}

/// Not a test of its own: what the next test starts and kills.
#[tokio::test]
async fn child_that_commits_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = Store::open(&path).await.unwrap();
    let begin = store.alerts().await.unwrap().len() as u64 / BATCH;
    for number in begin.. {
        commit(&store, number).await.unwrap();
        println!("\ncommitted {number}");
    }
}

#[tokio::test]
async fn killed_at_any_moment_keeps_whole_batches_and_their_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let mut acknowledged = 0;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "daemon::store::crash_tests::child_that_commits_until_it_is_killed"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let committed = |line: String| line.strip_prefix("committed ").and_then(|n| n.parse::<u64>().ok());
        let first = lines.by_ref().find_map(committed).expect("the child commits");
        assert!(first >= acknowledged, "round {round}: an acknowledged batch is gone");
        std::thread::sleep(Duration::from_millis(3 + round * 5));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = lines.filter_map(committed).last().unwrap_or(first) + 1;

        let store = Store::open(&path).await.unwrap();
        let alerts = store.alerts().await.unwrap().len() as u64;
        assert!(alerts >= acknowledged * BATCH, "round {round}: {alerts} alerts of {acknowledged} acknowledged batches");
        assert_eq!(alerts % BATCH, 0, "round {round}: half a batch");
        assert_eq!(store.open_sightings().await.unwrap().len() as u64, alerts, "round {round}: each sighting with its alert");
        assert_eq!(store.outbox_depth().await.unwrap(), alerts);
        store.close().await;
    }
}

#[tokio::test]
async fn full_disk_keeps_nothing_of_a_batch_and_takes_it_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("s.sqlite").to_str().unwrap()).await.unwrap();
    commit(&store, 0).await.unwrap();
    // SQLite's own way to run out of room; the error is the one a full disk gives.
    sqlx::query("PRAGMA max_page_count = 1").execute(&store.writer).await.unwrap();
    let mut number = 1;
    let error = loop {
        match commit(&store, number).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(store.alerts().await.unwrap().len() as u64, number * BATCH);
    sqlx::query("PRAGMA max_page_count = 1000000").execute(&store.writer).await.unwrap();
    assert_eq!(commit(&store, number).await.unwrap().alerts as u64, BATCH);
}
