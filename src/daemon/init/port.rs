//! One network interface as the kernel describes it: what tells a span port from an uplink.

use std::fs::read_to_string;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::daemon::capture::interfaces::Interface;

/// `IFF_PROMISC`.
const PROMISCUOUS: u32 = 0x100;

/// An interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Port {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    pub is_up: bool,
    pub is_loopback: bool,
    /// Whether a cable is in; `None` where the kernel does not say.
    pub has_carrier: Option<bool>,
    /// Mbit/s, where the card says.
    pub speed: Option<u32>,
    /// Whether somebody has it take frames for others.
    pub is_promiscuous: bool,
    /// The bridge or bond it is a part of.
    pub master: Option<String>,
    /// What it is, where it is no card: `bridge`, `bond`, `wireless`, `tunnel`, `vlan`.
    pub kind: Option<&'static str>,
    /// Frames received since it is there.
    pub received: u64,
}

impl Port {
    /// What the kernel says of an interface; `devices` is the text of `/proc/net/dev`.
    pub fn of(interface: &Interface, devices: &str) -> Self {
        let folder = folder(interface);
        let read = |name: &str| Some(read_to_string(folder.as_ref()?.join(name)).ok()?.trim().to_owned());
        let is_there = |name: &str| folder.as_ref().is_some_and(|f| f.join(name).exists());
        let kinds =
            [("bridge", "bridge"), ("bonding", "bond"), ("wireless", "wireless"), ("phy80211", "wireless"), ("tun_flags", "tunnel")];
        let flags = read("flags").and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
        let is_vlan = read("uevent").is_some_and(|text| text.lines().any(|line| line == "DEVTYPE=vlan"));
        let master = folder.as_ref().and_then(|f| f.join("master").canonicalize().ok());
        Port {
            name: interface.name.clone(),
            addresses: interface.addresses.clone(),
            is_up: interface.is_up,
            is_loopback: interface.is_loopback,
            has_carrier: read("carrier").map(|text| text == "1"),
            speed: read("speed").and_then(|text| text.parse().ok()).filter(|speed| *speed > 0 && *speed < u32::MAX),
            is_promiscuous: flags.is_some_and(|flags| flags & PROMISCUOUS != 0),
            master: master.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())),
            kind: kinds.into_iter().find(|(name, _)| is_there(name)).map(|(_, kind)| kind).or(is_vlan.then_some("vlan")),
            received: received(devices, &interface.name).unwrap_or(0),
        }
    }

    /// Whether it is up without an address of its own, as a port is that only listens.
    pub fn looks_mirrored(&self) -> bool {
        let is_alone = self.master.is_none() && self.kind.is_none() && !self.is_loopback;
        is_alone && self.is_up && self.has_carrier != Some(false) && self.addresses.iter().all(is_link_local)
    }

    /// In words, for a comment.
    pub fn described(&self) -> String {
        let mut words = vec![if self.is_up { "up".to_owned() } else { "down".to_owned() }];
        words.extend(self.kind.map(str::to_owned));
        if self.has_carrier == Some(false) && self.is_up {
            words.push("no cable".into());
        }
        words.extend(self.speed.map(|speed| format!("{speed} Mbit/s")));
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        words.push(if addresses.is_empty() { "no address".into() } else { addresses.join(" ") });
        words.extend(self.is_promiscuous.then(|| "promiscuous".into()));
        words.extend(self.master.as_ref().map(|master| format!("part of {master}")));
        words.push(format!("{} frames received", self.received));
        words.join(", ")
    }
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Where sysfs describes it; `None` where sysfs is of another network namespace, in which the name may be somebody else's.
fn folder(interface: &Interface) -> Option<PathBuf> {
    let folder = PathBuf::from("/sys/class/net").join(&interface.name);
    let index: usize = read_to_string(folder.join("ifindex")).ok()?.trim().parse().ok()?;
    (Some(index) == interface.index()).then_some(folder)
}

/// Frames received, by the text of `/proc/net/dev`.
fn received(devices: &str, name: &str) -> Option<u64> {
    let line = devices.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}
