//! Files of clients: what commands make of them, and that a running daemon takes them up. The daemon captures from `lo`, so that part needs
//! root and is skipped without.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const NOBODY: u32 = 65534;
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/identity");

/// Exit code and what was said.
fn shadowtap(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(words).output().expect("starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout))
}

/// A folder that everybody may enter.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("written");
        fs::set_permissions(self.path(name), Permissions::from_mode(0o644)).expect("its mode");
        self.path(name).to_str().expect("a path in UTF-8").to_owned()
    }
}

#[test]
fn check_and_explain_read_all_files() {
    let folder = Folder::new();
    let names =
        ["hosts.csv", "hosts.json", "netbox-addresses.csv", "netbox-prefixes.json", "dnsmasq.leases", "kea-leases4.csv", "kea-leases6.csv"];
    let tables: String = names.iter().map(|name| format!("[[identity]]\nfile = \"{FIXTURES}/{name}\"\n")).collect();
    let rule = "[[policy.rule]]\nstatus = \"approved\"\nservice = \"openai.chatgpt\"\nteam = \"research\"\n";
    let config = folder.write("c.toml", &format!("{tables}{rule}"));
    let (code, said) = shadowtap(&["check", "--elsewhere", "--config", &config]);
    assert!(code == Some(0) && said.contains(", 28 records of clients in 7 files"), "{said}");
    let explain = |client: &str| shadowtap(&["policy", "explain", "chatgpt.com", "--client", client, "--config", &config]).1;
    let (owner, neighbour) = (explain("10.1.0.5"), explain("10.1.0.77"));
    assert!(owner.contains(", team research\nstatus: approved, by "), "{owner}");
    assert!(neighbour.contains(", team design\nstatus: unreviewed, by default"), "{neighbour}");
}

#[test]
fn mistakes_are_refused_and_a_lease_file_may_have_some() {
    let folder = Folder::new();
    folder.write("hosts.csv", "address,hots\n10.0.0.5,a\n");
    folder.write("d.leases", "soon 02:00:00:00:00:04 10.77.0.52 a *\n");
    let both = folder.write("c.toml", "[[identity]]\nfile = \"hosts.csv\"\n[[identity]]\nfile = \"d.leases\"\nformat = \"dnsmasq\"\n");
    let (code, said) = shadowtap(&["check", "--elsewhere", "--config", &both]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("hosts.csv:1: error: column \"hots\" is not known\n  remedy: did you mean \"host\"?"), "{said}");
    let leases = folder.write("l.toml", "[[identity]]\nfile = \"d.leases\"\n[[identity]]\nfile = \"none.leases\"\n");
    let (code, said) = shadowtap(&["check", "--elsewhere", "--config", &leases]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("d.leases:1: warning: expiry \"soon\" is no number") && said.contains("none.leases: warning: cannot be read"),
        "{said}"
    );
    let team = folder.write("t.toml", "[[policy.rule]]\nstatus = \"approved\"\nteam = \"design\"\n");
    let (code, said) = shadowtap(&["check", "--elsewhere", "--config", &team]);
    assert!(code == Some(78) && said.contains("t.toml:1: error: rule names team \"design\", which is no team"), "{said}");
}

#[test]
fn a_file_the_user_cannot_read_is_told_with_the_remedy() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: needs root");
    }
    let folder = Folder::new();
    folder.write("hosts.csv", "address,host\n10.0.0.5,a\n");
    fs::set_permissions(folder.path("hosts.csv"), Permissions::from_mode(0o600)).expect("its mode");
    let config = folder.write(
        "c.toml",
        "user = \"nobody\"\n[store]\nurl = \"/tmp/x.sqlite\"\n[capture]\ninterfaces = [\"lo\"]\n[[identity]]\nfile = \"hosts.csv\"\n",
    );
    let (code, said) = shadowtap(&["check", "--config", &config]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("hosts.csv: error: cannot be read by nobody") && said.contains("remedy: sudo chgrp"), "{said}");
}

