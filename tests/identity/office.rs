//! The office of the test: namespaces round one bridge, on which everything is captured.
//!
//! ```text
//! anna ben carl dora guest ── br0 ── server (dnsmasq's leases, TLS)
//!                              └──── gate ── far      gate hides 10.88.0.0/24 (NAT) and passes on 10.78.0.0/24 and 2001:db8:88::/64
//! ```
//! No namespace has a way out: nothing here can reach anything but the others.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Who is on the bridge, and the last byte of the MAC address.
pub const HOSTS: [(&str, u8); 7] =
    [("server", 1), ("anna", 0x0a), ("ben", 0x0b), ("carl", 0x0c), ("dora", 0x0d), ("guest", 0x09), ("gate", 0x20)];
/// Where TLS is served.
pub const SERVED: &str = "198.51.100.10";
/// The same for IPv6.
pub const SERVED6: &str = "2001:db8:99::10";

/// The namespaces; dropping it ends what runs in them and removes them.
pub struct Office {
    id: String,
    pub folder: tempfile::TempDir,
    running: Vec<Child>,
}

impl Office {
    /// Makes everything but what is captured with.
    pub fn open() -> Self {
        let folder = tempfile::Builder::new().prefix("shadowtap-identity-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("its mode");
        let mut office = Office { id: format!("shadowtap-id-{}", std::process::id()), folder, running: Vec::new() };
        office.wire();
        office.serve();
        office
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn wire(&self) {
        let id = &self.id;
        for name in ["switch", "far"].into_iter().chain(HOSTS.map(|(name, _)| name)) {
            sh(&format!("ip netns add {id}-{name} && ip -n {id}-{name} link set lo up"));
        }
        sh(&format!("ip -n {id}-switch link add br0 type bridge && ip -n {id}-switch link set br0 up"));
        for (name, last) in HOSTS {
            sh(&format!(
                "set -e
                 ip link add eth0 netns {id}-{name} address 02:00:00:00:77:{last:02x} type veth peer name {name} netns {id}-switch
                 ip -n {id}-switch link set {name} master br0 up
                 ip -n {id}-{name} link set eth0 up"
            ));
        }
        for (name, address) in
            [("server", "10.77.0.1"), ("carl", "10.77.0.30"), ("dora", "10.77.0.31"), ("guest", "10.77.0.40"), ("gate", "10.77.0.20")]
        {
            sh(&format!("ip -n {id}-{name} address add {address}/24 dev eth0 && {}", self.route(name)));
        }
        sh(&format!(
            "set -e
             ip -n {id}-server address add {SERVED}/32 dev eth0
             ip -n {id}-server address add {SERVED6}/64 dev eth0 nodad
             ip -n {id}-server address add 2001:db8:77::1/64 dev eth0 nodad
             ip -n {id}-gate address add 2001:db8:77::20/64 dev eth0 nodad
             ip -n {id}-gate route add 2001:db8:99::/64 dev eth0
             ip -n {id}-server route add 10.78.0.0/24 via 10.77.0.20
             ip -n {id}-server route add 2001:db8:88::/64 via 2001:db8:77::20
             ip link add inner netns {id}-gate type veth peer name eth0 netns {id}-far
             ip -n {id}-gate link set inner up
             ip -n {id}-far link set eth0 up
             ip -n {id}-gate address add 10.88.0.1/24 dev inner
             ip -n {id}-gate address add 10.78.0.1/24 dev inner
             ip -n {id}-gate address add 2001:db8:88::1/64 dev inner nodad
             for address in 10.88.0.5/24 10.88.0.6/24 10.78.0.5/24; do ip -n {id}-far address add $address dev eth0; done
             for address in a1b2:c3d4:e5f6:1 a1b2:c3d4:e5f6:2; do ip -n {id}-far address add 2001:db8:88:0:$address/64 dev eth0 nodad; done
             ip -n {id}-far route add 198.51.100.0/24 via 10.88.0.1
             ip -n {id}-far route add 2001:db8:99::/64 via 2001:db8:88::1
             ip netns exec {id}-gate sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
             ip netns exec {id}-gate nft add table ip nat
             ip netns exec {id}-gate nft 'add chain ip nat out {{ type nat hook postrouting priority 100 ; }}'
             ip netns exec {id}-gate nft add rule ip nat out ip saddr 10.88.0.0/24 oifname eth0 masquerade"
        ));
    }

    fn route(&self, name: &str) -> String {
        let id = &self.id;
        if name == "server" { "true".into() } else { format!("ip -n {id}-{name} route add 198.51.100.0/24 dev eth0") }
    }

    fn serve(&mut self) {
        let (key, cert) = (self.path("key.pem"), self.path("cert.pem"));
        let (key, cert) = (key.display().to_string(), cert.display().to_string());
        sh(&format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {key} -out {cert} -days 2 -subj /CN=test 2>/dev/null"
        ));
        for version in ["-4", "-6"] {
            self.start("server", &["openssl", "s_server", version, "-accept", "443", "-www", "-quiet", "-key", &key, "-cert", &cert]);
        }
        let leases = format!("--dhcp-leasefile={}", self.path("leases").display());
        let pid = format!("--pid-file={}", self.path("dnsmasq.pid").display());
        // One address to lend: who comes next gets what the one before gave back.
        let range = "--dhcp-range=10.77.0.50,10.77.0.50,255.255.255.0,2m";
        let dnsmasq = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--bind-interfaces"];
        self.start("server", &[&dnsmasq[..], &["--dhcp-authoritative", "--no-ping", "--user=root", range, &leases, &pid]].concat());
        let script = self.path("dhclient-script");
        let text = "#!/bin/sh
case \"$reason\" in
    BOUND|RENEW|REBIND|REBOOT) ip address replace \"$new_ip_address/24\" dev \"$interface\"; ip route replace 198.51.100.0/24 dev \"$interface\" ;;
    PREINIT|RELEASE|EXPIRE|STOP) ip -4 address flush dev \"$interface\" ;;
esac
";
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its mode");
    }

    /// Gets an address by DHCP, as a host of that name; which one.
    pub fn lease(&self, host: &str, name: &str) -> String {
        fs::write(
            self.path(&format!("{host}.conf")),
            format!("send host-name \"{name}\";\ntimeout 20;\nbackoff-cutoff 1;\ninitial-interval 1;\n"),
        )
        .expect("a configuration");
        let output = self.dhclient(host, &["-1", "-cf", &self.path(&format!("{host}.conf")).display().to_string(), "eth0"]);
        assert!(output.status.success(), "dhclient: {}", String::from_utf8_lossy(&output.stderr));
        let shown = self.must(host, &["ip", "-4", "-o", "address", "show", "dev", "eth0"]);
        let address = shown.split_whitespace().find(|word| word.contains('/')).expect("an address");
        address.split('/').next().expect("an address").to_owned()
    }

    /// Gives its address back.
    pub fn release(&self, host: &str) {
        self.dhclient(host, &["-r", "eth0"]);
    }

    fn dhclient(&self, host: &str, more: &[&str]) -> Output {
        let [script, leases, pid] = ["dhclient-script".into(), format!("{host}.leases"), format!("{host}.pid")]
            .map(|n: String| self.path(&n).display().to_string());
        self.run(host, &[&["dhclient", "-4", "-sf", &script, "-lf", &leases, "-pf", &pid], more].concat())
    }

    /// Visits a name over TLS from that host, from a certain address where one is given.
    pub fn visit(&self, host: &str, name: &str, from: Option<&str>) {
        let address = if from.is_some_and(|f| f.contains(':')) { format!("[{SERVED6}]") } else { SERVED.to_owned() };
        let (to, url) = (format!("{name}:443:{address}"), format!("https://{name}/"));
        let mut line = vec!["curl", "-sk", "--max-time", "10", "-o", "/dev/null", "--resolve", &to, &url];
        if let Some(from) = from {
            line.extend(["--interface", from]);
        }
        let end = Instant::now() + Duration::from_secs(20);
        // Servers may still be starting.
        while !self.run(host, &line).status.success() {
            assert!(Instant::now() < end, "{host} does not reach {name}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Reports to the accounting server, which nobody is.
    pub fn account(&self, attributes: &str) {
        let file = self.path("attributes");
        fs::write(&file, attributes).expect("attributes");
        let id = &self.id;
        // Nobody answers: radclient says so, and has sent it all the same.
        let line = format!("ip netns exec {id}-carl radclient -r 1 -t 1 -f {} 10.77.0.1:1813 acct secret", file.display());
        let _ = Command::new("sh").args(["-c", &line]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    /// Announces a host's own name by mDNS, as its operating system would.
    pub fn announce(&self, host: &str, name: &str, address: Ipv4Addr) {
        use simple_dns::{
            CLASS, Name, Packet, ResourceRecord,
            rdata::{A, RData},
        };
        let mut message = Packet::new_reply(0);
        message.answers.push(ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, 120, RData::A(A { address: address.into() })));
        let bytes = message.build_bytes_vec().expect("a message");
        let namespace = fs::File::open(format!("/run/netns/{}-{host}", self.id)).expect("a namespace");
        let sent = std::thread::spawn(move || {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("enters it");
            let socket = std::net::UdpSocket::bind((address, 5353)).expect("an address");
            socket.set_multicast_ttl_v4(255).expect("a time to live");
            socket.send_to(&bytes, ("224.0.0.251", 5353)).expect("sent");
        });
        sent.join().expect("no panic");
    }

    /// Starts a program that goes on until the office closes, or [`Office::stop`] ends it; its place.
    pub fn start(&mut self, host: &str, line: &[&str]) -> usize {
        let mut command = self.command(host);
        command.args(line).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.running.push(command.spawn().expect("starts"));
        self.running.len() - 1
    }

    /// Asks a program to end and waits until it has.
    pub fn stop(&mut self, place: usize) {
        let child = &mut self.running[place];
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it runs");
        child.wait().expect("a child");
    }

    /// Runs a program to its end.
    pub fn run(&self, host: &str, line: &[&str]) -> Output {
        self.command(host).args(["timeout", "-k", "2", "30"]).args(line).stdin(Stdio::null()).output().expect("runs")
    }

    /// Runs a program that must succeed; its standard output.
    pub fn must(&self, host: &str, line: &[&str]) -> String {
        let output = self.run(host, line);
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, host: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}-{host}", self.id)]);
        command
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        for name in ["switch", "far"].into_iter().chain(HOSTS.map(|(name, _)| name)) {
            let namespace = format!("{}-{name}", self.id);
            let script = format!("for pid in $(ip netns pids {namespace}); do kill -9 $pid; done; ip netns delete {namespace}");
            let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
        }
    }
}

fn sh(script: &str) {
    let output = Command::new("sh").args(["-c", script]).output().expect("sh runs");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether any file below a folder holds these bytes.
pub fn holds(folder: &Path, needle: &[u8]) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            holds(&path, needle)
        } else {
            fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|w| w == needle))
        }
    })
}
