//! DHCP and RADIUS accounting: from their messages to bindings.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::lookup::{ends, link};
use super::said::name_of;
use super::{Engine, Sink};
use crate::engine::bytes::Verdict;
use crate::engine::event::{Anomaly, Binding, BindingKind, BindingSource, Detail, Event, Source};
use crate::engine::frame::Time;
use crate::engine::host::HostName;
use crate::engine::names::radius::{Phase, Report};
use crate::engine::names::{dhcp, dhcpv6, radius};
use crate::engine::packet::Packet;

/// A lease of this many seconds has no end (RFC 2131 §3.3, RFC 8415 §7.7).
const FOR_EVER: u32 = u32::MAX;

impl Engine {
    /// What a whole datagram says; nothing where it is none of its protocol. What contradicts itself is counted.
    fn decoded<T>(&mut self, verdict: Verdict<T>, anomaly: Anomaly, packet: &Packet<'_>) -> Option<T> {
        match verdict {
            Verdict::Found(message) => Some(message),
            Verdict::Not => None,
            Verdict::NeedMore(_) | Verdict::Malformed(_) => {
                // One that the capture cut is counted as such already.
                if packet.segment.payload.len() >= packet.segment.wire as usize {
                    self.counters.anomaly(anomaly);
                }
                None
            }
        }
    }

    /// A host name of a client, where it is one and says something.
    fn host(&mut self, name: Option<&[u8]>) -> Option<Arc<str>> {
        let (name, is_odd) = name_of(name?);
        if is_odd {
            self.counters.anomaly(Anomaly::Name);
        }
        let name = name.filter(HostName::is_host)?;
        let is_everybodys = name.as_str() == "localhost" || name.as_str().starts_with("localhost.");
        (!is_everybodys).then(|| name.as_str().into())
    }

    /// Takes a datagram on the ports of DHCPv4, which carry nothing else we read.
    pub(super) fn dhcp(&mut self, packet: &Packet<'_>, sink: Sink<'_>) {
        let verdict = dhcp::message(packet.segment.payload);
        let Some(message) = self.decoded(verdict, Anomaly::Dhcp, packet) else { return };
        if let Some(host) = message.host.as_deref().filter(|_| message.is_from_client)
            && let Ok(text) = std::str::from_utf8(host)
        {
            self.observe(Source::Dhcp, HostName::unchecked(text), ends(packet, true), Detail::None, packet, sink);
        }
        let host = self.host(message.host.as_deref());
        if let Some((kind, address)) = said(&message) {
            let told = Binding::told(packet.time, BindingSource::Dhcp, kind, packet.encap.vlans().collect());
            let is_grant = !message.is_from_client;
            let until = message.lease.filter(|_| is_grant).and_then(|lease| end(packet.time, lease));
            let address = address.map(|a| IpAddr::from(a).into());
            sink(Event::Binding(Box::new(Binding { address, mac: message.mac, host, is_host_assigned: is_grant, until, ..told })));
        }
    }

    /// Takes a datagram on the ports of DHCPv6, which carry nothing else we read.
    pub(super) fn dhcpv6(&mut self, packet: &Packet<'_>, sink: Sink<'_>) {
        let is_cut = packet.segment.payload.len() < packet.segment.wire as usize;
        let verdict = if is_cut { Verdict::Not } else { dhcpv6::message(packet.segment.payload) };
        let Some(message) = self.decoded(verdict, Anomaly::Dhcp, packet) else { return };
        let (is_reply, is_from_client) = (message.kind == dhcpv6::Kind::REPLY, message.kind.is_from_client());
        if message.duid.is_none() || !(is_reply || is_from_client) {
            return;
        }
        let host = self.host(message.host.as_deref());
        // What comes from a link-local address has passed no router.
        let is_next = is_from_client && !message.is_relayed && matches!(packet.src.ip(), IpAddr::V6(a) if a.is_unicast_link_local());
        let mac = message.mac.or(link(packet, true).mac.filter(|_| is_next));
        let told = Binding::told(packet.time, BindingSource::Dhcpv6, BindingKind::Names, packet.encap.vlans().collect());
        let about = Binding { mac, duid: message.duid, host, is_host_assigned: is_reply, ..told };
        let is_end = matches!(message.kind, dhcpv6::Kind::RELEASE | dhcpv6::Kind::DECLINE);
        for (address, lease) in message.addresses.iter().filter(|_| is_reply || is_end) {
            let kind = if is_end || *lease == 0 { BindingKind::Ends } else { BindingKind::Holds };
            let until = if kind == BindingKind::Holds { end(packet.time, *lease) } else { None };
            sink(Event::Binding(Box::new(Binding { kind, until, ..about.clone().at((*address).into()) })));
        }
        if is_from_client && !is_end && (about.host.is_some() || about.mac.is_some()) {
            sink(Event::Binding(Box::new(about)));
        }
    }

