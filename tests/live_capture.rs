//! Live capture from interfaces that come and go. Each test runs on a thread with a network namespace of its own, which takes root;
//! without it the tests say that they were skipped.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use shadowtap::daemon::capture::live::{LiveCapture, Polled};
use shadowtap::daemon::config::Capture;
use shadowtap::daemon::failure::Failure;
use shadowtap::engine::frame::Frame;

/// Moves this thread into a namespace with the pair `va` (10.9.0.1) and `vb`; false where that is not allowed.
fn own_namespace() -> bool {
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        assert!(std::env::var_os("CI").is_none() || !nix::unistd::geteuid().is_root(), "a namespace is needed");
        eprintln!("skipped: needs root for a network namespace");
        return false;
    }
    ip("link set lo up");
    make_pair();
    true
}

fn make_pair() {
    ip("link add va type veth peer name vb");
    ip("link set va up");
    ip("link set vb up");
    ip("addr add 10.9.0.1/24 dev va");
    ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev va");
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is there");
    assert!(status.success(), "ip {arguments}");
}

fn is_promiscuous(interface: &str) -> bool {
    let output = Command::new("ip").args(["-j", "-d", "link", "show", interface]).output().expect("iproute2 is there");
    let links: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
    links[0]["promiscuity"].as_u64() > Some(0)
}

fn send(text: &str) {
    let socket = UdpSocket::bind((Ipv4Addr::new(10, 9, 0, 1), 0)).expect("an address");
    socket.send_to(text.as_bytes(), (Ipv4Addr::new(10, 9, 0, 2), 9)).expect("sent");
}

fn settings() -> Capture {
    Capture { buffer_mib: 2, ..Capture::default() }
}

/// Reads until a frame contains `text`, at most 8 s; what was said of the interface meanwhile goes to `said`.
fn sees(capture: &mut LiveCapture, text: &str, said: &mut Vec<String>) -> bool {
    sees_within(capture, text, said, Duration::from_secs(8))
}

fn sees_within(capture: &mut LiveCapture, text: &str, said: &mut Vec<String>, most: Duration) -> bool {
    let until = Instant::now() + most;
    let mut seen = false;
    while Instant::now() < until && !seen {
        if let Polled::Gone(why) = capture.read(|frame| seen |= holds(frame, text)) {
            said.push(why);
        }
    }
    seen
}

