//! A real daemon in a network namespace of the test's thread, its folder, and what can be seen of it from outside.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sched::{CloneFlags, unshare};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

const NOBODY: u32 = 65534;
/// How long anything may take.
const DUE: Duration = Duration::from_secs(20);
const PROGRAM: &str = env!("CARGO_BIN_EXE_shadowtap");

/// Whether this is root.
pub fn is_root() -> Result<(), String> {
    if nix::unistd::geteuid().is_root() { Ok(()) } else { Err("needs root".into()) }
}

/// Moves this thread into a network namespace of its own, with loopback.
pub fn own_namespace() -> Result<(), String> {
    is_root()?;
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace is needed");
    ip("link set lo up");
    Ok(())
}

/// Runs iproute2.
pub fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is there");
    assert!(status.success(), "ip {arguments}");
}

/// The pair `va` (10.9.0.1) and `vb`.
pub fn make_pair() {
    ip("link add va type veth peer name vb");
    ip("link set va up");
    ip("link set vb up");
    ip("addr add 10.9.0.1/24 dev va");
    ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev va");
}

/// Whether an interface takes frames for others.
pub fn is_promiscuous(interface: &str) -> bool {
    let output = Command::new("ip").args(["-j", "-d", "link", "show", interface]).output().expect("iproute2 is there");
    let links: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
    links[0]["promiscuity"].as_u64() > Some(0)
}

/// Asks over `va` for `NAME.com`, or the domain that service has.
pub fn ask(name: &str) {
    let (label, domain) = if name == "claude" { ("claude", "ai") } else { (name, "com") };
    let mut question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    for part in [label, domain, ""] {
        question.push(u8::try_from(part.len()).expect("short"));
        question.extend_from_slice(part.as_bytes());
    }
    question.extend_from_slice(b"\x00\x01\x00\x01");
    let socket = UdpSocket::bind((Ipv4Addr::new(10, 9, 0, 1), 0)).expect("an address");
    socket.send_to(&question, (Ipv4Addr::new(10, 9, 0, 2), 53)).expect("sent");
}

/// From now on these calls do not exist for this thread and what it starts, as on a kernel without them.
pub fn take_away(calls: &[&str]) {
    let number = |name: &&str| match *name {
        "landlock_create_ruleset" => libc::SYS_landlock_create_ruleset,
        "seccomp" => libc::SYS_seccomp,
        other => panic!("{other}"),
    };
    let rules = calls.iter().map(|name| (number(name), Vec::new())).collect();
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let machine = std::env::consts::ARCH.try_into().expect("known");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, missing, machine).expect("a filter");
    apply_filter(&BpfProgram::try_from(filter).expect("compiles")).expect("put on");
}

/// Whether a program can be started through those words.
pub fn can(through: &[&str]) -> bool {
    Command::new(through[0]).args(&through[1..]).arg("true").status().is_ok_and(|status| status.success())
}

/// A user namespace with 70,000 users, as container engines make them, and a network of its own; it lasts as long as this.
pub struct UserNamespace(Child, String);

impl UserNamespace {
    /// `None` where the machine makes none.
    pub fn new() -> Option<Self> {
        let mut holder = Command::new("unshare").args(["--user", "--net", "sleep", "60"]).spawn().ok()?;
        let id = holder.id().to_string();
        let begun = Instant::now();
        let own = fs::read_link("/proc/self/ns/user").ok()?;
        while fs::read_link(format!("/proc/{id}/ns/user")).is_ok_and(|its| its == own) && begun.elapsed() < DUE {
            std::thread::sleep(Duration::from_millis(10));
        }
        let mapped = ["uid_map", "gid_map"].iter().all(|map| fs::write(format!("/proc/{id}/{map}"), "0 0 70000").is_ok());
        if !mapped {
            let _ = holder.kill();
            let _ = holder.wait();
            return None;
        }
        let space = UserNamespace(holder, id);
        let [first, rest @ ..] = space.enter();
        let up = Command::new(first).args(rest).args(["ip", "link", "set", "lo", "up"]).status().ok()?;
        up.success().then_some(space)
    }

    /// Words that start a program in it, as its root.
    pub fn enter(&self) -> [&str; 9] {
        ["nsenter", "--target", &self.1, "--user", "--net", "--setuid", "0", "--setgid", "0"]
    }
}

impl Drop for UserNamespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens a folder to the user a daemon becomes.
pub fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o777)).expect("own folder");
}

