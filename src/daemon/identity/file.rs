//! The text of a file, as it stood at one moment.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::format::{Format, by_name};
use super::{Source, kea};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::engine::frame::Time;

/// Longest file that is read.
const MOST_BYTES: u64 = 512 << 20;
/// How much of a file tells its form.
const HEAD: usize = 4096;
/// The byte order mark that spreadsheets write; it is no text.
const MARK: char = '\u{feff}';
/// How often a file that changes while it is read is read anew.
const TRIES: usize = 3;

/// What stood in a file; `None` where nothing could be read.
pub(super) type Digest = Option<[u8; 32]>;

/// A file's text.
pub(super) struct Text {
    pub format: Format,
    pub text: String,
    /// Texts with older rows, oldest first.
    pub earlier: Vec<String>,
    /// Why some of these could not be read.
    pub unread: Vec<String>,
    /// When it was last written.
    pub written: Time,
    pub digest: Digest,
}

impl Text {
    /// How bad a line is that cannot be read.
    pub fn severity(&self) -> Severity {
        if self.format.is_leases() { Severity::Warning } else { Severity::Error }
    }
}

/// A file that gives no text.
pub(super) struct Unreadable {
    pub digest: Digest,
    pub problem: Diagnostic,
}

/// Reads the file of a source.
pub(super) fn read(source: &Source) -> Result<Text, Box<Unreadable>> {
    let Bytes { bytes, written } = settled(&source.file).map_err(|error| unreadable(source, &error))?;
    let mut context = Context::new(&SHA256);
    context.update(&bytes);
    // Names and header are ASCII in every form: bytes that are no UTF-8 do not change what form it is.
    let lossy = String::from_utf8_lossy(bytes.get(..HEAD.min(bytes.len())).unwrap_or_default());
    let format = source.format.unwrap_or_else(|| Format::infer(&source.file, without_mark(&lossy)));
    let (mut earlier, mut unread) = (Vec::new(), Vec::new());
    for read in if format == Format::Kea { rows_before(&source.file) } else { Vec::new() } {
        match read {
            Ok(bytes) => {
                context.update(&bytes);
                earlier.push(String::from_utf8_lossy(&bytes).into_owned());
            }
            Err(error) => unread.push(error),
        }
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    let digest = Some(digest);
    let text = decoded(source, format, bytes).map_err(|problem| Box::new(Unreadable { digest, problem }))?;
    Ok(Text { format, text, earlier, unread, written, digest })
}

/// The text of a file; of a file that a server writes whatever can be read of it.
fn decoded(source: &Source, format: Format, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if format.is_leases() => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        Err(error) => {
            let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            let line = 1 + before.filter(|b| **b == b'\n').count();
            return Err(refusal(source, Severity::Error, line, "is not UTF-8 text".into(), "save it as UTF-8"));
        }
    };
    Ok(match text.strip_prefix(MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// What Kea's clean-up moved out of its file. While `.completed` is there the others are about to go.
fn rows_before(file: &Path) -> Vec<Result<Vec<u8>, String>> {
    let read = |path: &PathBuf| match settled(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(format!("{} cannot be read: {error}", path.display()))),
        Ok(bytes) => Some(Ok(bytes.bytes)),
    };
    let [completed, previous, moved] = kea::earlier_files(file);
    match read(&completed) {
        Some(completed) => vec![completed],
        None => [previous, moved].iter().filter_map(read).collect(),
    }
}

struct Bytes {
    bytes: Vec<u8>,
    written: Time,
}

/// A file's bytes, read anew where it was written meanwhile.
fn settled(path: &Path) -> io::Result<Bytes> {
    let mut last = once(path)?;
    for _ in 1..TRIES {
        if !last.1 {
            break;
        }
        last = once(path)?;
    }
    Ok(last.0)
}

/// A file's bytes, and whether it was written while they were read. Pipes and devices are never opened.
fn once(path: &Path) -> io::Result<(Bytes, bool)> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"));
    }
    let mut file = File::open(path)?;
    let before = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(before.len().min(MOST_BYTES)).unwrap_or_default());
    file.by_ref().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 512 MiB"));
    }
    let after = file.metadata()?;
    let stamp = |m: &fs::Metadata| (m.len(), m.mtime(), m.mtime_nsec());
    let (seconds, nanos) = (u64::try_from(after.mtime()).unwrap_or_default(), u32::try_from(after.mtime_nsec()).unwrap_or_default());
    Ok((Bytes { bytes, written: Time::new(seconds, nanos) }, stamp(&before) != stamp(&after)))
}

/// A server's file may be missing: it has not written one yet.
fn unreadable(source: &Source, error: &io::Error) -> Box<Unreadable> {
    let is_leases = source.format.unwrap_or_else(|| by_name(&source.file)).is_leases();
    let severity = if is_leases { Severity::Warning } else { Severity::Error };
    let hint = match is_leases {
        true => "it is read once it can be; check the path, and that the user shadowtap runs as may read it",
        false => "check the path, and that the user shadowtap runs as may read it",
    };
    Box::new(Unreadable { digest: None, problem: refusal(source, severity, 0, format!("cannot be read: {error}"), hint) })
}

fn refusal(source: &Source, severity: Severity, line: usize, message: String, hint: &str) -> Diagnostic {
    Diagnostic { severity, file: source.file.clone(), line, message, hint: hint.into() }
}
