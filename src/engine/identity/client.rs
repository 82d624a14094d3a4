//! Whom sightings are counted by.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv6Net};

/// Whom sightings are counted by: one address, or a prefix whose addresses cannot be told apart. As text `10.0.0.5`, `2001:db8:1:2::/64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Client(IpNet);

impl Client {
    /// A prefix of IPv6 that stands for its temporary addresses.
    pub fn prefix_of(address: Ipv6Addr) -> Self {
        Client(Ipv6Net::new(address, 64).map_or_else(|_| IpNet::from(IpAddr::V6(address)), |net| net.trunc().into()))
    }

    /// The address, or the first one of the prefix: what subnets are looked up by.
    pub fn address(self) -> IpAddr {
        self.0.addr()
    }

    /// The address or prefix.
    pub fn net(self) -> IpNet {
        self.0
    }

    /// Whether it is one address.
    pub fn is_address(self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        Client(address.into())
    }
}

impl From<IpNet> for Client {
    fn from(net: IpNet) -> Self {
        Client(net.trunc())
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_address() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl FromStr for Client {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(address.into()),
            Err(_) => text.parse::<IpNet>().map(Client::from),
        }
    }
}

/// Whether an address of IPv6 looks as if somebody had chosen it, or its machine had made it from its MAC address: such ones stay.
pub(super) fn looks_static(address: Ipv6Addr) -> bool {
    let interface = address.to_bits() as u64;
    interface >> 32 == 0 || embedded_mac(address).is_some()
}

/// The MAC address in an interface identifier made from one (modified EUI-64, RFC 4291 §2.5.1), where its maker gave it out.
pub(super) fn embedded_mac(address: Ipv6Addr) -> Option<[u8; 6]> {
    let [_, _, _, _, _, _, _, _, a, b, c, 0xff, 0xfe, d, e, f] = address.octets() else { return None };
    // The bit that says "given out by its maker" is turned over; random identifiers that have it by chance and the mark beside are one in 2^17.
    let is_universal = a & 3 == 2;
    is_universal.then_some([a ^ 2, b, c, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["10.0.0.5", "2001:db8::5", "2001:db8:1:2::/64", "2001:db8:1::/56"] {
            assert_eq!(text.parse::<Client>().unwrap().to_string(), text);
        }
        assert_eq!("2001:db8::5/128".parse::<Client>().unwrap().to_string(), "2001:db8::5");
        assert_eq!("2001:db8:1:2::5/64".parse::<Client>().unwrap().to_string(), "2001:db8:1:2::/64");
        assert!("anna".parse::<Client>().is_err() && "".parse::<Client>().is_err());
        assert_eq!(Client::prefix_of("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn tells_temporary_addresses_from_those_that_stay() {
        for (address, is_static) in [
            ("2001:db8::11", true),
            ("2001:db8::1:53", true),
            ("2001:db8::211:22ff:fe33:4455", true),
            ("2001:db8::a1b2:c3d4:e5f6:1728", false),
            ("2001:db8::11:22ff:fe33:4455", false), // not given out by a maker
        ] {
            assert_eq!(looks_static(address.parse().unwrap()), is_static, "{address}");
        }
        assert_eq!(embedded_mac("2001:db8::211:22ff:fe33:4455".parse().unwrap()), Some([0, 0x11, 0x22, 0x33, 0x44, 0x55]));
    }
}
