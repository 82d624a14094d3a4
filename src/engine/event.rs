//! What the engine says: names seen, and the state of flows. Small, owned, sendable across a channel.

use std::net::{IpAddr, SocketAddr};

use super::frame::Time;
use super::host::HostName;
use super::packet::Encap;

/// How a name was seen; the closed vocabulary of DESIGN.md's `source`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Source {
    /// Server name of a TLS ClientHello over TCP (RFC 6066 §3).
    TlsSni,
    /// Server name of a DTLS ClientHello.
    DtlsSni,
    /// Server name of a ClientHello inside QUIC Initials (RFC 9001).
    QuicSni,
    /// HTTP/1 Host, or clear HTTP/2 `:authority`.
    HttpHost,
    /// Target of an HTTP CONNECT.
    HttpConnect,
    /// Domain name in a SOCKS5 request (RFC 1928).
    Socks5,
    /// Domain name in a SOCKS4a request.
    Socks4a,
    /// Question of a DNS message.
    DnsQuery,
    /// A DNS answer, under the name that was asked.
    DnsAnswer,
    /// No name on the wire; the server's address was resolved a moment ago.
    DnsMemory,
    /// A client's own name in multicast DNS.
    Mdns,
    /// A client's own name in LLMNR.
    Llmnr,
    /// A client's own name in the NetBIOS name service.
    Nbns,
    /// A client's own name in DHCP.
    Dhcp,
}

impl Source {
    /// Every source, in the order of their numbers.
    pub const ALL: [Source; 14] = [
        Source::TlsSni,
        Source::DtlsSni,
        Source::QuicSni,
        Source::HttpHost,
        Source::HttpConnect,
        Source::Socks5,
        Source::Socks4a,
        Source::DnsQuery,
        Source::DnsAnswer,
        Source::DnsMemory,
        Source::Mdns,
        Source::Llmnr,
        Source::Nbns,
        Source::Dhcp,
    ];

    /// The word used in output, tables and labels.
    pub const fn word(self) -> &'static str {
        match self {
            Source::TlsSni => "tls_sni",
            Source::DtlsSni => "dtls_sni",
            Source::QuicSni => "quic_sni",
            Source::HttpHost => "http_host",
            Source::HttpConnect => "http_connect",
            Source::Socks5 => "socks5",
            Source::Socks4a => "socks4a",
            Source::DnsQuery => "dns_query",
            Source::DnsAnswer => "dns_answer",
            Source::DnsMemory => "dns_memory",
            Source::Mdns => "mdns",
            Source::Llmnr => "llmnr",
            Source::Nbns => "nbns",
            Source::Dhcp => "dhcp",
        }
    }

    /// Whether it names the client itself rather than a server it uses.
    pub const fn is_clients_own(self) -> bool {
        matches!(self, Source::Mdns | Source::Llmnr | Source::Nbns | Source::Dhcp)
    }
}

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

/// What a ClientHello tells besides the name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HelloFacts {
    /// Protocols offered in ALPN (RFC 7301), in order, as text; bytes outside ASCII as hex.
    pub alpn: Vec<Box<str>>,
    /// JA4 fingerprint, 36 characters.
    pub ja4: Option<Box<str>>,
    /// Encrypted ClientHello.
    pub ech: Ech,
}

/// What else a source tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Nothing more.
    None,
    /// From a ClientHello (TLS, DTLS, QUIC).
    Hello(Box<HelloFacts>),
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
    /// MAC address that sent the frame, where the link has one.
    pub mac: Option<[u8; 6]>,
    /// Whom the client speaks for: the source address a PROXY header before the opening carries.
    pub proxied: Option<SocketAddr>,
    /// What else was told.
    pub detail: Detail,
}

/// Why an encrypted flow has no name, or that it has one; the closed vocabulary of label `reason`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// A name was found on the wire.
    Named,
    /// The name is hidden by Encrypted ClientHello.
    EchReal,
    /// The hello carries no server name.
    NoSni,
    /// The capture joined after the hello.
    Midstream,
    /// Only one direction was seen, and not the one with the hello.
    OneSided,
    /// Bytes could not be understood.
    Undecodable,
    /// The capture's snapshot length cut the hello.
    Snapped,
    /// A bound was reached (hello too long, table full).
    Bound,
    /// Packets of the hello are missing in the capture.
    Loss,
    /// A tunnel that is not understood.
    Tunnel,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Reason; 10] = [
        Reason::Named,
        Reason::EchReal,
        Reason::NoSni,
        Reason::Midstream,
        Reason::OneSided,
        Reason::Undecodable,
        Reason::Snapped,
        Reason::Bound,
        Reason::Loss,
        Reason::Tunnel,
    ];

    /// The word used in output and labels.
    pub const fn word(self) -> &'static str {
        match self {
            Reason::Named => "named",
            Reason::EchReal => "ech_real",
            Reason::NoSni => "no_sni",
            Reason::Midstream => "midstream",
            Reason::OneSided => "one_sided",
            Reason::Undecodable => "undecodable",
            Reason::Snapped => "snapped",
            Reason::Bound => "bound",
            Reason::Loss => "loss",
            Reason::Tunnel => "tunnel",
        }
    }
}

