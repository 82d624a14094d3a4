//! Metrics of a large site: 10,000 clients in 50 teams use 500 services, each service in every team, in front of a real daemon. That would be
//! 25,000 combinations; the cap leaves 5,000 of them series of their own and counts the others under `other`, so nothing is lost and the page
//! stays of one size. Needs root for a network namespace and is skipped without.
//!
//! `cargo test --test cardinality -- --nocapture` prints the figures; SHADOWTAP_BINARY measures another build.
#![cfg(all(target_os = "linux", feature = "daemon"))]

mod wire;

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use wire::hello::modern;
use wire::packet::{Talk, framed};

const TEAMS: usize = 50;
const SERVICES: usize = 500;
const CLIENTS_OF_A_TEAM: usize = 200;
/// Services a client uses: with 200 clients in a team, each of the 500 is used there.
const USED: usize = 3;
/// Sightings that come of it.
const SIGHTINGS: usize = TEAMS * CLIENTS_OF_A_TEAM * USED;
/// Combinations of service, status and team that have series of their own (`metrics::MOST_SERIES`).
const CAP: usize = shadowtap::daemon::metrics::MOST_SERIES;
/// Frames sent before a rest, so that a slow machine's ring holds them.
const BURST: usize = 2000;
const NOBODY: u32 = 65534;

/// The daemon, ended with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ten_thousand_clients_make_no_more_series_than_the_cap() {
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        assert!(std::env::var_os("CI").is_none() || !nix::unistd::geteuid().is_root(), "a namespace is needed");
        return println!("skipped: needs root for a network namespace");
    }
    ["link set lo up", "link add va type veth peer name vb", "link set va up", "link set vb up"].into_iter().for_each(ip);
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = site(folder.path());
    let _daemon = Daemon(
        Command::new(std::env::var_os("SHADOWTAP_BINARY").unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_shadowtap"))))
            .args(["run", "-i", "vb", "--config"])
            .arg(folder.path().join("config.toml"))
            .stderr(File::create(folder.path().join("log")).expect("a log"))
            .spawn()
            .expect("starts"),
    );
    let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    eventually("it serves", &log, || scrape(metrics).is_some());
    send_all();
    eventually("every sighting is counted", &log, || {
        scrape(metrics).is_some_and(|page| sum(&page.text, "shadowtap_active_clients{") == SIGHTINGS as u64)
    });
    let page = scrape(metrics).expect("it serves");
    hold(&page);
}

/// What the page must be.
fn hold(page: &Page) {
    let text = &page.text;
    let of = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    let (all, sightings) = (text.lines().filter(|line| !line.starts_with('#')).count(), of("shadowtap_sightings_total{"));
    println!(
        "{SIGHTINGS} sightings of {} clients, {SERVICES} services, {TEAMS} teams: {all} series ({sightings} of shadowtap_sightings_total), {} bytes, scraped in {:?}",
        TEAMS * CLIENTS_OF_A_TEAM,
        text.len(),
        page.took
    );
    let levels = 2; // resolved, contacted: what a hello alone comes to
    assert_eq!(sightings, (CAP + 1) * levels, "the cap, and `other`");
    let contacted = |line: &&str| line.starts_with("shadowtap_sightings_total{") && line.contains("evidence=\"contacted\"");
    let contacted: Vec<&str> = text.lines().filter(contacted).collect();
    let counted: u64 = contacted.iter().filter_map(|line| value(line)).sum();
    assert_eq!(counted, SIGHTINGS as u64, "what has no series of its own is counted all the same");
    let others = contacted.iter().find(|line| line.contains("service=\"other\"") && line.contains("team=\"other\""));
    assert!(others.and_then(|line| value(line)).is_some_and(|count| count > 10_000), "{others:?}");
    assert_eq!(of("shadowtap_active_clients{"), SERVICES, "without teams there is room for all");
    assert_eq!(of("shadowtap_service_bytes_total{"), SERVICES * 2);
    assert!(all < sightings + SERVICES * 3 + 1000 && text.len() < 4_000_000, "{all} series, {} bytes", text.len());
    assert!(!text.contains("10.1.0.") && !text.contains("example"), "no client and no name of the wire is a label");
}

