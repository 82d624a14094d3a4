//! One site: the folder with configuration, policy, signatures and store, and the daemon that runs on it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::metrics::Metrics;
use crate::net::{Background, Host, Net, TAP};
use crate::patience::{DUE, eventually};
use crate::receiver::{self, Inbox};

const LISTEN: &str = "127.0.0.1:9615";
const ORDER: [&str; 4] = ["resolved", "contacted", "engaged", "uploaded"];

/// A site and what its receiver got.
pub struct Site<'a> {
    net: &'a Net,
    folder: TempDir,
    /// What the webhook receiver wrote down.
    pub inbox: Inbox,
}

/// The running daemon; dropping it kills it.
pub struct Daemon<'a> {
    net: &'a Net,
    process: Background,
}

impl<'a> Site<'a> {
    /// A folder that the daemon's ordinary user can read, and a state folder that it can write.
    pub fn new(net: &'a Net) -> Self {
        Self::with(net, "")
    }

    /// The same with more at the end of its configuration.
    pub fn with(net: &'a Net, more: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("shadowtap-e2e-").tempdir().expect("a folder");
        let inbox = Inbox(folder.path().join("inbox"));
        let site = Site { net, folder, inbox };
        for (name, mode) in [("", 0o755), ("state", 0o777), ("rules", 0o755), ("signatures", 0o755)] {
            let path = site.path(name);
            fs::create_dir_all(&path).expect("a folder");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        }
        fs::write(site.policy_file(), "").expect("policy.toml");
        fs::write(site.path("secret"), "a secret of the test").expect("secret");
        fs::write(site.path("config.toml"), site.configuration() + more).expect("config.toml");
        site
    }

    /// A path in the site's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The policy file in force: `[[rule]]` tables.
    pub fn policy_file(&self) -> PathBuf {
        self.path("rules/policy.toml")
    }

    /// Adds tables to the configuration.
    pub fn configure(&self, more: &str) {
        let text = fs::read_to_string(self.path("config.toml")).expect("config.toml");
        fs::write(self.path("config.toml"), text + more).expect("config.toml");
    }

