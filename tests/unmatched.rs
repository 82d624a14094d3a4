//! Domains that belong to no service, from a capture to the store: counted once, without clients, and only where the site wants it.

use std::process::Command;

use shadowtap::daemon::store::{Store, UnmatchedMemory};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/demo.pcap");

/// Replays the demo as often as asked; what is remembered then.
fn remembered(config: &str, times: usize) -> Vec<UnmatchedMemory> {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (folder.path().join("c.toml"), folder.path().join("s.sqlite").to_string_lossy().into_owned());
    std::fs::write(&file, config).unwrap();
    for _ in 0..times {
        let mut replay = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        let output = replay.args(["replay", DEMO, "--output", "none", "--store", &store, "--config"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Store::open_existing(&store).await.unwrap().unmatched(0, u64::MAX).await.unwrap() })
}

#[test]
fn a_capture_leaves_domains_and_how_many_clients() {
    let once = remembered("", 1);
    let google = once.iter().find(|m| m.domain == "google.com").expect("look-ups of accounts.google.com and clients2.google.com");
    assert_eq!((google.seen, google.clients, google.days.len()), (30, 2, 1));
    assert!(once.iter().all(|m| m.domain != "chatgpt.com"), "what a signature names is a sighting");
    assert_eq!(remembered("", 2), once, "the same capture again adds nothing");
}

#[test]
fn nothing_is_remembered_where_it_is_turned_off() {
    assert_eq!(remembered("[unmatched]\nenabled = false\n", 1), []);
}

#[test]
fn a_new_signature_makes_a_sighting_of_it_instead() {
    let folder = tempfile::tempdir().unwrap();
    let own = "vendor = \"G\"\n[[service]]\nid = \"g.search\"\nname = \"G\"\ncategory = \"search\"\nhosts = [\"google.com\"]\n";
    std::fs::write(folder.path().join("g.toml"), own).unwrap();
    let all = remembered(&format!("[signatures]\nfolder = {:?}\n", folder.path()), 1);
    assert!(!all.is_empty() && all.iter().all(|m| m.domain != "google.com"), "{all:?}");
}
