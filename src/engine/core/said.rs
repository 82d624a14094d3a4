//! From what a decoder says to an observation: names validated, ECH judged, fingerprints taken.

use std::collections::{HashSet, VecDeque};
use std::mem;
use std::net::SocketAddr;

use super::{Engine, Sink, client_of, ends_of};
use crate::engine::agent::told;
use crate::engine::event::{Anomaly, Detail, Ech, Event, HelloFacts, Observation, Reason, Source};
use crate::engine::host::{HostName, NotAHost};
use crate::engine::names::ja4::Carrier;
use crate::engine::names::opening::Said;
use crate::engine::names::prints::{Print, Prints};
use crate::engine::names::tls::Hello;
use crate::engine::packet::Packet;

/// Public names learned at most.
const MAX_ECH_NAMES: usize = 4096;
/// Public names of operators whose ECH is in wide use (their published ECH configurations).
const SHIPPED_ECH_NAMES: [&str; 3] = ["cloudflare-ech.com", "public.tls-ech.dev", "cover.defo.ie"];

/// Public names of ECH configurations: shipped ones, and those seen in HTTPS records; oldest out first.
#[derive(Debug, Default)]
pub(super) struct EchNames {
    learned: HashSet<String>,
    order: VecDeque<String>,
}

impl EchNames {
    pub(super) fn learn(&mut self, name: String) {
        if self.contains(&name) {
            return;
        }
        if self.order.len() >= MAX_ECH_NAMES
            && let Some(oldest) = self.order.pop_front()
        {
            self.learned.remove(&oldest);
        }
        self.order.push_back(name.clone());
        self.learned.insert(name);
    }

    fn contains(&self, name: &str) -> bool {
        SHIPPED_ECH_NAMES.contains(&name) || self.learned.contains(name)
    }

    /// What a hello's ECH extension means beside its outer name.
    fn judge(&self, hello: &Hello<'_>) -> Ech {
        match hello.name {
            _ if hello.has_esni => Ech::Real,
            _ if !hello.has_ech => Ech::None,
            Some(name) if self.contains(&String::from_utf8_lossy(name).to_ascii_lowercase()) => Ech::Real,
            Some(_) => Ech::Grease,
            None => Ech::Undecided,
        }
    }
}

/// What hellos are judged by: public names of ECH, and fingerprints met before.
#[derive(Debug)]
pub(super) struct Hellos {
    pub(super) ech_names: EchNames,
    prints: Prints,
}

impl Hellos {
    pub(super) fn new(seed: u64) -> Self {
        Hellos { ech_names: EchNames::default(), prints: Prints::new(seed) }
    }

    fn facts(&mut self, hello: &Hello<'_>, source: Source) -> HelloFacts {
        let carrier = match source {
            Source::QuicSni => Carrier::Quic,
            Source::DtlsSni => Carrier::Dtls,
            _ => Carrier::Tcp,
        };
        let Print { alpn, ja4 } = self.prints.of(hello, carrier);
        // Of a hello that breaks off not all extensions are known: no fingerprint is better than a wrong one.
        HelloFacts { alpn, ja4: ja4.filter(|_| !hello.is_broken), ech: self.ech_names.judge(hello) }
    }
}

/// Something said in a flow, owned.
#[derive(Debug)]
pub(super) enum Fact {
    /// A name, or a hello without one.
    Name {
        /// How it was said.
        source: Source,
        /// The name, where it can be reported.
        name: Option<HostName>,
        /// It is no host name, and no address either.
        is_odd: bool,
        /// What is told besides.
        detail: Detail,
    },
    /// Whom a proxy speaks for: the source a PROXY header carries.
    Proxied(SocketAddr),
}

impl Fact {
    pub(super) fn hello(hello: &Hello<'_>, source: Source, hellos: &mut Hellos) -> Fact {
        Fact::name(source, hello.name, Detail::Hello(hellos.facts(hello, source)))
    }

    fn name(source: Source, bytes: Option<&[u8]>, detail: Detail) -> Fact {
        let (name, is_odd) = bytes.map_or((None, false), name_of);
        Fact::Name { source, name, is_odd, detail }
    }

