//! An interface whose MTU changes and that goes down, and more frames than can be taken: capture goes on, and what was lost is counted and said.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};

use crate::site::Site;

const NAME: &str = "claude.ai";

fn ip(line: &str) {
    assert!(Command::new("ip").args(line.split(' ')).status().expect("iproute2 is there").success(), "{line}");
}

#[test]
fn another_mtu_and_a_link_that_was_down_lose_no_name() {
    let Some(mut site) = Site::new("") else { return };
    site.start();
    for (client, mtu) in [1500, 9000, 576, 65536].into_iter().enumerate() {
        ip(&format!("link set lo mtu {mtu}"));
        // Longer than a frame of the first MTU, and than one of the smallest.
        site.visit_at_length(client as u16, NAME, 4000);
        site.hear(client as u16);
    }
    assert!(!site.hears("capture_lost", "open") && site.lost() == 0);
    ip("link set lo down");
    site.until("an alert about the interface", |site| site.hears("capture_lost", "open").then_some(()));
    ip("link set lo up");
    ip("route replace local 10.0.0.0/8 dev lo");
    site.until("that it is over", |site| site.hears("capture_lost", "resolved").then_some(()));
    site.visit_and_hear(4, NAME);
    site.all_is_kept(0..5);
}

/// Sends datagrams over the loopback until it is told to stop; how many.
fn flood(until: &Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let until = Arc::clone(until);
    std::thread::spawn(move || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let mut sent = 0;
        while !until.load(Ordering::Relaxed) {
            // Nobody listens there, which the next one is told.
            sent += u64::from(socket.send_to(&[0x55; 1000], (Ipv4Addr::new(127, 0, 0, 9), 9)).is_ok());
        }
        sent
    })
}

#[test]
fn what_is_too_much_is_counted_and_said_and_names_go_on_being_found() {
    let Some(mut site) = Site::new("[capture]\nbuffer_mib = 1\n") else { return };
    site.start();
    site.visit_and_hear(0, NAME);
    let packets = |site: &Site| site.metric("shadowtap_capture_packets_total", "");
    let before = packets(&site);
    let enough = Arc::new(AtomicBool::new(false));
    kill(site.pid(), Signal::SIGSTOP).expect("it runs");
    let sender = flood(&enough);
    std::thread::sleep(std::time::Duration::from_millis(500));
    kill(site.pid(), Signal::SIGCONT).expect("it runs");
    (1..100).for_each(|client| site.visit(client, NAME));
    enough.store(true, Ordering::Relaxed);
    let sent = sender.join().expect("sends");
    let lost = site.until("a loss is counted", |site| Some(site.lost()).filter(|lost| *lost > 0));
    site.until("each frame is taken or counted as lost", |site| (packets(site) + site.lost() >= before + sent).then_some(()));
    println!("{sent} sent, {lost} lost");
    site.until("an alert about loss", |site| site.hears("packets_lost", "open").then_some(()));
    (100..110).for_each(|client| site.visit_and_hear(client, NAME));
    let told = site.alerted();
    let meanwhile = (1..100).filter(|client| told.contains(&format!("10.20.0.{client}"))).count();
    println!("{meanwhile} of 99 were found meanwhile");
    assert!(meanwhile > 0, "none of those who came meanwhile was found");
    assert_eq!(site.stop(), Some(0), "{}", site.log());
}
