//! Whom the site leaves out: nothing of them is kept but a count.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::engine::event::Link;

/// Clients that are left out, by subnet, MAC address or VLAN.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exclusion {
    subnets: Arc<[IpNet]>,
    macs: Arc<[[u8; 6]]>,
    vlans: Arc<[u16]>,
}

impl Exclusion {
    /// Leaves these out.
    pub fn new(subnets: &[IpNet], macs: &[[u8; 6]], vlans: &[u16]) -> Self {
        let mut macs = macs.to_vec();
        macs.sort_unstable();
        Exclusion { subnets: subnets.into(), macs: macs.into(), vlans: vlans.into() }
    }

    /// Whether nobody is left out.
    pub fn is_empty(&self) -> bool {
        self.subnets.is_empty() && self.macs.is_empty() && self.vlans.is_empty()
    }

    /// Whether the client with that address is left out, or what its frames tell says so.
    pub fn holds(&self, address: IpAddr, link: &Link) -> bool {
        self.holds_address(address)
            || link.mac.is_some_and(|mac| self.holds_mac(mac))
            || self.vlans.iter().any(|id| link.vlans.contains(*id))
    }

    /// Whether an address is left out, whoever has it.
    pub fn holds_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.subnets.iter().any(|net| net.contains(&address))
    }

    /// Whether anybody is left out by MAC address.
    pub fn names_macs(&self) -> bool {
        !self.macs.is_empty()
    }

    /// Whether a MAC address is left out.
    pub fn holds_mac(&self, mac: [u8; 6]) -> bool {
        self.macs.binary_search(&mac).is_ok()
    }
}

/// What was left out: cumulative.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Excluded {
    /// Flows that ended.
    pub flows: u64,
    /// Names that were said.
    pub names: u64,
}

impl Excluded {
    /// Each count with its word, as labels and output have it.
    pub fn words(self) -> [(&'static str, u64); 2] {
        [("flow", self.flows), ("name", self.names)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_by_subnet_mac_and_vlan() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let exclusion = Exclusion::new(&[net("10.9.0.0/16"), net("2001:db8:9::/48")], &[[2, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 1]], &[30]);
        let link = |mac, vlan| Link { mac: Some(mac), ttl: 64, vlans: [vlan].into_iter().collect() };
        let plain = link([2, 0, 0, 0, 0, 5], 10);
        for (address, link, is_out) in [
            ("10.0.0.5", plain, false),
            ("10.9.0.5", plain, true),
            ("::ffff:10.9.0.5", plain, true),
            ("2001:db8:9::5", plain, true),
            ("10.0.0.5", link([2, 0, 0, 0, 0, 9], 10), true),
            ("10.0.0.5", link([2, 0, 0, 0, 0, 5], 30), true),
            ("10.0.0.5", Link::default(), false),
        ] {
            assert_eq!(exclusion.holds(address.parse().unwrap(), &link), is_out, "{address} {link:?}");
        }
        assert!(!Exclusion::default().holds("10.0.0.5".parse().unwrap(), &plain) && Exclusion::default().is_empty());
    }
}
