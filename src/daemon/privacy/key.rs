//! The key of one period: 32 random bytes in a file of their own, and the keys derived from them. Their memory is overwritten when they go.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::daemon::failure::Failure;
use crate::daemon::{clock, hex};
use crate::engine::frame::Time;
use crate::engine::privacy::pseudonym::PseudonymKey;

/// First line of a key's file.
const HEAD: &str = "shadowtap period key 1";
/// End of its name.
pub(super) const EXTENSION: &str = "key";
/// Longest file that is read.
const LONGEST: u64 = 1024;

/// The key of one period.
#[derive(Clone)]
pub struct PeriodKey {
    /// Name of the period: when it began, as `20261123T070000.123456Z`.
    pub period: String,
    /// When it began.
    pub from: Time,
    secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for PeriodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodKey").field("period", &self.period).finish_non_exhaustive()
    }
}

impl PeriodKey {
    /// A new random key, for a period that begins now.
    ///
    /// # Errors
    /// A system without randomness.
    pub fn generate(now: Time) -> Result<Self, Failure> {
        let mut secret = Zeroizing::new([0; 32]);
        let made = SystemRandom::new().fill(&mut secret[..]);
        made.map_err(|_| Failure::Internal("the system gives no random bytes for a key".into()))?;
        Ok(PeriodKey { period: name_of(now), from: now, secret })
    }

    /// Reads a key's file, which nobody but its owner may.
    ///
    /// # Errors
    /// What is wrong with the file, with its remedy and without a byte of it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |e: io::Error| about(path, &e);
        let file = fs::File::open(path).map_err(failed)?;
        let about_file = file.metadata().map_err(failed)?;
        refuse_open(path, about_file.permissions().mode(), "600")?;
        if !about_file.is_file() || about_file.len() > LONGEST {
            return Err(no_key(path, "is no key's file"));
        }
        let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
        io::Read::read_to_string(&mut &file, &mut text).map_err(failed)?;
        Self::parse(&text).ok_or_else(|| no_key(path, "holds no key, or a damaged one"))
    }

    /// Head, period and 64 hexadecimal digits, each on a line.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (head, period, digits) = (lines.next()?, lines.next()?.strip_prefix("period ")?, lines.next()?.strip_prefix("key ")?);
        let from = clock::parse_rfc3339(period)?;
        let bytes = Zeroizing::new(hex::parse(digits)?);
        let mut secret = Zeroizing::new([0; 32]);
        if head != HEAD || bytes.len() != secret.len() {
            return None;
        }
        secret.copy_from_slice(&bytes);
        Some(PeriodKey { period: name_of(from), from, secret })
    }

    /// Writes the key to a file that was not there, for its owner alone, and waits until the disk has it.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let digits = Zeroizing::new(hex::text(&self.secret[..]));
        let text = Zeroizing::new(format!("{HEAD}\nperiod {}\nkey {}\n", clock::rfc3339(self.from), *digits));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// What pseudonyms are made with.
    pub fn for_pseudonyms(&self) -> PseudonymKey {
        PseudonymKey::new(self.derived(b"pseudonyms"))
    }

    /// A key of its own for a purpose, by HKDF-Expand (RFC 5869); the period's key is random, so there is nothing to extract.
    pub(super) fn derived(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let info = [b"shadowtap privacy 1 ".as_slice(), purpose];
        // 32 bytes are a length that HKDF can give.
        if let Ok(okm) = Prk::new_less_safe(HKDF_SHA256, &self.secret[..]).expand(&info, Length32) {
            okm.fill(&mut key[..]).unwrap_or_default();
        }
        key
    }
}

struct Length32;

impl KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

/// A period's name: fit for a file's, and in the order of time.
fn name_of(from: Time) -> String {
    clock::rfc3339(from).replace(['-', ':'], "")
}

/// Refuses what others than its owner may read or write.
pub(super) fn refuse_open(path: &Path, mode: u32, wanted: &str) -> Result<(), Failure> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(Failure::Permission(format!(
        "{shown}: mode {:03o} lets others than its owner at the keys\n  remedy: chmod {wanted} {shown}",
        mode & 0o777
    )))
}

fn no_key(path: &Path, what: &str) -> Failure {
    let remedy = "put back what `shadowtap run` made, or move it out of the folder; what it sealed is then unreadable";
    Failure::Setting(format!("{}: {what}\n  remedy: {remedy}", path.display()))
}

pub(super) fn about(path: &Path, error: &io::Error) -> Failure {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::Permission(format!("{text}\n  remedy: run as the user the daemon runs as")),
        io::ErrorKind::NotFound => Failure::Setting(text),
        _ => Failure::Internal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_derives_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.key");
        let key = PeriodKey::generate(Time::new(1_795_417_200, 123_456_789)).unwrap();
        key.write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = PeriodKey::read(&path).unwrap();
        assert_eq!((&*read.period, &read.secret), ("20261123T070000.123456Z", &key.secret));
        let derived = [&b"pseudonyms"[..], b"seal", b"mark"].map(|purpose| key.derived(purpose));
        assert!(derived[0] != derived[1] && derived[1] != derived[2] && !derived.contains(&key.secret));
        assert!(derived.iter().all(|d| **d != [0; 32]));
        assert_ne!(PeriodKey::generate(Time(0)).unwrap().secret, key.secret);
        assert!(!format!("{key:?}").contains(&hex::text(&key.secret[..])));
        assert_eq!(key.write(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_file_others_can_read_and_one_that_is_no_key_are_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.key");
        PeriodKey::generate(Time(0)).unwrap().write(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = PeriodKey::read(&path).unwrap_err();
        assert_eq!(refused.code(), 77);
        assert!(refused.to_string().contains("mode 640") && refused.to_string().contains("chmod 600"), "{refused}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "shadowtap period key 1\nperiod 2026-11-23T07:00:00Z\nkey 00\n", "shadowtap period key 2\n"] {
            fs::write(&path, text).unwrap();
            let refused = PeriodKey::read(&path).unwrap_err();
            assert!(refused.code() == 78 && refused.to_string().contains("remedy"), "{refused}");
        }
        assert_eq!(PeriodKey::read(&folder.path().join("none")).unwrap_err().code(), 78);
    }
}
