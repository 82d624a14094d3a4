//! What the site's own files know of its clients: read, checked, and kept until they change.

mod dnsmasq;
mod facts;
mod file;
mod format;
mod gathered;
mod json;
mod kea;
mod leases;
mod netbox;
mod own;
mod problems;
mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, any_error};
use crate::engine::identity::{Directory, Record};
use file::{Digest, Text};
pub use format::Format;
use gathered::Gathered;
use problems::Problems;

/// Records of all files together.
pub const MOST_RECORDS: usize = 2_000_000;
/// Teams of the configuration and all files together: each can have series of its own in the metrics.
pub const MOST_TEAMS: usize = 500;

/// `[[identity]]`: a file that says who clients are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// Its form, where it is not left to the file to tell.
    pub format: Option<Format>,
}

impl Source {
    /// Files whose change changes what it says: itself, and where it may be Kea's those that hold older rows.
    pub fn files(&self) -> Vec<PathBuf> {
        let may_be_kea = self.format.is_none_or(|f| f == Format::Kea);
        let earlier = may_be_kea.then(|| kea::earlier_files(&self.file)).into_iter().flatten();
        earlier.chain([self.file.clone()]).collect()
    }
}

/// The files as they were last read.
#[derive(Clone, Default)]
pub struct Files {
    files: Vec<ReadFile>,
    directory: Arc<Directory>,
}

/// One file as it was last read.
#[derive(Clone)]
struct ReadFile {
    source: Source,
    /// Of what was read last, good or not.
    digest: Digest,
    records: Arc<[Record]>,
}

/// What became of reading files again.
pub struct Outcome {
    /// What they say now.
    pub files: Files,
    /// What is wrong with those that changed.
    pub problems: Vec<Diagnostic>,
    /// Whether something else is known than before.
    pub is_new: bool,
    /// Whether a file was refused: what it said before counts on.
    pub is_refused: bool,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.files.iter().map(|file| (&file.source, file.records.len()))).finish()
    }
}

impl Files {
    /// Reads all files; `teams` are those of the configuration. With an error among the problems they must not be used.
    pub fn read(sources: &[Source], teams: &[Arc<str>]) -> (Files, Vec<Diagnostic>) {
        let outcome = Files::default().read_again(sources, teams);
        (outcome.files, outcome.problems)
    }

    /// Reads those of the files that are others than before. Of one that is refused what it said before counts on.
    pub fn read_again(&self, sources: &[Source], teams: &[Arc<str>]) -> Outcome {
        let mut next = Next { teams: teams.iter().cloned().collect(), ..Next::default() };
        for source in sources {
            next.read(source, self.files.iter().find(|file| file.source == *source));
        }
        let Next { files, problems, is_refused, mut is_new, .. } = next;
        is_new |= files.len() != self.files.len();
        let directory = match is_new {
            true => Arc::new(Directory::of(files.iter().map(|file| Arc::clone(&file.records)))),
            false => Arc::clone(&self.directory),
        };
        Outcome { files: Files { files, directory }, problems, is_new, is_refused }
    }

    /// What they say, for look-ups.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Names of the teams they name.
    pub fn teams(&self) -> BTreeSet<Arc<str>> {
        self.files.iter().flat_map(|file| teams_of(&file.records)).collect()
    }

    /// Whether the same was read.
    pub fn is_same(&self, other: &Files) -> bool {
        self.files.iter().map(|f| (&f.source, f.digest)).eq(other.files.iter().map(|f| (&f.source, f.digest)))
    }
}

/// Files being read, one after the other.
#[derive(Default)]
struct Next {
    files: Vec<ReadFile>,
    problems: Vec<Diagnostic>,
    teams: BTreeSet<Arc<str>>,
    records: usize,
    is_new: bool,
    is_refused: bool,
}

impl Next {
    fn read(&mut self, source: &Source, before: Option<&ReadFile>) {
        let text = file::read(source);
        if let (Some(before), Ok(text)) = (before, &text)
            && before.digest == text.digest
        {
            return self.keep(before.clone());
        }
        let (digest, read) = match text {
            Ok(text) => (text.digest, self.parse(source, &text)),
            Err(unreadable) => (unreadable.digest, (Vec::new(), vec![unreadable.problem])),
        };
        let is_known = before.is_some_and(|before| before.digest == digest);
        let (records, problems) = read;
        let is_good = !any_error(&problems);
        // What a server's file said counts on while it is away: each lease has its end.
        let is_away = digest.is_none() && before.is_some();
        if !is_known {
            self.problems.extend(problems);
            self.is_refused |= !is_good;
        }
        let records = match before {
            Some(before) if !is_good || is_away => Arc::clone(&before.records),
            _ => {
                self.is_new = true;
                Arc::from(records)
            }
        };
        self.keep(ReadFile { source: source.clone(), digest, records });
    }

    fn keep(&mut self, file: ReadFile) {
        self.records = self.records.saturating_add(file.records.len());
        self.teams.extend(teams_of(&file.records));
        self.files.push(file);
    }

    fn parse(&self, source: &Source, text: &Text) -> (Vec<Record>, Vec<Diagnostic>) {
        let mut gathered = Gathered::new(Problems::new(&source.file, text.severity()), MOST_RECORDS.saturating_sub(self.records));
        match text.format {
            Format::Csv => table::read(&text.text, &mut gathered),
            Format::Json => json::read(&text.text, &mut gathered),
            Format::Netbox => netbox::read(&text.text, &mut gathered),
            Format::Dnsmasq => dnsmasq::read(&text.text, &mut gathered),
            Format::Kea => {
                let mut rows = kea::Rows::default();
                let hint = "the user shadowtap runs as must be able to read it: Kea moves leases there";
                text.unread.iter().for_each(|why| gathered.problems.warn(0, why, hint));
                text.earlier.iter().for_each(|earlier| rows.read(earlier, &mut gathered));
                rows.read(&text.text, &mut gathered);
                rows.finish(text.written, &mut gathered);
            }
        }
        let new: BTreeSet<_> = teams_of(&gathered.records).filter(|team| !self.teams.contains(team)).collect();
        let total = self.teams.len() + new.len();
        if total > MOST_TEAMS {
            let message = format!("there are {total} teams with those it names; {MOST_TEAMS} is the most");
            gathered.problems.bad(0, message, "join teams, or give the finer division as site");
        }
        (gathered.records, gathered.problems.into_list())
    }
}

fn teams_of(records: &[Record]) -> impl Iterator<Item = Arc<str>> {
    records.iter().filter_map(|r| r.known.team.clone())
}

#[cfg(test)]
mod tests;
