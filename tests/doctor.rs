//! `shadowtap doctor` on an interface: in a network namespace of the test's own, which takes root; without it the test says that it was
//! skipped.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

#[test]
fn looks_at_an_interface_until_it_is_told_to_stop() {
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        assert!(std::env::var_os("CI").is_none() || !nix::unistd::geteuid().is_root(), "a namespace is needed");
        eprintln!("skipped: needs root for a network namespace");
        return;
    }
    ip("link add va type veth peer name vb");
    ip("link set va up");
    ip("link set vb up");
    ip("addr add 10.9.0.1/24 dev va");
    ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev va");
    let started = Instant::now();
    let doctor = look_at("va", "5m");
    let socket = UdpSocket::bind((Ipv4Addr::new(10, 9, 0, 1), 0)).expect("an address");
    for _ in 0..30 {
        socket.send_to(b"to another machine", (Ipv4Addr::new(10, 9, 0, 2), 9)).expect("sent");
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = Command::new("kill").args(["-INT", &doctor.id().to_string()]).status().expect("kill is there");
    assert!(status.success());
    let told = ended(doctor);
    assert!(started.elapsed() < Duration::from_secs(30), "Ctrl-C ends it early");
    let severity = |check| severity_of(&told, check);
    assert!(told["frames"].as_u64() > Some(5), "{told}");
    assert_eq!((severity("span"), severity("loss"), severity("traffic")), (Some("problem"), Some("ok"), Some("ok")), "{told}");

    ip("link set lo up");
    let told = ended(look_at("lo", "1s"));
    assert_eq!((severity_of(&told, "traffic"), &told["frames"]), (Some("problem"), &0.into()), "nothing is sent there: {told}");
    assert!(told["seconds"].as_f64() >= Some(1.0), "{told}");
}

fn severity_of<'a>(told: &'a Value, check: &str) -> Option<&'a str> {
    told["findings"].as_array()?.iter().find(|f| f["check"] == check)?["severity"].as_str()
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is there");
    assert!(status.success(), "ip {arguments}");
}

fn look_at(interface: &str, period: &str) -> Child {
    let arguments = ["doctor", "-i", interface, "--for", period, "--output", "json"];
    Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(arguments).stdout(Stdio::piped()).spawn().expect("starts")
}

fn ended(doctor: Child) -> Value {
    let output = doctor.wait_with_output().expect("ends");
    assert!(output.status.success(), "it is no failure to find something");
    serde_json::from_slice(&output.stdout).expect("one document")
}
