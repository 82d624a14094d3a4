//! A running daemon whose store fails for a while: capture goes on, it is said once, and what was due is written and told afterwards.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, chown};
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::contents;
use crate::shim::{EIO, ENOSPC};
use crate::site::Site;

/// No writing to this file system.
const EROFS: u64 = 30;
const NAME: &str = "chatgpt.com";
const CANNOT: &str = "the store cannot be written";

fn run(program: &str, words: &[&str]) {
    let status = Command::new(program).args(words).status();
    assert!(status.unwrap_or_else(|e| panic!("{program}: {e}")).success(), "{program} {words:?}");
}

/// Clients visit while something is wrong, until the daemon says so; how it says it.
fn visits_until_it_says(site: &Site, clients: std::ops::Range<u16>) -> String {
    clients.for_each(|client| site.visit(client, NAME));
    site.until("/readyz tells", Site::trouble)
}

/// All is well again: whoever visited meanwhile is told of, once, and nothing was lost.
fn all_is_well(mut site: Site, clients: u16) {
    (0..clients).for_each(|client| site.hear(client));
    site.until("ready again", |site| site.trouble().is_none().then_some(()));
    assert_eq!((site.lost(), site.alerted().len()), (0, clients.into()), "each is told once");
    assert_eq!(site.log().matches(CANNOT).count(), site.log().matches("the store can be written again").count());
    site.all_is_kept(0..clients);
}

#[test]
fn every_write_fails_for_a_while() {
    for (error, words) in [(EIO, "disk I/O error"), (ENOSPC, "full"), (EROFS, "disk I/O error")] {
        let Some(mut site) = Site::new("") else { return };
        site.start();
        site.visit_and_hear(0, NAME);
        site.faults.fail_all(error);
        let said = visits_until_it_says(&site, 1..40);
        assert!(said.contains(words) && said.contains("s.sqlite"), "{said}");
        // Some tries later it has been said once.
        let failed = site.faults.failed();
        site.until("it tries again", |site| (site.faults.failed() > failed + 4).then_some(()));
        assert_eq!(site.log().matches(CANNOT).count(), 1, "{}", site.log());
        site.faults.stop();
        all_is_well(site, 40);
    }
}

#[test]
fn each_write_takes_a_second() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    site.visit_and_hear(0, NAME);
    site.faults.delay(Duration::from_secs(1));
    let said = visits_until_it_says(&site, 1..40);
    assert!(said.contains("the store is slow"), "{said}");
    site.faults.stop();
    all_is_well(site, 40);
}

#[test]
fn another_process_holds_it() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    site.visit_and_hear(0, NAME);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut holder = runtime.block_on(SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(site.store()))).expect("opens");
    runtime.block_on(sqlx::query("BEGIN EXCLUSIVE").execute(&mut holder)).expect("held");
    let said = visits_until_it_says(&site, 1..20);
    assert!(said.contains("locked") || said.contains("slow"), "{said}");
    runtime.block_on(sqlx::query("ROLLBACK").execute(&mut holder)).expect("released");
    runtime.block_on(holder.close()).expect("closes");
    all_is_well(site, 20);
}

/// Mounts a file system of its own on the folder of the store, for this thread and whom it starts.
fn mount(site: &Site, size: &str) {
    unshare(CloneFlags::CLONE_NEWNS).expect("a namespace of mounts");
    run("mount", &["--make-rprivate", "/"]);
    run("mount", &["-t", "tmpfs", "-o", size, "faults", &site.path("state").display().to_string()]);
    chown(site.path("state"), Some(65534), Some(65534)).expect("root may");
}

#[test]
fn the_disk_is_full_and_freed() {
    let Some(mut site) = Site::new("") else { return };
    mount(&site, "size=2m");
    site.start();
    site.visit_and_hear(0, NAME);
    let filler = site.path("state/filler");
    let full = File::create(&filler).and_then(|file| std::io::copy(&mut std::io::repeat(1).take(1 << 30), &mut &file));
    assert_eq!(full.expect_err("it is full").kind(), std::io::ErrorKind::StorageFull);
    let said = visits_until_it_says(&site, 1..60);
    assert!(said.contains("make room"), "{said}");
    fs::remove_file(filler).expect("removed");
    all_is_well(site, 60);
}

