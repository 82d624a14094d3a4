//! Alerts are told at least once, whatever becomes of the daemon and of the receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Case, wait_for_all_before};
use crate::client::Client;
use crate::draw::Draw;
use crate::liar::Liar;
use crate::net::{Background, Host};
use crate::receiver::Receiver;
use crate::server::NAMES;
use crate::site::{Daemon, Site};

pub const CASES: &[Case] = &[Case {
    name: "kill_9_fifty_times_before_a_receiver_that_lies_loses_no_alert_and_adds_none",
    needs: &["curl", "sqlite3", "sh"],
    run: fifty,
}];

const KILLS: usize = 50;
/// At least so many of them inside a transaction.
const INSIDE: usize = 10;
/// At least so many clients and services must have been due, on however slow a machine.
const ENOUGH: usize = 20;
/// How long a transaction is waited for.
const HUNT: Duration = Duration::from_secs(2);
/// Addresses the visitors speak from.
const VISITORS: u8 = 240;
/// What they visit.
const VISITED: [&str; 6] =
    ["chatgpt.com", "api.openai.com", "gemini.google.com", "api.anthropic.com", "chat.deepseek.com", "copilot.microsoft.com"];

/// The seed in `SHADOWTAP_SEED`, else one of this moment.
fn seed() -> u64 {
    let given = std::env::var("SHADOWTAP_SEED").ok().map(|seed| seed.parse().expect("SHADOWTAP_SEED is a number"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    given.unwrap_or(now as u64)
}

fn fifty(client: &Client) {
    let seed = seed();
    println!("SHADOWTAP_SEED={seed}");
    let mut dice = Draw::new(seed);
    let site = Site::with(client.net, "[alert.limit]\nburst = 100000\nper_hour = 100000\n");
    let rules = "[[rule]]\nstatus = \"unapproved\"\nservice = [\"openai.*\", \"anthropic.*\"]\n";
    fs::write(site.policy_file(), rules).expect("policy.toml");
    let visitors = visitors(client, &mut dice);
    let mut liar = Some(Liar::start(client.net, &site.inbox, dice.next()));
    let mut inside = 0;
    for round in 0..KILLS {
        if dice.below(4) == 0 {
            // The receiver is away for a while, and comes back with another mood.
            liar = if liar.take().is_some() { None } else { Some(Liar::start(client.net, &site.inbox, dice.next())) };
        }
        if round % 2 == 0 {
            let daemon = site.start();
            sleep(Duration::from_millis(200 + dice.below(300)));
            inside += usize::from(kill_inside(daemon, &site.path("state/shadowtap.sqlite-shm")));
        } else {
            let daemon = site.spawn();
            sleep(Duration::from_millis(dice.below(700)));
            daemon.kill();
        }
    }
    drop((liar, visitors));
    println!("{KILLS} kills, {inside} of them inside a transaction");
    assert!(inside >= INSIDE, "{inside} kills hit a transaction, {INSIDE} are wanted");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    wait_for_all_before(client, &site);
    // What flows that were open still have to tell is told at the end.
    daemon.terminate();
    let _daemon = site.start();
    settle(&site);
    compare(&site);
}

/// Programs that visit one service after the other, each from an address of its own, until they are dropped or have been everywhere.
fn visitors(client: &Client, dice: &mut Draw) -> Background {
    let own = client.net.name(Host::Client);
    let address = |n: u8| format!("10.20.7.{n}");
    let addresses: String = (1..=VISITORS).map(|n| format!("address add {}/8 dev eth0\n", address(n))).collect();
    let list = client.scratch.join("addresses");
    fs::write(&list, addresses).expect("writes");
    crate::net::sh(&format!("ip -n {own} -batch {}", list.display()));
    fs::write(client.scratch.join("sent"), vec![b'x'; 1_200_000]).expect("writes");
    let mut script = String::new();
    for n in 1..=VISITORS {
        for name in VISITED {
            let server = NAMES.iter().find(|(known, _)| *known == name).map(|(_, part)| format!("198.51.100.{part}")).expect("is served");
            let body =
                if dice.below(12) == 0 { format!(" --data-binary @{}", client.scratch.join("sent").display()) } else { String::new() };
            let to = format!("--interface {} --resolve {name}:443:{server} https://{name}/upload", address(n));
            script.push_str(&format!("curl -sk -m 3 -o /dev/null {to}; sleep 0.03\n"));
            if !body.is_empty() {
                script.push_str(&format!("curl -sk -m 3 -o /dev/null{body} {to}\n"));
            }
        }
    }
    let file = client.scratch.join("visits.sh");
    fs::write(&file, script).expect("writes");
    client.net.background(Host::Client, &["sh", &file.display().to_string()])
}

/// Kills a daemon that is inside a transaction: it is stopped, the lock on the log is seen to be its own, and only then it is killed. False
/// where no transaction was met in time; it is killed all the same.
fn kill_inside(daemon: Daemon<'_>, shm: &Path) -> bool {
    let pid = daemon.pid();
    let lock = File::options().read(true).write(true).open(shm).expect("the log's index");
    let begun = Instant::now();
    let mut is_inside = false;
    while begun.elapsed() < HUNT && !is_inside {
        if !writes(&lock, pid) {
            continue;
        }
        signal(pid, Signal::SIGSTOP);
        while !is_stopped(pid) {
            std::thread::yield_now();
        }
        is_inside = writes(&lock, pid);
        if !is_inside {
            signal(pid, Signal::SIGCONT);
        }
    }
    daemon.kill();
    is_inside
}

/// Whether that process holds the lock under which SQLite writes its log (https://www.sqlite.org/walformat.html, WAL_WRITE_LOCK: byte 120).
fn writes(shm: &File, pid: u32) -> bool {
    let mut wanted = libc::flock { l_type: libc::F_WRLCK as i16, l_whence: libc::SEEK_SET as i16, l_start: 120, l_len: 1, l_pid: 0 };
    fcntl(shm.as_fd(), FcntlArg::F_GETLK(&mut wanted)).expect("asks for the lock");
    i32::from(wanted.l_type) != libc::F_UNLCK && u32::try_from(wanted.l_pid) == Ok(pid)
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().expect("a pid")), signal).expect("signals");
}

