//! Real files, changed in all the ways that editors, package managers and kubelet change them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;

use super::*;

struct Scene {
    folder: tempfile::TempDir,
    watch: Watch,
    fired: Receiver<()>,
}

/// Watches `path` in a folder that `prepare` filled.
fn scene(path: &str, prepare: impl Fn(&Path)) -> Scene {
    scene_with(PACE, arm, path, prepare)
}

fn scene_with(pace: Pace, arm: Arm, path: &str, prepare: impl Fn(&Path)) -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    let (sender, fired) = channel();
    let tell = move || sender.send(()).unwrap_or_default();
    let watch = Watch::with(pace, arm, vec![folder.path().join(path)], tell).expect("a thread");
    Scene { folder, watch, fired }
}

impl Scene {
    /// Whether exactly one change is told after `change`.
    #[track_caller]
    fn tells_once(&self, change: impl Fn(&Path)) {
        change(self.folder.path());
        assert_eq!(self.fired.recv_timeout(Duration::from_secs(5)), Ok(()), "the change was not told");
        self.stays_silent();
    }

    #[track_caller]
    fn stays_silent(&self) {
        assert_eq!(self.fired.recv_timeout(Duration::from_millis(700)), Err(RecvTimeoutError::Timeout), "told without a change");
    }
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::write(path, text).expect("written");
}

fn one_file(root: &Path) {
    write(root.join("c.toml"), "one");
}

#[test]
fn a_file_rewritten_in_place() {
    let scene = scene("c.toml", one_file);
    scene.tells_once(|root| write(root.join("c.toml"), "two"));
    scene.tells_once(|root| write(root.join("c.toml"), "one"));
}

#[test]
fn a_file_replaced_by_renaming_as_editors_do() {
    let scene = scene("c.toml", one_file);
    for text in ["two", "three"] {
        scene.tells_once(|root| {
            fs::rename(root.join("c.toml"), root.join("c.toml~")).expect("renamed");
            write(root.join(".c.toml.swp"), text);
            fs::rename(root.join(".c.toml.swp"), root.join("c.toml")).expect("renamed");
        });
    }
}

#[test]
fn a_link_that_is_swapped() {
    let scene = scene("current", |root| {
        write(root.join("a"), "one");
        fs::create_dir(root.join("elsewhere")).expect("made");
        write(root.join("elsewhere/b"), "two");
        symlink("a", root.join("current")).expect("linked");
    });
    scene.tells_once(|root| {
        symlink("elsewhere/b", root.join("new")).expect("linked");
        fs::rename(root.join("new"), root.join("current")).expect("renamed");
    });
    scene.tells_once(|root| write(root.join("elsewhere/b"), "three"));
}

/// What kubelet does to a mounted ConfigMap: a new folder, a new link, renamed over the old one, and the old folder removed.
fn project(root: &Path, version: &str, text: &str) {
    let old = fs::read_link(root.join("..data")).ok();
    fs::create_dir(root.join(version)).expect("made");
    write(root.join(version).join("c.toml"), text);
    symlink(version, root.join("..data_tmp")).expect("linked");
    fs::rename(root.join("..data_tmp"), root.join("..data")).expect("renamed");
    match old {
        Some(old) => fs::remove_dir_all(root.join(old)).expect("removed"),
        None => symlink("..data/c.toml", root.join("c.toml")).expect("linked"),
    }
}

#[test]
fn a_config_map_as_kubelet_updates_it() {
    let scene = scene("c.toml", |root| project(root, "..2026_1", "one"));
    scene.tells_once(|root| project(root, "..2026_2", "two"));
    scene.tells_once(|root| project(root, "..2026_3", "three"));
    project(scene.folder.path(), "..2026_4", "three");
    scene.stays_silent();
}

#[test]
fn a_file_removed_and_put_back() {
    let scene = scene("c.toml", one_file);
    scene.tells_once(|root| fs::remove_file(root.join("c.toml")).expect("removed"));
    scene.tells_once(one_file);
}