#[test]
fn a_file_system_that_is_read_only_at_the_start_says_so_and_starts_once_it_is_not() {
    let Some(mut site) = Site::new("") else { return };
    mount(&site, "size=8m");
    site.start();
    site.visit_and_hear(0, NAME);
    assert_eq!(site.stop(), Some(0));
    let state = site.path("state").display().to_string();
    run("mount", &["-o", "remount,ro", &state]);
    let refused = site.start_in_vain();
    assert_eq!(refused, Some(77), "{}", site.log());
    assert!(site.log().contains("s.sqlite") && site.log().contains("remedy: "), "{}", site.log());
    run("mount", &["-o", "remount,rw", &state]);
    site.start();
    site.visit_and_hear(1, NAME);
    site.all_is_kept(0..2);
}

/// Overwrites all pages of the store but the first.
fn damage(site: &Site) {
    let file = File::options().write(true).open(site.store()).expect("a store");
    let length = file.metadata().expect("its length").len() as usize;
    file.write_all_at(&vec![0xaa; length - 4096], 4096).expect("written");
}

/// The damaged store that was set aside.
fn set_aside(site: &Site) -> Vec<String> {
    let names = fs::read_dir(site.path("state")).expect("files").flatten().map(|f| f.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("s.sqlite.corrupt-") && name.ends_with('Z')).collect()
}

#[test]
fn a_damaged_store_is_set_aside_at_the_start_and_told_of() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    site.visit_and_hear(0, NAME);
    assert_eq!(site.stop(), Some(0));
    damage(&site);
    site.start();
    site.visit_and_hear(1, NAME);
    site.until("an alert about the store", |site| site.hears("store_damaged", "open").then_some(()));
    assert_eq!((set_aside(&site).len(), site.metric("shadowtap_store_set_aside_total", "")), (1, 1));
    assert_eq!(site.trouble(), None);
    assert_eq!(site.log().matches("the store was damaged: it is set aside as").count(), 1);
    assert_eq!(contents::texts(&site.store(), "SELECT kind FROM audit WHERE seq = 1"), ["store_set_aside"]);
    site.all_is_kept(1..2);
    site.start();
    site.until("that it is over", |site| site.hears("store_damaged", "resolved").then_some(()));
}

#[test]
fn a_store_damaged_under_a_running_daemon_is_set_aside_and_capture_goes_on() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    (0..5).for_each(|client| site.visit_and_hear(client, NAME));
    // The log is emptied, so that what is read next comes from the file.
    assert_eq!(contents::number(&site.store(), "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    damage(&site);
    (5..30).for_each(|client| site.visit(client, NAME));
    (5..30).for_each(|client| site.hear(client));
    site.until("an alert about the store", |site| site.hears("store_damaged", "open").then_some(()));
    assert_eq!((set_aside(&site).len(), site.lost(), site.trouble()), (1, 0, None));
    assert_eq!(site.metric("shadowtap_store_set_aside_total", ""), 1);
    assert_eq!(site.stop(), Some(0), "{}", site.log());
    assert!(contents::is_sound(&site.store()));
    let seen = contents::texts(&site.store(), "SELECT DISTINCT c.name FROM sighting s JOIN client c ON c.id = s.client_id ORDER BY c.id");
    assert!((5..30).all(|client| seen.contains(&format!("10.20.0.{client}"))), "{seen:?}");
}

#[test]
fn a_clock_that_jumps_loses_and_doubles_no_alert() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    for (client, ahead) in [0, 86_400, -86_400, 3600, -7 * 86_400, 40, 0].into_iter().enumerate() {
        site.faults.set_clock_ahead(ahead);
        std::thread::sleep(Duration::from_millis(500));
        site.visit_and_hear(client as u16, NAME);
    }
    assert_eq!(site.lost(), 0);
    site.all_is_kept(0..7);
    let odd = "SELECT count(*) FROM sighting WHERE last_seen < first_seen OR first_seen <= 0";
    assert_eq!(contents::number(&site.store(), odd), 0, "no sighting ends before it begins");
    let mut told = site.alerted();
    told.dedup();
    assert_eq!(told.len(), 7, "each told once, in order: {told:?}");
}
