//! The networks behind each interface, by the kernel's routes: those it is in, and those that routers on it lead to.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// `RTF_UP`: a route in use.
const UP: u32 = 0x0001;
/// `RTF_REJECT`: a route that leads nowhere.
const REJECT: u32 = 0x0200;

/// A network, and the interface that leads to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Network {
    pub net: IpNet,
    pub interface: String,
}

/// Networks out of the texts of `/proc/net/route` and `/proc/net/ipv6_route`, each once; default routes, single hosts, multicast and
/// link-local ones are none.
pub(super) fn networks(v4: &str, v6: &str) -> Vec<Network> {
    let mut found: Vec<_> = v4.lines().skip(1).filter_map(of_v4).chain(v6.lines().filter_map(of_v6)).collect();
    found.retain(|network| network.interface != "lo" && is_of_clients(&network.net));
    found.sort();
    found.dedup_by(|a, b| a.net == b.net);
    found
}

fn of_v4(line: &str) -> Option<Network> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [name, destination, _, flags, _, _, _, mask, ..] = fields[..] else { return None };
    in_use(flags)?;
    // The kernel prints the address as it lies in memory.
    let address = |text| Some(Ipv4Addr::from(u32::from_str_radix(text, 16).ok()?.to_ne_bytes()));
    let net = Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()?;
    Some(Network { net: net.trunc().into(), interface: name.into() })
}

fn of_v6(line: &str) -> Option<Network> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [destination, length, _, _, _, _, _, _, flags, name] = fields[..] else { return None };
    in_use(flags)?;
    let address = Ipv6Addr::from(u128::from_str_radix(destination, 16).ok()?);
    let net = Ipv6Net::new(address, u8::from_str_radix(length, 16).ok()?).ok()?;
    Some(Network { net: net.trunc().into(), interface: name.into() })
}

fn in_use(flags: &str) -> Option<()> {
    let flags = u32::from_str_radix(flags, 16).ok()?;
    (flags & UP != 0 && flags & REJECT == 0).then_some(())
}

fn is_of_clients(net: &IpNet) -> bool {
    match net {
        IpNet::V4(v4) => {
            let address = v4.network();
            (1..=30).contains(&v4.prefix_len()) && !address.is_link_local() && !address.is_multicast() && !address.is_loopback()
        }
        IpNet::V6(v6) => {
            let address = v6.network();
            (1..=126).contains(&v6.prefix_len()) && !address.is_unicast_link_local() && !address.is_multicast()
        }
    }
}

/// Whether nobody outside can have an address in it.
pub(super) fn is_private(net: &IpNet) -> bool {
    match net {
        IpNet::V4(v4) => v4.network().is_private() && v4.broadcast().is_private(),
        IpNet::V6(v6) => v6.network().is_unique_local() && v6.prefix_len() >= 7,
    }
}
