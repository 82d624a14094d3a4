//! A real daemon on the loopback of a network namespace of the test's thread, its folder, and who visits what over that loopback.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::contents;
use crate::shim::Faults;
use crate::wire::hello::modern;

/// How long anything may take.
pub const DUE: Duration = Duration::from_secs(40);
const NOBODY: u32 = 65534;
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1)), 443);
/// Where its metrics are.
pub const LISTEN: &str = "127.0.0.1:9615";

/// The site.
pub struct Site {
    folder: tempfile::TempDir,
    /// What goes wrong with its store.
    pub faults: Faults,
    daemon: Option<Child>,
}

/// Moves this thread into a network namespace where all of 10.0.0.0/8 is the machine's own and a server answers; false without root.
fn own_network() -> bool {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: needs root");
        return false;
    }
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
    for line in ["link set lo up", "route add local 10.0.0.0/8 dev lo"] {
        assert!(Command::new("ip").args(line.split(' ')).status().expect("iproute2 is there").success(), "{line}");
    }
    let server = TcpListener::bind(SERVER).expect("a server");
    std::thread::spawn(move || {
        for mut visitor in server.incoming().flatten() {
            let mut hello = [0; 8192];
            let _ = visitor.read(&mut hello).and_then(|_| visitor.write_all(&[22, 3, 3, 0, 4, 0, 0, 0, 0]));
        }
    });
    true
}

impl Site {
    /// A site whose store is in `state`; `None` without root.
    pub fn new(more: &str) -> Option<Self> {
        if !own_network() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        let state = folder.path().join("state");
        fs::create_dir(&state).expect("a folder");
        chown(&state, Some(NOBODY), Some(NOBODY)).expect("root may");
        let site = Site { faults: Faults::of(&folder.path().join("state/s.sqlite")), folder, daemon: None };
        let text = format!(
            "user = \"nobody\"\ninside = [\"10.0.0.0/8\"]\n[store]\nurl = {:?}\n[http]\nlisten = {LISTEN:?}\n[alert]\ninventory_hours = 0\n\
             [alert.limit]\nburst = 100000\nper_hour = 100000\n[[alert.stdout]]\nname = \"soc\"\n{more}",
            site.store()
        );
        fs::write(site.path("config.toml"), text).expect("written");
        Some(site)
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.path("state/s.sqlite")
    }

    fn command(&self) -> Command {
        let open = |name| File::options().create(true).append(true).open(self.path(name)).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        command.args(["run", "-i", "lo", "--config"]).arg(self.path("config.toml")).stdout(open("out")).stderr(open("log"));
        command
    }

    /// Starts the daemon under the shim and waits until it runs.
    pub fn start(&mut self) {
        let mut command = self.command();
        self.launch(|faults| faults.put_under(&mut command).spawn().expect("starts"));
    }

    /// The same, and every change of the store is written to `changes`.
    pub fn start_with_log(&mut self) {
        let (mut command, log) = (self.command(), self.path("changes"));
        self.launch(|faults| faults.put_under_with_log(&mut command, &log).spawn().expect("starts"));
    }

    fn launch(&mut self, start: impl FnOnce(&Faults) -> Child) {
        let before = self.log().matches("\"running\"").count();
        self.daemon = Some(start(&self.faults));
        self.until("it runs", |site| (site.log().matches("\"running\"").count() > before).then_some(()));
    }