    pub(super) fn of(said: Said<'_>, hellos: &mut Hellos) -> Option<Fact> {
        let detailed = |source, name, detail| Some(Fact::name(source, Some(name), detail));
        let named = |source, name| detailed(source, name, Detail::None);
        let asked = |source, name, user_agent| detailed(source, name, request_detail(user_agent));
        match said {
            Said::Hello(hello) => Some(Fact::hello(&hello, Source::TlsSni, hellos)),
            Said::Host(b"", _) => None,
            Said::Host(name, user_agent) => asked(Source::HttpHost, without_port(name), user_agent),
            Said::Authority(name) => named(Source::HttpHost, without_port(name)),
            Said::Connect(name, user_agent) => asked(Source::HttpConnect, name, user_agent),
            Said::Socks5(name) => named(Source::Socks5, name),
            Said::Socks4a(name) => named(Source::Socks4a, name),
            Said::Proxied(source) => Some(Fact::Proxied(source)),
        }
    }
}

/// A name from the wire: a host name; else, where it can be printed, the text as it stands, which is never matched. And whether it is odd: no
/// host name, and no address either.
pub(super) fn name_of(bytes: &[u8]) -> (Option<HostName>, bool) {
    let why = match HostName::parse(bytes) {
        Ok(name) => return (Some(name), false),
        Err(NotAHost::Empty) => return (None, false),
        Err(why) => why,
    };
    let is_text = bytes.len() <= 255 && bytes.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(bytes).ok().filter(|_| is_text);
    (text.map(|t| HostName::unchecked(t.trim_end_matches('.'))), why != NotAHost::Address)
}

/// Of a User-Agent the kind of program stays, where it names one.
fn request_detail(user_agent: Option<&[u8]>) -> Detail {
    user_agent.and_then(told::agent).map_or(Detail::None, |agent| Detail::Request { agent })
}

fn without_port(name: &[u8]) -> &[u8] {
    crate::engine::names::http::without_port(name)
}

impl Engine {
    /// Says what was heard; who said it is the client.
    pub(super) fn facts(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        if self.heard.is_empty() {
            return;
        }
        let mut heard = mem::take(&mut self.heard);
        for fact in heard.drain(..) {
            if let Some(flow) = self.table.flow(at) {
                flow.client = Some(direction as u8);
            }
            self.say(at, fact, packet, sink);
        }
        self.heard = heard;
    }

    /// Says a fact of a flow as an observation, and settles the flow by it. The flow's client must be known.
    fn say(&mut self, at: u32, fact: Fact, packet: &Packet<'_>, sink: Sink<'_>) {
        let (source, name, is_odd, detail) = match fact {
            Fact::Name { source, name, is_odd, detail } => (source, name, is_odd, detail),
            Fact::Proxied(source) => {
                if let Some(flow) = self.table.flow(at) {
                    flow.proxied = Some(Box::new(source));
                }
                return;
            }
        };
        let reason = reason_of(&detail);
        let is_hello = matches!(detail, Detail::Hello(_));
        if is_odd {
            self.counters.anomaly(Anomaly::Name);
        }
        let Some(flow) = self.table.flow(at) else { return };
        flow.is_encrypted |= is_hello;
        if let Some(name) = name {
            if reason == Reason::Named {
                (flow.name, flow.source) = (Some(name.clone()), source);
            }
            let observation = Observation {
                time: packet.time,
                source,
                transport: flow.key.transport(),
                ends: ends_of(flow),
                flow: Some(flow.id),
                name,
                encap: *packet.encap,
                link: flow.link(client_of(flow)),
                proxied: flow.proxied.as_deref().copied(),
                detail,
            };
            self.counters.observation(source);
            sink(Event::Name(Box::new(observation)));
            self.settle(at, reason, sink);
        } else if is_hello {
            self.settle(at, if reason == Reason::EchReal { reason } else { Reason::NoSni }, sink);
        }
    }
}

fn reason_of(detail: &Detail) -> Reason {
    match detail {
        Detail::Hello(hello) if hello.ech == Ech::Real => Reason::EchReal,
        _ => Reason::Named,
    }
}
