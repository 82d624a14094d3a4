//! A bundle: a whole catalogue in one file, signed with minisign (Ed25519 over a BLAKE2b hash), with a version that only rises and a day
//! on which it ends.
//!
//! ```text
//! shadowtap-signatures 1 LENGTH          the mark, the format, how many bytes the last part has
//! untrusted comment: …                   four lines as minisign writes them beside a file
//! …
//! {"version":7,"issued":…,"files":[…]}   what is signed: canonical JSON, one line
//! ```
//!
//! Nothing of the last part is looked at before its signature is found good.

pub mod folder;
mod seal;
mod tally;

#[cfg(test)]
mod tests;

use std::fmt;

use jiff::civil::Date;
use minisign_verify::{Error as SignatureError, PublicKey, Signature};
use serde::{Deserialize, Serialize};

pub use folder::Folder;
pub use seal::{SecretKey, seal};
pub use tally::Tally;

/// Longest bundle that is read.
pub const MAX_BUNDLE: u64 = 16 << 20;
/// Longest mark line.
const MAX_MARK: usize = 64;
const MARK: &str = "shadowtap-signatures";
const FORMAT: &str = "1";
/// Lines of a minisign signature.
const SIGNATURE_LINES: usize = 4;

/// A catalogue whose signature was found good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// Only ever rises.
    pub version: u64,
    /// Day it was made.
    pub issued: Date,
    /// First day on which it is not taken any more.
    pub expires: Date,
    /// Signature files, in the order of their names.
    pub files: Vec<BundledFile>,
}

/// One signature file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledFile {
    /// Its name, as `openai.toml`.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// Why bytes are no bundle to be trusted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Distrust {
    /// It does not begin like one.
    NotABundle,
    /// It is of a format this version does not know.
    Format(String),
    /// It is longer than [`MAX_BUNDLE`].
    TooLong,
    /// It ends too early: bytes there, bytes that should be.
    Cut(usize, usize),
    /// Bytes follow its end.
    Trailing(usize),
    /// The signature is written wrongly, or in minisign's old way.
    SignatureForm,
    /// It is signed by a key that is not pinned.
    OtherKey,
    /// The signature is not of these bytes.
    SignatureWrong,
    /// It is signed, and all the same not written as it must be.
    Content(String),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distrust::NotABundle => f.write_str("it is no bundle of signatures"),
            Distrust::Format(format) => write!(f, "it is a bundle of format {format:?}, and this version knows {FORMAT:?} only"),
            Distrust::TooLong => write!(f, "it is longer than {} MiB", MAX_BUNDLE >> 20),
            Distrust::Cut(there, wanted) => write!(f, "it is cut off: {there} of {wanted} bytes"),
            Distrust::Trailing(more) => write!(f, "{more} bytes follow its end"),
            Distrust::SignatureForm => f.write_str("its signature cannot be read (minisign, prehashed)"),
            Distrust::OtherKey => f.write_str("it is signed by a key that is not pinned in [signatures] key"),
            Distrust::SignatureWrong => f.write_str("its signature is wrong: it was changed after it was signed"),
            Distrust::Content(why) => write!(f, "it is signed, and cannot be read: {why}"),
        }
    }
}

/// What is signed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    version: u64,
    issued: String,
    expires: String,
    files: Vec<BundledFile>,
}

impl Bundle {
    /// Opens a bundle that one of the pinned keys has signed.
    ///
    /// # Errors
    /// The first doubt.
    pub fn open(bytes: &[u8], keys: &[PublicKey]) -> Result<Self, Distrust> {
        if bytes.len() as u64 > MAX_BUNDLE {
            return Err(Distrust::TooLong);
        }
        let (signature, payload) = parts(bytes)?;
        verify(payload, &signature, keys)?;
        Bundle::read(payload)
    }

    fn read(payload: &[u8]) -> Result<Self, Distrust> {
        let wrong = |why: String| Distrust::Content(why);
        let read: Payload = serde_json::from_slice(payload).map_err(|e| wrong(e.to_string()))?;
        if serde_json::to_vec(&read).map_err(|e| wrong(e.to_string()))? != payload {
            return Err(wrong("it is not written in the canonical form".into()));
        }
        let date = |text: &str| text.parse::<Date>().map_err(|e| wrong(e.to_string()));
        let bundle = Bundle { version: read.version, issued: date(&read.issued)?, expires: date(&read.expires)?, files: read.files };
        if !bundle.files.is_sorted_by(|a, b| a.name < b.name) {
            return Err(wrong("its files are not sorted by name, or one is there twice".into()));
        }
        match bundle.files.iter().find(|f| !is_file_name(&f.name)) {
            Some(file) => Err(wrong(format!("{:?} is no name of a signature file", file.name))),
            None => Ok(bundle),
        }
    }

    /// The part that is signed.
    fn payload(&self) -> serde_json::Result<Vec<u8>> {
        let Bundle { version, issued, expires, files } = self.clone();
        serde_json::to_vec(&Payload { version, issued: issued.to_string(), expires: expires.to_string(), files })
    }
}

fn is_file_name(name: &str) -> bool {
    let stem = name.strip_suffix(".toml").unwrap_or_default();
    !stem.is_empty() && stem.len() <= 64 && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The signature and what is signed.
fn parts(bytes: &[u8]) -> Result<(Signature, &[u8]), Distrust> {
    let (mark, rest) = line(bytes, MAX_MARK).ok_or(Distrust::NotABundle)?;
    let mut words = mark.split(' ');
    if words.next() != Some(MARK) {
        return Err(Distrust::NotABundle);
    }
    let format = words.next().unwrap_or_default();
    if format != FORMAT {
        return Err(Distrust::Format(format.to_owned()));
    }
    let length = words.next().and_then(|w| w.parse::<usize>().ok()).filter(|_| words.next().is_none()).ok_or(Distrust::NotABundle)?;
    let ends = rest.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
    let Some(end) = ends.take(SIGNATURE_LINES).nth(SIGNATURE_LINES - 1) else { return Err(Distrust::Cut(0, length)) };
    let (signature, payload) = rest.split_at(end);
    match payload.len() {
        there if there < length => return Err(Distrust::Cut(there, length)),
        there if there > length => return Err(Distrust::Trailing(there - length)),
        _ => {}
    }
    let text = std::str::from_utf8(signature).map_err(|_| Distrust::SignatureForm)?;
    Ok((Signature::decode(text).map_err(|_| Distrust::SignatureForm)?, payload))
}

/// The first line, where it ends within `most` bytes, and what follows it.
fn line(bytes: &[u8], most: usize) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(most).position(|b| *b == b'\n')?;
    let (line, rest) = bytes.split_at(end);
    Some((std::str::from_utf8(line).ok()?, rest.get(1..)?))
}

fn verify(payload: &[u8], signature: &Signature, keys: &[PublicKey]) -> Result<(), Distrust> {
    let mut verdict = Err(Distrust::OtherKey);
    for key in keys {
        match key.verify(payload, signature, false) {
            Ok(()) => return Ok(()),
            Err(SignatureError::UnexpectedKeyId) => {}
            Err(SignatureError::InvalidSignature) => verdict = Err(Distrust::SignatureWrong),
            Err(_) => verdict = Err(Distrust::SignatureForm),
        }
    }
    verdict
}
