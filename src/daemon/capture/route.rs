//! The interface of the default route, read from the kernel's tables.

use std::fs::read_to_string;

/// `RTF_UP`: a route in use.
const UP: u32 = 0x0001;
/// `RTF_REJECT`: a route that leads nowhere.
const REJECT: u32 = 0x0200;

/// The interface of the default route: IPv4's, else IPv6's; `None` where there is none.
pub fn default_interface() -> Option<String> {
    let table = |name: &str| read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    default_v4(&table("route")).or_else(|| default_v6(&table("ipv6_route")))
}

/// The interface of the default route with the lowest metric in the text of `/proc/net/route`.
pub fn default_v4(table: &str) -> Option<String> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [name, destination, _, flags, _, _, metric, mask, ..] = fields[..] else { return None };
        let is_default = hex(destination)? == 0 && hex(mask)? == 0;
        candidate(name, is_default, hex(flags)?, metric.parse().ok()?)
    });
    lowest(routes)
}

/// The interface of the default route with the lowest metric in the text of `/proc/net/ipv6_route`.
pub fn default_v6(table: &str) -> Option<String> {
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [destination, length, _, _, _, metric, _, _, flags, name] = fields[..] else { return None };
        let is_default = destination.bytes().all(|b| b == b'0') && hex(length)? == 0;
        candidate(name, is_default, hex(flags)?, hex(metric)?)
    });
    lowest(routes)
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

fn candidate(name: &str, is_default: bool, flags: u32, metric: u32) -> Option<(u32, &str)> {
    (is_default && flags & UP != 0 && flags & REJECT == 0 && name != "lo").then_some((metric, name))
}

fn lowest<'a>(routes: impl Iterator<Item = (u32, &'a str)>) -> Option<String> {
    routes.min_by_key(|(metric, _)| *metric).map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
        wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
        eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        tun0\t00000000\t0100000A\t0001\t0\t0\t50\t00000080\t0\t0\t0\n\
        eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";

    #[test]
    fn the_lowest_metric_wins() {
        assert_eq!(default_v4(V4).as_deref(), Some("eth0"));
    }

    #[test]
    fn a_route_that_leads_nowhere_is_none() {
        let refused = V4.replace("\t0003\t", "\t0203\t");
        assert_eq!(default_v4(&refused), None);
        assert_eq!(default_v4(""), None);
        assert_eq!(default_v4("Iface\nnonsense\n\neth0\tzz\n"), None);
    }

    #[test]
    fn ipv6_has_its_own_table() {
        let zero = "0".repeat(32);
        let link_local = format!("fe80{}", "0".repeat(28));
        let table = format!(
            "{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n\
             {link_local} 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001     eth1\n\
             {zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth1\n"
        );
        assert_eq!(default_v6(&table).as_deref(), Some("eth1"));
    }
}