    /// Starts the daemon and waits until it is ready.
    pub fn start(&self) -> Daemon<'a> {
        self.start_at(TAP)
    }

    /// The same with variables in its environment, as a service manager gives it.
    pub fn start_with(&self, environment: &[(&str, &str)]) -> Daemon<'a> {
        self.launch(TAP, environment)
    }

    /// The same on another of the sensor's interfaces.
    pub fn start_at(&self, interface: &str) -> Daemon<'a> {
        self.launch(interface, &[])
    }

    fn launch(&self, interface: &str, environment: &[(&str, &str)]) -> Daemon<'a> {
        let mut daemon = self.spawn_with(interface, environment);
        eventually("/readyz says ready", || {
            let ended = daemon.process.0.try_wait().expect("a child");
            assert!(ended.is_none(), "the daemon ended: {ended:?}");
            daemon.get("/readyz").is_some().then_some(())
        });
        daemon
    }

    /// Starts the daemon and does not wait until it is ready.
    pub fn spawn(&self) -> Daemon<'a> {
        self.spawn_with(TAP, &[])
    }

    fn spawn_with(&self, interface: &str, environment: &[(&str, &str)]) -> Daemon<'a> {
        let log = File::options().create(true).append(true).open(self.path("log")).expect("log");
        let mut command = self.daemon_command();
        command.args(["run", "-i", interface, "--config"]).arg(self.path("config.toml"));
        command.envs(environment.iter().copied());
        command.stdout(log.try_clone().expect("log")).stderr(log);
        Daemon { net: self.net, process: Background(command.spawn().expect("starts")) }
    }

    /// The daemon; where `scripts/trace-calls` asks for it, every call of its threads is written down, one file a thread.
    fn daemon_command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_shadowtap");
        let Some(folder) = std::env::var_os("SHADOWTAP_TRACE") else { return self.net.command(Host::Sensor, program) };
        let mut command = self.net.command(Host::Sensor, "strace");
        command.args(["-D", "-q", "-ff", "-o"]).arg(Path::new(&folder).join("thread")).arg(program);
        command
    }

    /// All sightings of the store, through `shadowtap report`.
    pub fn sightings(&self) -> Vec<Value> {
        let mut report = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        report.args(["report", "--format", "json", "--since", "all", "--store", &self.store_url()]);
        let output = report.output().expect("runs");
        assert!(output.status.success(), "report: {}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("report prints JSON");
        report["sightings"].as_array().expect("sightings").clone()
    }

    /// What a command says of the store: standard output, standard error, whether it succeeded.
    pub fn ask(&self, line: &[&str]) -> (String, String, bool) {
        self.command(line, &["--store", &self.store_url()])
    }

    /// The same for a command that takes a configuration.
    pub fn configured(&self, line: &[&str]) -> (String, String, bool) {
        self.command(line, &["--config", &self.path("config.toml").display().to_string()])
    }

    fn command(&self, line: &[&str], place: &[&str]) -> (String, String, bool) {
        let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(line).args(place).output().expect("runs");
        let [said, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        (said, error, output.status.success())
    }

    /// The sightings of that client and service.
    pub fn of(&self, client: &str, service: &str) -> Vec<Value> {
        self.sightings().into_iter().filter(|s| s["client"] == client && s["service"] == service).collect()
    }

    /// Waits for the one sighting of that client and service to have at least that evidence.
    pub fn sighting(&self, client: &str, service: &str, evidence: &str) -> Value {
        let rank = |word: &str| ORDER.iter().position(|known| *known == word);
        let found = eventually(&format!("a sighting of {service} by {client}, {evidence}"), || {
            let found = self.of(client, service);
            let strong = |s: &Value| rank(s["evidence"].as_str().unwrap_or_default()) >= rank(evidence);
            found.iter().any(strong).then_some(found)
        });
        assert_eq!(found.len(), 1, "one sighting, not {found:#?}");
        found.into_iter().next().expect("one")
    }

    /// Waits for the first alert about that client and service; its id.
    pub fn alert(&self, client: &str, service: &str) -> String {
        eventually(&format!("an alert about {service} by {client}"), || self.inbox.alerts(client, service).into_iter().next())
    }

    /// Asks SQLite itself, past every line of our own.
    pub fn sqlite(&self, query: &str) -> String {
        let output = Command::new("sqlite3").arg("-readonly").arg(self.database()).arg(query).output().expect("sqlite3 runs");
        assert!(output.status.success(), "sqlite3: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn database(&self) -> PathBuf {
        self.path("state/shadowtap.sqlite")
    }

    /// Where its store is.
    pub fn store_url(&self) -> String {
        format!("sqlite://{}", self.database().display())
    }

    fn configuration(&self) -> String {
        let (store, receiver) = (self.store_url(), receiver::ADDRESS);
        let [policy, signatures, secret] =
            [self.policy_file(), self.path("signatures"), self.path("secret")].map(|path| path.display().to_string());
        format!(
            r#"
user = "nobody"
inside = ["10.0.0.0/8", "2001:db8:20::/48"]
[capture]
promiscuous = true
[store]
url = "{store}"
[http]
listen = "{LISTEN}"
[signatures]
folder = "{signatures}"
[[team]]
name = "engineering"
subnets = ["10.20.0.0/16", "2001:db8:20::/48"]
[[team]]
name = "finance"
subnets = ["10.30.0.0/16"]
[policy]
default = "unreviewed"
file = "{policy}"
[sighting]
engaged_bytes_up = 500
engaged_bytes_down = 8000
upload_bytes = 1000000
[alert]
inventory_hours = 0
[[alert.webhook]]
name = "soc"
url = "http://{receiver}/alerts"
secret_file = "{secret}"
timeout_seconds = 2
"#
        )
    }
}

impl Daemon<'_> {
    /// What it counts now.
    pub fn metrics(&self) -> Metrics {
        Metrics(self.get("/metrics").expect("/metrics answers"))
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.process.0.kill().expect("kills");
        self.process.0.wait().expect("a child");
    }

    /// Asks it to end; how it ended, and how long that took.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal("TERM");
        let status = loop {
            if let Some(status) = self.process.0.try_wait().expect("a child") {
                break status;
            }
            assert!(asked.elapsed() < DUE, "SIGTERM did not end it");
            std::thread::sleep(Duration::from_millis(20));
        };
        (status, asked.elapsed())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.pid().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// A line of its /proc status.
    pub fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(Path::new("/proc").join(self.pid().to_string()).join("status")).expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {field} in {status}")).trim().to_owned()
    }

    /// Name and nice value of each of its threads.
    pub fn threads(&self) -> Vec<(String, i32)> {
        let tasks = fs::read_dir(Path::new("/proc").join(self.pid().to_string()).join("task")).expect("threads");
        let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
        let read = |stat: String| {
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
            // The 19th field of proc_pid_stat(5); `rest` begins with the third.
            Some((name.to_owned(), rest.split(' ').nth(16)?.parse().ok()?))
        };
        stats.filter_map(read).collect()
    }

    fn get(&self, path: &str) -> Option<String> {
        let output = self.net.run(Host::Sensor, Duration::from_secs(5), &["curl", "-sf", &format!("http://{LISTEN}{path}")]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(30).collect();
            eprintln!("--- the daemon's last lines");
            last.iter().rev().for_each(|line| eprintln!("{line}"));
            eprintln!("--- deliveries {:?}", self.inbox.deliveries());
        }
    }
}
