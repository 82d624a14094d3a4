//! From figures to findings: what is well, what is not, and what to do about it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::survey::{LARGEST_FRAME, Survey};
use crate::daemon::capture::live::LiveTotals;
use crate::daemon::zone_sight::{counted, percent, reason_remedy, reason_text, spot_remedy, spot_text};
use crate::engine::account::{Account, NEEDED_PERCENT};
use crate::engine::event::{Anomaly, Reason};

/// Share of conversations that must show both directions, in percent.
const BOTH_NEEDED: u64 = 90;
/// Share of frames that may be shown twice, in percent.
const COPIES_ALLOWED: u64 = 1;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Something will be missed.
    Warning,
    /// This port is not to be trusted yet.
    Problem,
}

/// One thing found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) check: &'static str,
    /// How bad it is.
    pub(super) severity: Severity,
    /// What was found.
    pub(super) says: String,
    /// The figures behind it.
    pub(super) evidence: BTreeMap<&'static str, Value>,
    /// What to do; empty where nothing is to be done.
    pub(super) remedy: &'static str,
}

impl Finding {
    fn new<const N: usize>(
        check: &'static str,
        severity: Severity,
        says: impl Into<String>,
        evidence: [(&'static str, u64); N],
        remedy: &'static str,
    ) -> Self {
        let evidence = evidence.into_iter().map(|(key, n)| (key, json!(n))).collect();
        let remedy = if severity == Severity::Ok { "" } else { remedy };
        Finding { check, severity, says: says.into(), evidence, remedy }
    }
}

/// Everything found; `totals` where an interface was looked at.
pub(super) fn findings(survey: &mut Survey, totals: Option<LiveTotals>) -> Vec<Finding> {
    let account = survey.finish();
    let mut all = vec![traffic(survey)];
    all.extend(totals.map(loss));
    if survey.frames == 0 {
        return all;
    }
    all.extend([span(survey), directions(survey), clients(survey), dns(survey), layers(survey), copies(survey)]);
    all.extend([merged(survey), snapped(survey), understood(survey), names(&account)]);
    all.extend(account.blind_spots.iter().map(|(spot, count)| {
        let says = format!("{}: {} of {}", spot_text(*spot), counted(count.flows, "flow"), counted(count.clients, "client"));
        let severity = if spot.hides_flows() { Severity::Warning } else { Severity::Note };
        Finding::new("blind_spot", severity, says, [("flows", count.flows), ("clients", count.clients)], spot_remedy(*spot))
    }));
    all
}

fn traffic(s: &Survey) -> Finding {
    const REMEDY: &str = "check the mirror session at the switch, the cable, and that the interface is up (ip -s link)";
    if s.frames == 0 {
        return Finding::new("traffic", Severity::Problem, "nothing at all was seen", [("frames", 0)], REMEDY);
    }
    let seconds = s.seconds().max(0.001);
    let (rate, bits) = ((s.frames as f64 / seconds).round() as u64, (s.bytes as f64 * 8.0 / seconds).round() as u64);
    let says = format!("{} in {seconds:.1} s: {rate} a second, {:.1} Mbit/s", counted(s.frames, "frame"), bits as f64 / 1e6);
    let evidence = [("frames", s.frames), ("bytes", s.bytes), ("packets_per_second", rate), ("bits_per_second", bits)];
    Finding::new("traffic", Severity::Ok, says, evidence, "")
}

fn loss(t: LiveTotals) -> Finding {
    let evidence = [("received", t.received), ("dropped_kernel", t.dropped_kernel), ("dropped_interface", t.dropped_interface)];
    let lost = |n: u64| percent(n, t.received.saturating_add(n));
    if t.dropped_kernel > 0 {
        let says = format!("the kernel dropped {} ({})", counted(t.dropped_kernel, "frame"), lost(t.dropped_kernel));
        return Finding::new("loss", Severity::Problem, says, evidence, "raise [capture] buffer_mib, or filter what need not be seen");
    }
    if t.dropped_interface > 0 {
        let says = format!("the interface dropped {} ({})", counted(t.dropped_interface, "frame"), lost(t.dropped_interface));
        return Finding::new("loss", Severity::Warning, says, evidence, "raise the ring (ethtool -G), or mirror less on this port");
    }
    Finding::new("loss", Severity::Ok, "no frame was dropped", evidence, "")
}

fn span(s: &Survey) -> Finding {
    const REMEDY: &str = "mirror the ports of others here; on a gateway that translates addresses, listen on the inside interface";
    let evidence = [("unicast", s.parties.unicast), ("between_others", s.parties.between_others)];
    if s.parties.unicast == 0 {
        let says = "only broadcast and multicast were seen: this is an ordinary port of a switch";
        return Finding::new("span", Severity::Problem, says, evidence, REMEDY);
    }
    if s.parties.is_one_host() {
        return Finding::new("span", Severity::Problem, "all packets are of one host: no traffic of others is shown", evidence, REMEDY);
    }
    Finding::new("span", Severity::Ok, "traffic of several hosts is shown", evidence, "")
}

fn directions(s: &Survey) -> Finding {
    let (all, both) = s.conversations();
    let evidence = [("tcp_flows", all), ("both_directions", both)];
    if all == 0 {
        return Finding::new("directions", Severity::Note, "no TCP connection carried anything", evidence, "look longer");
    }
    let says = format!("{} of {} show both directions", percent(both, all), counted(all, "TCP connection"));
    let is_well = both * 100 >= all * BOTH_NEEDED;
    let severity = if is_well { Severity::Ok } else { Severity::Problem };
    Finding::new("directions", severity, says, evidence, "mirror both directions (rx and tx) of the port, or both legs of the tap")
}

fn clients(s: &Survey) -> Finding {
    let n = s.clients.len() as u64;
    let severity = if n == 0 { Severity::Note } else { Severity::Ok };
    Finding::new("clients", severity, format!("{} asked or connected", counted(n, "client")), [("clients", n)], "look longer")
}

fn dns(s: &Survey) -> Finding {
    let (severity, says, remedy) = match (s.queries, s.answers) {
        (0, 0) => (
            Severity::Warning,
            "no look-up was seen: flows without a name in clear stay unknown".to_owned(),
            "mirror the path between clients and their resolver too",
        ),
        (q, 0) => (Severity::Warning, format!("{}, no answer", counted(q, "question")), "mirror the resolver's direction too"),
        (0, a) => (Severity::Warning, format!("no question, {}", counted(a, "answer")), "mirror the clients' direction too"),
        (q, a) => (Severity::Ok, format!("{}, {}", counted(q, "question"), counted(a, "answer")), ""),
    };
    Finding::new("dns", severity, says, [("questions", s.queries), ("answers", s.answers)], remedy)
}

fn layers(s: &Survey) -> Finding {
    let list: Vec<_> = s.layers.iter().map(|(name, n)| format!("{name} ({n})")).collect();
    let says = if list.is_empty() { "no VLAN tag, no tunnel".into() } else { format!("read through: {}", list.join(", ")) };
    let mut finding = Finding::new("encapsulation", Severity::Ok, says, [], "");
    finding.evidence.insert("layers", json!(s.layers));
    finding
}

fn copies(s: &Survey) -> Finding {
    let says = format!("{} of the frames are copies; each packet counts once", percent(s.copies, s.frames));
    let severity = if s.copies * 100 > s.frames * COPIES_ALLOWED { Severity::Warning } else { Severity::Ok };
    let remedy = "mirror each packet once: one direction of every port, or the uplink alone; copies cost capacity";
    Finding::new("duplicates", severity, says, [("copies", s.copies), ("frames", s.frames)], remedy)
}

fn merged(s: &Survey) -> Finding {
    let evidence = [("larger_than_ethernet", s.oversized), ("largest", s.largest.into()), ("ethernet", LARGEST_FRAME.into())];
    if s.oversized == 0 {
        return Finding::new("offload", Severity::Ok, "no frame is larger than Ethernet's", evidence, "");
    }
    let says = format!("{} larger than Ethernet's, up to {} bytes: merged by the network card", counted(s.oversized, "frame"), s.largest);
    Finding::new("offload", Severity::Note, says, evidence, "none needed: lengths follow IP")
}

fn snapped(s: &Survey) -> Finding {
    let says = format!("{} of the frames are cut short", percent(s.snapped, s.frames));
    let severity = if s.snapped > 0 { Severity::Warning } else { Severity::Ok };
    Finding::new("snapped", severity, says, [("snapped", s.snapped), ("frames", s.frames)], reason_remedy(Reason::Snapped))
}

/// Headers that could not be followed.
fn understood(s: &Survey) -> Finding {
    let counters = s.counters();
    let count = |kind: Anomaly| counters.anomalies.get(kind as usize).copied().unwrap_or(0);
    let odd = [Anomaly::Link, Anomaly::Ip, Anomaly::Nesting, Anomaly::Fragment].map(count);
    let all: u64 = odd.iter().sum();
    let evidence = [("link", odd[0]), ("ip", odd[1]), ("nesting", odd[2]), ("fragment", odd[3])];
    let says = format!("{} of the frames have headers that cannot be followed", percent(all, s.frames));
    let severity = if all * 100 > s.frames { Severity::Warning } else { Severity::Ok };
    Finding::new("headers", severity, says, evidence, "the mirror adds a tunnel or trailer that is not known, or damages frames")
}

/// Of the encrypted flows that began while it looked: those older say nothing of the port.
fn names(account: &Account) -> Finding {
    let older = account.flows_of(Reason::Midstream);
    let (all, named) = (account.encrypted() - older, account.named());
    let evidence = [("encrypted", all), ("named", named), ("older", older)];
    let worst = account.flows.iter().filter(|(r, _)| !matches!(r, Reason::Named | Reason::Midstream)).max_by_key(|(_, n)| **n);
    if all == 0 {
        return Finding::new("names", Severity::Note, "no encrypted flow began while it looked", evidence, "look longer");
    }
    let mut says = format!("{} of {} named", percent(named, all), counted(all, "encrypted flow"));
    if let Some((reason, n)) = worst {
        says.push_str(&format!("; most others: {} ({n})", reason_text(*reason)));
    }
    let severity = if named * 100 >= all * NEEDED_PERCENT { Severity::Ok } else { Severity::Warning };
    let mut finding = Finding::new("names", severity, says, evidence, worst.map_or("", |(reason, _)| reason_remedy(*reason)));
    let reasons: BTreeMap<_, _> = account.flows.iter().map(|(reason, n)| (reason.word(), *n)).collect();
    finding.evidence.insert("reasons", json!(reasons));
    finding
}
