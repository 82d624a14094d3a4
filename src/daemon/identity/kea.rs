//! Leases of Kea (`memfile`, DHCPv4 and DHCPv6): CSV without quotes to which each change is appended, so that a later row of an address
//! counts over an earlier one, and what the earlier one said holds until then.
//!
//! Columns and states as `src/lib/dhcpsrv/csv_lease_file4.cc`, `csv_lease_file6.cc` and `lease.h` of Kea have them. When Kea cleans its file up
//! (`kea-lfc`), what was in it stands in files beside it ([`earlier_files`]).

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use super::facts::host;
use super::gathered::Gathered;
use super::leases::each_line;
use crate::daemon::mac;
use crate::engine::frame::Time;
use crate::engine::identity::{Known, Record, Subject};

/// A lease that never ends (RFC 2131 §3.3).
const FOR_EVER: u64 = 0xffff_ffff;

/// Columns that are read.
const COLUMNS: [&str; 9] = ["address", "hwaddr", "duid", "valid_lifetime", "expire", "hostname", "state", "lease_type", "prefix_len"];

/// Where each of them stands.
type Places = [Option<usize>; COLUMNS.len()];

/// Whether a line is the header of such a file.
pub(super) fn is_header(line: &str) -> bool {
    line.starts_with("address,hwaddr,client_id,") || line.starts_with("address,duid,")
}

/// Files that hold rows older than those of `file`, oldest first, in the order in which Kea itself loads them.
pub(super) fn earlier_files(file: &Path) -> [PathBuf; 3] {
    [".completed", ".2", ".1"].map(|end| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

/// Somebody's hold on an address or prefix.
struct Hold {
    key: Key,
    line: usize,
    owner: Box<str>,
    from: Time,
    until: Time,
    host: Option<Arc<str>>,
    mac: Option<[u8; 6]>,
}

/// Rows so far.
#[derive(Default)]
pub(super) struct Rows {
    holds: Vec<Hold>,
    /// The last hold on each.
    last: HashMap<Key, usize>,
    /// Holds that were given back, at a moment the next row bounds.
    given_back: Vec<usize>,
}

/// An address and its prefix length; 128 for an address alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key(IpAddr, u8);

/// One row.
struct Row<'t> {
    key: Key,
    owner: &'t str,
    from: Time,
    until: Time,
    change: Change,
    host: Option<Arc<str>>,
    mac: Option<[u8; 6]>,
}

/// What a row says of the address.
#[derive(PartialEq, Eq)]
enum Change {
    Held,
    GivenBack,
    /// Somebody else uses it: declined.
    Nobodys,
    /// Its lease had ended before.
    Ended,
}

impl Rows {
    /// Adds the rows of a file; older files come first.
    pub fn read(&mut self, text: &str, gathered: &mut Gathered<'_>) {
        let mut places: Option<Places> = None;
        each_line(text, gathered, |_, number, line| {
            let Some(places) = &places else {
                if !line.is_empty() {
                    places = Some(columns(line)?);
                }
                return Ok(true);
            };
            if !line.is_empty() {
                let row = row(places, line)?;
                self.add(number, row);
            }
            // One more than there is room for is enough to say so.
            Ok(self.holds.len() <= super::MOST_RECORDS)
        });
    }

    /// Hands on all of it; `written`: when the file was last written, and so when whatever was given back was at the latest.
    pub fn finish(mut self, written: Time, gathered: &mut Gathered<'_>) {
        self.bound_given_back(written);
        self.last = HashMap::new();
        for Hold { key: Key(address, length), line, from, until, host, mac, .. } in self.holds {
            let whole = if address.is_ipv4() { 32 } else { 128 };
            let subject = match IpNet::new(address, length) {
                Ok(net) if length < whole => Subject::Subnet(net.trunc()),
                _ => Subject::Address(address),
            };
            let until = (until < Time(u64::MAX)).then_some(until);
            let is_told = host.is_some() || mac.is_some();
            let known = Known { host, mac, ..Known::default() };
            if is_told && until.is_none_or(|u| from < u) && !gathered.take(line, Record { subject, from: Some(from), until, known }) {
                return;
            }
        }
    }

    fn add(&mut self, line: usize, row: Row<'_>) {
        if row.change == Change::Held {
            self.bound_given_back(row.from);
        }
        let position = self.last.get(&row.key).copied();
        let last = position.and_then(|at| self.holds.get_mut(at));
        match (row.change, last, position) {
            (Change::Held, Some(last), _) if *last.owner == *row.owner && row.from <= last.until => {
                last.until = row.until;
                last.mac = row.mac.or(last.mac);
                last.host = row.host.or(last.host.take());
            }
            (Change::Held, last, _) => {
                if let Some(last) = last {
                    last.until = last.until.min(row.from);
                }
                let Row { key, owner, from, until, host, mac, .. } = row;
                self.last.insert(key, self.holds.len());
                self.holds.push(Hold { key, line, owner: owner.into(), from, until, host, mac });
            }
            (Change::GivenBack, Some(_), Some(position)) => self.given_back.push(position),
            (Change::Nobodys, Some(last), _) => last.until = last.until.min(row.from),
            (Change::GivenBack | Change::Nobodys | Change::Ended, ..) => {}
        }
    }

    fn bound_given_back(&mut self, at: Time) {
        for position in self.given_back.drain(..) {
            if let Some(hold) = self.holds.get_mut(position) {
                hold.until = hold.until.min(at.max(hold.from));
            }
        }
    }
}

fn columns(line: &str) -> Result<Places, (String, &'static str)> {
    let names: Vec<&str> = line.split(',').map(str::trim).collect();
    if !is_header(line) {
        return Err(("is no header of Kea's leases".into(), "name the file of lease-database in Kea's configuration"));
    }
    Ok(COLUMNS.map(|column| names.iter().position(|name| *name == column)))
}

fn row<'t>(places: &Places, line: &'t str) -> Result<Row<'t>, (String, &'static str)> {
    const HINT: &str = "kea-lfc writes the file anew and leaves such rows out";
    let values: Vec<&str> = line.split(',').collect();
    let [address, hwaddr, duid, valid, expire, hostname, state, lease_type, prefix_len] =
        places.map(|place| place.and_then(|at| values.get(at)).copied().unwrap_or_default());
    let last_needed = places.iter().flatten().max().copied().unwrap_or_default();
    if values.len() <= last_needed {
        return Err((format!("has {} values", values.len()), HINT));
    }
    let number = |what: &str, text: &str| text.parse::<u64>().map_err(|_| (format!("{what} {text:?} is no number"), HINT));
    let (valid, expire) = (number("valid_lifetime", valid)?, number("expire", expire)?);
    let address: IpAddr = address.parse().map_err(|_| (format!("address {address:?} is none"), HINT))?;
    let length =
        if lease_type == "2" { prefix_len.parse().map_err(|_| (format!("prefix_len {prefix_len:?} is none"), HINT))? } else { 128 };
    let name = hostname.replace("&#x2c", ",");
    let change = match state {
        "0" | "4" | "" if valid > 0 => Change::Held,
        "1" => Change::Nobodys,
        "2" => Change::Ended,
        _ => Change::GivenBack,
    };
    Ok(Row {
        key: Key(address, length),
        owner: if duid.is_empty() { hwaddr } else { duid },
        from: Time::new(expire.saturating_sub(valid), 0),
        until: if valid == FOR_EVER { Time(u64::MAX) } else { Time::new(expire, 0) },
        change,
        host: host(&name).map_err(|why| (format!("hostname {name:?} {why}"), HINT))?,
        mac: mac::parse(hwaddr),
    })
}
