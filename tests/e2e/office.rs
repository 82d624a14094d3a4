//! The office: desks of their own on the sensor's bridge, each a namespace with its own MAC address, whose addresses come by DHCP; and a
//! gate that hides a network behind one address.
//!
//! ```text
//! desk 1 … 8 ── eth0 ┐                          gate hides 10.88.0.0/24 (NAT)
//! far ── gate ── eth0 ┼── sensor's bridge ── toserver ── server (DHCP, DNS, services)
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::client::Client;
use crate::net::{Background, Host, Net, RESOLVER, sh};
use crate::server::Servers;

/// Between all desks and the server.
pub const TRUNK: &str = "toserver";
/// Address of the gate, behind which two hosts stand.
pub const GATE: &str = "10.40.0.20";
/// The only address that is lent to whoever asks.
pub const LENT: &str = "10.30.0.50";

const PATIENCE: Duration = Duration::from_secs(30);
/// Desks with an address of their own: number, address.
const KEPT: [(u8, &str); 6] =
    [(1, "10.20.0.101"), (2, "10.20.0.102"), (3, "10.20.0.103"), (4, "10.20.0.104"), (5, "10.30.0.105"), (6, "10.30.0.106")];
const DESKS: u8 = 8;

/// The desks and the gate; dropping it removes them.
pub struct Office<'a> {
    net: &'a Net,
    servers: &'a Servers,
    folder: tempfile::TempDir,
    _dhcp: Background,
}

impl<'a> Office<'a> {
    /// Makes the desks and starts the DHCP server.
    pub fn open(net: &'a Net, servers: &'a Servers) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sensor = net.name(Host::Sensor);
        for host in (1..=DESKS).map(Host::Desk).chain([Host::Gate]) {
            attach(net, host, &sensor);
        }
        gate(net);
        let server = net.name(Host::Server);
        sh(&format!("ip -n {server} address replace 10.0.0.1/8 dev eth0"));
        let script = folder.path().join("dhclient-script");
        fs::write(&script, SCRIPT).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its mode");
        let dhcp = lend(net, folder.path().join("leases"));
        Office { net, servers, folder, _dhcp: dhcp }
    }

    /// A person at a desk.
    pub fn at(&self, desk: u8) -> Client<'_> {
        Client { net: self.net, servers: self.servers, scratch: self.folder.path(), host: Host::Desk(desk) }
    }

    /// A person behind the gate.
    pub fn behind_the_gate(&self) -> Client<'_> {
        Client { net: self.net, servers: self.servers, scratch: self.folder.path(), host: Host::Far }
    }

    /// Gets a desk its address, as a host of that name; which one.
    pub fn lease(&self, desk: u8, name: &str) -> String {
        let conf = self.path(&format!("{desk}.conf"));
        let text = format!("send host-name \"{name}\";\ntimeout 20;\nbackoff-cutoff 1;\ninitial-interval 1;\n");
        fs::write(&conf, text).expect("a configuration");
        self.dhclient(desk, &["-1", "-cf", &conf.display().to_string(), "eth0"]);
        let shown = self.net.must(Host::Desk(desk), PATIENCE, &["ip", "-4", "-o", "address", "show", "dev", "eth0"]);
        let address = shown.split_whitespace().find(|word| word.contains('/')).expect("an address");
        address.split('/').next().expect("an address").to_owned()
    }

    /// Gives a desk's address back.
    pub fn release(&self, desk: u8) {
        self.dhclient(desk, &["-r", "eth0"]);
    }

    fn dhclient(&self, desk: u8, more: &[&str]) {
        let [script, leases, pid] =
            ["dhclient-script".to_owned(), format!("{desk}.leases"), format!("{desk}.pid")].map(|n| self.path(&n).display().to_string());
        self.net.must(Host::Desk(desk), PATIENCE, &[&["dhclient", "-4", "-sf", &script, "-lf", &leases, "-pf", &pid], more].concat());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Office<'_> {
    fn drop(&mut self) {
        for host in (1..=DESKS).map(Host::Desk).chain([Host::Gate, Host::Far]) {
            self.net.take_away(host);
        }
    }
}

/// MAC address of a desk.
pub fn mac(desk: u8) -> String {
    format!("02:00:00:00:20:{desk:02x}")
}

/// Sets the address it is given, and the way to the servers.
const SCRIPT: &str = "#!/bin/sh
case \"$reason\" in
    BOUND|RENEW|REBIND|REBOOT) ip address replace \"$new_ip_address/8\" dev \"$interface\"
                               ip route replace 198.51.100.0/24 dev \"$interface\" src \"$new_ip_address\" ;;
    PREINIT|RELEASE|EXPIRE|STOP) ip -4 address flush dev \"$interface\" ;;
esac
";

/// A namespace on the bridge.
fn attach(net: &Net, host: Host, sensor: &str) {
    let (name, port) = (net.name(host), host.word());
    let mac = if let Host::Desk(desk) = host { mac(desk) } else { "02:00:00:00:40:14".to_owned() };
    sh(&format!(
        "set -e
         ip netns add {name}
         ip -n {name} link set lo up
         ip link add eth0 netns {name} address {mac} type veth peer name {port} netns {sensor}
         ip -n {sensor} link set {port} master bridge up
         ip -n {name} link set eth0 up
         mkdir -p /etc/netns/{name}
         echo 'nameserver {RESOLVER}' > /etc/netns/{name}/resolv.conf"
    ));
}

fn gate(net: &Net) {
    let (gate, far) = (net.name(Host::Gate), net.name(Host::Far));
    sh(&format!(
        "set -e
         ip netns add {far}
         ip -n {far} link set lo up
         ip link add inner netns {gate} type veth peer name eth0 netns {far}
         ip -n {gate} link set inner up
         ip -n {far} link set eth0 up
         ip -n {gate} address add {GATE}/8 dev eth0
         ip -n {gate} route add 198.51.100.0/24 dev eth0
         ip -n {gate} address add 10.88.0.1/24 dev inner
         ip -n {far} address add 10.88.0.5/24 dev eth0
         ip -n {far} address add 10.88.0.6/24 dev eth0
         ip -n {far} route add 198.51.100.0/24 via 10.88.0.1
         mkdir -p /etc/netns/{far}
         echo 'nameserver {RESOLVER}' > /etc/netns/{far}/resolv.conf
         ip netns exec {gate} sysctl -qw net.ipv4.ip_forward=1
         ip netns exec {gate} nft add table ip nat
         ip netns exec {gate} nft 'add chain ip nat out {{ type nat hook postrouting priority 100 ; }}'
         ip netns exec {gate} nft add rule ip nat out ip saddr 10.88.0.0/24 oifname eth0 masquerade"
    ));
}

/// dnsmasq lends each desk its own address, and one more to whoever asks.
fn lend(net: &Net, leases: PathBuf) -> Background {
    let (leases, range) = (format!("--dhcp-leasefile={}", leases.display()), format!("--dhcp-range={LENT},{LENT},255.0.0.0,2m"));
    let kept: Vec<_> = KEPT.iter().map(|(desk, address)| format!("--dhcp-host={},{address}", mac(*desk))).collect();
    let mut line = vec!["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--bind-interfaces"];
    line.extend(["--dhcp-authoritative", "--no-ping", "--user=root", "--pid-file", &range, &leases]);
    line.extend(kept.iter().map(String::as_str));
    net.background(Host::Server, &line)
}
