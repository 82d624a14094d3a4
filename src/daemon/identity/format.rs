//! Forms of files that say who clients are, and how they are told apart.

use std::path::Path;

use super::{kea, netbox};

/// Form of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Lines with a header of our own words.
    Csv,
    /// A list of objects with the same words as keys.
    Json,
    /// What NetBox exports of IP addresses and prefixes: CSV, or JSON of its API.
    Netbox,
    /// Leases of dnsmasq.
    Dnsmasq,
    /// Leases of Kea, in its memfile.
    Kea,
}

impl Format {
    /// Every word of the configuration.
    pub const WORDS: &[&str] = &["csv", "json", "netbox", "dnsmasq", "kea"];

    /// The form of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Format::Csv, Format::Json, Format::Netbox, Format::Dnsmasq, Format::Kea];
        Self::WORDS.iter().zip(all).find(|(w, _)| **w == word).map(|(_, format)| format)
    }

    /// Whether a DHCP server writes it while it runs: then good lines count whatever the others hold, and it may be missing.
    pub fn is_leases(self) -> bool {
        matches!(self, Format::Dnsmasq | Format::Kea)
    }

    /// The form of a file by what it begins with, else by its name.
    pub fn infer(name: &Path, text: &str) -> Self {
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
        match first.bytes().next() {
            None => by_name(name),
            Some(b'[' | b'{') if netbox::is_json(text) => Format::Netbox,
            Some(b'[' | b'{') => Format::Json,
            Some(_) if kea::is_header(first) => Format::Kea,
            Some(_) if netbox::is_header(first) => Format::Netbox,
            Some(_) if first.contains([',', ';', '\t']) => Format::Csv,
            Some(_) if is_dnsmasq(first) => Format::Dnsmasq,
            Some(_) => by_name(name),
        }
    }
}

/// A lease of dnsmasq begins with a number of seconds, the identifier of its DHCPv6 server with `duid`.
fn is_dnsmasq(line: &str) -> bool {
    let mut words = line.split(' ');
    let is_seconds = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    words.next().is_some_and(|word| word == "duid" || is_seconds(word)) && words.next().is_some()
}

/// What an empty or missing file will be.
pub(super) fn by_name(path: &Path) -> Format {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match () {
        () if name.contains("kea") && name.contains("lease") => Format::Kea,
        () if name.contains("lease") => Format::Dnsmasq,
        () if name.contains("netbox") => Format::Netbox,
        () if name.ends_with(".json") => Format::Json,
        () => Format::Csv,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_first_lines_tell() {
        for (name, text, format) in [
            ("hosts.csv", "subnet,team\n", Format::Csv),
            ("hosts.csv", "# ours\n\nAddress;Host\n", Format::Csv),
            ("hosts.json", "[]", Format::Json),
            ("x", "[{\"address\":\"10.0.0.5\",\"host\":\"a\"}]", Format::Json),
            ("x", "{\"count\":0,\"next\":null,\"previous\":null,\"results\":[]}", Format::Netbox),
            ("x", "[{\"id\":1,\"url\":\"http://netbox/api/ipam/ip-addresses/1/\",\"display\":\"10.0.0.5/24\"}]", Format::Netbox),
            ("x.csv", "ID,IP Address,VRF,Status,Role,Tenant,Assigned,DNS name,Description\n", Format::Netbox),
            ("x.csv", "Prefix,Status,Children,VRF,Utilization,Tenant,Site,VLAN,Role,Description\n", Format::Netbox),
            ("x.csv", "address,vrf,tenant,status,role,device,virtual_machine,interface,is_primary,dns_name,description\n", Format::Netbox),
            ("x", "1795463794 02:00:00:00:00:03 10.77.0.51 phone *\n", Format::Dnsmasq),
            ("x", "duid 00:01:00:01:32\n", Format::Dnsmasq),
            ("d.leases", "soon 02:00:00:00:00:03 10.77.0.51 phone *\n", Format::Dnsmasq),
            ("leases.csv", "address,host\n", Format::Csv),
            ("x", "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname\n", Format::Kea),
            ("x", "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime\n", Format::Kea),
            ("/var/lib/misc/dnsmasq.leases", "", Format::Dnsmasq),
            ("/var/lib/kea/kea-leases6.csv", "\n", Format::Kea),
            ("netbox.csv", "", Format::Netbox),
        ] {
            assert_eq!(Format::infer(Path::new(name), text), format, "{name} {text}");
        }
        assert_eq!(Format::WORDS.iter().filter_map(|w| Format::from_word(w)).count(), Format::WORDS.len());
        assert_eq!(Format::from_word("xml"), None);
    }
}
