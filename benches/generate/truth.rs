//! What a capture holds, by those who made it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Value, json};

use super::script::{Header, Script};
use super::wire::Ends;

/// Grows with every flow that is written.
#[derive(Default)]
pub struct Truth {
    names: BTreeMap<&'static str, BTreeSet<(IpAddr, String)>>,
    queries: BTreeSet<(IpAddr, String, u16)>,
    answers: BTreeSet<(String, IpAddr)>,
    encrypted: BTreeMap<&'static str, u64>,
    flows: Vec<Value>,
    pub packets: u64,
    pub bytes: u64,
}

impl Truth {
    /// A flow's client said a name.
    pub fn name(&mut self, source: &'static str, ends: &Ends, name: &str) {
        self.names.entry(source).or_default().insert((ends.address[0], name.into()));
        if source != "http_host" {
            self.nameless(source);
        }
    }

    /// One more encrypted flow of a kind.
    pub fn nameless(&mut self, kind: &'static str) {
        *self.encrypted.entry(kind).or_default() += 1;
    }

    pub fn query(&mut self, ends: &Ends, name: &str, kind: u16) {
        self.queries.insert((ends.address[0], name.into(), kind));
    }

    pub fn answer(&mut self, name: &str, address: IpAddr) {
        self.answers.insert((name.into(), address));
    }

    /// A flow is written as a whole.
    pub fn flow(&mut self, script: &Script) {
        let transport = match script.steps.first().map(|s| &s.header) {
            Some(Header::Tcp(..)) => "tcp",
            Some(Header::Udp) => "udp",
            _ => return,
        };
        let Ends { address: [client, server], port: [client_port, server_port] } = script.ends;
        let [up, down] = script.bytes;
        self.flows.push(json!([transport, client, client_port, server, server_port, up, down]));
    }

    pub fn flow_count(&self) -> usize {
        self.flows.len()
    }

    pub fn json(&self, profile: &str, seed: u64) -> Value {
        let mut names: BTreeMap<&str, Value> = self.names.iter().map(|(source, set)| (*source, json!(set))).collect();
        names.insert("dns_query", json!(self.queries));
        names.insert("dns_answer", json!(self.answers));
        json!({
            "profile": profile, "seed": seed, "packets": self.packets, "bytes": self.bytes,
            "names": names, "encrypted": self.encrypted,
            "flow_columns": ["transport", "client", "client_port", "server", "server_port", "bytes_up", "bytes_down"],
            "flows": self.flows,
        })
    }
}
