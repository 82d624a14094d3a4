//! `shadowtap check` finds what `run` would refuse on this machine, and `run` refuses it. As root both are tried as the user a daemon
//! becomes; without root those cases are skipped.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// `nobody`, on every system with a list of users.
const NOBODY: u32 = 65534;

struct Site(TempDir);

impl Site {
    /// A folder that everybody may enter, with a signature folder and a state folder that is nobody's.
    fn new() -> Self {
        let site = Site(tempfile::tempdir().expect("a folder"));
        for (name, mode) in [("", 0o755), ("signatures", 0o755), ("state", 0o700)] {
            fs::create_dir_all(site.path(name)).expect("made");
            fs::set_permissions(site.path(name), Permissions::from_mode(mode)).expect("its mode");
        }
        if is_root() {
            chown(site.path("state"), Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        path
    }

    /// A configuration for `user`, with `more` at its end.
    fn configuration(&self, user: &str, more: &str) -> PathBuf {
        let (store, signatures) = (self.path("state/s.sqlite"), self.path("signatures"));
        let text = format!("user = {user:?}\n[store]\nurl = {store:?}\n[signatures]\nfolder = {signatures:?}\n[capture]\n{more}");
        self.write("config.toml", &text, 0o644)
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Exit code and what was said.
fn shadowtap(words: &[&str], config: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(words).arg("--config").arg(config).output().expect("starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout))
}

fn refused(words: &[&str], config: &Path, code: i32, parts: &[&str]) {
    let (exit, said) = shadowtap(words, config);
    assert_eq!(exit, Some(code), "{said}");
    parts.iter().for_each(|part| assert!(said.contains(part), "{part:?} is not in {said}"));
}

#[test]
fn a_user_and_interfaces_that_are_not_there_are_told_at_once() {
    let site = Site::new();
    let config = site.configuration("nosuchuser", "interfaces = [\"lo\", \"eth99\", \"lo\"]\n");
    refused(&["check"], &config, 78, &["useradd --system", "interface eth99 does not exist; there are: ", "lo is named more than once"]);
    assert_eq!(shadowtap(&["check", "--elsewhere"], &config).0, Some(0));
    let config = site.configuration("nobody", "interfaces = [\"lo\", \"any\"]\n");
    refused(&["check"], &config, 78, &["any and lo are both named"]);
}

#[test]
fn what_the_user_cannot_read_is_refused_with_the_remedy() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let site = Site::new();
    let signatures = site.write("signatures/own.toml", include_str!("fixtures/signatures/acme.toml"), 0o600);
    let secret = site.write("secret", "hunter2\n", 0o600);
    let hook = format!("[[alert.webhook]]\nname = \"soc\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = {secret:?}\n");
    let config = site.configuration("nobody", &format!("interfaces = [\"lo\"]\n{hook}"));
    let both = [format!("chmod g+r {}", signatures.display()), format!("chmod g+r {}", secret.display()), "by nobody".into()];
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    refused(&["check"], &config, 78, &both);
    refused(&["run", "--listen", "127.0.0.1:0"], &config, 77, &both);
    for file in [&signatures, &secret] {
        chown(file, None, Some(NOBODY)).expect("root may");
        fs::set_permissions(file, Permissions::from_mode(0o640)).expect("its mode");
    }
    let (exit, said) = shadowtap(&["check"], &config);
    assert_eq!(exit, Some(0), "{said}");
    fs::set_permissions(site.path(""), Permissions::from_mode(0o700)).expect("its mode");
    refused(&["check"], &config, 78, &["nobody may not enter", "sudo chmod o+x"]);
}

#[test]
fn a_store_that_the_user_cannot_write_is_refused() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let site = Site::new();
    let config = site.configuration("nobody", "interfaces = [\"lo\"]\n");
    assert_eq!(shadowtap(&["check"], &config).0, Some(0));
    let file = site.write("state/s.sqlite", "", 0o600);
    refused(&["check"], &config, 78, &[&format!("chown -R nobody:65534 {}", file.display())]);
    chown(site.path("state"), Some(0), Some(0)).expect("root may");
    refused(&["check"], &config, 78, &[&format!("{}: error: is not writable for nobody", site.path("state").display())]);
    refused(&["run", "--listen", "127.0.0.1:0"], &config, 77, &["is not writable for nobody"]);
}

/// What a unit with LoadCredential= gets: a folder of files that it alone reads, named by its environment.
#[test]
fn a_secret_among_the_credentials_of_the_unit_is_found() {
    let site = Site::new();
    let credentials = site.path("credentials");
    fs::create_dir(&credentials).expect("made");
    let sink = "[[alert.webhook]]\nname = \"soc\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"${CREDENTIALS_DIRECTORY}/secret_soc\"\n";
    let config = site.write("c.toml", sink, 0o644);
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        command.args(["check", "--elsewhere", "--config"]).arg(&config).env("CREDENTIALS_DIRECTORY", &credentials);
        let output = command.output().expect("starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = check();
    assert_eq!(code, Some(78), "{told}");
    assert!(told.contains(credentials.to_str().expect("text")) && told.contains(":4: "), "the file that is missing is named: {told}");
    fs::write(credentials.join("secret_soc"), "hunter2\n").expect("written");
    let (code, told) = check();
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
