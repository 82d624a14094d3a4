//! The door as other machines see it: a daemon in a network namespace of its own, on every address, asked by curl over TLS with a token of
//! `shadowtap token new`, while strangers hold ten thousand idle connections and send a byte now and then; and by a real Prometheus. Needs
//! root; skipped without.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rcgen::{CertificateParams, KeyPair};

const PROGRAM: &str = env!("CARGO_BIN_EXE_shadowtap");
const NOBODY: u32 = 65534;
/// Idle connections.
const IDLE: usize = 10_000;
/// Addresses from which a byte comes now and then, from each so many connections: together more than there are places.
const SLOW: (u8, usize) = (5, 8);
const CONFIGURED: &str =
    "listen = \"0.0.0.0:9615\"\nallow_remote = true\ntls_cert_file = \"door.pem\"\ntls_key_file = \"door.key\"\ntoken_file = \"tokens\"\n";
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

    /// Starts it with TLS and a token, which it gives.
    fn start_guarded(&mut self) -> String {
        let (token, line) = new_token();
        self.certify();
        fs::write(self.path("tokens"), line).expect("written");
        self.configure(CONFIGURED);
        self.start();
        token
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

/// Moves this thread, and whom it starts, into a network of their own, with enough descriptors; false without root.
fn own_network() -> bool {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: needs root");
        return false;
    }
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("ip").success());
    let wanted = IDLE as u64 + 2000;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits");
    setrlimit(Resource::RLIMIT_NOFILE, wanted, most.max(wanted)).unwrap_or_else(|e| panic!("ulimit -Hn {wanted} is needed: {e}"));
    true
}

/// Connections from another address, a thousand on their way at a time: the kernel has room for 128 that nobody accepted yet, and who finds
/// none tries again after a second.
fn crowd(from: [u8; 4], many: usize) -> Vec<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let connect = move || async move {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        socket.connect(SocketAddr::from(([127, 0, 0, 1], 9615))).await?.into_std()
    };
    runtime.block_on(async {
        let (mut idle, mut coming) = (Vec::new(), tokio::task::JoinSet::new());
        while idle.len() < many {
            while coming.len() < 1000 && idle.len() + coming.len() < many {
                coming.spawn(connect());
            }
            let visitor: std::io::Result<TcpStream> = coming.join_next().await.expect("one is coming").expect("ends");
            idle.push(visitor.expect("the kernel takes it"));
        }
        idle
    })
}

/// Sends a hello byte for byte over connections from several addresses until each is cut off; how long that took.
fn slow_visitors() -> Duration {
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (1..=SLOW.0).flat_map(|n| crowd([127, 0, 1, n], SLOW.1)).collect();
    // The beginning of a record of 512 bytes.
    let mut hello = [22, 3, 1, 2, 0].into_iter().chain(std::iter::repeat(0));
    while !slow.is_empty() {
        assert!(begun.elapsed() < 2 * DUE, "{} are still there", slow.len());
        let byte = [hello.next().unwrap_or_default()];
        slow.retain_mut(|visitor| visitor.write_all(&byte).is_ok());
        std::thread::sleep(Duration::from_millis(100));
    }
    begun.elapsed()
}

