//! What a run changed in the store's files, in order, and what a power cut may leave of it.
//!
//! A disk may keep any part of what was not synced, in any order, and of a write any of its sectors. Files are made and unlinked in order;
//! a file that was synced is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::draw::Draw;

const SECTOR: usize = 512;

/// One change.
enum Change {
    Write { file: u64, at: usize, bytes: Vec<u8> },
    Truncate { file: u64, length: usize },
    Sync { file: u64 },
    Unlink { path: PathBuf },
    Create { file: u64, path: PathBuf },
    Said(String),
}

/// What a cut takes of what was not synced.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cut {
    /// All of it.
    All,
    /// Nothing: only the process is gone.
    Nothing,
    /// Some, drawn, and halves of pages.
    Some,
}

/// All changes of a run.
pub struct Changes(Vec<Change>);

/// A file as it lies on the disk, and what is still on its way there.
#[derive(Default)]
struct OnDisk {
    bytes: Vec<u8>,
    waiting: Vec<usize>,
}

impl Changes {
    /// Reads what the shim wrote.
    pub fn read(log: &Path) -> Self {
        let bytes = fs::read(log).expect("a log");
        let mut rest = &bytes[..];
        let mut changes = Vec::new();
        while !rest.is_empty() {
            let mut numbers = rest[..32].chunks(8).map(|number| u64::from_le_bytes(number.try_into().expect("eight bytes")));
            let mut next = || numbers.next().expect("four numbers");
            let (kind, file, at, length) = (next(), next(), next() as usize, next() as usize);
            rest = &rest[32..];
            let (data, behind) = rest.split_at(length);
            rest = behind;
            let path = || PathBuf::from(String::from_utf8(data.to_vec()).expect("a path"));
            changes.push(match kind {
                1 => Change::Write { file, at, bytes: data.to_vec() },
                2 => Change::Truncate { file, length: at },
                3 => Change::Sync { file },
                4 => Change::Unlink { path: path() },
                5 => Change::Create { file, path: path() },
                6 => Change::Said(String::from_utf8_lossy(data).into_owned()),
                other => panic!("change {other}"),
            });
        }
        Changes(changes)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What was said before the n-th.
    pub fn said_before(&self, n: usize) -> String {
        self.0[..n].iter().filter_map(|change| if let Change::Said(text) = change { Some(text.as_str()) } else { None }).collect()
    }

    /// Leaves in a folder what a power cut before the n-th change may leave there.
    pub fn cut_before(&self, n: usize, cut: Cut, dice: &mut Draw, folder: &Path) {
        let mut files: BTreeMap<u64, OnDisk> = BTreeMap::new();
        let mut folder_changes = Vec::new();
        let mut sure = 0;
        for (number, change) in self.0[..n].iter().enumerate() {
            match change {
                Change::Write { file, .. } | Change::Truncate { file, .. } => files.entry(*file).or_default().waiting.push(number),
                Change::Sync { file } => {
                    let on_disk = files.entry(*file).or_default();
                    for waiting in std::mem::take(&mut on_disk.waiting) {
                        self.apply(waiting, &mut on_disk.bytes, None);
                    }
                    let made =
                        folder_changes.iter().position(|at| matches!(&self.0[*at], Change::Create { file: made, .. } if made == file));
                    sure = sure.max(made.map_or(0, |at| at + 1));
                }
                Change::Unlink { .. } | Change::Create { .. } => folder_changes.push(number),
                Change::Said(_) => {}
            }
        }
        let kept = match cut {
            Cut::All => sure,
            Cut::Nothing => folder_changes.len(),
            Cut::Some => dice.between(sure, folder_changes.len()),
        };
        let mut names: BTreeMap<PathBuf, u64> = BTreeMap::new();
        for at in &folder_changes[..kept] {
            match &self.0[*at] {
                Change::Create { file, path } => names.insert(path.clone(), *file),
                Change::Unlink { path } => names.remove(path),
                _ => None,
            };
        }
        for (path, file) in names.iter().filter(|(path, _)| !path.to_string_lossy().ends_with("-shm")) {
            let on_disk = files.remove(file).unwrap_or_default();
            let mut bytes = on_disk.bytes;
            for waiting in on_disk.waiting {
                match cut {
                    Cut::All => {}
                    Cut::Nothing => self.apply(waiting, &mut bytes, None),
                    Cut::Some if dice.one_in(2) => self.apply(waiting, &mut bytes, Some(dice)),
                    Cut::Some => {}
                }
            }
            fs::write(folder.join(path.file_name().expect("a name")), bytes).expect("written");
        }
    }

    /// Does a change to a file's bytes; with dice, only some sectors of a write.
    fn apply(&self, number: usize, file: &mut Vec<u8>, mut dice: Option<&mut Draw>) {
        match &self.0[number] {
            Change::Truncate { length, .. } => file.resize(*length, 0),
            Change::Write { at, bytes, .. } => {
                let is_torn = dice.as_mut().is_some_and(|dice| dice.one_in(3));
                let mut from = 0;
                while from < bytes.len() {
                    let to = bytes.len().min((at + from) / SECTOR * SECTOR + SECTOR - at);
                    let is_lost = is_torn && dice.as_mut().is_some_and(|dice| dice.one_in(2));
                    if !is_lost {
                        file.resize(file.len().max(at + to), 0);
                        file[at + from..at + to].copy_from_slice(&bytes[from..to]);
                    }
                    from = to;
                }
            }
            _ => {}
        }
    }
}
