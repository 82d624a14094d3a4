//! DHCP for IPv4 and IPv6.

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::mac::is_individual;
use shadowtap::engine::names::{dhcp, dhcpv6};

use super::verdict::{agrees, bounded, cut, steered};

/// IPv4 ends by itself, so it has the prefix property; IPv6 does not, so a cut message is never a better one. MAC addresses are those of
/// one interface, names are bounded.
pub fn run(data: &[u8]) {
    let Some(([at, way], bytes)) = steered(data) else { return };
    let part = cut(bytes, at);
    if way % 2 == 0 {
        let (whole, early) = (dhcp::message(bytes), dhcp::message(part));
        bounded(&whole, bytes.len());
        bounded(&early, part.len());
        agrees(&early, part.len(), &whole, bytes.len());
        if let Verdict::Found(m) = whole {
            assert!(m.mac.is_none_or(is_individual) && bytes.len() > 240);
            assert!(m.host.is_none_or(|h| !h.is_empty() && h.len() <= 255));
            let addresses = [m.own, m.given, m.requested];
            assert!(addresses.iter().flatten().all(|a| !a.is_unspecified() && !a.is_broadcast() && !a.is_multicast()), "{addresses:?}");
        }
        return;
    }
    let whole = dhcpv6::message(bytes);
    bounded(&whole, bytes.len());
    if let Verdict::Found(m) = &whole {
        assert!(m.addresses.len() <= 32 && m.addresses.len() * 28 <= bytes.len(), "{} addresses", m.addresses.len());
        assert!(m.mac.is_none_or(is_individual) && (m.mac.is_none() || m.is_relayed));
        assert!(m.host.as_ref().is_none_or(|h| h.len() <= 255));
        if let Verdict::Found(early) = dhcpv6::message(part) {
            assert!(early.addresses.len() <= m.addresses.len() || !m.is_relayed);
        }
    }
}