struct Daemon<'f> {
    folder: &'f Folder,
    process: Child,
    port: u16,
}

impl<'f> Daemon<'f> {
    fn start(folder: &'f Folder, more: &str) -> Self {
        chown(folder.0.path(), Some(NOBODY), Some(NOBODY)).expect("root may");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let store = folder.path("s.sqlite");
        let text = format!("user = \"nobody\"\n[store]\nurl = {store:?}\n[http]\nlisten = \"127.0.0.1:{port}\"\n{more}");
        let config = folder.write("config.toml", &text);
        let log = File::create(folder.path("log")).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        let process = command.args(["run", "-i", "lo", "--config", &config]).stderr(log).spawn().expect("starts");
        let daemon = Daemon { folder, process, port };
        daemon.eventually("running", || daemon.log().contains("running"));
        daemon
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).expect("a log")
    }

    #[track_caller]
    fn eventually(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(15), "{what}: not yet\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How often files of clients were taken, and refused.
    fn reloads(&self) -> [u64; 2] {
        let mut answer = String::new();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("listens");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("asked");
        stream.read_to_string(&mut answer).expect("answered");
        ["ok", "refused"].map(|result| {
            let series = format!("shadowtap_reloads_total{{result=\"{result}\",what=\"identity\"}} ");
            answer.lines().find_map(|line| line.strip_prefix(&series)).and_then(|n| n.parse().ok()).expect("counted from the start")
        })
    }

    #[track_caller]
    fn reloads_become(&self, wanted: [u64; 2]) {
        self.eventually(&format!("{wanted:?} reloads"), || self.reloads() == wanted);
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let id = Pid::from_raw(self.process.id().try_into().expect("a process id"));
        let _ = kill(id, Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

/// A look at a service from 127.0.0.1, over loopback.
fn visit(server: &TcpListener) {
    let mut client = TcpStream::connect(server.local_addr().expect("bound")).expect("connects");
    let (mut answer, _) = server.accept().expect("accepted");
    client.write_all(b"GET / HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n").expect("asked");
    let mut asked = [0; 16];
    answer.read_exact(&mut asked).expect("heard");
    answer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("answered");
}

impl Daemon<'_> {
    /// Whose the sightings in the store are: user, host, team.
    fn owners(&self) -> Vec<String> {
        let store = self.folder.path("s.sqlite");
        let (_, said) = shadowtap(&["report", "--format", "json", "--since", "all", "--store", store.to_str().expect("UTF-8")]);
        let report: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
        let text = |s: &serde_json::Value, key: &str| s[key].as_str().unwrap_or("-").to_owned();
        let owner = |s: &serde_json::Value| ["user", "host", "team"].map(|key| text(s, key)).join(" ");
        report["sightings"].as_array().into_iter().flatten().map(owner).collect()
    }
}

#[test]
fn a_sighting_keeps_the_owner_of_its_time_and_the_next_has_the_next() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: needs root");
    }
    let folder = Folder::new();
    folder.write("hosts.csv", "mac,user,team\n02:00:00:00:00:01,anna,design\n02:00:00:00:00:02,carl,research\n");
    let lease = |n: u8| format!("0 02:00:00:00:00:0{n} 127.0.0.1 ws-{n} *\n");
    folder.write("dnsmasq.leases", &lease(1));
    let daemon = Daemon::start(&folder, "[[identity]]\nfile = \"hosts.csv\"\n[[identity]]\nfile = \"dnsmasq.leases\"\n");
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    visit(&server);
    daemon.eventually("a sighting of anna", || daemon.owners() == ["anna ws-1 design"]);
    folder.write("dnsmasq.leases", &lease(2));
    daemon.reloads_become([1, 0]);
    visit(&server);
    daemon.eventually("a sighting of carl", || daemon.owners() == ["anna ws-1 design", "carl ws-2 research"]);
}