    /// Takes a datagram on the ports of RADIUS accounting; false where it is none.
    pub(super) fn accounting(&mut self, packet: &Packet<'_>, sink: Sink<'_>) -> bool {
        let verdict = radius::report(packet.segment.payload);
        let is_report = matches!(verdict, Verdict::Found(_));
        let is_whole = packet.segment.payload.len() >= packet.segment.wire as usize;
        // Ports tell nothing for sure: what is shorter than it says is another protocol.
        let verdict = if is_whole && matches!(verdict, Verdict::NeedMore(_)) { Verdict::Not } else { verdict };
        if let Some(report) = self.decoded(verdict, Anomaly::Radius, packet)
            && let Some(phase) = report.phase
        {
            let about = session(&report, phase, packet);
            for address in &report.addresses {
                sink(Event::Binding(Box::new(Binding { address: Some(*address), ..about.clone() })));
            }
            if report.addresses.is_empty() && about.mac.is_some() {
                let kind = if phase == Phase::Stop { BindingKind::Ends } else { BindingKind::Names };
                sink(Event::Binding(Box::new(Binding { kind, ..about })));
            }
        }
        is_report
    }
}

/// What a message of DHCPv4 says of which address.
fn said(message: &dhcp::Message) -> Option<(BindingKind, Option<Ipv4Addr>)> {
    use dhcp::Kind;
    message.mac?;
    match (message.is_from_client, message.kind) {
        (false, Kind::ACK) => match message.given {
            Some(given) if message.own == Some(given) => Some((BindingKind::Holds, Some(given))),
            Some(given) => Some((BindingKind::Begins, Some(given))),
            None => None,
        },
        (false, Kind::NAK) => Some((BindingKind::Ends, None)),
        (true, Kind::RELEASE) => Some((BindingKind::Ends, Some(message.own?))),
        (true, Kind::DECLINE) => Some((BindingKind::Ends, Some(message.requested?))),
        (true, Kind::REQUEST | Kind::INFORM) if message.own.is_some() => Some((BindingKind::Holds, message.own)),
        (true, _) if message.host.is_some() => Some((BindingKind::Names, None)),
        _ => None,
    }
}

/// The binding a report speaks of, yet without its address.
fn session(report: &Report, phase: Phase, packet: &Packet<'_>) -> Binding {
    let kind = match phase {
        Phase::Start => BindingKind::Begins,
        Phase::Interim => BindingKind::Holds,
        Phase::Stop => BindingKind::Ends,
    };
    let ago = |time: Time, seconds: u32| Time(time.0.saturating_sub(u64::from(seconds).saturating_mul(1_000_000_000)));
    let said = ago(packet.time, report.delayed);
    Binding {
        mac: report.mac,
        user: report.user.clone(),
        session: report.session,
        from: if phase == Phase::Start { said } else { ago(said, report.lasted) },
        until: (phase == Phase::Stop).then_some(said),
        ..Binding::told(packet.time, BindingSource::Radius, kind, packet.encap.vlans().collect())
    }
}

fn end(now: Time, lease: u32) -> Option<Time> {
    (lease != FOR_EVER).then(|| now.plus_seconds(lease.into()))
}
