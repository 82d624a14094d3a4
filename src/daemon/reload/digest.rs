//! What stands in a file or folder, as one number: equal where nothing changed, whatever the time stamps say.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

/// What stood at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Content(Vec<u8>);

impl Content {
    /// What stands at `path` now: a file's bytes; a folder's files, with their names, folders in it left out. Links are followed. That
    /// nothing is there is a content too; of what cannot be read, when it was changed. Pipes and devices are never opened.
    pub fn at(path: &Path) -> Self {
        let mut context = Context::new(&SHA256);
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => add_folder(&mut context, path),
            _ => add_file(&mut context, path),
        }
        Content(context.finish().as_ref().to_vec())
    }
}

fn add_folder(context: &mut Context, folder: &Path) {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|e| Ok(e?.path())).collect::<io::Result<Vec<PathBuf>>>());
    let Ok(mut files) = listed else { return add_stamp(context, folder) };
    files.retain(|path| !path.is_dir());
    files.sort();
    for file in files {
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        context.update(&(name.len() as u64).to_le_bytes());
        context.update(name);
        add_file(context, &file);
    }
}

/// A file's bytes and, last, their number, so that two files' bytes cannot be taken for one's.
fn add_file(context: &mut Context, path: &Path) {
    let mut read = 0;
    if let Err(error) = stream(context, path, &mut read) {
        context.update(format!("{:?}", error.kind()).as_bytes());
        if error.kind() == io::ErrorKind::PermissionDenied {
            add_stamp(context, path);
        }
    }
    context.update(&read.to_le_bytes());
}

/// Of what cannot be read, what shows that it is another now: its identity, size and time of change. Reading it again then says why it
/// cannot be.
fn add_stamp(context: &mut Context, path: &Path) {
    if let Ok(found) = fs::metadata(path) {
        context.update(format!("{} {} {} {}.{}", found.dev(), found.ino(), found.len(), found.ctime(), found.ctime_nsec()).as_bytes());
    }
}

fn stream(context: &mut Context, path: &Path, read: &mut u64) -> io::Result<()> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            n => {
                context.update(buffer.get(..n).unwrap_or_default());
                *read += n as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_contents_apart_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, at) = (folder.path().join("a.toml"), |p: &Path| Content::at(p));
        let (none, empty) = (at(&file), at(folder.path()));
        fs::write(&file, "x").expect("written");
        let (one, listed) = (at(&file), at(folder.path()));
        assert!(none != one && empty != listed);
        fs::write(&file, "x").expect("written");
        fs::create_dir(folder.path().join("inner")).expect("made");
        assert!(at(&file) == one && at(folder.path()) == listed);
        fs::rename(&file, folder.path().join("b.toml")).expect("renamed");
        assert!(at(&file) == none && at(folder.path()) != listed);
    }

    #[test]
    fn never_opens_a_pipe() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
        assert!(Content::at(&pipe) != Content::at(&folder.path().join("absent")));
        Content::at(folder.path());
    }
}
