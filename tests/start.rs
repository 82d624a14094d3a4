//! Signals while the daemon starts, and reloads that bring sinks that cannot be used. The daemon captures from `lo`, so these need root
//! and are skipped without.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

const NOBODY: u32 = 65534;

struct Daemon {
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Daemon {
    /// A site for a daemon that becomes nobody; `None` without root.
    fn new(more: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: needs root");
            return None;
        }
        let daemon = Daemon { folder: tempfile::tempdir().expect("a folder"), process: None };
        fs::set_permissions(daemon.folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        File::create(daemon.path("s.sqlite")).expect("a store");
        for path in [daemon.folder.path().to_owned(), daemon.path("s.sqlite")] {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        daemon.configure(more);
        Some(daemon)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a configuration with `more` at its end.
    fn configure(&self, more: &str) {
        let text = format!("user = \"nobody\"\n[store]\nurl = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n{more}", self.path("s.sqlite"));
        fs::write(self.path("config.toml"), text).expect("written");
    }

    fn start(&mut self) {
        let log = File::create(self.path("log")).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        command.args(["run", "-i", "lo", "--config"]).arg(self.path("config.toml")).stderr(log);
        // No authorities on this machine: a sink with https cannot be made.
        command.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
        self.process = Some(command.spawn().expect("starts"));
    }

    #[track_caller]
    fn says(&self, words: &str) {
        let begun = Instant::now();
        while !fs::read_to_string(self.path("log")).expect("a log").contains(words) {
            let log = || fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(10), "{words:?} was not said:\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.as_ref().expect("started").id();
        kill(Pid::from_raw(id.try_into().expect("a process id")), signal).expect("it runs");
    }

    /// Ends it: its exit code, and how long that took.
    fn stop(&mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.signal(Signal::SIGTERM);
        let status = self.process.take().expect("started").wait().expect("a child");
        (status.code(), asked.elapsed())
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

/// Holds a store that is not open yet, so that opening it waits.
async fn hold(daemon: &Daemon) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(daemon.path("s.sqlite"));
    let holder = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("opens");
    sqlx::query("BEGIN EXCLUSIVE").execute(&holder).await.expect("held");
    holder
}

#[tokio::test]
async fn a_stop_while_the_store_is_opened_ends_it_at_once_and_well() {
    let Some(mut daemon) = Daemon::new("") else { return };
    let _holder = hold(&daemon).await;
    daemon.start();
    daemon.says("database ");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_hangup_while_the_store_is_opened_reloads_afterwards() {
    let Some(mut daemon) = Daemon::new("") else { return };
    let holder = hold(&daemon).await;
    daemon.start();
    daemon.says("database ");
    tokio::time::sleep(Duration::from_millis(300)).await;
    daemon.signal(Signal::SIGHUP);
    sqlx::query("ROLLBACK").execute(&holder).await.expect("released");
    holder.close().await;
    daemon.says("reloaded");
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn a_sink_that_cannot_be_used_refuses_the_reload_and_the_old_ones_go_on() {
    let hook = |name: &str, url: &str| format!("[[alert.webhook]]\nname = {name:?}\nurl = {url:?}\n");
    let old = hook("soc", "http://127.0.0.1:9/");
    let Some(mut daemon) = Daemon::new(&old) else { return };
    daemon.start();
    daemon.says("running");
    daemon.configure(&(old + &hook("siem", "https://siem.example/T0K3N")));
    daemon.says("sink `siem`");
    daemon.says("reload refused");
    let log = fs::read_to_string(daemon.path("log")).expect("a log");
    assert!(!log.contains("T0K3N") && !log.contains("\"message\":\"reloaded\""), "{log}");
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn the_log_has_the_form_that_is_configured() {
    let Some(mut daemon) = Daemon::new("[log]\nformat = \"human\"\n") else { return };
    daemon.start();
    daemon.says("running");
    let log = fs::read_to_string(daemon.path("log")).expect("a log");
    assert!(!log.contains('{') && log.contains(" INFO "), "{log}");
}

/// A question for chatgpt.com, type A.
const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07chatgpt\x03com\x00\x00\x01\x00\x01";

#[tokio::test]
async fn a_store_that_cannot_be_written_at_the_end_is_a_failure_that_says_what_is_lost() {
    let Some(mut daemon) = Daemon::new("") else { return };
    daemon.start();
    daemon.says("running");
    let options = SqliteConnectOptions::new().filename(daemon.path("s.sqlite"));
    let holder = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("opens");
    sqlx::query("BEGIN IMMEDIATE").execute(&holder).await.expect("held");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.send_to(QUESTION, "127.0.0.1:53").expect("sent");
    daemon.says("openai.chatgpt");
    let (code, took) = daemon.stop();
    let said = fs::read_to_string(daemon.path("log")).expect("a log");
    assert_eq!(code, Some(70), "{said}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(said.contains("the store could not be written: 1 sightings"), "{said}");
}

#[tokio::test]
async fn alerts_of_a_sink_that_is_gone_are_given_up_and_said_at_the_start() {
    let Some(mut daemon) = Daemon::new("[[alert.webhook]]\nname = \"new\"\nurl = \"http://127.0.0.1:9/\"\n") else { return };
    let path = daemon.path("s.sqlite");
    shadowtap::daemon::store::Store::open(path.to_str().expect("text")).await.expect("made").close().await;
    let options = SqliteConnectOptions::new().filename(&path);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("opens");
    let waiting = "
        INSERT INTO client VALUES (1, '10.0.0.5');
        INSERT INTO service VALUES (1, 'openai.chatgpt', 'OpenAI', 'chat');
        INSERT INTO alert (id, key, created, client_id, service_id, kind, payload) VALUES (1, 'a', 0, 1, 1, 0, '{}');
        INSERT INTO outbox VALUES (1, 'old', 0, 0, 0, 0, NULL)";
    sqlx::raw_sql(waiting).execute(&pool).await.expect("written");
    pool.close().await;
    daemon.start();
    daemon.says("alerts given up");
    daemon.says("running");
    let alerts = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        let output = command.arg("alerts").args(words).arg("--store").arg(&path).output().expect("starts");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    assert!(alerts(&["list"]).contains("sink removed from the configuration"));
    let config = daemon.path("config.toml").display().to_string();
    assert_eq!(alerts(&["retry", "--all", "--config", &config]), "1 delivery will be tried again\n");
    let listed = alerts(&["list"]);
    assert!(listed.contains("pending") && listed.contains("new") && !listed.contains("old"), "{listed}");
    assert_eq!(daemon.stop().0, Some(0));
}
