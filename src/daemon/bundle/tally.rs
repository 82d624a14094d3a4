//! What became of updates, counted in a small file beside the bundles: commands write it, the daemon publishes it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Longest such file that is read.
const MAX_TALLY: u64 = 64 << 10;

/// Counts since the folder was made.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// The highest version that was ever in force: nothing up to it is taken.
    pub highest: u64,
    /// Bundles taken.
    pub taken: u64,
    /// Bundles refused, and attempts that brought none.
    pub refused: u64,
    /// When the last one was refused, RFC 3339.
    pub refused_at: Option<String>,
    /// Why.
    pub refused_why: Option<String>,
}

impl Tally {
    /// Reads the tally of a folder; one that is missing is empty.
    ///
    /// # Errors
    /// A file that cannot be read, or does not hold a tally.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let file = at(folder);
        match fs::metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tally::default()),
            Err(error) => return Err(error),
            Ok(found) if found.len() > MAX_TALLY => return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long")),
            Ok(_) => {}
        }
        serde_json::from_slice(&fs::read(file)?).map_err(io::Error::from)
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// The folder's own.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let fresh = folder.join(".new-tally.json");
        let mut file = File::create(&fresh)?;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(fresh, at(folder))
    }
}

fn at(folder: &Path) -> PathBuf {
    folder.join("tally.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_written_and_empty_where_missing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Tally::read(folder.path()).unwrap(), Tally::default());
        let tally = Tally { highest: 7, refused: 2, refused_why: Some("expired".into()), ..Tally::default() };
        tally.write(folder.path()).unwrap();
        assert_eq!(Tally::read(folder.path()).unwrap(), tally);
        fs::write(at(folder.path()), "x").unwrap();
        assert!(Tally::read(folder.path()).is_err(), "a damaged tally is not a version floor of 0");
    }
}