#[test]
fn a_replay_knows_who_had_an_address_then() {
    let folder = Folder::new();
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/demo.pcap");
    let plain = shadowtap(&["replay", demo, "--output", "json"]).1;
    let first: serde_json::Value = serde_json::from_str(plain.lines().next().expect("a sighting")).expect("JSON");
    let (client, seen) = (first["client"].as_str().expect("an address"), first["first_seen"].as_str().expect("a moment"));
    let lines = format!("{client},ws-14,anna,design,,{seen}\n{client},ws-15,carl,research,{seen},\n");
    folder.write("hosts.csv", &format!("address,host,user,team,from,until\n{lines}"));
    folder.write("sites.csv", "subnet,site,team\n10.0.0.0/8,berlin,all\n2001:db8::/32,berlin,all\n");
    let config = folder.write("c.toml", "[[identity]]\nfile = \"hosts.csv\"\n[[identity]]\nfile = \"sites.csv\"\n");
    let told = shadowtap(&["replay", demo, "--config", &config, "--output", "json"]).1;
    let told: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(told.len(), plain.lines().count());
    for s in &told {
        let wanted = if s["client"] == client {
            ["ws-15", "carl", "research", "berlin"].map(Some)
        } else {
            [None, None, Some("all"), Some("berlin")]
        };
        assert_eq!(["host", "user", "team", "site"].map(|key| s[key].as_str()), wanted, "{s}");
    }
    let table = shadowtap(&["replay", demo, "--config", &config]).1;
    assert!(table.contains(&format!("{client} (carl, ws-15)")), "{table}");
}

#[test]
fn a_running_daemon_takes_up_what_changes_and_keeps_what_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: needs root");
    }
    let folder = Folder::new();
    folder.write("hosts.csv", "address,host,team\n127.0.0.1,me,lab\n");
    let rule = "[[policy.rule]]\nstatus = \"approved\"\nteam = \"lab\"\n";
    let daemon = Daemon::start(&folder, &format!("[[identity]]\nfile = \"hosts.csv\"\n[[identity]]\nfile = \"dnsmasq.leases\"\n{rule}"));
    assert_eq!(daemon.reloads(), [0, 0]);
    assert_eq!(daemon.log().matches("dnsmasq.leases: warning: cannot be read").count(), 1);

    let lease = |n: u8| format!("1795463794 02:00:00:00:00:0{n} 10.77.0.{n} ws-{n} *\n");
    folder.write("dnsmasq.leases", &lease(1));
    daemon.reloads_become([1, 0]);
    folder.write("hosts.csv", "address,host,team\n127.0.0.x,me,lab\n");
    daemon.reloads_become([1, 1]);
    let refused = "hosts.csv:2: error: address";
    assert_eq!(daemon.log().matches(refused).count(), 1, "{}", daemon.log());

    // Leases go on while the other file is wrong, and neither is told again.
    let length = daemon.log().len();
    for n in 2..=4 {
        folder.write("dnsmasq.leases", &(lease(1) + &lease(n)));
        daemon.reloads_become([u64::from(n), 1]);
    }
    assert_eq!(daemon.log().len(), length, "{}", daemon.log());

    // Touched, or written half: nothing that is known changes for the worse.
    folder.write("hosts.csv", "address,host,team\n127.0.0.1,me,office\n");
    daemon.reloads_become([5, 1]);
    daemon.eventually("the team of a rule is gone", || daemon.log().contains("warning: rule names team"));
    let whole = lease(1) + &lease(4);
    folder.write("dnsmasq.leases", &whole);
    folder.write("dnsmasq.leases", &format!("{whole}17954637"));
    daemon.reloads_become([6, 1]);
    assert!(!daemon.log().contains("dnsmasq.leases:2"), "{}", daemon.log());
    assert_eq!(daemon.log().matches("warning: rule names team").count(), 1, "{}", daemon.log());
}
