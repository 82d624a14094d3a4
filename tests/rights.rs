//! Giving rights away. Each case runs in a process of its own: this very test binary, told by a variable what to do. Root is needed for
//! most of them; without it they are skipped. The harness is our own, as the usual one starts a thread before the first test.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use shadowtap::daemon::reload::Watch;
use shadowtap::daemon::rights::drop_to;

const CASE: &str = "SHADOWTAP_RIGHTS_CASE";

/// What the process of one case says: `key=value` lines.
struct Said(String);

impl Said {
    fn has(&self, line: &str) -> bool {
        self.0.lines().any(|l| l == line)
    }
}

/// A test: whether it could run here.
type Test = fn() -> bool;

const TESTS: [(&str, Test); 8] = [
    ("root_becomes_an_ordinary_user_without_any_right", root_becomes_an_ordinary_user_without_any_right),
    ("root_by_sudo_becomes_who_called", root_by_sudo_becomes_who_called),
    ("an_unknown_user_and_root_are_refused", an_unknown_user_and_root_are_refused),
    ("a_folder_of_another_user_is_named_with_the_remedy", a_folder_of_another_user_is_named_with_the_remedy),
    ("an_ordinary_user_gives_up_the_one_capability", an_ordinary_user_gives_up_the_one_capability),
    ("root_that_may_not_change_users_is_told_what_it_lacks", root_that_may_not_change_users_is_told_what_it_lacks),
    ("other_threads_are_refused", other_threads_are_refused),
    ("an_edit_of_a_file_that_cannot_be_read_is_told", an_edit_of_a_file_that_cannot_be_read_is_told),
];

fn main() {
    if let Some(case) = std::env::var_os(CASE) {
        return inside(&case.into_string().expect("text"));
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, test) in TESTS.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| name.contains(w))) {
        let (count, word) = match std::panic::catch_unwind(test) {
            Ok(true) => (&mut passed, "ok"),
            Ok(false) => (&mut skipped, "ignored, needs root"),
            Err(_) => (&mut failed, "FAILED"),
        };
        *count += 1;
        println!("test {name} ... {word}");
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; 0 filtered out");
    std::process::exit(i32::from(failed > 0));
}

/// What the process of a case does.
fn inside(case: &str) {
    if let Some(file) = case.strip_prefix("watch ") {
        return watch(file.into());
    }
    let (user, writable) = case.split_once(' ').unwrap_or((case, ""));
    let user = Some(user).filter(|u| *u != "-");
    let paths: Vec<&Path> = Some(writable).filter(|w| !w.is_empty()).map(Path::new).into_iter().collect();
    match drop_to(user, &paths) {
        Ok(report) => {
            println!("\nreport={report}\nuser={}\nroot={}\nnet_raw={}", report.user, report.was_root, report.had_net_raw);
            println!("bounding={}", report.is_bounding_set_empty);
        }
        Err(failure) => println!("\nexit={}\nfailure={failure}", failure.code()),
    }
    let raw = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None);
    println!("packet_socket={}\nshadow={}", raw.is_ok(), std::fs::read("/etc/shadow").is_ok());
    for line in std::fs::read_to_string("/proc/thread-self/status").expect("readable").lines() {
        println!("{}", line.replace(":\t", "="));
    }
}

/// Runs a case; `through` are words before the test binary, to start it with other rights.
fn run(through: &[&str], binary: &Path, case: &str, sudo: Option<(&str, &str)>) -> Said {
    let mut words = through.iter().map(Path::new).chain([binary]);
    let mut command = Command::new(words.next().expect("at least the binary"));
    command.args(words).env(CASE, case).env_remove("SUDO_UID").env_remove("SUDO_GID").current_dir("/");
    if let Some((uid, gid)) = sudo {
        command.env("SUDO_UID", uid).env("SUDO_GID", gid);
    }
    let output = command.output().expect("starts");
    Said(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

fn as_root(case: &str, sudo: Option<(&str, &str)>) -> Option<Said> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    Some(run(&[], &std::env::current_exe().expect("known"), case, sudo))
}

/// A copy of this binary that an ordinary user can start.
fn copy_for_all(folder: &tempfile::TempDir) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let copy = folder.path().join("rights-test");
    std::fs::copy(std::env::current_exe().expect("known"), &copy).expect("copied");
    for path in [folder.path(), &copy] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("own files");
    }
    copy
}

const NO_CAPABILITIES: [&str; 5] =
    ["CapInh=0000000000000000", "CapPrm=0000000000000000", "CapEff=0000000000000000", "CapBnd=0000000000000000", "CapAmb=0000000000000000"];