fn holds(frame: &Frame<'_>, text: &str) -> bool {
    frame.bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

/// Reads for a while and returns what was said of the interface.
fn listen(capture: &mut LiveCapture, millis: u64) -> Vec<String> {
    let until = Instant::now() + Duration::from_millis(millis);
    let (mut said, mut calls) = (Vec::new(), 0);
    while Instant::now() < until {
        calls += 1;
        if let Polled::Gone(why) = capture.read(|_| {}) {
            said.push(why);
        }
    }
    assert!(calls < millis / 20 + 20, "{calls} calls in {millis} ms: it does not wait");
    said
}

/// Sends `text` again and again until it is seen.
fn comes_back(capture: &mut LiveCapture, text: &str, said: &mut Vec<String>) -> bool {
    (0..10).any(|_| {
        send(text);
        sees_within(capture, text, said, Duration::from_secs(1))
    })
}

fn without_right(run: impl FnOnce()) {
    let all = capabilities(None).expect("readable");
    let mut fewer = all;
    fewer.effective.remove(CapabilitySet::NET_RAW);
    set_capabilities(None, fewer).expect("own rights can be reduced");
    run();
    set_capabilities(None, all).expect("and taken back");
}

#[test]
fn hands_out_frames_with_time_and_length() {
    if !own_namespace() {
        return;
    }
    let mut capture = LiveCapture::open("va", &Capture { snapshot_length: 64, ..settings() }).expect("opens");
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    send(&"x".repeat(400));
    let until = Instant::now() + Duration::from_secs(5);
    let (mut frames, mut idles) = (0, 0);
    while Instant::now() < until && (frames == 0 || idles == 0) {
        let polled = capture.read(|frame| {
            if frame.wire_len == 442 {
                assert_eq!((frame.link.0, frame.bytes.len()), (1, 64));
                assert!(frame.time.0 >= before && frame.time.0 < before + 5_000_000_000, "{:?} {before}", frame.time);
                frames += 1;
            }
        });
        match polled {
            Polled::Idle(time) if frames > 0 => idles += u64::from(time.0 > before),
            Polled::Idle(_) | Polled::Frames => {}
            Polled::Gone(why) => panic!("{why}"),
        }
    }
    assert!(frames == 1 && idles > 0, "{frames} {idles}");
    assert!(capture.stats().received >= 1);
}

#[test]
fn any_takes_every_interface() {
    if !own_namespace() {
        return;
    }
    let mut capture = LiveCapture::open("any", &settings()).expect("opens");
    send("through any");
    assert!(sees(&mut capture, "through any", &mut Vec::new()));
}

#[test]
fn a_filter_chooses_and_a_bad_one_is_named() {
    if !own_namespace() {
        return;
    }
    let with = |filter: &str| Capture { filter: Some(filter.into()), ..settings() };
    let Err(Failure::Setting(why)) = LiveCapture::open("va", &with("udp prot 9")) else { panic!("not refused") };
    assert!(why.contains("\"udp prot 9\"") && why.contains("syntax error"), "{why}");
    let mut capture = LiveCapture::open("va", &with("udp port 10")).expect("opens");
    send("to port nine");
    listen(&mut capture, 400);
    assert_eq!(capture.stats().received, 0);
}

#[test]
fn loss_is_counted() {
    if !own_namespace() {
        return;
    }
    let mut capture = LiveCapture::open("va", &Capture { buffer_mib: 1, filter: Some("udp port 9".into()), ..settings() }).expect("opens");
    let socket = UdpSocket::bind((Ipv4Addr::new(10, 9, 0, 1), 0)).expect("an address");
    let sent = (0..20_000).filter(|_| socket.send_to(&[7; 500], (Ipv4Addr::new(10, 9, 0, 2), 9)).is_ok()).count() as u64;
    while matches!(capture.read(|_| {}), Polled::Frames) {}
    let (reader, total) = std::thread::spawn(move || {
        listen(&mut capture, 500);
        let total = capture.stats();
        (capture, total)
    })
    .join()
    .expect("a capture can move to another thread");
    assert_eq!(total.received + total.dropped_kernel, sent, "{total:?} on {}", reader.interface());
    assert!(total.received > 500 && total.dropped_kernel > 500, "{total:?}");
}

#[test]
fn an_interface_that_is_down_is_named_with_the_remedy() {
    if !own_namespace() {
        return;
    }
    ip("link set va down");
    let Err(Failure::Internal(why)) = LiveCapture::open("va", &settings()) else { panic!("not refused") };
    assert_eq!(why, "interface va is down; bring it up with: ip link set dev va up");
}

#[test]
fn an_unknown_interface_names_the_known_ones() {
    if !own_namespace() {
        return;
    }
    let Err(Failure::Setting(why)) = LiveCapture::open("eth9", &settings()) else { panic!("not refused") };
    assert!(why.starts_with("interface eth9 does not exist; there are: lo (up; 127.0.0.1"), "{why}");
    assert!(why.contains("va (up; 10.9.0.1"), "{why}");
}

#[test]
fn a_missing_right_is_named_with_the_remedy() {
    if !own_namespace() {
        return;
    }
    without_right(|| {
        let Err(Failure::Permission(why)) = LiveCapture::open("va", &settings()) else { panic!("not refused") };
        assert!(why.contains("CAP_NET_RAW") && why.contains("setcap cap_net_raw+ep /"), "{why}");
    });
}

#[test]
fn an_interface_set_down_is_read_again_when_it_is_up() {
    if !own_namespace() {
        return;
    }
    let mut capture = LiveCapture::open("va", &settings()).expect("opens");
    send("before");
    assert!(sees(&mut capture, "before", &mut Vec::new()));
    ip("link set va down");
    without_right(|| {
        assert_eq!(listen(&mut capture, 2500), ["va is down"]);
        ip("link set va up");
        ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev va");
        let mut said = Vec::new();
        assert!(comes_back(&mut capture, "after", &mut said), "{said:?}");
        assert_eq!(said, [""; 0]);
    });
    assert!(capture.stats().received >= 2 && capture.stats().absences == 1, "{:?}", capture.stats());
}

#[test]
fn an_interface_made_again_is_opened_again() {
    if !own_namespace() {
        return;
    }
    let mut capture = LiveCapture::open("va", &settings()).expect("opens");
    send("before");
    assert!(sees(&mut capture, "before", &mut Vec::new()));
    ip("link del va");
    let mut said = listen(&mut capture, 2500);
    make_pair();
    assert!(comes_back(&mut capture, "after", &mut said), "{said:?}");
    assert_eq!(said, ["va is gone"]);
    assert!(is_promiscuous("va"), "opened again, it is promiscuous again");
}

#[test]
fn a_renamed_interface_is_read_on() {
    if !own_namespace() {
        return;
    }
    let mut capture = LiveCapture::open("va", &settings()).expect("opens");
    ip("link set va down");
    ip("link set va name wan0");
    let mut said = listen(&mut capture, 1500);
    ip("link set wan0 up");
    ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev wan0");
    assert!(comes_back(&mut capture, "after", &mut said), "{said:?}");
    assert_eq!((said.as_slice(), capture.interface()), (&["va is down".to_owned()][..], "va"));
}

#[test]
fn an_interface_made_again_is_read_without_the_right_to_open_it() {
    if !own_namespace() {
        return;
    }
    let mut capture = LiveCapture::open("va", &settings()).expect("opens");
    send("before");
    assert!(sees(&mut capture, "before", &mut Vec::new()));
    without_right(|| {
        for round in 0..2 {
            ip("link del va");
            let mut said = listen(&mut capture, 2500);
            make_pair();
            assert!(comes_back(&mut capture, &format!("after {round}"), &mut said), "{said:?} {:?}", capture.stats());
            assert_eq!(said, ["va is gone"]);
        }
        assert!(is_promiscuous("va"), "that needs no right either");
        assert_eq!(capture.stats().absences, 2);
    });
}

#[test]
fn an_interface_that_threads_share_says_what_it_takes_to_be_read_again() {
    if !own_namespace() {
        return;
    }
    let captures = LiveCapture::open_all("va", &Capture { threads: 2, ..settings() }).expect("opens");
    let [mut first, _second] = <[LiveCapture; 2]>::try_from(captures).ok().expect("two");
    without_right(|| {
        ip("link del va");
        let mut said = listen(&mut first, 2500);
        make_pair();
        said.extend(listen(&mut first, 2500));
        let remedy = "va cannot be opened again: where threads share it, that takes the right CAP_NET_RAW; restart shadowtap";
        assert_eq!(said, ["va is gone", remedy]);
    });
    let mut said = Vec::new();
    assert!(comes_back(&mut first, "after", &mut said), "{said:?}");
}
