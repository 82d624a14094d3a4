//! What is known of services: the shipped catalogue, and the folder of the site that adds to it.

mod catalogue;
pub mod lint;
mod merge;
pub mod signature_file;

use std::fs;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Severity, any_error};
use super::failure::Failure;
use super::toml_fields::read_text;
use crate::engine::signature::Signatures;
use signature_file::{Entry, Origin, parse};

/// The records in force, and all problems found on the way to them; with an error among these they must not be used.
pub struct Catalogue {
    /// Records, the site's last.
    pub entries: Vec<Entry>,
    /// What is wrong.
    pub problems: Vec<Diagnostic>,
}

impl Catalogue {
    /// The shipped records with those of a site's folder, without the services it disables.
    pub fn load(folder: Option<&Path>, disabled: &[String]) -> Self {
        let (mut entries, mut problems) = shipped();
        if let Some(folder) = folder {
            let (own, wrong) = of_folder(folder, Origin::Site);
            entries.extend(own);
            problems.extend(wrong);
        }
        Catalogue { entries: merge::merge(entries, disabled, &mut problems), problems }
    }

    /// The catalogue itself where no problem refuses it.
    ///
    /// # Errors
    /// All problems, where one of them is an error.
    pub fn accepted(self) -> Result<Self, Failure> {
        if any_error(&self.problems) { Err(Failure::Configuration(self.problems)) } else { Ok(self) }
    }

    /// Compiles them for the engine.
    pub fn signatures(&self) -> Signatures {
        Signatures::new(self.entries.iter().map(|e| e.record.clone()).collect())
    }
}

/// The records compiled into the binary.
pub fn shipped() -> (Vec<Entry>, Vec<Diagnostic>) {
    gather(catalogue::FILES.iter().map(|(name, text)| parse(Path::new(name), text, Origin::Shipped)))
}

/// The records of every `.toml` file of a folder, in the order of the names.
pub fn of_folder(folder: &Path, origin: Origin) -> (Vec<Entry>, Vec<Diagnostic>) {
    let files = match toml_files(folder) {
        Ok(files) => files,
        Err(error) => {
            let hint = "check the path, and that the user shadowtap runs as may read it".into();
            let message = format!("cannot be read: {error}");
            return (Vec::new(), vec![Diagnostic { severity: Severity::Error, file: folder.into(), line: 0, message, hint }]);
        }
    };
    gather(files.iter().map(|file| match read_text(file) {
        Ok(text) => parse(file, &text, origin),
        Err(problem) => (Vec::new(), vec![problem]),
    }))
}

fn toml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    let hidden = |f: &PathBuf| f.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
    files.retain(|f| f.extension().is_some_and(|e| e == "toml") && !hidden(f));
    files.sort();
    Ok(files)
}

fn gather(files: impl Iterator<Item = (Vec<Entry>, Vec<Diagnostic>)>) -> (Vec<Entry>, Vec<Diagnostic>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for (found, wrong) in files {
        entries.extend(found);
        problems.extend(wrong);
    }
    (entries, problems)
}
