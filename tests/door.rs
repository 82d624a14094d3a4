//! The door as other machines see it: a daemon in a network namespace of its own, on every address, asked by curl over TLS with a token of
//! `shadowtap token new`, while a stranger holds thousands of idle connections. Needs root; skipped without.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use rcgen::{CertificateParams, KeyPair};

const PROGRAM: &str = env!("CARGO_BIN_EXE_shadowtap");
const NOBODY: u32 = 65534;
/// Idle connections, as many as the usual limits of descriptors leave room for.
const IDLE: usize = 2000;
const DUE: Duration = Duration::from_secs(30);

struct Daemon {
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Daemon {
    fn new() -> Self {
        let daemon = Daemon { folder: tempfile::tempdir().expect("a folder"), process: None };
        fs::set_permissions(daemon.folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        fs::create_dir(daemon.path("state")).expect("a folder");
        chown(daemon.path("state"), Some(NOBODY), Some(NOBODY)).expect("root may");
        daemon
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate of `localhost` that is its own authority, put in place of the one before.
    fn certify(&self) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("params");
        let cert = params.self_signed(&key).expect("signs").pem();
        for (name, text) in [("door.pem", cert), ("door.key", key.serialize_pem())] {
            fs::write(self.path("new"), text).expect("written");
            fs::set_permissions(self.path("new"), Permissions::from_mode(0o640)).expect("its mode");
            chown(self.path("new"), None, Some(NOBODY)).expect("root may");
            fs::rename(self.path("new"), self.path(name)).expect("renamed");
        }
    }

    fn configure(&self, http: &str) {
        let text = format!("user = \"nobody\"\n[store]\nurl = {:?}\n[http]\n{http}", self.path("state/s.sqlite"));
        fs::write(self.path("config.toml"), text).expect("written");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--config").arg(self.path("config.toml"));
        command
    }

    fn start(&mut self) {
        let log = File::create(self.path("log")).expect("a log");
        let run = self.command(&["run", "-i", "lo"]).stdout(log.try_clone().expect("a log")).stderr(log).spawn();
        self.process = Some(run.expect("starts"));
        let begun = Instant::now();
        while !self.log().contains("\"running\"") {
            assert!(begun.elapsed() < DUE, "{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Asks by curl; the token goes through standard input, for command lines can be read by everybody.
    fn curl(&self, path: &str, token: &str, more: &[&str]) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "-m", "20", "-w", "\n%{http_code}", "--resolve", "localhost:9615:127.0.0.1", "-H", "@-", "--cacert"]);
        command.arg(self.path("door.pem")).args(more).arg(format!("https://localhost:9615{path}"));
        let mut curl = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("curl");
        let header = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\n") };
        curl.stdin.take().expect("piped").write_all(header.as_bytes()).expect("taken");
        curl.wait_with_output().expect("ends")
    }

    #[track_caller]
    fn metric(&self, token: &str, series: &str) -> u64 {
        let text = String::from_utf8(self.curl("/metrics", token, &[]).stdout).expect("text");
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {series} in {text}"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// The token, and the line for the file.
fn new_token() -> (String, String) {
    let made = Command::new(PROGRAM).args(["token", "new", "--role", "metrics", "--expires", "90d", "--name", "prometheus"]).output();
    let text = String::from_utf8(made.expect("runs").stdout).expect("text");
    let (token, line) = text.trim().split_once('\n').expect("two lines");
    (token.to_owned(), line.to_owned())
}

fn code(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text").lines().last().unwrap_or_default()
}

/// Idle connections from another address.
fn crowd() -> Vec<std::net::TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let connect = async || {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind("127.0.0.2:0".parse().expect("an address"))?;
        socket.connect(SocketAddr::from(([127, 0, 0, 1], 9615))).await?.into_std()
    };
    runtime.block_on(async {
        let mut idle = Vec::new();
        while idle.len() < IDLE {
            idle.push(connect().await.expect("the kernel takes it"));
        }
        idle
    })
}

#[test]
fn other_machines_need_tls_and_a_token_and_a_crowd_of_idle_ones_changes_nothing() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: needs root");
        return;
    }
    // For this thread alone, and whom it starts.
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("ip").success());
    let (_, most) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).expect("limits");
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, most.min(8192), most).expect("raised");

    let mut daemon = Daemon::new();
    daemon.configure("listen = \"0.0.0.0:9615\"\nallow_remote = true\n");
    let refusal = daemon.command(&["run", "-i", "lo"]).output().expect("runs");
    let said = String::from_utf8_lossy(&refusal.stderr).into_owned();
    assert_eq!(refusal.status.code(), Some(78), "{said}");
    assert!(said.contains("config.toml:5: error: http.listen 0.0.0.0:9615 can be reached") && said.contains("remedy: "), "{said}");
    daemon.configure("");
    let refusal = daemon.command(&["run", "-i", "lo", "--listen", "0.0.0.0:9615"]).output().expect("runs");
    assert!(refusal.status.code() == Some(78) && String::from_utf8_lossy(&refusal.stderr).contains("token_file are not set"));

    let (token, line) = new_token();
    daemon.certify();
    fs::write(daemon.path("tokens"), line).expect("written");
    daemon.configure(
        "listen = \"0.0.0.0:9615\"\nallow_remote = true\ntls_cert_file = \"door.pem\"\ntls_key_file = \"door.key\"\ntoken_file = \"tokens\"\n",
    );
    daemon.start();
    for tls in ["1.2", "1.3"] {
        let answer = daemon.curl("/metrics", &token, &[&format!("--tlsv{tls}"), "--tls-max", tls]);
        assert_eq!(code(&answer), "200", "{answer:?}");
    }
    assert_eq!(code(&daemon.curl("/metrics", &token[1..], &[])), "401");
    assert_eq!(code(&daemon.curl("/healthz", "", &[])), "200");
    assert_eq!(String::from_utf8_lossy(&daemon.curl("/readyz", "", &[]).stdout), "{\"ready\":true}\n200");
    let plain = Command::new("curl").args(["-s", "-m", "20", "http://127.0.0.1:9615/healthz"]).output().expect("curl");
    assert!(!plain.status.success() && plain.stdout.is_empty(), "nothing is said in the clear: {plain:?}");

    let idle = crowd();
    let packets = "shadowtap_capture_packets_total{interface=\"lo\"}";
    let before = daemon.metric(&token, packets);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    (0..500).for_each(|_| assert_eq!(socket.send_to(b"x", "127.0.0.1:9").expect("sent"), 1));
    let begun = Instant::now();
    while daemon.metric(&token, packets) < before + 500 {
        assert!(begun.elapsed() < DUE, "frames are captured");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(daemon.metric(&token, "shadowtap_capture_dropped_total{interface=\"lo\",where=\"kernel\"}"), 0);
    let refused = daemon.metric(&token, "shadowtap_http_refused_total{reason=\"connections\"}");
    assert!(refused as usize >= IDLE / 2, "{refused} of {} turned away", idle.len());

    daemon.certify();
    let begun = Instant::now();
    while code(&daemon.curl("/healthz", "", &[])) != "200" {
        assert!(begun.elapsed() < DUE, "the renewed certificate is taken up: {}", daemon.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let id = daemon.process.as_ref().expect("runs").id();
    let command_line = fs::read(format!("/proc/{id}/cmdline")).expect("it runs");
    let secret = &token[12..40];
    assert!(!daemon.log().contains(secret) && !String::from_utf8_lossy(&command_line).contains(secret));
}
