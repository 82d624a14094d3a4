//! Groups of clients by subnet: teams and zones.

use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use ipnet::IpNet;

/// The group of every address that is in no other.
pub const OTHER: &str = "other";

/// Which group an address belongs to; the narrowest subnet that holds it decides.
#[derive(Debug)]
pub struct Groups {
    by_subnet: HashMap<IpNet, Arc<str>, FixedState>,
    /// Prefix lengths in use, longest first: (is IPv4, length).
    lengths: Vec<(bool, u8)>,
    other: Arc<str>,
}

impl Default for Groups {
    fn default() -> Self {
        Groups::new([])
    }
}

impl Groups {
    /// Groups by name and subnets. A subnet named twice belongs to the first.
    pub fn new<'a>(groups: impl IntoIterator<Item = (&'a Arc<str>, &'a [IpNet])>) -> Self {
        let mut by_subnet: HashMap<_, _, _> = HashMap::with_hasher(FixedState::with_seed(0));
        for (name, subnets) in groups {
            for subnet in subnets {
                by_subnet.entry(subnet.trunc()).or_insert_with(|| name.clone());
            }
        }
        let mut lengths: Vec<_> = by_subnet.keys().map(|s| (s.addr().is_ipv4(), s.prefix_len())).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        Groups { by_subnet, lengths, other: OTHER.into() }
    }

    /// Name of the group an address belongs to, [`OTHER`] where it is in none.
    pub fn name_of(&self, address: IpAddr) -> &Arc<str> {
        let address = address.to_canonical();
        let subnet = |(_, length): &(bool, u8)| Some(IpNet::new(address, *length).ok()?.trunc());
        let mut subnets = self.lengths.iter().filter(|(v4, _)| *v4 == address.is_ipv4()).filter_map(subnet);
        subnets.find_map(|s| self.by_subnet.get(&s)).unwrap_or(&self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_subnet_decides() {
        let net = |t: &str| t.parse::<IpNet>().unwrap();
        let (wide, narrow, six): (Arc<str>, Arc<str>, Arc<str>) = ("wide".into(), "narrow".into(), "six".into());
        let groups = Groups::new([
            (&wide, &[net("10.0.0.0/8"), net("192.168.1.0/24")][..]),
            (&narrow, &[net("10.1.0.0/16"), net("10.9.9.9/32")][..]),
            (&six, &[net("2001:db8::/32")][..]),
        ]);
        for (address, name) in [
            ("10.2.0.1", "wide"),
            ("10.1.255.1", "narrow"),
            ("10.9.9.9", "narrow"),
            ("10.9.9.8", "wide"),
            ("::ffff:10.1.0.1", "narrow"),
            ("2001:db8::1", "six"),
            ("2001:db9::1", "other"),
            ("8.8.8.8", "other"),
        ] {
            assert_eq!(&**groups.name_of(address.parse().unwrap()), name, "{address}");
        }
    }
}
