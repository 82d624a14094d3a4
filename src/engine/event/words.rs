//! The closed vocabularies of events: each word stands in output, tables and metric labels.

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
    /// A DHCP message that contradicts itself.
    Dhcp,
    /// An ARP or neighbour discovery message that contradicts itself.
    Neighbour,
    /// A RADIUS accounting message that contradicts itself.
    Radius,
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
    pub const ALL: [Anomaly; 19] = [
        Anomaly::Link,
        Anomaly::Ip,
        Anomaly::Tcp,
        Anomaly::Udp,
        Anomaly::Fragment,
        Anomaly::Tls,
        Anomaly::Quic,
        Anomaly::Dns,
        Anomaly::Dhcp,
        Anomaly::Neighbour,
        Anomaly::Radius,
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
            Anomaly::Dhcp => "dhcp",
            Anomaly::Neighbour => "neighbour",
            Anomaly::Radius => "radius",
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
