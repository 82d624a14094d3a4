//! What NetBox exports of IP addresses and prefixes: the CSV of its lists ("all data" or the current view, of every version), and the JSON of
//! `/api/ipam/ip-addresses/` and `/api/ipam/prefixes/`, a whole answer or its list of results alone. The DNS name, else the device or
//! virtual machine, becomes the host; the tenant the team; the site or scope of a prefix the site.
//!
//! Columns and fields: <https://github.com/netbox-community/netbox/blob/main/netbox/ipam/tables/ip.py> and
//! <https://github.com/netbox-community/netbox/blob/main/netbox/ipam/api/serializers_/ip.py>.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::facts::host;
use super::gathered::Gathered;
use super::json::LineOf;
use super::table::Rows;
use crate::engine::group::OTHER;
use crate::engine::identity::{Known, Record, Subject};

/// States of addresses and prefixes that nobody uses.
const UNUSED: [&str; 2] = ["deprecated", "available"];

/// How much of a text tells whether it is of the API.
const HEAD: usize = 4096;

/// What a row or object says, blank where it is silent.
#[derive(Default)]
struct Row {
    address: String,
    prefix: String,
    dns_name: String,
    device: String,
    tenant: String,
    site: String,
    status: String,
}

/// An answer of the API.
#[derive(Deserialize)]
struct Page<'t> {
    next: Option<String>,
    #[serde(borrow)]
    results: Vec<&'t RawValue>,
}

/// Whether a header is of a list of NetBox.
pub(super) fn is_header(line: &str) -> bool {
    let names: Vec<String> = line.split([',', ';', '\t']).map(column).collect();
    let has = |name: &str| names.iter().any(|n| n == name);
    has("ip_address") || has("prefix") || (has("address") && ["dns_name", "vrf", "tenant"].into_iter().any(has))
}

/// Whether a text in JSON is of NetBox's API.
pub(super) fn is_json(text: &str) -> bool {
    let head = text.char_indices().take_while(|(at, _)| *at < HEAD).last().map_or("", |(at, c)| &text[..at + c.len_utf8()]);
    (head.trim_start().starts_with('{') && head.contains("\"results\"")) || head.contains("/api/ipam/") || head.contains("\"dns_name\"")
}

/// Reads a file, CSV or JSON.
pub(super) fn read(text: &str, gathered: &mut Gathered<'_>) {
    match text.trim_start().bytes().next() {
        None => {}
        Some(b'[' | b'{') => read_json(text, gathered),
        Some(_) => read_table(text, gathered),
    }
}

fn read_table(text: &str, gathered: &mut Gathered<'_>) {
    let mut rows = Rows::new(text);
    let Some((line, header)) = rows.next() else { return };
    let names: Vec<String> = header.iter().map(column).collect();
    let has = |name: &str| names.iter().any(|n| n == name);
    if !(has("ip_address") || has("address") || has("prefix")) {
        let hint = "export IP addresses or prefixes, with the column of the address or prefix";
        return gathered.problems.bad(line, "no column is named \"IP Address\" or \"Prefix\"", hint);
    }
    while let Some((line, values)) = rows.next() {
        let get = |wanted: &[&str]| {
            let found = wanted.iter().filter_map(|w| values.get(names.iter().position(|n| n == w)?)).map(bare);
            found.into_iter().find(|v| !v.is_empty()).unwrap_or_default().to_owned()
        };
        let row = Row {
            address: get(&["ip_address", "address"]),
            prefix: get(&["prefix"]),
            dns_name: get(&["dns_name"]),
            device: get(&["parent", "device_vm", "device", "virtual_machine", "assigned_object_parent"]),
            tenant: get(&["tenant"]),
            site: get(&["site", "scope"]),
            status: get(&["status"]),
        };
        if !take(gathered, line, &row) {
            return;
        }
    }
}

