//! The folder of the bundles that were taken: one folder a version, `current` links to the one in force, `previous` to the one before.
//! What is exchanged is one link, by a rename: a reader sees the old bundle or the new one, whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use minisign_verify::PublicKey;

use super::{Bundle, Distrust, MAX_BUNDLE};

const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";
/// The bundle in a version's folder.
const FILE: &str = "signatures.bundle";

/// The folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folder(PathBuf);

/// Why a bundle of the folder is not to be used.
#[derive(Debug)]
pub enum Unusable {
    /// The file or its folder.
    File(io::Error),
    /// What stands in it.
    Distrust(Distrust),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unusable::File(error) => write!(f, "cannot be read: {error}"),
            Unusable::Distrust(why) => write!(f, "is not used: {why}"),
        }
    }
}

/// While it lives, nobody else changes the folder.
pub struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Folder {
    /// The folder at a path; nothing needs to be there.
    pub fn new(path: &Path) -> Self {
        Folder(path.to_owned())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// File of the bundle in force, whether it is there or not.
    pub fn current_file(&self) -> PathBuf {
        self.0.join(CURRENT).join(FILE)
    }

    /// The bundle in force; `None` where the catalogue in the program is.
    ///
    /// # Errors
    /// A bundle that is there and not to be used.
    pub fn current(&self, keys: &[PublicKey]) -> Result<Option<Bundle>, Unusable> {
        self.open(CURRENT, keys)
    }

    /// The bundle that was in force before.
    ///
    /// # Errors
    /// A bundle that is there and not to be used.
    pub fn previous(&self, keys: &[PublicKey]) -> Result<Option<Bundle>, Unusable> {
        self.open(PREVIOUS, keys)
    }

    fn open(&self, link: &str, keys: &[PublicKey]) -> Result<Option<Bundle>, Unusable> {
        if self.target(link).map_err(Unusable::File)?.is_none() {
            return Ok(None);
        }
        let bytes = read_bounded(&self.0.join(link).join(FILE)).map_err(Unusable::File)?;
        Bundle::open(&bytes, keys).map(Some).map_err(Unusable::Distrust)
    }

    /// Bytes of the bundle in force.
    ///
    /// # Errors
    /// The file's own; none there is one too.
    pub fn current_bytes(&self) -> io::Result<Vec<u8>> {
        read_bounded(&self.current_file())
    }

    /// Makes the folder where it is missing, and waits for nobody.
    ///
    /// # Errors
    /// A folder that cannot be written, or another process that is at work in it.
    pub fn lock(&self) -> io::Result<Lock> {
        if !self.0.is_dir() {
            make_folder(&self.0)?;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.0.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(fs::TryLockError::WouldBlock) => Err(io::Error::new(io::ErrorKind::WouldBlock, "another update is going on")),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Puts a bundle into force and keeps the one before; older ones go.
    ///
    /// # Errors
    /// Whatever kept it from being written; what was in force still is.
    pub fn install(&self, version: u64, bytes: &[u8], _lock: &Lock) -> io::Result<()> {
        let (name, staged) = (version.to_string(), self.0.join(format!(".new-{version}")));
        remove(&staged)?;
        make_folder(&staged)?;
        let mut file = File::create(staged.join(FILE))?;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync(&staged)?;
        remove(&self.0.join(&name))?;
        fs::rename(&staged, self.0.join(&name))?;
        let before = self.target(CURRENT)?;
        self.link(CURRENT, Some(&name))?;
        self.link(PREVIOUS, before.as_deref())?;
        self.prune()
    }

    /// Exchanges the bundle in force with the one before; where there was none before, the catalogue in the program is in force again.
    ///
    /// # Errors
    /// Links that cannot be written.
    pub fn roll_back(&self, _lock: &Lock) -> io::Result<()> {
        let (current, previous) = (self.target(CURRENT)?, self.target(PREVIOUS)?);
        self.link(CURRENT, previous.as_deref())?;
        self.link(PREVIOUS, current.as_deref())
    }

    /// Name of the version a link leads to.
    fn target(&self, link: &str) -> io::Result<Option<String>> {
        match fs::read_link(self.0.join(link)) {
            Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn link(&self, link: &str, target: Option<&str>) -> io::Result<()> {
        let (path, fresh) = (self.0.join(link), self.0.join(format!(".new-{link}")));
        match target {
            None => remove(&path)?,
            Some(target) => {
                remove(&fresh)?;
                symlink(target, &fresh)?;
                fs::rename(&fresh, &path)?;
            }
        }
        sync(&self.0)
    }

    /// Removes versions that no link leads to.
    fn prune(&self) -> io::Result<()> {
        let kept = [self.target(CURRENT)?, self.target(PREVIOUS)?];
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let is_version = name.bytes().all(|b| b.is_ascii_digit());
            if is_version && !kept.iter().flatten().any(|k| *k == name) {
                remove(&self.0.join(name))?;
            }
        }
        Ok(())
    }
}

/// A file of at most one byte more than a bundle may have.
///
/// # Errors
/// The file's own.
pub fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_BUNDLE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A folder that the daemon may read, whoever makes it and whatever their mask: what is in it is public.
fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::bundle::{SecretKey, seal};
    use jiff::civil::Date;

    fn sealed(version: u64, key: &SecretKey) -> Vec<u8> {
        let day = Date::constant(2026, 11, 23);
        seal(&Bundle { version, issued: day, expires: day, files: Vec::new() }, key).unwrap()
    }

    #[test]
    fn current_and_previous_change_places_and_older_ones_go() {
        let (folder, key) = (tempfile::tempdir().unwrap(), SecretKey::generate());
        let keys = [PublicKey::from_base64(&key.public().unwrap()).unwrap()];
        let updates = Folder::new(&folder.path().join("new/updates"));
        let lock = updates.lock().unwrap();
        let state = || {
            let version = |b: Result<Option<Bundle>, Unusable>| b.unwrap().map(|b| b.version);
            (version(updates.current(&keys)), version(updates.previous(&keys)))
        };
        assert_eq!(state(), (None, None));
        let mut steps = Vec::new();
        for version in [3, 5, 9] {
            updates.install(version, &sealed(version, &key), &lock).unwrap();
            steps.push(state());
        }
        updates.roll_back(&lock).unwrap();
        steps.push(state());
        updates.roll_back(&lock).unwrap();
        steps.push(state());
        assert_eq!(steps, [(Some(3), None), (Some(5), Some(3)), (Some(9), Some(5)), (Some(5), Some(9)), (Some(9), Some(5))]);
        assert!(!updates.path().join("3").exists() && updates.path().join("5").exists());
    }

    #[test]
    fn the_first_update_rolls_back_to_the_program() {
        let (folder, key) = (tempfile::tempdir().unwrap(), SecretKey::generate());
        let keys = [PublicKey::from_base64(&key.public().unwrap()).unwrap()];
        let updates = Folder::new(folder.path());
        let lock = updates.lock().unwrap();
        updates.install(1, &sealed(1, &key), &lock).unwrap();
        updates.roll_back(&lock).unwrap();
        assert!(updates.current(&keys).unwrap().is_none() && updates.previous(&keys).unwrap().is_some());
        updates.roll_back(&lock).unwrap();
        assert_eq!(updates.current(&keys).unwrap().map(|b| b.version), Some(1));
    }

    #[test]
    fn what_was_changed_on_the_disk_is_not_used() {
        let (folder, key) = (tempfile::tempdir().unwrap(), SecretKey::generate());
        let keys = [PublicKey::from_base64(&key.public().unwrap()).unwrap()];
        let updates = Folder::new(folder.path());
        let lock = updates.lock().unwrap();
        assert_eq!(updates.lock().err().map(|e| e.kind()), Some(io::ErrorKind::WouldBlock));
        updates.install(1, &sealed(1, &key), &lock).unwrap();
        let file = updates.current_file();
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(matches!(updates.current(&keys), Err(Unusable::Distrust(Distrust::Cut(..)))));
        fs::remove_file(&file).unwrap();
        assert!(matches!(updates.current(&keys), Err(Unusable::File(_))));
    }
}