/// Whether none of its threads runs any more.
fn is_stopped(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("threads").flatten();
    let state = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
    threads.map(state).all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
}

/// Waits until nothing waits any more; what backs off is hurried.
fn settle(site: &Site<'_>) {
    let begun = Instant::now();
    loop {
        let config = site.path("config.toml").display().to_string();
        let (_, error, is_well) = site.ask(&["alerts", "retry", "--all", "--config", &config]);
        assert!(is_well, "alerts retry: {error}");
        for _ in 0..20 {
            sleep(Duration::from_millis(100));
            if site.sqlite("SELECT count(*) FROM outbox WHERE state <> 1") == "0" {
                return;
            }
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "alerts still wait: {}",
            site.sqlite("SELECT count(*) FROM outbox WHERE state <> 1")
        );
    }
}

/// What arrived is what was due: by the sightings of the store, and by its alerts.
fn compare(site: &Site<'_>) {
    let lines = |query: &str| -> BTreeSet<String> { site.sqlite(query).lines().map(str::to_owned).collect() };
    let due = lines(
        "SELECT DISTINCT c.name || ' ' || s.name FROM sighting g JOIN client c ON c.id = g.client_id JOIN service s ON s.id = g.service_id
         WHERE g.status IN (0, 4) AND g.evidence >= 1 AND g.presence_only = 0",
    );
    let made = lines("SELECT key FROM alert");
    let (mut received, mut first, mut kinds) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::<String, Vec<String>>::new());
    for delivery in site.inbox.deliveries() {
        let alert = &delivery.alert;
        let pair = format!("{} {}", alert["client"].as_str().unwrap_or_default(), alert["service"]["id"].as_str().unwrap_or_default());
        if received.insert(delivery.id.clone()) {
            kinds.entry(pair.clone()).or_default().push(alert["kind"].as_str().unwrap_or_default().to_owned());
        }
        first.insert(pair);
    }
    println!("{} clients and services, {} alerts, {} deliveries", due.len(), made.len(), site.inbox.deliveries().len());
    assert!(due.len() >= ENOUGH, "too little happened: {}", due.len());
    assert_eq!(received, made, "what arrived is what the store holds");
    assert_eq!(first, due, "every client and service that was due, and no other");
    for (pair, kinds) in kinds {
        let begins = kinds.first().is_some_and(|kind| ["first_use", "new_service"].contains(&kind.as_str()));
        let goes_on = kinds.iter().skip(1).all(|kind| kind == "uploaded");
        assert!(begins && goes_on && kinds.len() <= 2, "{pair}: {kinds:?}");
    }
    assert_eq!(site.sqlite("PRAGMA integrity_check"), "ok");
}
