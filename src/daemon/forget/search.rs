//! The proof: every text and every byte of a store is searched for every form of a client.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;

use crate::daemon::failure::Failure;
use crate::daemon::forms::{self, CERTAIN, Form};

/// Bytes read at a time.
const CHUNK: usize = 4 << 20;

/// What was searched, and what was found.
#[derive(Debug, Default)]
pub(super) struct Searched {
    /// Bytes of files.
    pub bytes: u64,
    /// Values of tables.
    pub values: u64,
    /// Forms that were looked for.
    pub forms: usize,
    /// Where a form stands, in words.
    pub found: Vec<String>,
    /// How often one of the forms that are short enough to stand anywhere by chance stands in the files.
    pub by_chance: u64,
}

/// Searches; `others` are longer texts of other clients, in which a form may stand as a part.
pub(super) struct Search<'a> {
    forms: &'a [Form],
    searcher: AhoCorasick,
    others: Vec<Vec<u8>>,
    around: usize,
    pub(super) searched: Searched,
}

impl<'a> Search<'a> {
    pub(super) fn new(forms: &'a [Form], others: Vec<String>) -> Result<Self, Failure> {
        let searcher = forms::searcher(forms).map_err(|e| Failure::Internal(e.to_string()))?;
        let others: Vec<Vec<u8>> = others.into_iter().map(String::into_bytes).collect();
        let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let around = longest(&mut forms.iter().map(|f| f.bytes.len())) + longest(&mut others.iter().map(Vec::len));
        let searched = Searched { forms: forms.len(), ..Searched::default() };
        Ok(Search { forms, searcher, others, around, searched })
    }

    /// Searches one value of a table.
    pub(super) fn value(&mut self, table: &str, value: &[u8]) {
        self.searched.values += 1;
        for found in self.searcher.find_overlapping_iter(value) {
            let form = &self.forms[found.pattern().as_usize()];
            // Four bytes stand in what is sealed, or in an id, by chance.
            if !self.is_others(value, found.start(), found.end()) && (form.bytes.len() >= CERTAIN || form.is_text()) {
                self.searched.found.push(format!("table {table}: {}", form.what));
            }
        }
    }

    /// Searches a file's bytes; one that is not there holds none.
    pub(super) fn file(&mut self, path: &Path) -> io::Result<()> {
        let mut file = match File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let mut held: Vec<u8> = Vec::with_capacity(CHUNK + 2 * self.around);
        let mut done = 0;
        loop {
            let read = (&mut file).take(CHUNK as u64).read_to_end(&mut held)?;
            self.searched.bytes += read as u64;
            let is_last = read == 0;
            // What may go on behind the end is looked at with the next piece.
            let until = if is_last { held.len() } else { held.len().saturating_sub(self.around) };
            self.piece(path, &held, done, until);
            if is_last {
                return Ok(());
            }
            let keep = until.saturating_sub(self.around);
            held.drain(..keep);
            done = until - keep;
        }
    }

    /// Forms that begin in `from..until` of what is held.
    fn piece(&mut self, path: &Path, held: &[u8], from: usize, until: usize) {
        for found in self.searcher.find_overlapping_iter(held) {
            let (start, form) = (found.start(), &self.forms[found.pattern().as_usize()]);
            if !(from..until).contains(&start) || self.is_others(held, start, found.end()) {
                continue;
            }
            if form.bytes.len() < CERTAIN {
                self.searched.by_chance += 1;
            } else if self.searched.found.len() < 100 {
                self.searched.found.push(format!("file {}: {}", path.display(), form.what));
            }
        }
    }

    /// Whether a form stands there as a part of another client's text.
    fn is_others(&self, held: &[u8], start: usize, end: usize) -> bool {
        let form = &held[start..end];
        self.others.iter().any(|other| {
            let mut parts = other.windows(form.len()).enumerate().filter(|(_, part)| *part == form);
            parts.any(|(at, _)| start.checked_sub(at).and_then(|from| held.get(from..from + other.len())).is_some_and(|h| h == *other))
        })
    }
}

/// The files of a store.
pub(super) fn files(store: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm", "-journal"].into_iter().map(|end| PathBuf::from(format!("{}{end}", store.display()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_stands_across_pieces_and_counts_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let forms = forms::of("ws-client-14");
        for at in [0, CHUNK - 5, CHUNK - 40, CHUNK, 2 * CHUNK - 3, 2 * CHUNK + 100] {
            let mut bytes = vec![b'.'; at];
            bytes.extend(b"ws-client-14");
            bytes.resize(2 * CHUNK + 200, b'.');
            std::fs::write(&path, bytes).unwrap();
            let mut search = Search::new(&forms, vec![]).unwrap();
            search.file(&path).unwrap();
            assert_eq!(search.searched.found.len(), 1, "{at}: {:?}", search.searched.found);
        }
    }

    #[test]
    fn another_client_whose_text_holds_this_ones_is_not_it() {
        let forms = forms::of("10.20.0.1");
        let others = || vec!["10.20.0.11".to_owned(), "110.20.0.1".to_owned()];
        let found = |value: &str| {
            let mut search = Search::new(&forms, others()).unwrap();
            search.value("client", value.as_bytes());
            search.searched.found.len()
        };
        assert_eq!(["10.20.0.11", "110.20.0.1", "\"10.20.0.11\" uses"].map(found), [0, 0, 0]);
        assert_eq!(["10.20.0.1", "10.20.0.12", "x10.20.0.1 10.20.0.11"].map(found), [1, 1, 1], "unknown ones count");
    }
}
