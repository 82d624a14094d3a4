//! `[[alert.stdout]]` and `[[alert.file]]`, and the file that `[[stream]]` of kind file has too.

use std::path::{Path, PathBuf};

use super::endpoint;
use super::syslog::format;
use crate::daemon::outlet::LineFile;
use crate::daemon::siem::Format;
use crate::daemon::toml_fields::Fields;

/// Alerts on standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stdout {
    /// `format`: form of a line; default json.
    pub format: Format,
}

/// Alerts in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Where.
    pub place: FilePlace,
    /// `format`: form of a line; default json.
    pub format: Format,
}

/// A file of lines that is rotated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilePlace {
    /// `file`
    pub path: PathBuf,
    /// `max_size`: longest it may grow, bytes; default 10 MB.
    pub longest: u64,
    /// `keep`: older ones that are kept; default 5.
    pub kept: u32,
}

impl Stdout {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        Stdout { format: format(fields) }
    }
}

impl File {
    pub(super) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        let format = format(fields);
        Some(File { place: FilePlace::read(fields, config)?, format })
    }
}

impl FilePlace {
    /// Reads its keys.
    pub(in crate::daemon::config) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        fields.needed_text("file");
        let path = endpoint::file(fields, "file", config);
        let longest = fields.bytes("max_size");
        if let Some(short) = longest.as_ref().filter(|l| l.value < 1024) {
            fields.reading().error(short.line, format!("max_size is {} bytes", short.value), "write max_size = \"10MB\"");
        }
        let kept = u32::try_from(fields.number("keep", 5, 0..=1000)).unwrap_or(5);
        let path = path?;
        if path.value.is_dir() {
            fields.reading().error(path.line, format!("file {} is a folder", path.value.display()), "name a file in it");
            return None;
        }
        Some(FilePlace { path: path.value, longest: longest.map_or(10_000_000, |l| l.value), kept })
    }

    /// The file; nothing is opened yet.
    pub fn open(&self) -> LineFile {
        LineFile::new(self.path.clone(), self.longest, self.kept)
    }

    /// The folder it is rotated in.
    pub fn folder(&self) -> PathBuf {
        self.path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new(".")).into()
    }
}
