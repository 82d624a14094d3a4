//! Whether an interface is the uplink of a gateway that masquerades: there every client looks like the gateway itself.

use std::fs::read_to_string;
use std::net::IpAddr;

use super::interfaces::{Interface, interfaces};
use super::route::default_interface;

/// What an operator who chose `interface` should know about it; `None` where nothing speaks against it, or nothing could be read.
///
/// Whether this machine masquerades cannot be read without rights, so this goes by what can: it forwards IPv4, `interface` has the default
/// route, and other interfaces that are up have private addresses.
pub fn uplink_hint(interface: &str) -> Option<String> {
    let forwards = read_to_string("/proc/sys/net/ipv4/ip_forward").is_ok_and(|text| text.trim() == "1");
    let is_uplink = default_interface().as_deref() == Some(interface);
    if !forwards || !is_uplink {
        return None;
    }
    hint(interface, &interfaces().ok()?, tracks_connections())
}

/// Address translation needs connection tracking; its counters are readable by everybody once it is loaded.
fn tracks_connections() -> bool {
    read_to_string("/proc/sys/net/netfilter/nf_conntrack_count").is_ok_and(|count| count.trim() != "0")
}

/// The same over given interfaces of a machine that forwards and whose default route leads over `interface`.
fn hint(interface: &str, all: &[Interface], tracks: bool) -> Option<String> {
    let inner: Vec<&str> = all.iter().filter(|i| i.name != interface && is_inner(i)).map(|i| i.name.as_str()).collect();
    let named = inner.iter().map(|name| format!("-i {name}")).collect::<Vec<_>>().join(" ");
    let sure = if tracks { "probably" } else { "perhaps" };
    (!inner.is_empty()).then(|| {
        format!(
            "{interface} is the uplink of a machine that forwards and {sure} masquerades: there all clients show as one, the machine itself; \
             to tell them apart listen inside: {named}"
        )
    })
}

fn is_inner(interface: &Interface) -> bool {
    interface.is_up && !interface.is_loopback && interface.addresses.iter().any(is_private)
}

fn is_private(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, address: &str) -> Interface {
        let addresses = address.parse().into_iter().collect();
        Interface { name: name.into(), link: None, addresses, is_up: true, is_loopback: name == "lo" }
    }

    #[test]
    fn names_the_interfaces_inside_and_how_sure_it_is() {
        let all = [
            interface("lo", "127.0.0.1"),
            interface("eth0", "203.0.113.7"),
            interface("lan0", "10.0.0.1"),
            interface("wifi0", "fd00::1"),
            interface("dmz0", "198.51.100.1"),
            Interface { is_up: false, ..interface("old0", "192.168.9.1") },
        ];
        let said = hint("eth0", &all, true).expect("a hint");
        assert!(said.starts_with("eth0 is the uplink") && said.contains("probably") && said.ends_with("-i lan0 -i wifi0"), "{said}");
        assert!(hint("eth0", &all, false).expect("a hint").contains("perhaps"));
    }

    #[test]
    fn a_machine_with_one_network_has_no_inside() {
        assert_eq!(hint("eth0", &[interface("lo", "127.0.0.1"), interface("eth0", "10.0.0.5")], true), None);
    }
}
