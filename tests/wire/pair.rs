//! A pair of interfaces in a network namespace of the test's own, and what captures take of what is sent over it.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use pcap::{Active, Capture};
use shadowtap::daemon::capture::live::LiveCapture;

/// Moves this thread into a namespace with the pair `va` and `vb`, silent by themselves; false, and said, where that is not allowed.
pub fn own_pair() -> bool {
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        assert!(std::env::var_os("CI").is_none() || !nix::unistd::geteuid().is_root(), "a namespace is needed");
        eprintln!("skipped: needs root for a network namespace");
        return false;
    }
    ip("link add va mtu 9000 type veth peer name vb mtu 9000");
    for interface in ["va", "vb"] {
        // No addresses, so that the kernel says nothing of itself.
        ip(&format!("link set {interface} addrgenmode none up"));
    }
    true
}

pub fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is there");
    assert!(status.success(), "ip {arguments}");
}

/// Sends frames over `va`.
pub struct Sender(Capture<Active>);

impl Sender {
    pub fn new() -> Self {
        Sender(Capture::from_device("va").expect("va").open().expect("a sender"))
    }

    /// Sends frames; what each capture took of them once all have arrived, or of those that arrived within 8 s.
    pub fn share(&mut self, captures: &mut [LiveCapture], frames: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
        self.share_some(captures, frames, frames.len())
    }

    /// The same where so many frames are to arrive.
    pub fn share_some(&mut self, captures: &mut [LiveCapture], frames: &[Vec<u8>], expected: usize) -> Vec<Vec<Vec<u8>>> {
        frames.iter().for_each(|frame| self.0.sendpacket(frame.as_slice()).expect("sent"));
        let mut taken = vec![Vec::new(); captures.len()];
        let until = Instant::now() + Duration::from_secs(8);
        while taken.iter().map(Vec::len).sum::<usize>() < expected && Instant::now() < until {
            for (capture, taken) in captures.iter_mut().zip(&mut taken) {
                capture.read(|frame| taken.push(frame.bytes.to_vec()));
            }
        }
        taken
    }
}