    /// Starts the daemon, which ends by itself; its exit code.
    pub fn start_in_vain(&mut self) -> Option<i32> {
        let mut command = self.command();
        self.daemon = Some(self.faults.put_under(&mut command).spawn().expect("starts"));
        self.ended()
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.daemon.as_ref().expect("runs").id().try_into().expect("a pid"))
    }

    /// Asks it to end; its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        kill(self.pid(), Signal::SIGTERM).expect("it runs");
        self.ended()
    }

    /// Waits until it ends; its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        self.ended_how().code()
    }

    /// The same, however it ended.
    pub fn ended_how(&mut self) -> ExitStatus {
        self.daemon.take().expect("runs").wait().expect("a child")
    }

    /// What it logs.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until there is an answer.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut probe: impl FnMut(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = probe(self) {
                return found;
            }
            assert!(begun.elapsed() < DUE, "waited in vain: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The client 10.20.X.Y greets the server by that name.
    pub fn visit(&self, client: u16, name: &str) {
        self.greet(client, &modern(name).wire());
    }

    /// The same with a hello of so many bytes.
    pub fn visit_at_length(&self, client: u16, name: &str, length: usize) {
        self.greet(client, &modern(name).padded(length).wire());
    }

    fn greet(&self, client: u16, hello: &[u8]) {
        let [high, low] = client.to_be_bytes();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.bind((Ipv4Addr::new(10, 20, high, low), 0).into()).expect("an address");
            socket.connect(SERVER).await.expect("answers").into_std().expect("a stream")
        });
        stream.set_nonblocking(false).expect("waits");
        let mut stream: TcpStream = stream;
        stream.write_all(hello).expect("sent");
        let _ = stream.read(&mut [0; 64]);
    }

    /// Clients of the alerts that arrived so far, one for each alert, in order.
    pub fn alerted(&self) -> Vec<String> {
        let said = fs::read_to_string(self.path("out")).unwrap_or_default();
        let alerts = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        alerts.filter_map(|alert| alert["client"].as_str().map(str::to_owned)).filter(|client| !client.is_empty()).collect()
    }

    /// Whether an alert of that kind about the sensor itself arrived, in that state.
    pub fn hears(&self, kind: &str, state: &str) -> bool {
        let said = fs::read_to_string(self.path("out")).unwrap_or_default();
        let alerts = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        alerts.into_iter().any(|alert| alert["kind"] == kind && alert["state"] == state)
    }

    /// Visits by that client, and waits until its alert has arrived.
    #[track_caller]
    pub fn visit_and_hear(&self, client: u16, name: &str) {
        self.visit(client, name);
        self.hear(client);
    }

    /// Waits until an alert about that client has arrived.
    #[track_caller]
    pub fn hear(&self, client: u16) {
        let [high, low] = client.to_be_bytes();
        let address = format!("10.20.{high}.{low}");
        self.until(&format!("an alert about {address}"), |site| site.alerted().contains(&address).then_some(()));
    }

    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(LISTEN).ok()?;
        stream.set_read_timeout(Some(DUE)).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
    }

    /// Why it says that it is not ready; `None` where it is.
    pub fn trouble(&self) -> Option<String> {
        let (code, body) = self.until("/readyz answers", |site| site.get("/readyz"));
        (code != 200).then_some(body)
    }

    /// Sum of all series of a metric whose labels hold a text.
    pub fn metric(&self, name: &str, label: &str) -> u64 {
        let (_, text) = self.until("/metrics answers", |site| site.get("/metrics"));
        let is_meant = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label);
        text.lines().filter(is_meant).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    }

    /// Frames that were lost before they were read.
    pub fn lost(&self) -> u64 {
        self.metric("shadowtap_capture_dropped_total", "") + self.metric("shadowtap_events_dropped_total", "")
    }

    /// Ends the daemon and looks at the store: it is sound, and each of these clients stands in it with its one alert.
    #[track_caller]
    pub fn all_is_kept(&mut self, clients: impl Iterator<Item = u16>) {
        assert_eq!(self.stop(), Some(0), "{}", self.log());
        self.is_kept(clients);
    }

    /// The same where it has ended.
    #[track_caller]
    pub fn is_kept(&self, clients: impl Iterator<Item = u16>) {
        assert!(contents::is_sound(&self.store()));
        let told = contents::texts(&self.store(), "SELECT c.name FROM alert a JOIN client c ON c.id = a.client_id ORDER BY 1");
        let seen = contents::texts(&self.store(), "SELECT DISTINCT c.name FROM sighting s JOIN client c ON c.id = s.client_id ORDER BY 1");
        let mut wanted: Vec<String> = clients.map(u16::to_be_bytes).map(|[high, low]| format!("10.20.{high}.{low}")).collect();
        wanted.sort();
        assert_eq!(seen, wanted, "who was seen");
        assert_eq!(told, wanted, "each told of once");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().ok();
            daemon.wait().ok();
        }
    }
}
