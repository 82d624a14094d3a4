//! A file of lines, rotated by size: `NAME`, and `NAME.1` … before it. One that others move away (logrotate) is begun anew, at the next line.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Mode of new files: their owner writes, their group reads.
const MODE: u32 = 0o640;

/// A file of lines, open while lines come.
#[derive(Debug)]
pub struct LineFile {
    path: PathBuf,
    /// Longest it may grow, bytes; one line longer than that has a file to itself.
    longest: u64,
    /// Older ones that are kept.
    kept: u32,
    open: Option<File>,
}

impl LineFile {
    /// A file that is rotated before it grows over `longest` bytes, `kept` older ones beside it. Nothing is opened yet.
    pub fn new(path: PathBuf, longest: u64, kept: u32) -> Self {
        LineFile { path, longest: longest.max(1), kept, open: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes lines, each with its line end, and waits until the disk has them: all, or none of them stays.
    ///
    /// # Errors
    /// What failed.
    pub fn append(&mut self, lines: &str) -> io::Result<()> {
        let length = lines.len() as u64;
        let (mut file, mut size) = self.current()?;
        if size > 0 && size.saturating_add(length) > self.longest {
            drop(file);
            self.rotate()?;
            (file, size) = self.current()?;
        }
        if let Err(error) = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()) {
            // Half a line, on a full disk, would spoil the next.
            let _ = file.set_len(size);
            return Err(error);
        }
        self.open = Some(file);
        Ok(())
    }

    /// The file and its length. The open one, while it is still the one with that name; a new one, or one of an earlier run, otherwise.
    fn current(&mut self) -> io::Result<(File, u64)> {
        if let Some(file) = self.open.take() {
            let (ours, there) = (file.metadata()?, fs::metadata(&self.path));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok((file, ours.len()));
            }
        }
        let is_new = !self.path.exists();
        let mut file = OpenOptions::new().create(true).append(true).read(true).mode(MODE).open(&self.path)?;
        if is_new {
            sync_folder(&self.path)?;
        }
        let mut size = file.metadata()?.len();
        if size > 0 && !ends_line(&mut file)? {
            // A process that was killed while it wrote, or a power cut.
            file.write_all(b"\n")?;
            size = size.saturating_add(1);
        }
        Ok((file, size))
    }

    /// Moves each file one further; the oldest goes.
    fn rotate(&self) -> io::Result<()> {
        if self.kept == 0 {
            fs::remove_file(&self.path)?;
            return sync_folder(&self.path);
        }
        for number in (1..self.kept).rev() {
            match fs::rename(self.numbered(number), self.numbered(number.saturating_add(1))) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))?;
        sync_folder(&self.path)
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name: OsString = self.path.clone().into();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn ends_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// A name is on the disk once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn lines_move_from_file_to_file_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = LineFile::new(folder.path().join("a"), 12, 2);
        for line in ["one\n", "two\n", "three\n", "a line longer than a file\n", "five\n", "six\n", "seven\n"] {
            file.append(line).unwrap();
        }
        let names = ["a", "a.1", "a.2"].map(|name| read(folder.path(), name));
        assert_eq!(names, ["seven\n", "five\nsix\n", "a line longer than a file\n"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        assert_eq!(fs::metadata(folder.path().join("a")).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_file_moved_away_or_removed_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = LineFile::new(folder.path().join("a"), 1 << 20, 2);
        file.append("one\n").unwrap();
        fs::rename(folder.path().join("a"), folder.path().join("moved")).unwrap();
        file.append("two\n").unwrap();
        fs::remove_file(folder.path().join("a")).unwrap();
        file.append("three\n").unwrap();
        assert_eq!(["moved", "a"].map(|name| read(folder.path(), name)), ["one\n", "three\n"]);
    }

    #[test]
    fn half_a_line_of_an_earlier_run_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "{\"half\":").unwrap();
        LineFile::new(folder.path().join("a"), 1 << 20, 2).append("{}\n").unwrap();
        assert_eq!(read(folder.path(), "a"), "{\"half\":\n{}\n");
    }

    #[test]
    fn nothing_stays_of_lines_that_did_not_fit_on_the_disk() {
        let mut file = LineFile::new("/dev/full".into(), 1 << 20, 2);
        let error = file.append("one\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
