//! The machine's interfaces: names, addresses, state, and which of them is worth listening to.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, SockaddrStorage};

/// One interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its link-layer address, by which the kernel knows its number; a socket can be bound to it.
    pub link: Option<LinkAddr>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it is set up (administratively).
    pub is_up: bool,
    /// Whether it leads to this machine only.
    pub is_loopback: bool,
}

impl Interface {
    /// Its number in the kernel, which changes when it is deleted and made again.
    pub fn index(&self) -> Option<usize> {
        self.link.as_ref().map(LinkAddr::ifindex)
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.name, if self.is_up { "up" } else { "down" })?;
        for (n, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if n == 0 { "; " } else { ", " })?;
        }
        f.write_str(")")
    }
}

/// All interfaces of this network namespace, by name.
///
/// # Errors
/// The kernel's own.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found = BTreeMap::new();
    for entry in getifaddrs()? {
        let interface = found.entry(entry.interface_name.clone()).or_insert_with(|| Interface {
            name: entry.interface_name,
            link: None,
            addresses: Vec::new(),
            is_up: entry.flags.contains(InterfaceFlags::IFF_UP),
            is_loopback: entry.flags.contains(InterfaceFlags::IFF_LOOPBACK),
        });
        let Some(address) = entry.address else { continue };
        match address.as_link_addr() {
            Some(link) => interface.link = Some(*link),
            None => interface.addresses.extend(ip_of(&address)),
        }
    }
    Ok(found.into_values().collect())
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
}

/// The interfaces in one line, for messages.
pub fn listed(interfaces: &[Interface]) -> String {
    if interfaces.is_empty() {
        return "none".into();
    }
    interfaces.iter().map(Interface::to_string).collect::<Vec<_>>().join(", ")
}