/// 50 teams, 500 services nobody decided about, a store on disk; the address of its metrics.
fn site(folder: &Path) -> SocketAddr {
    let metrics = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let mut config = format!(
        "user = \"nobody\"\ninside = [\"10.0.0.0/8\"]\n[capture]\nbuffer_mib = 256\n[store]\nurl = {:?}\n[http]\nlisten = \"{metrics}\"\n[signatures]\nfolder = {:?}\n",
        folder.join("s.sqlite"),
        folder.join("signatures")
    );
    for team in 0..TEAMS {
        // Writing to a String cannot fail.
        let _ = write!(config, "[[team]]\nname = \"team-{team}\"\nsubnets = [\"10.{team}.0.0/16\"]\n");
    }
    let mut services = "vendor = \"Acme\"\ncountry = \"DE\"\n".to_owned();
    for service in 0..SERVICES {
        let _ = write!(
            services,
            "[[service]]\nid = \"acme.s{service}\"\nname = \"Acme {service}\"\ndescription = \"One of many.\"\ncategory = \"chat\"\n\
             hosts = [\"{0}\"]\nexamples = [\"{0}\"]\nnot = [\"acme.example\"]\n\
             sources = [{{ url = \"https://acme.example\", checked = 2026-11-01 }}]\n",
            host(service)
        );
    }
    fs::create_dir(folder.join("signatures")).expect("a folder");
    fs::write(folder.join("signatures/acme.toml"), services).expect("signatures");
    fs::write(folder.join("config.toml"), config).expect("a configuration");
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("its mode");
    chown(folder, Some(NOBODY), Some(NOBODY)).expect("root may");
    metrics
}

fn host(service: usize) -> String {
    format!("s{service}.acme.example")
}

/// Each client's hellos.
fn send_all() {
    let mut wire = pcap::Capture::from_device("va").and_then(|c| c.immediate_mode(true).open()).expect("root may");
    let mut sent = 0;
    for team in 0..TEAMS {
        for client in 0..CLIENTS_OF_A_TEAM {
            for n in 0..USED {
                let service = (client * USED + n) % SERVICES;
                for frame in hello(&format!("10.{team}.{client}.5:{}", 40_000 + n), service) {
                    wire.sendpacket(frame).expect("sent");
                    sent += 1;
                    if sent % BURST == 0 {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            }
        }
    }
}

/// A connection up to its hello.
fn hello(client: &str, service: usize) -> Vec<Vec<u8>> {
    let mut talk = Talk::new(client, &format!("198.18.{}.{}:443", service / 250, 1 + service % 250));
    let mut frames: Vec<_> = talk.open().iter().map(|datagram| framed(datagram)).collect();
    frames.push(framed(&talk.say(&modern(&host(service)).wire())));
    frames
}

/// One scrape.
struct Page {
    text: String,
    took: Duration,
}

fn scrape(metrics: SocketAddr) -> Option<Page> {
    let begun = Instant::now();
    let output = Command::new("curl").args(["-sSf", &format!("http://{metrics}/metrics")]).output().expect("curl runs");
    let took = begun.elapsed();
    output.status.success().then(|| Page { text: String::from_utf8_lossy(&output.stdout).into_owned(), took })
}

fn sum(text: &str, series: &str) -> u64 {
    text.lines().filter(|line| line.starts_with(series)).filter_map(value).sum()
}

fn value(line: &str) -> Option<u64> {
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok())
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is there");
    assert!(status.success(), "ip {arguments}");
}

#[track_caller]
fn eventually(what: &str, log: &dyn Fn() -> String, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(90), "waited in vain until {what}; its log:\n{}", log());
        std::thread::sleep(Duration::from_millis(200));
    }
}
