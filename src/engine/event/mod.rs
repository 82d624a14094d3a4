//! What the engine says: names seen, and the state of flows. Small, owned, sendable across a channel.

mod binding;
mod link;
mod words;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::frame::Time;
use super::host::HostName;
use super::minutes::Minutes;
use super::names::ja4::Ja4;
use super::packet::Encap;
use super::sighting::Agent;

pub use binding::{Binding, BindingKind, BindingSource, Duid};
pub use link::{Link, Vlans};
pub use words::{Anomaly, BlindSpot, Reason, Source};

/// Transport of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// The word used in output.
    pub const fn word(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        }
    }
}

/// Whether a ClientHello carries Encrypted ClientHello (RFC 9849), and which kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Ech {
    /// No such extension.
    #[default]
    None,
    /// The extension is there, and nothing says its outer name is a public name: the name counts as the truth.
    Grease,
    /// The outer name is a known public name of an ECH configuration: the true name is hidden.
    Real,
    /// The extension is there without an outer name to judge by.
    Undecided,
}

impl Ech {
    /// The word used in output.
    pub const fn word(self) -> &'static str {
        match self {
            Ech::None => "none",
            Ech::Grease => "grease",
            Ech::Real => "real",
            Ech::Undecided => "undecided",
        }
    }
}

/// Number of one flow: engine in the high 16 bits, a counter below; never reused in one run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct FlowId(pub u64);

/// The two ends of a conversation. `client` is who sent the hello, request or question.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ends {
    /// Who asked; innermost address.
    pub client: IpAddr,
    /// Its port.
    pub client_port: u16,
    /// Who was asked.
    pub server: IpAddr,
    /// Its port.
    pub server_port: u16,
}

/// What a flow or a look-up is told from others by, whatever encapsulates it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Conversation {
    /// Over what.
    pub transport: Transport,
    /// Who, and whom.
    pub ends: Ends,
}

/// What a ClientHello tells besides the name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HelloFacts {
    /// Protocols offered in ALPN (RFC 7301), in order, as text; bytes outside ASCII as hex.
    pub alpn: Arc<[Box<str>]>,
    /// JA4 fingerprint, 36 characters.
    pub ja4: Option<Ja4>,
    /// Encrypted ClientHello.
    pub ech: Ech,
}

/// What else a source tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Nothing more.
    None,
    /// From a ClientHello (TLS, DTLS, QUIC).
    Hello(HelloFacts),
    /// From a request in clear that says what program made it; the text itself is not kept.
    Request {
        /// What kind of program.
        agent: Agent,
    },
    /// From a DNS question: its type code (RFC 1035 §3.2.2 and the IANA registry).
    Query {
        /// Type code, unknown ones included.
        qtype: u16,
    },
    /// From a DNS answer: addresses of the name that was asked, CNAME chains followed.
    Answer {
        /// Type code of the question.
        qtype: u16,
        /// Address and time to live in seconds.
        addresses: Vec<(IpAddr, u32)>,
    },
}

/// A name seen on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When.
    pub time: Time,
    /// How.
    pub source: Source,
    /// Over what.
    pub transport: Transport,
    /// Who, and whom.
    pub ends: Ends,
    /// The flow that carried it; `None` for look-ups and announcements, which open no flow of their own.
    pub flow: Option<FlowId>,
    /// The name, lower case, without the final dot; the root is empty.
    pub name: HostName,
    /// VLANs and tunnels as seen, outermost first.
    pub encap: Encap,
    /// What the frame tells of the client: of an answer, its end's MAC address and VLANs alone.
    pub link: Link,
    /// Whom the client speaks for: the source address a PROXY header before the opening carries.
    pub proxied: Option<SocketAddr>,
    /// What else was told.
    pub detail: Detail,
}

/// Exchanges of prompt and answer in a flow since its beginning, as the times and sizes of its packets tell them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exchanges {
    /// Answers that came as a long low-rate tail.
    pub streamed: u16,
    /// These, and answers that came in one piece after a long wait.
    pub all: u16,
}

/// The state of one encrypted or named flow, cumulative and with its name: a lost update heals with the next.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowState {
    /// Which flow.
    pub id: FlowId,
    /// First packet seen.
    pub first_seen: Time,
    /// Last packet seen.
    pub last_seen: Time,
    /// Over what.
    pub transport: Transport,
    /// Who, and whom.
    pub ends: Ends,
    /// Payload bytes client to server: TCP sequence space covered, UDP payload.
    pub bytes_up: u64,
    /// Payload bytes server to client.
    pub bytes_down: u64,
    /// Exchanges of prompt and answer.
    pub exchanges: Exchanges,
    /// When bytes moved in it.
    pub minutes: Minutes,
    /// Of the bytes up, those of payloads too large for a handshake's or a request's headers: of bodies. At most 4 GiB are counted.
    pub posted: u32,
    /// Its name and how it was seen, where it has one that is no cover.
    pub name: Option<(HostName, Source)>,
    /// Named, or why not.
    pub reason: Reason,
    /// Whether it is encrypted, rather than a request in clear.
    pub is_encrypted: bool,
    /// What hides in it, told by its first packet.
    pub blind_spot: Option<BlindSpot>,
    /// What its frames tell of the client.
    pub link: Link,
    /// Whether no more will come.
    pub closed: bool,
}

impl FlowState {
    /// The flow by its ends.
    pub fn conversation(&self) -> Conversation {
        Conversation { transport: self.transport, ends: self.ends }
    }
}

/// What the engine says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A name was seen.
    Name(Box<Observation>),
    /// Who has an address.
    Binding(Box<Binding>),
    /// A flow stands so: at its first name, every 5 s of packet time while it changes, and at its end.
    Flow(FlowState),
}
