//! Which files the daemon may reach: its own, and those that names, certificates and clocks come from.
//!
//! Landlock's rules hold to what stands at a path now. Files are rewritten by renaming and links are swapped, so a rule is for the folder a
//! file is in, and for every folder its links lead through.

use std::path::{Path, PathBuf};

use crate::daemon::config::{Config, DEFAULT_FILE};
use crate::daemon::store::Location;

/// Where the system keeps what is read at any time: resolvers (`resolv.conf` is replaced by renaming, so its folder), users, certificates,
/// libraries of name services, time zones, and what the kernel says of this process and of interfaces.
const SYSTEM: &[&str] = &[
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/nscd",
    "/proc/self",
    "/proc/sys/net",
    "/proc/sys/vm/overcommit_memory",
    "/sys/class/net",
    "/sys/devices",
    "/dev/null",
    "/dev/urandom",
];

/// Links followed, at most, from a path to its file.
const LINKS: usize = 16;

/// Folders and files within reach.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Places {
    /// To read.
    pub read: Vec<PathBuf>,
    /// To read, write, make and remove files in.
    pub write: Vec<PathBuf>,
}

impl Places {
    /// Those of a daemon of this configuration, which was read from `file`.
    pub fn of(config: &Config, file: Option<&Path>) -> Self {
        let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        read.extend(["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().filter_map(|name| std::env::var_os(name).map(PathBuf::from)));
        read.extend(folders(Path::new("/etc/resolv.conf")));
        let own = config.reads().into_iter().chain([file.unwrap_or(Path::new(DEFAULT_FILE)).to_owned()]);
        let updates = Some(&config.signatures).filter(|s| !s.keys.is_empty()).map(|s| s.update_folder.clone());
        for path in own.chain(updates) {
            read.extend(folders(&path));
            read.extend(path.is_dir().then_some(path));
        }
        let store = match Location::parse(&config.store.url) {
            Ok(Location::File(path)) => folders(&path),
            Ok(Location::Memory) | Err(_) => Vec::new(),
        };
        let mut write: Vec<PathBuf> = store.into_iter().chain(config.writes()).collect();
        [&mut read, &mut write].into_iter().for_each(|paths| {
            paths.sort();
            paths.dedup();
        });
        Places { read, write }
    }

    /// Those of `paths` that stand outside, though they exist or may: nobody who is confined to these places can read them.
    pub fn outside(&self, paths: &[PathBuf]) -> Vec<PathBuf> {
        let known: Vec<PathBuf> = self.read.iter().chain(&self.write).filter_map(|p| p.canonicalize().ok()).collect();
        let is_inside = |path: &PathBuf| {
            let real = path.canonicalize().or_else(|_| path.parent().unwrap_or(path).canonicalize());
            real.is_ok_and(|real| known.iter().any(|place| real.starts_with(place)))
        };
        paths.iter().filter(|path| !is_inside(path)).cloned().collect()
    }
}

/// The folder of a path, and those its links lead through; the root folder is none: there the file itself must do.
fn folders(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut next = Some(path.to_owned());
    for _ in 0..LINKS {
        let Some(at) = next else { break };
        let folder = at.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        next = at.read_link().ok().map(|target| folder.join(target));
        found.push(if folder == Path::new("/") { at } else { folder });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_swapped_link_leads_through_folders_that_are_known() {
        let scratch = tempfile::tempdir().unwrap();
        let [mounted, elsewhere] = ["mounted", "elsewhere"].map(|name| scratch.path().join(name));
        for folder in [&mounted.join("..one"), &elsewhere] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(mounted.join("..one/config.toml"), "").unwrap();
        symlink("..one", mounted.join("..data")).unwrap();
        symlink("..data/config.toml", mounted.join("config.toml")).unwrap();
        let places = Places { read: folders(&mounted.join("config.toml")), write: Vec::new() };
        assert_eq!(places.read, [mounted.clone(), mounted.join("..data")]);
        let other = elsewhere.join("policy.toml");
        assert_eq!(places.outside(&[mounted.join("config.toml"), mounted.join("new.toml"), other.clone()]), [other]);
    }

    #[test]
    fn a_file_in_the_root_folder_does_not_open_all_of_it() {
        assert_eq!(folders(Path::new("/no-such-file.toml")), [Path::new("/no-such-file.toml")]);
        assert_eq!(folders(Path::new("plain.toml")), [Path::new(".")]);
    }

    #[test]
    fn the_store_and_keys_are_written_and_rules_are_read() {
        let text = "[store]\nurl = \"sqlite:///srv/tap/s.sqlite\"\n[privacy]\nmode = \"pseudonymous\"\nkey_folder = \"/srv/keys\"\n\
                    [[alert.webhook]]\nname = \"soc\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"/srv/secrets/soc\"\n";
        let (config, _) = Config::parse(Path::new("/srv/site/config.toml"), text);
        let places = Places::of(&config, Some(Path::new("/srv/site/config.toml")));
        assert_eq!(places.write, [Path::new("/srv/keys"), Path::new("/srv/tap")]);
        for folder in ["/srv/site", "/srv/secrets", "/etc"] {
            assert!(places.read.contains(&folder.into()), "{folder} in {:?}", places.read);
        }
        assert!(!places.read.iter().any(|p| p == Path::new("/") || p == Path::new("/srv")));
    }
}
