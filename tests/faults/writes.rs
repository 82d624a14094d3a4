//! Every n-th change of a store's files fails, for every n: the program goes on or ends and says why, and what it acknowledged is there.
//!
//! `make test` draws some of all n (the seed is printed, `SHADOWTAP_SEED` repeats it); `tests/soak/faults` takes every one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::contents::{contents, is_sound};
use crate::draw::Draw;
use crate::shim::{EIO, ENOSPC, Faults};

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/demo.pcap");

/// A store before the run: none, or one of the first version, which goes through every migration.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    First,
}

/// A folder for one run.
struct Run {
    folder: tempfile::TempDir,
    store: PathBuf,
}

impl Run {
    fn new(before: Before) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("state")).expect("a folder");
        let store = folder.path().join("state/s.sqlite");
        if matches!(before, Before::First) {
            let packed = fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stores/0001.sqlite.gz")).expect("a store");
            let mut file = fs::File::create(&store).expect("a file");
            std::io::copy(&mut flate2::read::GzDecoder::new(packed), &mut file).expect("unpacked");
        }
        Run { folder, store }
    }

    fn replay(&self, faults: &Faults) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        command.args(["replay", CAPTURE, "--output", "none", "--config"]).arg(self.folder.path().join("config.toml"));
        command.arg("--store").arg(format!("sqlite://{}", self.store.display()));
        fs::write(self.folder.path().join("config.toml"), "").expect("written");
        faults.put_under(&mut command).output().expect("runs")
    }
}

/// Which n, of so many.
fn drawn(total: u64, few: usize) -> Vec<u64> {
    if crate::takes_all() {
        return (1..=total).collect();
    }
    let mut dice = Draw::new(crate::seed());
    let mut some: Vec<u64> = (0..few).map(|_| 1 + dice.below(total)).collect();
    // The first and the last are where files are made and go.
    some.extend([1, 2, 3, total - 2, total - 1, total]);
    some.sort_unstable();
    some.dedup();
    some
}

fn series(before: Before, error: u64, half: bool, few: usize) {
    let sound = Run::new(before);
    let faults = Faults::of(&sound.store);
    let output = sound.replay(&faults);
    assert!(output.status.success(), "{output:?}");
    let (total, expected) = (faults.calls(), contents(&sound.store));
    assert!(total > 50 && expected.len() > 10, "{total} changes, {} lines", expected.len());
    let all = drawn(total, few);
    println!("{total} changes of the store's files; {} of them fail with {error}, half done: {half}", all.len());
    let mut went_on = 0;
    for n in &all {
        went_on += u32::from(one(before, *n, (error, half), &expected));
    }
    println!("{went_on} runs went on, {} ended with an error", all.len() as u32 - went_on);
}

/// One run with its n-th change failing, and one after it without a fault; whether the first went on.
fn one(before: Before, n: u64, (error, half): (u64, bool), expected: &[String]) -> bool {
    let run = Run::new(before);
    let faults = Faults::of(&run.store);
    faults.fail_nth(n, error, half);
    let output = run.replay(&faults);
    assert_eq!(faults.failed(), 1, "n = {n}: there are fewer changes this time");
    let goes_on = output.status.success();
    if goes_on {
        assert_eq!(contents(&run.store), expected, "n = {n}: what was acknowledged is kept");
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        let has_all = said.contains(&run.store.display().to_string()) && said.contains("remedy: ");
        assert!(has_all && output.status.code().is_some_and(|code| [70, 77].contains(&code)), "n = {n}: {} {said}", output.status);
    }
    faults.stop();
    let again = run.replay(&faults);
    assert!(again.status.success(), "n = {n}: {}", String::from_utf8_lossy(&again.stderr));
    assert!(is_sound(&run.store), "n = {n}");
    assert_eq!(contents(&run.store), expected, "n = {n}: as a run without a fault leaves it");
    assert_eq!(leftovers(&run.store), [""; 0], "n = {n}");
    goes_on
}

/// Files beside the store that it should not leave.
fn leftovers(store: &Path) -> Vec<String> {
    let name = store.file_name().expect("a name").to_string_lossy().into_owned();
    let all = fs::read_dir(store.parent().expect("a folder")).expect("its files").flatten();
    all.map(|file| file.file_name().to_string_lossy().into_owned()).filter(|other| other.starts_with(&name) && *other != name).collect()
}

#[test]
fn every_nth_write_of_a_new_store_fails() {
    series(Before::Nothing, EIO, false, 20);
}

#[test]
fn every_nth_write_of_a_store_that_migrates_finds_the_disk_full_half_way() {
    series(Before::First, ENOSPC, true, 20);
}
