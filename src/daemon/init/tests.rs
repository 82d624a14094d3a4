//! Configurations of machines that are made up.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::choice::choose;
use super::machine::{Leases, Machine, Rights, leases_below, resolvers};
use super::memory::{bounds, of_meminfo, ring_mib};
use super::networks::{Network, networks};
use super::port::Port;
use super::text::{configuration, open_questions};
use crate::daemon::config::{Bounds, Config};
use crate::daemon::diagnostic::any_error;

fn port(name: &str, addresses: &[&str]) -> Port {
    Port {
        name: name.into(),
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        is_up: true,
        is_loopback: name == "lo",
        has_carrier: Some(true),
        speed: Some(1000),
        is_promiscuous: false,
        master: None,
        kind: None,
        received: 7,
    }
}

fn machine() -> Machine {
    let network = |net: &str, interface: &str| Network { net: net.parse().unwrap(), interface: interface.into() };
    Machine {
        ports: vec![port("lo", &["127.0.0.1"]), port("eth0", &["203.0.113.7"]), port("eth1", &["fe80::1"]), port("lan\"0", &["10.20.0.1"])],
        default: Some("eth0".into()),
        uplink_hint: None,
        networks: vec![network("10.20.0.0/16", "lan\"0"), network("198.51.100.0/24", "lan\"0"), network("203.0.113.0/24", "eth0")],
        memory: Some(1 << 30),
        store: "/var/lib/shadowtap/shadowtap.sqlite".into(),
        free: Some(50_000_000_000),
        resolvers: vec!["10.20.0.53".parse().unwrap()],
        leases: vec![],
        rights: Rights::Root,
        user: Some("nobody".into()),
        reader: Some(65534),
    }
}

/// The configuration's text, which must be accepted without a word.
fn accepted(machine: &Machine, named: &[&str]) -> (Config, String) {
    let choice = choose(machine, named.iter().map(ToString::to_string).collect());
    let text = configuration(machine, &choice, &open_questions(machine, &choice));
    let (config, problems) = Config::parse(Path::new("c.toml"), &text);
    assert!(!any_error(&problems) && problems.is_empty(), "{problems:?}\n{text}");
    (config, text)
}

#[test]
fn what_is_written_is_accepted_and_says_what_was_seen() {
    let (config, text) = accepted(&machine(), &[]);
    assert_eq!(config.capture.interfaces, ["eth1"], "up and without an address");
    assert_eq!(config.user.as_deref(), Some("nobody"));
    let inside: Vec<_> = config.inside.iter().map(ToString::to_string).collect();
    assert!(inside.contains(&"198.51.100.0/24".into()) && !inside.contains(&"203.0.113.0/24".into()), "{inside:?}");
    let teams: Vec<_> = config.teams.iter().map(|team| &*team.name).collect();
    assert_eq!(teams, ["10.20.0.0/16", "198.51.100.0/24"]);
    assert_eq!(config.bounds.flows, 250_000);
    for words in
        ["203.0.113.0/24 is public", "eth0: up, 1000 Mbit/s, 203.0.113.7, 7 frames received", "asks 10.20.0.53", "#  - where alerts go"]
    {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}

#[test]
fn the_choice_of_an_interface_gives_its_reason() {
    let mut machine = machine();
    assert!(choose(&machine, vec!["lan\"0".into()]).is_told);
    machine.ports.push(port("eth2", &[]));
    let choice = choose(&machine, vec![]);
    assert!(choice.interfaces == ["eth0"] && choice.why.contains("default route"), "two could be the span port: {choice:?}");
    machine.default = None;
    let choice = choose(&machine, vec![]);
    assert!(choice.interfaces.is_empty() && choice.why.contains("eth1 and eth2"), "{choice:?}");
    accepted(&machine, &[]);
    let part = Port { master: Some("br0".into()), ..port("eth1", &[]) };
    let unplugged = Port { has_carrier: Some(false), ..port("eth3", &[]) };
    assert!(![part, unplugged, Port { is_up: false, ..port("eth4", &[]) }].iter().any(Port::looks_mirrored));
}

#[test]
fn what_could_not_be_known_is_said() {
    let mut machine = machine();
    let says = |machine: &Machine, words: &str| open_questions(machine, &choose(machine, vec![])).iter().any(|q| q.contains(words));
    for words in ["span port", "teams", "policy", "alerts", "no leases"] {
        assert!(says(&machine, words), "{words}");
    }
    assert!(!says(&machine, "may not capture") && !says(&machine, "disk"));
    machine.rights = Rights::None;
    machine.free = Some(1_000_000);
    machine.leases = vec![Leases { file: "/l".into(), format: "kea", is_open: false }];
    for words in ["may not capture", "1.0 MB are free", "/l is there and may not be read"] {
        assert!(says(&machine, words), "{words}");
    }
    assert!(accepted(&machine, &["eth1"]).1.contains("# file = \"/l\""));
}

#[test]
fn networks_are_those_of_clients() {
    let v4 = "Iface\tDestination\tGateway\n\
        eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t0000140A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
        eth0\t0000140A\t00000000\t0001\t0\t0\t9\t0000FFFF\t0\t0\t0\n\
        eth0\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
        eth0\t01001E0A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n\
        eth0\t00001F0A\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0\nnonsense\n";
    let zero = "0".repeat(32);
    let v6 = format!(
        "20010db8002000000000000000000000 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001 eth1\n\
         fe800000000000000000000000000000 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001 eth1\n\
         {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo\n"
    );
    let found: Vec<_> = networks(v4, &v6).into_iter().map(|n| format!("{} {}", n.net, n.interface)).collect();
    assert_eq!(found, ["10.20.0.0/16 eth0", "2001:db8:20::/64 eth1"]);
}

#[test]
fn bounds_and_rings_follow_the_memory() {
    assert_eq!((bounds(64 << 30), bounds(4 << 30)), (Bounds::default(), Bounds::default()));
    let small = bounds(512 << 20);
    assert_eq!((small.flows, small.sightings, small.bindings), (120_000, 62_000, 12_000));
    assert_eq!(bounds(0).flows, 10_000);
    assert_eq!(
        (ring_mib(64 << 30, 1, Some(10_000)), ring_mib(64 << 30, 1, None), ring_mib(512 << 20, 2, None), ring_mib(0, 0, None)),
        (256, 64, 16, 8)
    );
    assert_eq!(of_meminfo("MemFree: 1 kB\nMemTotal:       2048 kB\n"), Some(2 << 20));
    assert_eq!(of_meminfo("MemTotal: much"), None);
}

#[test]
fn leases_and_resolvers_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("var/lib/misc/dnsmasq.leases");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "").unwrap();
    for (mode, is_open) in [(0o755, true), (0o700, false)] {
        std::fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        assert_eq!(leases_below(folder.path()), [Leases { file: PathBuf::from(&file), format: "dnsmasq", is_open }]);
    }
    assert_eq!(resolvers("# nameserver 1.1.1.1\nnameserver 10.0.0.1\n nameserver fe80::1%eth0\nnameserver x\n").len(), 2);
}
