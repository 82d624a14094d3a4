//! `[exclude]`: clients of whom nothing is kept but a count.

use super::read::networks;
use crate::daemon::mac;
use crate::daemon::toml_fields::Fields;
use crate::engine::identity::Exclusion;

/// Clients that are left out, by subnet, MAC address or VLAN; default none.
pub(super) fn read(fields: &Fields<'_>) -> Exclusion {
    let mut macs = Vec::new();
    for text in fields.texts("macs") {
        match mac::parse(text.value) {
            Some(mac) => macs.push(mac),
            None => {
                let message = format!("{} {:?} is no MAC address", fields.named("macs"), text.value);
                fields.reading().error(text.line, message, "write 02:00:00:00:00:05");
            }
        }
    }
    let vlans: Vec<u16> = fields.numbers("vlans", 1..=4094).into_iter().filter_map(|id| u16::try_from(id).ok()).collect();
    Exclusion::new(&networks(fields, "subnets"), &macs, &vlans)
}