fn read_json(text: &str, gathered: &mut Gathered<'_>) {
    let is_page = text.trim_start().starts_with('{');
    let read = if is_page { serde_json::from_str(text) } else { serde_json::from_str(text).map(|results| Page { next: None, results }) };
    let page: Page<'_> = match read {
        Ok(page) => page,
        Err(error) => {
            let hint = "save a whole answer of /api/ipam/ip-addresses/ or /api/ipam/prefixes/, or its list of results";
            return gathered.problems.bad(error.line(), format!("cannot be read: {error}"), hint);
        }
    };
    if page.next.is_some() {
        let hint = "ask for all at once, ?limit=0, or join the lists of results";
        gathered.problems.bad(1, "is one page of several", hint);
    }
    let line_of = LineOf::new(text);
    for entry in page.results {
        let line = line_of.of(entry.get());
        match serde_json::from_str::<Value>(entry.get()) {
            Ok(value @ Value::Object(_)) => {
                if !take(gathered, line, &row_of(&value)) {
                    return;
                }
            }
            _ => gathered.problems.bad(line, "is no object", "write the API's own"),
        }
    }
}

fn row_of(object: &Value) -> Row {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).map(bare).unwrap_or_default().to_owned();
    let first = |paths: &[&str]| paths.iter().map(|p| text(p)).find(|t| !t.is_empty()).unwrap_or_default();
    Row {
        address: text("/address"),
        prefix: text("/prefix"),
        dns_name: text("/dns_name"),
        device: first(&["/assigned_object/device/name", "/assigned_object/virtual_machine/name"]),
        tenant: first(&["/tenant/name", "/tenant"]),
        site: first(&["/site/name", "/site", "/scope/name"]),
        status: first(&["/status/value", "/status"]),
    }
}

fn take(gathered: &mut Gathered<'_>, line: usize, row: &Row) -> bool {
    if UNUSED.iter().any(|state| row.status.eq_ignore_ascii_case(state)) {
        return true;
    }
    match record(gathered, row) {
        Ok(Some(record)) => gathered.take(line, record),
        Ok(None) => true,
        Err((message, hint)) => {
            gathered.problems.bad(line, message, hint);
            true
        }
    }
}

/// What a row says; `None` where that is nothing.
fn record(gathered: &mut Gathered<'_>, row: &Row) -> Result<Option<Record>, (String, &'static str)> {
    let subject = subject(row)?;
    let wrong = |what: &str, value: &str, why: &str| (format!("{what} {value:?} {why}"), "correct it in NetBox");
    let named = if row.dns_name.is_empty() { row.device.replace(char::is_whitespace, "-") } else { row.dns_name.clone() };
    let team = if row.tenant == OTHER { "" } else { row.tenant.as_str() };
    let known = Known {
        host: if row.prefix.is_empty() { host(&named).map_err(|why| wrong("name", &named, why))? } else { None },
        team: gathered.texts.text(team).map_err(|why| wrong("tenant", team, why))?,
        site: gathered.texts.text(&row.site).map_err(|why| wrong("site", &row.site, why))?,
        ..Known::default()
    };
    Ok((known != Known::default()).then_some(Record { subject, from: None, until: None, known }))
}

fn subject(row: &Row) -> Result<Subject, (String, &'static str)> {
    if !row.prefix.is_empty() {
        let net: IpNet = row.prefix.parse().map_err(|_| (format!("prefix {:?} is none", row.prefix), "10.0.0.0/24 or 2001:db8::/64"))?;
        return Ok(Subject::Subnet(net.trunc()));
    }
    let bare = row.address.split('/').next().unwrap_or_default();
    let address: IpAddr = bare.parse().map_err(|_| (format!("address {:?} is none", row.address), "10.0.0.5/24 or 2001:db8::5/64"))?;
    Ok(Subject::Address(address))
}

/// The name of a column in lower case with `_` for whatever is no letter or digit, so that labels and field names are the same.
fn column(name: &str) -> String {
    let lower = name.trim().trim_matches(['"', '\u{feff}']).to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// A value without what its table draws: bullets of depth, dashes for nothing.
fn bare(value: &str) -> &str {
    value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '•' | '—'))
}
