//! An observation as one line of `shadowtap names --output json`.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::clock::rfc3339;
use crate::engine::agent::{Closeness, Table};
use crate::engine::event::{Detail, Observation};
use crate::engine::names::dns::type_word;

/// The line; facts that are absent are left out.
#[derive(Serialize)]
pub struct NameLine<'a> {
    /// RFC 3339, microseconds, UTC.
    pub ts: String,
    /// How the name was seen.
    pub source: &'static str,
    /// tcp or udp.
    pub transport: &'static str,
    /// Who.
    pub client: IpAddr,
    /// Its port.
    pub client_port: u16,
    /// Whom.
    pub server: IpAddr,
    /// Its port.
    pub server_port: u16,
    /// Lower case, no final dot.
    pub name: &'a str,
    /// Protocols offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<&'a [Box<str>]>,
    /// Fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja4: Option<&'a str>,
    /// TLS library of the client, where the table knows the whole fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<&'static str>,
    /// Encrypted ClientHello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ech: Option<&'static str>,
    /// Type of a DNS question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qtype: Option<String>,
    /// Addresses of a DNS answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<IpAddr>>,
    /// VLAN ids, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vlan: Vec<u16>,
    /// Tunnels, outermost first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<String>,
    /// Address and port a PROXY header carries: whom the client speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxied: Option<SocketAddr>,
}

impl<'a> NameLine<'a> {
    /// The line of an observation, with what the table of fingerprints knows.
    pub fn of(o: &'a Observation, table: &Table) -> Self {
        let mut line = NameLine {
            ts: rfc3339(o.time),
            source: o.source.word(),
            transport: o.transport.word(),
            client: o.ends.client,
            client_port: o.ends.client_port,
            server: o.ends.server,
            server_port: o.ends.server_port,
            name: o.name.as_str(),
            alpn: None,
            ja4: None,
            library: None,
            ech: None,
            qtype: None,
            answers: None,
            vlan: o.encap.vlans().collect(),
            tunnel: o.encap.tunnel(),
            proxied: o.proxied,
        };
        match &o.detail {
            Detail::Hello(hello) => {
                line.alpn = (!hello.alpn.is_empty()).then_some(&*hello.alpn);
                line.ja4 = hello.ja4.as_deref();
                let known = line.ja4.and_then(|ja4| table.library(ja4)).filter(|known| known.closeness == Closeness::Whole);
                line.library = known.map(|known| known.library.word());
                line.ech = Some(hello.ech.word());
            }
            Detail::Query { qtype } => line.qtype = Some(type_word(*qtype)),
            Detail::Answer { addresses, .. } => line.answers = Some(addresses.iter().map(|(a, _)| *a).collect()),
            Detail::Request { .. } | Detail::None => {}
        }
        line
    }
}
