//! Lines in our own words, the same in CSV and JSON: whom they are about, when, and what they say.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::civil::Date;

use super::facts::host;
use super::gathered::Gathered;
use crate::daemon::{clock, mac};
use crate::engine::frame::Time;
use crate::engine::group::OTHER;
use crate::engine::identity::{Known, Record, Subject};

/// Every word.
pub(super) const KEYS: [&str; 11] = ["subnet", "address", "mac", "host_pattern", "host", "user", "team", "site", "from", "until", "shared"];

/// Those that say whom a line is about.
pub(super) const SUBJECTS: [&str; 4] = ["subnet", "address", "mac", "host_pattern"];

/// Patterns that begin and end with `*` in one file: each is tried with every name.
const MOST_FLOATING: usize = 100;

/// A value for every word, blank where nothing is said.
pub(super) type Written<'t> = [Cow<'t, str>; KEYS.len()];

/// Makes records of lines.
#[derive(Default)]
pub(super) struct Lines {
    floating: usize,
}

/// Why a line is no record: what is wrong, and the remedy.
type Wrong = (String, &'static str);

impl Lines {
    /// Takes a line; false once there is no room for more.
    pub fn take(&mut self, gathered: &mut Gathered<'_>, line: usize, written: &Written<'_>) -> bool {
        if written.iter().all(|value| value.trim().is_empty()) {
            return true;
        }
        let [subnet, address, mac, pattern, host, user, team, site, from, until, shared] = written.each_ref().map(|v| v.trim());
        let mut read = || -> Result<Vec<Record>, Wrong> {
            let subjects = self.subjects(subnet, address, mac, pattern)?;
            let (from, until) = (moment("from", from, false)?, moment("until", until, true)?);
            if let (Some(from), Some(until)) = (from, until)
                && until <= from
            {
                return Err((
                    "until is not after from".into(),
                    "an address that changes its owner has a line for each, one after the other",
                ));
            }
            let known = Known { shared: flag(shared)?, ..facts(gathered, host, user, team, site)? };
            let of = |subject: &Subject, mac| Record { subject: subject.clone(), from, until, known: Known { mac, ..known.clone() } };
            Ok(match &subjects[..] {
                [address, Subject::Mac(mac)] => vec![of(address, Some(*mac)), of(&Subject::Mac(*mac), None)],
                _ => subjects.iter().map(|s| of(s, None)).collect(),
            })
        };
        match read() {
            Ok(records) => {
                if records.iter().all(|r| r.known == Known::default()) {
                    gathered.problems.warn(line, "says nothing", "give a host, user, team, site or shared, or delete the line");
                }
                records.into_iter().all(|record| gathered.take(line, record))
            }
            Err((message, hint)) => {
                gathered.problems.bad(line, message, hint);
                true
            }
        }
    }

    /// Whom a line is about: one subject, or an address and its link-layer address.
    fn subjects(&mut self, subnet: &str, address: &str, mac: &str, pattern: &str) -> Result<Vec<Subject>, Wrong> {
        let given = [subnet, address, mac, pattern].iter().filter(|v| !v.is_empty()).count();
        if given == 0 {
            return Err(("is about nobody".into(), "give an address, subnet, mac or host_pattern"));
        }
        if given > 1 && !(given == 2 && !address.is_empty() && !mac.is_empty()) {
            let hint = "give one of subnet, address, mac and host_pattern, or address and mac together";
            return Err(("is about several things at once".into(), hint));
        }
        let mut subjects = Vec::new();
        if !subnet.is_empty() {
            subjects.push(self::subnet(subnet)?);
        }
        if !address.is_empty() {
            subjects.push(Subject::Address(self::address(address)?));
        }
        if !mac.is_empty() {
            let mac = mac::parse(mac).ok_or_else(|| (format!("mac {mac:?} is none"), "write 02:00:00:00:00:05"))?;
            subjects.push(Subject::Mac(mac));
        }
        if !pattern.is_empty() {
            subjects.push(self.pattern(pattern)?);
        }
        Ok(subjects)
    }

    fn pattern(&mut self, written: &str) -> Result<Subject, Wrong> {
        let named = host(written).map_err(|why| (format!("host_pattern {written:?} {why}"), "a host name in which * is any characters"))?;
        let pattern = named.unwrap_or_else(|| Arc::from(written));
        if pattern.starts_with('*') && pattern.ends_with('*') {
            self.floating += 1;
        }
        if self.floating > MOST_FLOATING {
            let message = format!("more than {MOST_FLOATING} host patterns begin and end with *");
            return Err((message, "begin or end them with literal characters, as ws-*"));
        }
        Ok(Subject::HostPattern(pattern))
    }
}

fn subnet(written: &str) -> Result<Subject, Wrong> {
    let Some(net) = written.parse::<IpNet>().ok() else {
        return Err((format!("subnet {written:?} is none"), "write 10.0.0.0/24 or 2001:db8::/64"));
    };
    if net != net.trunc() {
        return Err((format!("subnet {net} has bits beyond its prefix"), "write the subnet, or the single address in the column address"));
    }
    Ok(Subject::Subnet(net))
}

fn address(written: &str) -> Result<IpAddr, Wrong> {
    let whole = || written.parse::<IpNet>().ok().filter(|net| net.prefix_len() == net.max_prefix_len()).map(|net| net.addr());
    let hint = "write 10.0.0.5 or 2001:db8::5; a network goes into subnet";
    written.parse().ok().or_else(whole).ok_or_else(|| (format!("address {written:?} is none"), hint))
}

/// A moment (RFC 3339) or a day in UTC: its beginning, or for `until` its end.
fn moment(key: &str, written: &str, is_end: bool) -> Result<Option<Time>, Wrong> {
    if written.is_empty() {
        return Ok(None);
    }
    let day = || {
        let day = written.parse::<Date>().ok()?;
        let day = if is_end { day.tomorrow().ok()? } else { day };
        Some(Time::new(u64::try_from(day.duration_since(Date::constant(1970, 1, 1)).as_secs()).ok()?, 0))
    };
    let moment = clock::parse_rfc3339(written).or_else(day);
    let hint = "write 2026-11-23 (UTC), or 2026-11-23T08:00:00+01:00";
    moment.map(Some).ok_or_else(|| (format!("{key} {written:?} is no moment"), hint))
}

fn flag(written: &str) -> Result<bool, Wrong> {
    match written.to_ascii_lowercase().as_str() {
        "" | "false" | "no" | "0" => Ok(false),
        "true" | "yes" | "1" => Ok(true),
        _ => Err((format!("shared {written:?} is neither true nor false"), "write true where many stand behind the address")),
    }
}

fn facts(gathered: &mut Gathered<'_>, named: &str, user: &str, team: &str, site: &str) -> Result<Known, Wrong> {
    const HINT: &str = "one line of at most 128 bytes; of a host name 253, without blanks";
    let wrong = |key: &str, value: &str, why| (format!("{key} {value:?} {why}"), HINT);
    if team == OTHER {
        return Err((format!("a team is named {OTHER:?}, the name of everybody else"), "leave it blank, or choose another name"));
    }
    Ok(Known {
        host: host(named).map_err(|why| wrong("host", named, why))?,
        user: gathered.texts.text(user).map_err(|why| wrong("user", user, why))?,
        team: gathered.texts.text(team).map_err(|why| wrong("team", team, why))?,
        site: gathered.texts.text(site).map_err(|why| wrong("site", site, why))?,
        mac: None,
        shared: false,
    })
}