#[test]
fn a_file_in_a_folder_that_was_not_there() {
    let scene = scene("etc/shadowtap/c.toml", |_| {});
    scene.tells_once(|root| {
        fs::create_dir_all(root.join("etc/shadowtap")).expect("made");
        write(root.join("etc/shadowtap/c.toml"), "one");
    });
    scene.tells_once(|root| {
        fs::rename(root.join("etc"), root.join("etc.old")).expect("renamed");
        fs::create_dir_all(root.join("etc/shadowtap")).expect("made");
        write(root.join("etc/shadowtap/c.toml"), "two");
    });
    scene.tells_once(|root| write(root.join("etc/shadowtap/c.toml"), "three"));
}

#[test]
fn files_in_a_folder() {
    let scene = scene("signatures", |root| fs::create_dir(root.join("signatures")).expect("made"));
    scene.tells_once(|root| write(root.join("signatures/a.toml"), "one"));
    scene.tells_once(|root| fs::rename(root.join("signatures/a.toml"), root.join("signatures/b.toml")).expect("renamed"));
    scene.tells_once(|root| fs::remove_file(root.join("signatures/b.toml")).expect("removed"));
}

#[test]
fn what_changes_nothing_is_not_told() {
    let scene = scene("c.toml", one_file);
    let file = scene.folder.path().join("c.toml");
    write(&file, "one");
    let later = fs::FileTimes::new().set_modified(std::time::SystemTime::now() + Duration::from_secs(60));
    fs::File::options().write(true).open(&file).expect("open").set_times(later).expect("touched");
    write(scene.folder.path().join("neighbour"), "x");
    fs::read(&file).expect("read");
    scene.stays_silent();
}

#[test]
fn a_long_burst_is_told_before_it_ends() {
    let scene = scene("c.toml", one_file);
    let start = Instant::now();
    let mut n = 0;
    while scene.fired.try_recv().is_err() {
        n += 1;
        write(scene.folder.path().join("c.toml"), &n.to_string());
        thread::sleep(Duration::from_millis(50));
        assert!(start.elapsed() < Duration::from_secs(4), "not told while it lasts");
    }
    assert!(start.elapsed() > Duration::from_millis(1500), "told at {:?}: too early", start.elapsed());
}

#[test]
fn another_set_of_files_is_watched_from_then_on() {
    let scene = scene("c.toml", one_file);
    write(scene.folder.path().join("policy.toml"), "one");
    scene.stays_silent();
    scene.watch.replace(["c.toml", "policy.toml"].map(|name| scene.folder.path().join(name)).into());
    scene.stays_silent();
    scene.tells_once(|root| write(root.join("policy.toml"), "two"));
    scene.watch.replace(vec![scene.folder.path().join("policy.toml")]);
    write(scene.folder.path().join("c.toml"), "two");
    scene.stays_silent();
}

#[test]
fn without_the_kernels_watches_files_are_looked_at() {
    let pace = Pace { poll: Duration::from_millis(100), ..PACE };
    let scene = scene_with(pace, |_, _| Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch)), "c.toml", one_file);
    scene.tells_once(|root| write(root.join("c.toml"), "two"));
    scene.stays_silent();
}

#[test]
fn nothing_is_told_once_it_is_dropped() {
    let Scene { folder, watch, fired } = scene("c.toml", one_file);
    drop(watch);
    write(folder.path().join("c.toml"), "two");
    assert_eq!(fired.recv_timeout(Duration::from_secs(2)), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn a_change_between_the_look_and_the_watch_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    one_file(folder.path());
    let file = folder.path().join("c.toml");
    for (text, is_told) in [("two", true), ("two", false)] {
        let known = Known::now(vec![file.clone()]);
        write(&file, text);
        let (sender, fired) = channel();
        let _watch = Watch::since(known, move || sender.send(()).unwrap_or_default()).expect("a thread");
        assert_eq!(fired.recv_timeout(Duration::from_secs(if is_told { 5 } else { 1 })).is_ok(), is_told);
    }
}
