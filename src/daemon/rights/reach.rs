//! What the user a daemon becomes can read and write, asked of the kernel as that user, and what to do where they cannot.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, Gid, Group, access};

use super::Report;

/// A path that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutOfReach {
    /// Which.
    pub path: PathBuf,
    /// What is wrong, the user named.
    pub message: String,
    /// The command that helps.
    pub remedy: String,
}

impl std::fmt::Display for OutOfReach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}; remedy: {}", self.path.display(), self.message, self.remedy)
    }
}

/// Those of `paths` that this process, which runs as `who`, cannot read; a folder with the files right in it. What is not there is not
/// looked at: whoever reads it says so.
pub fn unreadable(paths: &[PathBuf], who: &Report) -> Vec<OutOfReach> {
    let with_files = paths.iter().flat_map(|path| std::iter::once(path.clone()).chain(files_of(path)));
    with_files.filter_map(|path| cannot_read(&path, who)).collect()
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    files.sort();
    files
}

fn cannot_read(path: &Path, who: &Report) -> Option<OutOfReach> {
    let is_folder = path.is_dir();
    let needed = if is_folder { AccessFlags::R_OK | AccessFlags::X_OK } else { AccessFlags::R_OK };
    let error = access(path, needed).err().filter(|e| *e != nix::errno::Errno::ENOENT)?;
    let (name, shown) = (&who.user, path.display());
    let group = Group::from_gid(Gid::from_raw(who.gid)).ok().flatten().map_or_else(|| who.gid.to_string(), |g| g.name);
    let closed = path.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty() && access(*p, AccessFlags::X_OK).is_err()).last();
    let remedy = match closed {
        Some(closed) => {
            let closed = closed.display();
            format!("{name} may not enter {closed}: sudo chmod o+x {closed}, or keep the file elsewhere, as in /etc/shadowtap")
        }
        None => format!("sudo chgrp {group} {shown} && sudo chmod {} {shown}", if is_folder { "g+rx" } else { "g+r" }),
    };
    let message = format!("cannot be read by {name}, whom shadowtap runs as ({})", error.desc());
    Some(OutOfReach { path: path.into(), message, remedy })
}

/// Why this process, which runs as `who`, cannot write `path`; for one that does not exist, why it cannot be made.
pub fn unwritable(path: &Path, who: &Report) -> Option<OutOfReach> {
    let existing = path.ancestors().find(|p| p.exists() || p.parent().is_none()).unwrap_or(path);
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    let needed = if existing.is_dir() { AccessFlags::W_OK | AccessFlags::X_OK } else { AccessFlags::W_OK };
    let error = access(existing, needed).err()?;
    let Report { user: name, gid, .. } = who;
    let (shown, is_there) = (path.display(), existing == path);
    let remedy = match is_there {
        true => format!("sudo chown -R {name}:{gid} {shown}"),
        false => format!("sudo install -d -o {name} -g {gid} -m 0750 {shown}"),
    };
    let state = if is_there { "is not writable" } else { "cannot be reached or made" };
    let message = format!("{state} for {name}, whom shadowtap runs as ({})", error.desc());
    Some(OutOfReach { path: path.into(), message, remedy })
}
