//! What there is to be seen of this machine, with the rights at hand.

use std::env;
use std::fs::read_to_string;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, User, access, geteuid};
use rustix::thread::{CapabilitySet, capabilities};

use super::memory;
use super::networks::{Network, networks};
use super::port::Port;
use crate::daemon::capture::interfaces::interfaces;
use crate::daemon::capture::route::default_interface;
use crate::daemon::capture::uplink::uplink_hint;
use crate::daemon::failure::Failure;
use crate::daemon::store::{DEFAULT_STORE, Location};

/// Leases of DHCP servers, where Debian, OpenWrt and Fedora keep them, and the format's word.
const LEASES: [(&str, &str); 6] = [
    ("var/lib/misc/dnsmasq.leases", "dnsmasq"),
    ("var/lib/dnsmasq/dnsmasq.leases", "dnsmasq"),
    ("var/lib/dnsmasq/misc/dnsmasq.leases", "dnsmasq"),
    ("tmp/dhcp.leases", "dnsmasq"),
    ("var/lib/kea/kea-leases4.csv", "kea"),
    ("var/lib/kea/kea-leases6.csv", "kea"),
];

/// Leases that lie on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Leases {
    pub file: PathBuf,
    pub format: &'static str,
    /// Whether everybody may read them, the daemon's user included.
    pub is_open: bool,
}

/// What this process may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rights {
    /// Everything.
    Root,
    /// Capture: it has CAP_NET_RAW.
    Capture,
    /// Nothing of use.
    None,
}

/// What was seen.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub ports: Vec<Port>,
    /// The interface of the default route.
    pub default: Option<String>,
    /// Why that one may be the wrong side of a gateway.
    pub uplink_hint: Option<String>,
    pub networks: Vec<Network>,
    /// Bytes.
    pub memory: Option<u64>,
    pub store: PathBuf,
    /// Bytes free where the store will be.
    pub free: Option<u64>,
    /// Whom this machine asks for names.
    pub resolvers: Vec<IpAddr>,
    pub leases: Vec<Leases>,
    pub rights: Rights,
    /// Whom a daemon that is started as root becomes.
    pub user: Option<String>,
    /// Their group: whoever reads the configuration later.
    pub reader: Option<u32>,
}

impl Machine {
    /// Looks.
    pub fn look() -> Result<Self, Failure> {
        let table = |name: &str| read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
        let devices = table("dev");
        let rights = rights();
        let user = if rights == Rights::Root { listed("shadowtap").or_else(|| listed("nobody")) } else { None };
        let default = default_interface();
        let store = store(rights);
        Ok(Machine {
            ports: interfaces()?.iter().map(|interface| Port::of(interface, &devices)).collect(),
            uplink_hint: default.as_deref().and_then(uplink_hint),
            default,
            networks: networks(&table("route"), &table("ipv6_route")),
            memory: memory::of_machine(),
            free: free(&store),
            store,
            resolvers: read_to_string("/etc/resolv.conf").map(|text| resolvers(&text)).unwrap_or_default(),
            leases: leases_below(Path::new("/")),
            rights,
            reader: user.as_ref().map(|user| user.gid.as_raw()),
            user: user.map(|user| user.name),
        })
    }
}

fn listed(name: &str) -> Option<User> {
    User::from_name(name).ok().flatten().filter(|user| !user.uid.is_root())
}

fn rights() -> Rights {
    if geteuid().is_root() {
        return Rights::Root;
    }
    let may_capture = capabilities(None).is_ok_and(|sets| sets.permitted.contains(CapabilitySet::NET_RAW));
    if may_capture { Rights::Capture } else { Rights::None }
}

/// The usual place, or one in the caller's home where the usual place is not theirs.
fn store(rights: Rights) -> PathBuf {
    let usual = match Location::parse(DEFAULT_STORE) {
        Ok(Location::File(path)) => path,
        _ => PathBuf::from("shadowtap.sqlite"),
    };
    let is_usable = rights == Rights::Root || usual.parent().is_some_and(|folder| access(folder, AccessFlags::W_OK).is_ok());
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    match state {
        Some(state) if !is_usable => state.join("shadowtap/shadowtap.sqlite"),
        _ => usual,
    }
}

/// Bytes an ordinary user may still write there, or in the nearest folder that is there.
fn free(path: &Path) -> Option<u64> {
    let folder = path.ancestors().find(|p| p.is_dir())?;
    let space = statvfs(folder).ok()?;
    Some(space.blocks_available().saturating_mul(space.fragment_size()))
}

/// The name servers of a `resolv.conf`.
pub(super) fn resolvers(text: &str) -> Vec<IpAddr> {
    let words = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.split_ascii_whitespace().next());
    words.filter_map(|word| word.split('%').next()?.parse().ok()).collect()
}

/// Leases below a folder, which is `/` but in tests.
pub(super) fn leases_below(root: &Path) -> Vec<Leases> {
    use std::os::unix::fs::PermissionsExt;
    let is_open = |path: &Path| {
        let closed = |p: &Path| p.metadata().is_ok_and(|m| m.is_dir() && m.permissions().mode() & 0o001 == 0);
        path.metadata().is_ok_and(|m| m.permissions().mode() & 0o004 != 0) && !path.ancestors().any(closed)
    };
    let there = LEASES.into_iter().map(|(name, format)| (root.join(name), format)).filter(|(path, _)| path.is_file());
    there.map(|(file, format)| Leases { is_open: is_open(&file), file, format }).collect()
}