#[test]
fn other_machines_need_tls_and_a_token_and_a_crowd_of_idle_ones_changes_nothing() {
    if !own_network() {
        return;
    }
    let mut daemon = Daemon::new();
    daemon.configure("listen = \"0.0.0.0:9615\"\nallow_remote = true\n");
    let refusal = daemon.command(&["run", "-i", "lo"]).output().expect("runs");
    let said = String::from_utf8_lossy(&refusal.stderr).into_owned();
    assert_eq!(refusal.status.code(), Some(78), "{said}");
    assert!(said.contains("config.toml:5: error: http.listen 0.0.0.0:9615 can be reached") && said.contains("remedy: "), "{said}");
    daemon.configure("");
    let refusal = daemon.command(&["run", "-i", "lo", "--listen", "0.0.0.0:9615"]).output().expect("runs");
    assert!(refusal.status.code() == Some(78) && String::from_utf8_lossy(&refusal.stderr).contains("token_file are not set"));

    let token = daemon.start_guarded();
    for tls in ["1.2", "1.3"] {
        let answer = daemon.curl("/metrics", &token, &[&format!("--tlsv{tls}"), "--tls-max", tls]);
        assert_eq!(code(&answer), "200", "{answer:?}");
    }
    assert_eq!(code(&daemon.curl("/metrics", &token[1..], &[])), "401");
    assert_eq!(code(&daemon.curl("/healthz", "", &[])), "200");
    assert_eq!(String::from_utf8_lossy(&daemon.curl("/readyz", "", &[]).stdout), "{\"ready\":true}\n200");
    let plain = Command::new("curl").args(["-s", "-m", "20", "http://127.0.0.1:9615/healthz"]).output().expect("curl");
    assert!(!plain.status.success() && plain.stdout.is_empty(), "nothing is said in the clear: {plain:?}");

    let begun = Instant::now();
    let idle = crowd([127, 0, 0, 2], IDLE);
    println!("{} idle connections after {:?}", idle.len(), begun.elapsed());
    let packets = "shadowtap_capture_packets_total{interface=\"lo\"}";
    let before = daemon.metric(&token, packets);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    (0..500).for_each(|_| assert_eq!(socket.send_to(b"x", "127.0.0.1:9").expect("sent"), 1));
    let begun = Instant::now();
    while daemon.metric(&token, packets) < before + 500 {
        assert!(begun.elapsed() < DUE, "frames are captured");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(idle.len() >= IDLE);
    let took = slow_visitors();
    println!("slow visitors were cut off after {took:?}");
    assert_eq!(daemon.metric(&token, "shadowtap_capture_dropped_total{interface=\"lo\",where=\"kernel\"}"), 0);
    assert!(daemon.metric(&token, "shadowtap_http_refused_total{reason=\"time\"}") >= 32, "each of those who had a place");
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

#[test]
fn prometheus_scrapes_over_tls_with_a_token_from_a_file() {
    if !own_network() {
        return;
    }
    let mut daemon = Daemon::new();
    let token = daemon.start_guarded();
    fs::write(daemon.path("scraper.token"), &token).expect("written");
    let folder = daemon.folder.path().display();
    let scrape = |job: &str, file: &str| {
        format!(
            "  - job_name: {job}\n    scheme: https\n    authorization: {{ credentials_file: {folder}/{file} }}\n    \
             tls_config: {{ ca_file: {folder}/door.pem, server_name: localhost }}\n    static_configs: [{{ targets: [\"127.0.0.1:9615\"] }}]\n"
        )
    };
    fs::write(daemon.path("wrong.token"), &token[1..]).expect("written");
    let text = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n{}{}",
        scrape("shadowtap", "scraper.token"),
        scrape("stranger", "wrong.token")
    );
    fs::write(daemon.path("prometheus.yml"), text).expect("written");
    let mut prometheus = Command::new("prometheus");
    prometheus.arg(format!("--config.file={folder}/prometheus.yml")).arg(format!("--storage.tsdb.path={folder}/series"));
    let log = File::create(daemon.path("prometheus.log")).expect("a log");
    let prometheus = prometheus.arg("--web.listen-address=127.0.0.1:9090").stdout(Stdio::null()).stderr(log).spawn();
    let _prometheus = Ended(prometheus.expect("prometheus is there (scripts/setup test)"));
    let asks = |query: &str| {
        let line = ["-s", "-m", "5", "-G", "http://127.0.0.1:9090/api/v1/query", "--data-urlencode", query];
        let answer = Command::new("curl").args(line).output().expect("curl");
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    let begun = Instant::now();
    for (query, value) in [
        ("query=up{job=\"shadowtap\"}", "1"),
        ("query=count(shadowtap_build_info{job=\"shadowtap\"})", "1"),
        ("query=up{job=\"stranger\"}", "0"),
    ] {
        while asks(query).as_deref() != Some(value) {
            let log = || fs::read_to_string(daemon.path("prometheus.log")).unwrap_or_default();
            assert!(begun.elapsed() < DUE, "{query}: {:?}\n{}", asks(query), log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    assert!(daemon.metric(&token, "shadowtap_http_refused_total{reason=\"wrong_token\"}") > 0);
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
