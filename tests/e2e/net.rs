//! The network of the test: three namespaces, a client, a server, and between them a sensor that bridges the two.
//!
//! ```text
//! client  eth0 ── toclient  sensor  toserver ── eth0  server
//! 10.0.0.0/8          (a bridge, no address)          198.51.100.0/24
//! 2001:db8:20::/48                                    2001:db8:99::/64
//! ```
//! No namespace has a default route: nothing here can reach anything but the other two.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// The interface that the daemon listens on.
pub const TAP: &str = "toclient";
/// Where the DNS server answers.
pub const RESOLVER: &str = "198.51.100.53";
/// The clients: four of engineering, two of finance, two of nobody's.
pub const CLIENTS: [&str; 8] =
    ["10.20.0.11", "10.20.0.12", "10.20.0.13", "10.20.0.14", "10.30.0.11", "10.30.0.12", "10.40.0.11", "10.40.0.12"];
/// The one client that speaks IPv6.
pub const CLIENT6: &str = "2001:db8:20::11";

const PREFIX: &str = "shadowtap-e2e";

/// A host: one of the three namespaces, or one that an office adds (see `office.rs`).
#[derive(Clone, Copy, Debug)]
pub enum Host {
    Client,
    Sensor,
    Server,
    Desk(u8),
    Gate,
    Far,
}

/// The three namespaces; dropping it ends what runs in them and removes them.
pub struct Net {
    id: String,
}

/// A program in the background, ended when dropped.
pub struct Background(pub Child);

impl Net {
    /// Makes namespaces, links and addresses.
    pub fn new() -> Self {
        remove_left_over();
        let net = Net { id: format!("{PREFIX}-{}", std::process::id()) };
        for host in Host::ALL {
            sh(&format!("ip netns add {0} && ip -n {0} link set lo up", net.name(host)));
        }
        let [client, sensor, server] = Host::ALL.map(|host| net.name(host));
        sh(&format!(
            "set -e
             ip -n {sensor} link add bridge type bridge
             ip -n {sensor} link set bridge up
             ip link add eth0 netns {client} type veth peer name {TAP} netns {sensor}
             ip link add eth0 netns {server} type veth peer name toserver netns {sensor}
             for port in {TAP} toserver; do ip -n {sensor} link set $port master bridge up; done
             for host in {client} {server}; do ip -n $host link set eth0 up; done"
        ));
        for address in CLIENTS {
            sh(&format!("ip -n {client} address add {address}/8 dev eth0"));
        }
        sh(&format!("ip -n {client} address add {CLIENT6}/48 dev eth0 nodad"));
        sh(&format!(
            "set -e
             ip -n {server} route add 10.0.0.0/8 dev eth0
             ip -n {server} -6 route add 2001:db8:20::/48 dev eth0
             mkdir -p /etc/netns/{client}
             echo 'nameserver {RESOLVER}' > /etc/netns/{client}/resolv.conf"
        ));
        net.be(CLIENTS[0]);
        net
    }

    /// Gives the server one more address.
    pub fn serve_at(&self, v4: &str, v6: Option<&str>) {
        let server = self.name(Host::Server);
        sh(&format!("ip -n {server} address add {v4}/32 dev eth0"));
        if let Some(v6) = v6 {
            sh(&format!("ip -n {server} -6 address add {v6}/128 dev eth0 nodad"));
        }
    }

    /// From now on the client's programs speak from this address.
    pub fn be(&self, client: &str) {
        let name = self.name(Host::Client);
        sh(&format!("ip -n {name} route replace 198.51.100.0/24 dev eth0 src {client}"));
        sh(&format!("ip -n {name} -6 route replace 2001:db8:99::/64 dev eth0 src {CLIENT6}"));
    }

    /// Cuts or heals the segmentation that network cards do: captures that we keep hold frames of ordinary size.
    pub fn merge_frames(&self, merge: bool) {
        let segments = if merge { 65535 } else { 1 };
        for (host, links) in [(Host::Client, "eth0"), (Host::Server, "eth0"), (Host::Sensor, "toclient toserver")] {
            let name = self.name(host);
            sh(&format!("for link in {links}; do ip -n {name} link set $link gso_max_segs {segments}; done"));
        }
    }

    /// Takes the sensor's interface down, and up again after some time.
    pub fn flap_tap(&self, down_for: Duration) {
        let sensor = self.name(Host::Sensor);
        sh(&format!("ip -n {sensor} link set {TAP} down"));
        std::thread::sleep(down_for);
        sh(&format!("ip -n {sensor} link set {TAP} up"));
    }

    /// A command that will run on that host.
    pub fn command(&self, host: Host, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(host), program]);
        command
    }

    /// Runs a program on that host to its end, for at most so long.
    pub fn run(&self, host: Host, within: Duration, line: &[&str]) -> Output {
        let limit = within.as_secs().to_string();
        let output = self.command(host, "timeout").args(["-k", "2", &limit]).args(line).stdin(Stdio::null()).output();
        output.unwrap_or_else(|error| panic!("{}: {error}", line.join(" ")))
    }

    /// Runs a program that must succeed; its standard output.
    pub fn must(&self, host: Host, within: Duration, line: &[&str]) -> String {
        let output = self.run(host, within, line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} ended with {}: {error}", line.join(" "), output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts a program that goes on until dropped.
    pub fn background(&self, host: Host, line: &[&str]) -> Background {
        let mut command = self.command(host, line[0]);
        command.args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Background(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", line.join(" "))))
    }

    /// Name of a host's namespace.
    pub fn name(&self, host: Host) -> String {
        format!("{}-{}", self.id, host.word())
    }

    /// Removes a host that was added.
    pub fn take_away(&self, host: Host) {
        remove(&self.name(host));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for host in Host::ALL {
            remove(&self.name(host));
        }
    }
}

impl Host {
    const ALL: [Host; 3] = [Host::Client, Host::Sensor, Host::Server];

    /// A word for names of namespaces and interfaces.
    pub fn word(self) -> String {
        match self {
            Host::Desk(number) => format!("desk{number}"),
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends what runs in a namespace (all of it is ours: the namespace is), then removes it.
fn remove(namespace: &str) {
    let script = format!(
        "for pid in $(ip netns pids {namespace} 2>/dev/null); do kill -9 $pid 2>/dev/null; done
         ip netns delete {namespace} 2>/dev/null; rm -rf /etc/netns/{namespace}"
    );
    let _ = Command::new("sh").args(["-c", &script]).status();
}

/// Removes the namespaces of a test that was killed before it could.
fn remove_left_over() {
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('-')) else { continue };
        let owner = rest.split('-').next().unwrap_or_default();
        if !PathBuf::from("/proc").join(owner).exists() {
            remove(&name);
        }
    }
}

/// Runs a shell script that must succeed.
pub fn sh(script: &str) {
    let output = Command::new("sh").args(["-c", script]).output().expect("sh runs");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}
