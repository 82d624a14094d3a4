//! A daemon that has no descriptor or no memory left.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use nix::sys::signal::{Signal, kill};

use crate::contents;
use crate::site::{LISTEN, Site};

const NAME: &str = "gemini.google.com";

/// Sets a limit of the daemon's as the user it became, which takes no right.
fn limit(site: &Site, what: &str) {
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", "--pid"];
    let status = Command::new("setpriv").args(user).args([&site.pid().to_string(), what]).status();
    assert!(status.expect("util-linux is there").success(), "{what}");
}

#[test]
fn without_a_descriptor_left_capture_and_alerts_go_on_and_the_door_opens_again() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    site.visit_and_hear(0, NAME);
    let open = fs::read_dir(format!("/proc/{}/fd", site.pid())).expect("it runs").count();
    limit(&site, &format!("--nofile={open}:"));
    let waiting: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(LISTEN).expect("the kernel takes it")).collect();
    kill(site.pid(), Signal::SIGHUP).expect("it runs");
    (1..20).for_each(|client| site.visit_and_hear(client, NAME));
    site.until("the reload is refused", |site| site.log().contains("reload refused").then_some(()));
    limit(&site, "--nofile=1024:");
    drop(waiting);
    site.until("ready again", |site| site.trouble().is_none().then_some(()));
    kill(site.pid(), Signal::SIGHUP).expect("it runs");
    site.until("the files are read again", |site| site.log().contains("\"reloaded\"").then_some(()));
    assert_eq!(site.lost(), 0);
    assert!(site.log().lines().count() < 200, "it says so now and then: {} lines", site.log().lines().count());
    site.all_is_kept(0..20);
}

#[test]
fn without_memory_left_it_goes_on_or_ends_and_says_so_and_the_store_is_whole() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    site.visit_and_hear(0, NAME);
    let status = fs::read_to_string(format!("/proc/{}/status", site.pid())).expect("it runs");
    let size: u64 =
        status.lines().find_map(|l| l.strip_prefix("VmSize:")?.trim().strip_suffix(" kB")?.trim().parse().ok()).expect("a size");
    limit(&site, &format!("--as={}:", (size + 1024) * 1024));
    for client in 1..400 {
        site.visit(client, NAME);
    }
    let ends = site.until("it told of all or ended", |site| {
        let is_gone = fs::read_to_string(format!("/proc/{}/status", site.pid())).is_ok_and(|status| status.contains("State:\tZ"));
        (is_gone || site.alerted().len() == 400).then_some(is_gone)
    });
    println!("without memory it ends: {ends}");
    let told = site.alerted();
    if ends {
        site.ended();
        assert!(site.log().contains("memory allocation of"), "{}", site.log());
        site.start();
    } else {
        limit(&site, "--as=unlimited:");
    }
    site.visit_and_hear(1000, NAME);
    assert_eq!(site.stop(), Some(0), "{}", site.log());
    assert!(contents::is_sound(&site.store()));
    let kept = contents::texts(&site.store(), "SELECT c.name FROM alert a JOIN client c ON c.id = a.client_id");
    assert!(told.iter().all(|client| kept.contains(client)), "what was told is kept");
}

#[test]
fn a_crash_leaves_no_core_and_nobody_else_reads_its_memory() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    let process = format!("/proc/{}", site.pid());
    let limits = fs::read_to_string(format!("{process}/limits")).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // What cannot be dumped belongs to root in /proc, whoever the process runs as (proc(5)): its own user cannot read it.
    let owner = |name: &str| fs::metadata(format!("{process}/{name}")).expect("it runs").uid();
    let status = fs::read_to_string(format!("{process}/status")).expect("it runs");
    assert!(status.contains("Uid:\t65534\t65534"), "{status}");
    assert_eq!([owner("mem"), owner("environ"), owner("maps")], [0; 3]);
    kill(site.pid(), Signal::SIGABRT).expect("it runs");
    let ended = site.ended_how();
    assert!(ended.signal() == Some(Signal::SIGABRT as i32) && !ended.core_dumped(), "{ended}");
}
