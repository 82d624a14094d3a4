//! Leases of dnsmasq (`dhcp-leasefile`, as its `src/lease.c` writes them): `expiry mac address host client-id`, and after a line `duid …`
//! those of DHCPv6, `expiry iaid address host client-duid`. `*` stands for what is not known; an expiry of 0 for never.
//!
//! A lease has no beginning there: whoever holds it now is taken to have held it always, until another's line replaces it. A DUID is opaque
//! (RFC 8415 §11), so no link-layer address is read out of it.

use std::net::IpAddr;

use super::facts::host;
use super::gathered::Gathered;
use super::leases::each_line;
use crate::daemon::mac;
use crate::engine::frame::Time;
use crate::engine::identity::{Known, Record, Subject};

/// Smaller numbers are no moment of this century, but the length of a lease, which dnsmasq writes where it was built for a machine without
/// a clock (`HAVE_BROKEN_RTC`).
const EARLIEST: u64 = 1_000_000_000;

const HINT: &str = "a lease is: expiry mac address host client-id";

/// Reads a file.
pub(super) fn read(text: &str, gathered: &mut Gathered<'_>) {
    each_line(text, gathered, |gathered, number, line| {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [""] | ["duid", ..] => Ok(true),
            [expiry, hardware, address, name, _, ..] => match lease(expiry, hardware, address, name)? {
                Some(record) => Ok(gathered.take(number, record)),
                None => Ok(true),
            },
            _ => Err((format!("has {} words", words.len()), HINT)),
        }
    });
}

/// A lease; `None` where it tells nothing of its holder.
fn lease(expiry: &str, hardware: &str, address: &str, name: &str) -> Result<Option<Record>, (String, &'static str)> {
    let seconds: u64 = expiry.parse().map_err(|_| (format!("expiry {expiry:?} is no number"), HINT))?;
    let address: IpAddr = address.parse().map_err(|_| (format!("address {address:?} is none"), HINT))?;
    let name = if name == "*" { "" } else { name };
    let known = Known {
        host: host(name).map_err(|why| (format!("host {name:?} {why}"), HINT))?,
        // Before it stands its hardware type where that is not Ethernet's; the third word of DHCPv6 is a number.
        mac: mac::parse(hardware).filter(|_| address.is_ipv4()),
        ..Known::default()
    };
    let until = (seconds >= EARLIEST).then(|| Time::new(seconds, 0));
    Ok((known != Known::default()).then_some(Record { subject: Subject::Address(address), from: None, until, known }))
}