/// `shadowtap check --sandbox` with more at the beginning of its configuration: its exit code, and all it said.
pub fn check(more: &str) -> (Option<i32>, String) {
    let site = Site::new(more);
    let output = Command::new(PROGRAM).args(["check", "--sandbox", "--config"]).arg(site.path("config.toml")).output().expect("starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// The first thread of a command that waits for its standard input, once it has taken something from itself, or at last.
pub fn status_of(words: &[&str]) -> Thread {
    let mut process =
        Command::new(PROGRAM).args(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let begun = Instant::now();
    let read = || Thread { name: words.concat(), status: fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs") };
    let mut thread = read();
    while thread.field("Seccomp") == "0" && begun.elapsed() < DUE {
        std::thread::sleep(Duration::from_millis(10));
        thread = read();
    }
    drop(process.stdin.take());
    process.wait().expect("a child");
    thread
}

/// A folder with a configuration.
struct Site {
    folder: tempfile::TempDir,
    configuration: String,
}

impl Site {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let user = if more.contains("user =") { "" } else { "user = \"nobody\"\n" };
        let store = folder.path().join("state/s.sqlite");
        let configuration = format!("{more}{user}[store]\nurl = {store:?}\n[http]\nlisten = \"127.0.0.1:9615\"\n");
        let site = Site { folder, configuration };
        fs::set_permissions(site.folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        fs::create_dir(site.path("state")).expect("a folder");
        chown(site.path("state"), Some(NOBODY), Some(NOBODY)).expect("root may");
        fs::write(site.path("config.toml"), &site.configuration).expect("written");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&self, through: &[&str], interfaces: &[&str]) -> Child {
        let log = File::create(self.path("log")).expect("a log");
        let mut words = through.iter().copied().chain([PROGRAM, "run", "--config"]);
        let mut command = Command::new(words.next().expect("the program at least"));
        command.args(words).arg(self.path("config.toml")).stdout(log.try_clone().expect("a log")).stderr(log);
        for name in interfaces {
            command.args(["-i", name]);
        }
        command.spawn().expect("starts")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("a log")
    }
}

/// A process that does not outlive its test.
struct Running(Child);

/// A running daemon.
pub struct Daemon {
    site: Site,
    process: Running,
}

/// One of its threads.
#[derive(Debug)]
pub struct Thread {
    /// Its name.
    pub name: String,
    status: String,
}

impl Thread {
    /// A line of its status.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.status)).trim()
    }
}

impl Daemon {
    /// One that runs, as nobody, with more at the beginning of its configuration.
    #[track_caller]
    pub fn start(interfaces: &[&str], more: &str) -> Self {
        Self::start_through(&[], interfaces, more)
    }

    /// The same through other words.
    #[track_caller]
    pub fn start_through(through: &[&str], interfaces: &[&str], more: &str) -> Self {
        let site = Site::new(more);
        let process = Running(site.spawn(through, interfaces));
        let daemon = Daemon { site, process };
        daemon.says("\"running\"");
        daemon
    }

    /// One that does not come up: its exit code and what it said.
    pub fn fails(interfaces: &[&str], more: &str) -> (Option<i32>, String) {
        Self::fails_through(&[], interfaces, more)
    }

    /// The same through other words.
    pub fn fails_through(through: &[&str], interfaces: &[&str], more: &str) -> (Option<i32>, String) {
        let site = Site::new(more);
        // Another one may run beside it.
        fs::write(site.path("config.toml"), site.configuration.replace("9615", "0")).expect("written");
        let mut process = Running(site.spawn(through, interfaces));
        let begun = Instant::now();
        while begun.elapsed() < DUE {
            if let Some(status) = process.0.try_wait().expect("a child") {
                return (status.code(), site.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it runs: {}", site.log());
    }

    /// All it said.
    pub fn log(&self) -> String {
        self.site.log()
    }

    /// Its configuration.
    pub fn configuration(&self) -> String {
        self.site.configuration.clone()
    }

    /// Writes a file beside and renames it over the old one.
    pub fn exchange(&self, name: &str, text: &str) {
        let fresh = self.site.path(&format!("{name}.new"));
        fs::write(&fresh, text).expect("written");
        fs::rename(fresh, self.site.path(name)).expect("renamed");
    }

    /// Waits until it has said something.
    #[track_caller]
    pub fn says(&self, words: &str) {
        self.says_times(words, 1);
    }

    /// The same several times.
    #[track_caller]
    pub fn says_times(&self, words: &str, times: usize) {
        let begun = Instant::now();
        while self.log().matches(words).count() < times {
            assert!(begun.elapsed() < DUE, "{words:?} was not said {times} times:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its threads.
    pub fn threads(&self) -> Vec<Thread> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.0.id())).expect("it runs");
        let read = |folder: PathBuf| {
            let status = fs::read_to_string(folder.join("status")).ok()?;
            Some(Thread { name: status.lines().next()?.strip_prefix("Name:")?.trim().to_owned(), status })
        };
        tasks.filter_map(|task| read(task.ok()?.path())).collect()
    }

    /// What it counts.
    pub fn metrics(&self) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 9615)).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
