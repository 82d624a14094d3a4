//! Which folders to watch, and for which names in them, so that nothing that could change a path's content goes unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Links followed for one path; the kernel's own bound.
const MOST_LINKS: usize = 40;

/// What matters in a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Folder {
    /// Device and inode: another folder under the same name needs another watch.
    identity: (u64, u64),
    names: BTreeSet<OsString>,
    is_listed: bool,
}

/// Folders by path.
pub(super) type Folders = BTreeMap<PathBuf, Folder>;

/// The folders on the way to `paths`, through every link, and the folders among them. Where a part of a path is missing, the way ends with
/// the folder where it would appear.
pub(super) fn folders(paths: &[PathBuf]) -> Folders {
    let mut found = Folders::new();
    for path in paths {
        walk(&std::path::absolute(path).unwrap_or_else(|_| path.clone()), &mut found);
    }
    found
}

/// Whether something that happened at `path` can matter.
pub(super) fn matters(folders: &Folders, path: &Path) -> bool {
    let in_folder = || Some((folders.get(path.parent()?)?, path.file_name()?));
    folders.contains_key(path) || in_folder().is_some_and(|(folder, name)| folder.is_listed || folder.names.contains(name))
}

/// Goes down a path part by part, as the kernel does.
fn walk(path: &Path, found: &mut Folders) {
    let mut at = PathBuf::from("/");
    let mut left = parts(path);
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        add(&at, Some(&part), found);
        let next = at.join(&part);
        let Ok(metadata) = fs::symlink_metadata(&next) else { return };
        if !metadata.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        let Ok(target) = fs::read_link(&next) else { return };
        if links > MOST_LINKS {
            return;
        }
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(parts(&target));
    }
    if at.is_dir() {
        add(&at, None, found);
    }
}

/// The parts of a path, last first.
fn parts(path: &Path) -> Vec<OsString> {
    let named = path.components().filter(|c| matches!(c, Component::Normal(_) | Component::ParentDir));
    named.map(|c| c.as_os_str().to_owned()).rev().collect()
}

/// Notes a folder, and the name in it that matters; `None`: all do.
fn add(path: &Path, name: Option<&OsStr>, found: &mut Folders) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let identity = (metadata.dev(), metadata.ino());
    let folder = found.entry(path.to_owned()).or_insert_with(|| Folder { identity, names: BTreeSet::new(), is_listed: false });
    folder.is_listed |= name.is_none();
    folder.names.extend(name.map(OsStr::to_owned));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Folders under `root`, with the names that matter in them.
    fn watched(root: &Path, path: &str) -> Vec<String> {
        let shown = |path: &Path, folder: &Folder| {
            let names: Vec<_> = folder.names.iter().map(|n| n.to_string_lossy()).collect();
            format!("{}: {}{}", path.display(), names.join(" "), if folder.is_listed { "*" } else { "" })
        };
        let all = folders(&[root.join(path)]);
        all.iter().filter_map(|(path, folder)| Some(shown(path.strip_prefix(root).ok()?, folder))).collect()
    }

    #[test]
    fn follows_links_and_stops_where_nothing_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = &folder.path().canonicalize().expect("there");
        fs::create_dir_all(root.join("etc/..2026")).expect("made");
        fs::write(root.join("etc/..2026/config.toml"), "").expect("written");
        symlink("..2026", root.join("etc/..data")).expect("linked");
        symlink("..data/config.toml", root.join("etc/config.toml")).expect("linked");
        assert_eq!(watched(root, "etc/config.toml"), [": etc", "etc: ..2026 ..data config.toml", "etc/..2026: config.toml"]);
        assert_eq!(watched(root, "etc/absent/deep/file"), [": etc", "etc: absent"]);
        assert_eq!(watched(root, "etc/..2026"), [": etc", "etc: ..2026", "etc/..2026: *"]);
        symlink("loop", root.join("loop")).expect("linked");
        assert_eq!(watched(root, "loop"), [": loop"]);
    }

    #[test]
    fn neighbours_do_not_matter() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        fs::create_dir(root.join("signatures")).expect("made");
        let all = folders(&[root.join("c.toml"), root.join("signatures")]);
        let told = |path: &str| matters(&all, &root.join(path));
        assert!(told("c.toml") && told("signatures") && told("signatures/new.toml") && matters(&all, &root));
        assert!(!told("shadowtap.sqlite") && !told("signatures/inner/file") && !matters(&all, Path::new("/tmp.other")));
    }
}
