//! The folder of period keys: one file a period, made when it begins and destroyed when nobody shall be known again from it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::key::{EXTENSION, PeriodKey, about, refuse_open};
use crate::daemon::failure::Failure;
use crate::engine::frame::Time;

/// A folder of period keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFolder(PathBuf);

impl KeyFolder {
    /// The folder at a path.
    pub fn new(path: &Path) -> Self {
        KeyFolder(path.into())
    }

    /// Every key there is, the newest last; none where the folder is not there yet.
    ///
    /// # Errors
    /// The first file or the folder that cannot be read or that others may read, with its remedy.
    pub fn keys(&self) -> Result<Vec<PeriodKey>, Failure> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(about(&self.0, &e)),
        };
        let mode = fs::metadata(&self.0).map_err(|e| about(&self.0, &e))?.permissions().mode();
        refuse_open(&self.0, mode, "700")?;
        let paths = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == EXTENSION));
        let mut keys = paths.map(|p| PeriodKey::read(&p)).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by(|a, b| (a.from, &a.period).cmp(&(b.from, &b.period)));
        Ok(keys)
    }

    /// Makes the key of a period that begins now.
    ///
    /// # Errors
    /// A folder that cannot be written, with its remedy.
    pub fn begin(&self, now: Time) -> Result<PeriodKey, Failure> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.map_err(|e| self.unwritable(&e))?;
        let key = PeriodKey::generate(now)?;
        // Whole or not at all, whenever the machine stops.
        let unfinished = self.0.join(format!("{}.new", key.period));
        let written = key.write(&unfinished).and_then(|()| fs::hard_link(&unfinished, self.path_of(&key.period)));
        let removed = fs::remove_file(&unfinished);
        written.and(removed).and_then(|()| self.sync()).map_err(|e| self.unwritable(&e))?;
        Ok(key)
    }

    /// Overwrites and removes the key of a period.
    ///
    /// # Errors
    /// No such period, or a folder that cannot be written.
    pub fn destroy(&self, period: &str) -> Result<(), Failure> {
        let known = self.keys()?.into_iter().any(|k| k.period == period);
        if !known {
            let remedy = "see `shadowtap privacy keys`";
            return Err(Failure::Setting(format!("no key of a period {period:?} in {}\n  remedy: {remedy}", self.0.display())));
        }
        let path = self.path_of(period);
        let length = fs::metadata(&path).map_err(|e| self.unwritable(&e))?.len();
        let overwrite = || {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            file.write_all(&vec![0; usize::try_from(length).unwrap_or(0)])?;
            file.sync_all()?;
            fs::remove_file(&path)?;
            self.sync()
        };
        overwrite().map_err(|e| self.unwritable(&e))
    }

    fn path_of(&self, period: &str) -> PathBuf {
        self.0.join(format!("{period}.{EXTENSION}"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        let shown = self.0.display();
        let text = format!("keys of pseudonyms in {shown}: {error}\n  remedy: give {shown} to the user the daemon runs as, mode 700");
        if error.kind() == io::ErrorKind::PermissionDenied { Failure::Permission(text) } else { Failure::Internal(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_order_and_go_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(&folder.path().join("keys"));
        assert!(keys.keys().unwrap().is_empty());
        let second = keys.begin(Time::new(2000, 0)).unwrap().period;
        let first = keys.begin(Time::new(1000, 0)).unwrap().period;
        let periods = || keys.keys().unwrap().into_iter().map(|k| k.period).collect::<Vec<_>>();
        assert_eq!(periods(), [first.clone(), second.clone()]);
        // A second name for the same bytes shows what became of them.
        let beside = folder.path().join("beside");
        fs::hard_link(keys.path_of(&first), &beside).unwrap();
        keys.destroy(&first).unwrap();
        assert_eq!(periods(), [second]);
        assert!(fs::read(&beside).unwrap().iter().all(|b| *b == 0));
        assert_eq!(keys.destroy(&first).unwrap_err().code(), 78);
        assert_eq!(keys.destroy("../beside").unwrap_err().code(), 78);
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let refused = KeyFolder::new(folder.path()).keys().unwrap_err();
        assert!(refused.code() == 77 && refused.to_string().contains("chmod 700"), "{refused}");
    }
}
