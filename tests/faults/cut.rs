//! A power cut before every n-th change of the store's files: the store opens, is whole, and every alert that was told is in it, with its sighting.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use shadowtap::daemon::store::Store;
use shadowtap::engine::frame::Time;

use crate::changes::{Changes, Cut};
use crate::contents::{is_sound, texts};
use crate::draw::Draw;
use crate::site::Site;

const NAMES: [&str; 4] = ["chatgpt.com", "claude.ai", "gemini.google.com", "api.openai.com"];
const ROUNDS: u16 = 6;

/// Alerts that a daemon told on its standard output.
fn told(said: &str) -> BTreeSet<String> {
    let ids = |line: &str| serde_json::from_str::<Value>(line).ok().and_then(|alert| alert["id"].as_str().map(str::to_owned));
    said.lines().filter_map(ids).collect()
}

#[test]
fn a_power_cut_before_any_change_leaves_a_whole_store_with_all_that_was_told() {
    let Some(mut site) = Site::new("") else { return };
    site.start_with_log();
    for round in 0..ROUNDS {
        for (n, name) in NAMES.iter().enumerate() {
            site.visit(round * 10 + n as u16, name);
        }
        site.hear(round * 10);
        // A batch of what is not due, between those that are.
        std::thread::sleep(Duration::from_millis(600));
    }
    (0..NAMES.len() as u16).for_each(|n| site.hear((ROUNDS - 1) * 10 + n));
    assert_eq!(site.stop(), Some(0), "{}", site.log());

    let changes = Changes::read(&site.path("changes"));
    let all = told(&changes.said_before(changes.len()));
    assert_eq!(all.len(), usize::from(ROUNDS) * NAMES.len());
    let mut dice = Draw::new(crate::seed());
    let takes_all = crate::takes_all();
    let points: Vec<usize> =
        if takes_all { (0..=changes.len()).collect() } else { (0..30).map(|_| dice.between(0, changes.len())).collect() };
    let (mut kept, mut lost_beginnings) = (0, 0);
    for n in &points {
        for cut in [Cut::All, Cut::Nothing, Cut::Some, Cut::Some] {
            match look(&changes, *n, cut, &mut dice) {
                Some(alerts) => kept += alerts,
                None => lost_beginnings += 1,
            }
        }
    }
    println!(
        "{} of {} changes, four cuts each: {kept} alerts kept, {lost_beginnings} stores were not made yet",
        points.len(),
        changes.len()
    );
    assert!(kept > 0);
}

/// One cut; how many alerts are kept. `None` where the store was damaged and set aside, which may be only before anything was told.
fn look(changes: &Changes, n: usize, cut: Cut, dice: &mut Draw) -> Option<usize> {
    let folder = tempfile::tempdir().expect("a folder");
    changes.cut_before(n, cut, dice, folder.path());
    let store = folder.path().join("s.sqlite");
    let acknowledged = told(&changes.said_before(n));
    let aside = open(&store);
    assert!(is_sound(&store), "{n} {cut:?}");
    let kept: BTreeSet<String> = texts(&store, "SELECT key FROM alert").into_iter().collect();
    assert!(kept.is_superset(&acknowledged), "{n} {cut:?}: {:?} were told and are gone", acknowledged.difference(&kept));
    let without = "SELECT a.key FROM alert a WHERE NOT EXISTS (SELECT 1 FROM sighting s WHERE s.client_id = a.client_id AND s.service_id = a.service_id)
                   OR NOT EXISTS (SELECT 1 FROM outbox o WHERE o.alert_id = a.id)";
    assert_eq!(texts(&store, without), [""; 0], "{n} {cut:?}: half a batch");
    (!aside).then_some(kept.len())
}

/// Opens the store as a daemon does; whether a damaged one had to be set aside.
fn open(store: &Path) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let (store, aside) = Store::open_or_begin_anew(&store.to_string_lossy(), Time::new(1_800_000_000, 0)).await.expect("opens");
        store.close().await;
        aside.is_some()
    })
}
