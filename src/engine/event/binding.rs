//! What the wire tells of who has an address.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Vlans;
use crate::engine::frame::Time;

/// How a binding was told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BindingSource {
    /// ARP (RFC 826).
    Arp,
    /// IPv6 neighbour discovery (RFC 4861, RFC 4862).
    Ndp,
    /// DHCPv4 (RFC 2131).
    Dhcp,
    /// DHCPv6 (RFC 8415).
    Dhcpv6,
    /// RADIUS accounting (RFC 2866).
    Radius,
}

/// What a binding says of its address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BindingKind {
    /// Who has it now, and may have had it before: a renewal, an answer, an interim report.
    Holds,
    /// Who has it from now on: a new lease, the start of a session.
    Begins,
    /// Who has it no more: released, declined, refused, the end of a session.
    Ends,
    /// Who is about to take it: duplicate address detection.
    Probes,
    /// Who it is that has this link-layer address, wherever it is: a host name, a user; `address` says nothing more.
    Names,
    /// This link-layer address is a router's.
    Routes,
}

/// A client as DHCPv6 knows it (RFC 8415 §11): one for a whole machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Duid {
    /// Digest of its bytes.
    pub digest: u64,
    /// The MAC address it was made from (DUID-LLT, DUID-LL): one of the machine's, perhaps not this one's.
    pub mac: Option<[u8; 6]>,
}

/// Who has an address, as the wire tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// When it was told.
    pub time: Time,
    /// How.
    pub source: BindingSource,
    /// What is said.
    pub kind: BindingKind,
    /// The address, or the prefix that is one client's; `None` where only link-layer addresses are spoken of.
    pub address: Option<IpNet>,
    /// The client's own MAC address.
    pub mac: Option<[u8; 6]>,
    /// The client, where DHCPv6 told.
    pub duid: Option<Duid>,
    /// Host name: lower case, a valid one, without the final dot.
    pub host: Option<Arc<str>>,
    /// Whether the server told the host name, rather than the client itself.
    pub is_host_assigned: bool,
    /// User name, as it was sent.
    pub user: Option<Arc<str>>,
    /// Digest of the session's id: tells the end of a session from that of an earlier one.
    pub session: Option<u64>,
    /// From when on it holds.
    pub from: Time,
    /// Until when it holds, where the lease has an end.
    pub until: Option<Time>,
    /// VLANs it was told in.
    pub vlans: Vlans,
}

impl Binding {
    /// A binding that says nothing yet but who told it, when and where.
    pub fn told(time: Time, source: BindingSource, kind: BindingKind, vlans: Vlans) -> Self {
        Binding {
            time,
            source,
            kind,
            address: None,
            mac: None,
            duid: None,
            host: None,
            is_host_assigned: false,
            user: None,
            session: None,
            from: time,
            until: None,
            vlans,
        }
    }

    /// The same about one address.
    pub fn at(self, address: IpAddr) -> Self {
        Binding { address: Some(address.into()), ..self }
    }
}