/// A protocol behind which use may hide from this sensor; the closed vocabulary of label `kind` of blind spots.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum BlindSpot {
    /// DNS over HTTPS, to a known resolver.
    Doh,
    /// DNS over TLS.
    Dot,
    /// DNS over QUIC.
    Doq,
    /// WireGuard.
    Wireguard,
    /// OpenVPN.
    Openvpn,
    /// IKE, the key exchange of IPsec.
    Ike,
    /// Tor, by name.
    Tor,
    /// MASQUE relays, by name.
    Masque,
    /// iCloud Private Relay, by name.
    PrivateRelay,
    /// Look-ups of a resolver on behalf of clients this sensor does not see asking.
    BehindResolver,
}

impl BlindSpot {
    /// Every kind, in the order of their numbers.
    pub const ALL: [BlindSpot; 10] = [
        BlindSpot::Doh,
        BlindSpot::Dot,
        BlindSpot::Doq,
        BlindSpot::Wireguard,
        BlindSpot::Openvpn,
        BlindSpot::Ike,
        BlindSpot::Tor,
        BlindSpot::Masque,
        BlindSpot::PrivateRelay,
        BlindSpot::BehindResolver,
    ];

    /// The word used in output and labels.
    pub const fn word(self) -> &'static str {
        match self {
            BlindSpot::Doh => "doh",
            BlindSpot::Dot => "dot",
            BlindSpot::Doq => "doq",
            BlindSpot::Wireguard => "wireguard",
            BlindSpot::Openvpn => "openvpn",
            BlindSpot::Ike => "ike",
            BlindSpot::Tor => "tor",
            BlindSpot::Masque => "masque",
            BlindSpot::PrivateRelay => "private_relay",
            BlindSpot::BehindResolver => "behind_resolver",
        }
    }

    /// Whether whole conversations hide in it, rather than look-ups.
    pub const fn hides_flows(self) -> bool {
        matches!(
            self,
            BlindSpot::Wireguard | BlindSpot::Openvpn | BlindSpot::Ike | BlindSpot::Tor | BlindSpot::Masque | BlindSpot::PrivateRelay
        )
    }
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
    /// Its name and how it was seen, where it has one that is no cover.
    pub name: Option<(HostName, Source)>,
    /// Named, or why not.
    pub reason: Reason,
    /// Whether it is encrypted, rather than a request in clear.
    pub is_encrypted: bool,
    /// What hides in it, told by its first packet.
    pub blind_spot: Option<BlindSpot>,
    /// Whether no more will come.
    pub closed: bool,
}

/// What the engine says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A name was seen.
    Name(Box<Observation>),
    /// A flow stands so: at its first name, every 5 s of packet time while it changes, and at its end.
    Flow(FlowState),
}

/// Odd traffic, by kind: counted, never an error. The closed vocabulary of label `kind`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Anomaly {
    /// A link-layer header that cannot be read.
    Link,
    /// An IP header that contradicts itself.
    Ip,
    /// A TCP header that contradicts itself.
    Tcp,
    /// A UDP header that contradicts itself.
    Udp,
    /// Fragments that overlap or exceed a datagram.
    Fragment,
    /// A TLS hello that contradicts itself.
    Tls,
    /// A QUIC Initial that contradicts itself.
    Quic,
    /// A DNS message that contradicts itself.
    Dns,
    /// A server name that is no host name (RFC 1123).
    Name,
    /// More nested headers than the bound.
    Nesting,
    /// Bytes missing because the capture cut the packet short.
    Snapped,
    /// A TCP sequence number far outside what came before.
    Sequence,
    /// Bytes of a hello that were sent twice with different content.
    Overlap,
    /// A hello longer than the bound.
    HelloBound,
    /// Packet time that jumped back more than 5 s.
    Time,
    /// The same packet captured twice.
    Duplicate,
}

impl Anomaly {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every kind, in the order of their numbers.
    pub const ALL: [Anomaly; 16] = [
        Anomaly::Link,
        Anomaly::Ip,
        Anomaly::Tcp,
        Anomaly::Udp,
        Anomaly::Fragment,
        Anomaly::Tls,
        Anomaly::Quic,
        Anomaly::Dns,
        Anomaly::Name,
        Anomaly::Nesting,
        Anomaly::Snapped,
        Anomaly::Sequence,
        Anomaly::Overlap,
        Anomaly::HelloBound,
        Anomaly::Time,
        Anomaly::Duplicate,
    ];

    /// The word used in output and labels.
    pub const fn word(self) -> &'static str {
        match self {
            Anomaly::Link => "link",
            Anomaly::Ip => "ip",
            Anomaly::Tcp => "tcp",
            Anomaly::Udp => "udp",
            Anomaly::Fragment => "fragment",
            Anomaly::Tls => "tls",
            Anomaly::Quic => "quic",
            Anomaly::Dns => "dns",
            Anomaly::Name => "name",
            Anomaly::Nesting => "nesting",
            Anomaly::Snapped => "snapped",
            Anomaly::Sequence => "sequence",
            Anomaly::Overlap => "overlap",
            Anomaly::HelloBound => "hello_bound",
            Anomaly::Time => "time",
            Anomaly::Duplicate => "duplicate",
        }
    }
}