fn root_becomes_an_ordinary_user_without_any_right() -> bool {
    let Some(said) = as_root("nobody", None) else { return false };
    let expected = ["user=nobody", "root=true", "bounding=true", "packet_socket=false", "shadow=false", "NoNewPrivs=1"];
    for line in expected.iter().chain(&NO_CAPABILITIES) {
        assert!(said.has(line), "{line} is missing in {}", said.0);
    }
    assert!(said.0.contains("Uid=65534\t65534\t65534\t65534") && said.0.contains("Gid=65534\t65534\t65534\t65534"), "{}", said.0);
    assert!(said.0.contains("report=runs as nobody (uid 65534, gid 65534) without any capability"), "{}", said.0);
    true
}

fn root_by_sudo_becomes_who_called() -> bool {
    let Some(said) = as_root("-", Some(("54321", "54322"))) else { return false };
    assert!(said.has("user=54321") && said.has("Groups=54322 "), "{}", said.0);
    let said = as_root("-", Some(("0", "0"))).expect("root");
    assert!(said.has("user=nobody") || said.has("user=shadowtap"), "{}", said.0);
    true
}

fn an_unknown_user_and_root_are_refused() -> bool {
    let Some(said) = as_root("no-such-user", None) else { return false };
    assert!(said.has("exit=78") && said.0.contains("useradd --system"), "{}", said.0);
    let said = as_root("root", None).expect("root");
    assert!(said.has("exit=78") && said.0.contains("is root; name an ordinary user"), "{}", said.0);
    true
}

fn a_folder_of_another_user_is_named_with_the_remedy() -> bool {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("own folder");
    let own = folder.path().display().to_string();
    let Some(said) = as_root(&format!("nobody {own}"), None) else { return false };
    assert!(said.has("exit=77") && said.0.contains(&format!("remedy: sudo chown -R nobody:65534 {own}")), "{}", said.0);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("own folder");
    let said = as_root(&format!("nobody {own}/store"), None).expect("root");
    assert!(said.has("user=nobody"), "a folder that is missing is made for the user: {}", said.0);
    nix::unistd::chown(folder.path(), Some(65534.into()), Some(65534.into())).expect("root may");
    let said = as_root(&format!("nobody {own}"), None).expect("root");
    assert!(said.has("user=nobody"), "{}", said.0);
    true
}

fn an_ordinary_user_gives_up_the_one_capability() -> bool {
    if !nix::unistd::geteuid().is_root() {
        return false;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let copy = copy_for_all(&folder);
    let through = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_raw", "--ambient-caps=+net_raw"];
    let said = run(&through, &copy, "-", None);
    for line in ["user=nobody", "root=false", "net_raw=true", "bounding=false", "packet_socket=false", "NoNewPrivs=1"] {
        assert!(said.has(line), "{line} is missing in {}", said.0);
    }
    for line in NO_CAPABILITIES.iter().filter(|l| !l.starts_with("CapBnd")) {
        assert!(said.has(line), "{line} is missing in {}", said.0);
    }
    let said = run(&through, &copy, "daemon", None);
    assert!(said.has("exit=77") && said.0.contains("only root can become the configured user \"daemon\""), "{}", said.0);
    true
}

fn root_that_may_not_change_users_is_told_what_it_lacks() -> bool {
    if !nix::unistd::geteuid().is_root() {
        return false;
    }
    let through = ["setpriv", "--bounding-set=-setuid,-setgid"];
    let said = run(&through, &std::env::current_exe().expect("known"), "nobody", None);
    assert!(said.has("exit=77") && said.0.contains("SETUID and SETGID"), "{}", said.0);
    true
}

/// As nobody, watches a file until it has changed.
fn watch(file: PathBuf) {
    drop_to(Some("nobody"), &[]).expect("root may");
    let (sender, fired) = std::sync::mpsc::channel();
    let is_readable = std::fs::read(&file).is_ok();
    let _watch = Watch::start(vec![file.clone()], move || sender.send(()).unwrap_or_default()).expect("a thread");
    std::fs::write(file.with_extension("watched"), "").expect("everybody's folder");
    println!("readable={is_readable}\nfired={}", fired.recv_timeout(Duration::from_secs(8)).is_ok());
}

fn an_edit_of_a_file_that_cannot_be_read_is_told() -> bool {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, "one").expect("written");
    for (path, mode) in [(folder.path(), 0o777), (&file, 0o600)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("own files");
    }
    let edited = file.clone();
    let editor = std::thread::spawn(move || {
        for _ in 0..400 {
            if edited.with_extension("watched").exists() {
                return std::fs::write(&edited, "two").expect("written");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let said = as_root(&format!("watch {}", file.display()), None);
    editor.join().expect("no panic");
    let Some(said) = said else { return false };
    assert!(said.has("readable=false") && said.has("fired=true"), "{}", said.0);
    true
}

fn other_threads_are_refused() -> bool {
    let failure = std::thread::spawn(|| drop_to(None, &[])).join().expect("no panic").expect_err("two threads at least");
    assert!(failure.to_string().contains("before threads are started"), "{failure}");
    true
}
