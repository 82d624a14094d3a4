//! What a client says first: layers peeled one by one (PROXY protocol, SOCKS, CONNECT, STARTTLS talk, database and RDP preambles) until a
//! hello or a clear HTTP request stands there. Works on the client's bytes alone, so a capture of one direction suffices.

use std::net::{IpAddr, SocketAddr};

use super::{dns, http, socks, tls};
use crate::engine::bytes::{Reader, Verdict};

/// Longest text talk before STARTTLS that is followed.
const MAX_TALK: usize = 8 << 10;
/// Bytes that tell whether text is such talk.
const TALK_HEAD: usize = 64;
/// Layers peeled of one opening.
const MAX_LAYERS: u8 = 6;

/// Something the opening tells.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A TLS ClientHello.
    Hello(tls::Hello<'a>),
    /// Host of a clear HTTP/1 request, empty where none is named, and its User-Agent.
    Host(&'a [u8], Option<&'a [u8]>),
    /// `:authority` of a clear HTTP/2 request.
    Authority(&'a [u8]),
    /// Host asked of an HTTP proxy, and the User-Agent that asks.
    Connect(&'a [u8], Option<&'a [u8]>),
    /// Name asked of a SOCKS5 proxy.
    Socks5(&'a [u8]),
    /// Name asked of a SOCKS4a proxy.
    Socks4a(&'a [u8]),
    /// Source address a PROXY header carries.
    Proxied(SocketAddr),
}

/// How far the opening is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// At least this many bytes of the stream are needed to say more.
    NeedMore(usize),
    /// A hello was found; nothing more is in clear.
    Encrypted,
    /// HTTP/1 in clear: later requests may name other hosts.
    Http,
    /// DNS messages over TCP, from this offset on.
    Dns(usize),
    /// Nothing we read.
    Not,
    /// A hello that contradicts itself.
    Malformed,
}

/// Where the reading of one client's opening stands.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Opening {
    at: usize,
    layers: u8,
    is_talk: bool,
}

impl Opening {
    /// Whether bytes in the middle of an unknown stream may be an opening: only what is unmistakable.
    pub fn may_start(bytes: &[u8]) -> bool {
        (tls::may_open(bytes) && bytes.len() > 5)
            || (http::may_open(bytes) && bytes.len() > 8 && bytes.windows(6).any(|w| w == b" HTTP/"))
            || bytes.starts_with(b"PRI * HTTP/2")
            || matches!(bytes, [5, n, ..] if bytes.len() == 2 + usize::from(*n) && *n > 0 && *n < 5)
            || (matches!(bytes, [4, 1, ..]) && bytes.last() == Some(&0) && bytes.len() < 300)
            || bytes.starts_with(b"PROXY ")
            || bytes.starts_with(&PROXY_V2)
    }

    /// Reads on. `stream` is all the client said so far, from its first byte; the same prefix may be given again with more behind it.
    /// Every fact is said once.
    pub fn advance(&mut self, stream: &[u8], is_dns_port: bool, scratch: &mut Vec<u8>, say: &mut dyn FnMut(Said<'_>)) -> Progress {
        while self.layers <= MAX_LAYERS {
            let Some(bytes) = stream.get(self.at..) else { return Progress::Not };
            if bytes.is_empty() {
                return Progress::NeedMore(self.at.saturating_add(1));
            }
            match self.step(bytes, is_dns_port, scratch, say) {
                Some(Progress::NeedMore(n)) => return Progress::NeedMore(self.at.saturating_add(n)),
                Some(progress) => return progress,
                None => self.layers = self.layers.saturating_add(u8::from(!self.is_talk)),
            }
        }
        Progress::Not
    }

    /// One layer: `None` where it was peeled and the next begins at `self.at`.
    fn step(&mut self, bytes: &[u8], is_dns_port: bool, scratch: &mut Vec<u8>, say: &mut dyn FnMut(Said<'_>)) -> Option<Progress> {
        match tls::client_hello(bytes, scratch) {
            Verdict::Found(hello) => {
                say(Said::Hello(hello));
                return Some(Progress::Encrypted);
            }
            Verdict::NeedMore(n) => return Some(Progress::NeedMore(n)),
            Verdict::Malformed(_) => return Some(Progress::Malformed),
            Verdict::Not => {}
        }
        if self.is_talk {
            return self.talk(bytes);
        }
        if is_dns_port || looks_like_dns(bytes) {
            return Some(Progress::Dns(self.at));
        }
        self.proxy(bytes, say).or_else(|| self.preamble(bytes)).unwrap_or_else(|| self.text(bytes, say))
    }

    fn peeled(&mut self, n: usize) -> Option<Progress> {
        self.at = self.at.saturating_add(n);
        None
    }

    /// SOCKS and PROXY protocol; `None` where it is neither.
    fn proxy(&mut self, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Option<Option<Progress>> {
        let (verdict, is_v5) = match bytes.first() {
            Some(5) => (socks::socks5(bytes), true),
            Some(4) => (socks::socks4(bytes), false),
            _ => return self.proxy_protocol(bytes, say),
        };
        Some(match verdict {
            Verdict::Found(request) => {
                if let socks::Target::Name(name) = request.target {
                    say(if is_v5 { Said::Socks5(name) } else { Said::Socks4a(name) });
                }
                self.peeled(request.length)
            }
            Verdict::NeedMore(n) => Some(Progress::NeedMore(n)),
            _ => return None,
        })
    }

    fn proxy_protocol(&mut self, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Option<Option<Progress>> {
        let verdict = if bytes.starts_with(b"PROXY ") {
            proxy_v1(bytes)
        } else if bytes.starts_with(&PROXY_V2) || PROXY_V2.starts_with(bytes) {
            proxy_v2(bytes)
        } else {
            return None;
        };
        Some(match verdict {
            Verdict::Found((source, length)) => {
                if let Some(source) = source {
                    say(Said::Proxied(source));
                }
                self.peeled(length)
            }
            Verdict::NeedMore(n) => Some(Progress::NeedMore(n)),
            _ => Some(Progress::Not),
        })
    }

    /// Binary preambles of known length before a hello; `None` where it is none of them.
    fn preamble(&mut self, bytes: &[u8]) -> Option<Option<Progress>> {
        const POSTGRES: [[u8; 8]; 2] = [[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f], [0, 0, 0, 8, 4, 0xd2, 0x16, 0x30]];
        let length = match bytes {
            // PostgreSQL's SSLRequest and GSSENCRequest.
            _ if POSTGRES.iter().any(|p| bytes.starts_with(p)) => 8,
            [0] | [0, 0] | [0, 0, 0] => return Some(Some(Progress::NeedMore(4))),
            [0, 0, 0, 8, ..] if bytes.len() < 8 => return Some(Some(Progress::NeedMore(8))),
            // Of the others six bytes tell.
            [3] | [3, 0] | [3, 0, _] => return Some(Some(Progress::NeedMore(6))),
            [0x20] | [0x20, 0] | [0x20, 0, 0] | [0x20, 0, 0, 1] | [0x20, 0, 0, 1, _] => return Some(Some(Progress::NeedMore(6))),
            [0x30] | [0x30, _] | [0x30, _, 2] | [0x30, _, 2, 1] | [0x30, _, 2, 1, _] => return Some(Some(Progress::NeedMore(6))),
            // RDP: a TPKT (RFC 1006) with an X.224 connection request.
            [3, 0, hi, lo, rest @ ..] if rest.get(1).is_none_or(|b| b & 0xf0 == 0xe0) => usize::from(u16::from_be_bytes([*hi, *lo])),
            // MySQL: 32 bytes of SSLRequest after its header, sequence number 1, CLIENT_SSL set.
            [0x20, 0, 0, 1, _, flags, ..] if flags & 0x08 != 0 => 36,
            // LDAP: an ExtendedRequest for StartTLS (RFC 4511 §4.14).
            [0x30, length, 0x02, 1, _, 0x77, ..] => usize::from(*length).saturating_add(2),
            _ => return None,
        };
        if length < 8 {
            return Some(Some(Progress::Not));
        }
        Some(if bytes.len() < length { Some(Progress::NeedMore(length)) } else { self.peeled(length) })
    }

    fn text(&mut self, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Option<Progress> {
        if bytes.starts_with(PREFACE) || (bytes.len() < PREFACE.len() && bytes.len() > 3 && PREFACE.starts_with(bytes)) {
            return Some(http2(bytes, say));
        }
        match http::request(bytes) {
            Verdict::Found(http::Request::Connect { host, length, user_agent }) => {
                say(Said::Connect(host, user_agent));
                return self.peeled(length);
            }
            Verdict::Found(http::Request::Plain { host, user_agent }) => {
                say(Said::Host(host, user_agent));
                return Some(Progress::Http);
            }
            // A first byte may begin a request as well as a line of talk: CONNECT or CAPA.
            Verdict::NeedMore(n) => return Some(Progress::NeedMore(n)),
            _ => {}
        }
        match may_talk(bytes) {
            Verdict::Found(()) => {
                self.is_talk = true;
                self.talk(bytes)
            }
            Verdict::NeedMore(n) => Some(Progress::NeedMore(n)),
            _ => Some(Progress::Not),
        }
    }

    /// Lines of text until one is followed by a hello.
    fn talk(&mut self, bytes: &[u8]) -> Option<Progress> {
        if self.at > MAX_TALK || !bytes.first().is_some_and(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
            return Some(Progress::Not);
        }
        // XMPP ends its request with a tag, the others with a line.
        match bytes.iter().position(|b| matches!(b, b'\n' | b'>')) {
            Some(end) => self.peeled(end.saturating_add(1)),
            None if bytes.len() > 1024 => Some(Progress::Not),
            None => Some(Progress::NeedMore(bytes.len().saturating_add(1))),
        }
    }
}

/// Whether text begins as a protocol that knows STARTTLS does: SMTP, LMTP, XMPP, IMAP, POP3, FTP, NNTP, ManageSieve, IRC. A word that nothing
/// stands behind may go on: USER is talk, User-Agent is none.
fn may_talk(bytes: &[u8]) -> Verdict<()> {
    const FIRST: [&str; 17] = [
        "ehlo",
        "helo",
        "lhlo",
        "<?xml",
        "<stream",
        "capa",
        "stls",
        "auth",
        "user",
        "feat",
        "host",
        "starttls",
        "capability",
        "capabilities",
        "mode",
        "quit",
        "cap",
    ];
    /// What IMAP's clients say first behind a tag of their own.
    const TAGGED: [&str; 6] = ["capability", "starttls", "id", "noop", "login", "authenticate"];
    let head = bytes.get(..bytes.len().min(TALK_HEAD)).unwrap_or_default().to_ascii_lowercase();
    let text = String::from_utf8_lossy(&head);
    let mut words = text.split([' ', '\r', '\n', ':', '>']);
    let (first, second, is_second_whole) = (words.next().unwrap_or_default(), words.next(), words.next().is_some());
    let is_tag = !first.is_empty() && first.len() <= 16 && first.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+'));
    let may_become = |words: &[&str], word: &str| words.iter().any(|w| w.starts_with(word));
    let is_undecided = match second {
        _ if first.starts_with("<stream") => return Verdict::Found(()),
        Some(_) if FIRST.contains(&first) => return Verdict::Found(()),
        Some(word) if is_tag && is_second_whole && TAGGED.contains(&word) => return Verdict::Found(()),
        Some(word) => is_tag && !is_second_whole && may_become(&TAGGED, word),
        None => is_tag || (!first.is_empty() && may_become(&FIRST, first)),
    };
    if is_undecided && bytes.len() < TALK_HEAD { Verdict::NeedMore(bytes.len().saturating_add(1)) } else { Verdict::Not }
}

/// A length and a query behind it (RFC 1035 §4.2.2) on a port where DNS is not expected.
fn looks_like_dns(bytes: &[u8]) -> bool {
    let mut r = Reader::new(bytes);
    r.vec16().is_some_and(dns::looks_like_query)
}

const PROXY_V2: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

type Source = (Option<SocketAddr>, usize);

/// PROXY protocol version 1: one line (haproxy's proxy-protocol.txt §2.1).
fn proxy_v1(bytes: &[u8]) -> Verdict<Source> {
    let Some(end) = bytes.iter().take(108).position(|b| *b == b'\n') else {
        return if bytes.len() >= 108 { Verdict::Not } else { Verdict::NeedMore(bytes.len().saturating_add(1)) };
    };
    let line = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    let mut words = line.split_ascii_whitespace().skip(2);
    let address: Option<IpAddr> = words.next().and_then(|a| a.parse().ok());
    let port: Option<u16> = words.nth(1).and_then(|p| p.parse().ok());
    Verdict::Found((address.zip(port).map(|(a, p)| SocketAddr::new(a, p)), end.saturating_add(1)))
}

/// PROXY protocol version 2: binary (§2.2).
fn proxy_v2(bytes: &[u8]) -> Verdict<Source> {
    let mut r = Reader::new(bytes);
    let Some([_, family, hi, lo]) = r.take(12).and_then(|_| r.array::<4>()) else { return Verdict::NeedMore(16) };
    let length = usize::from(u16::from_be_bytes([hi, lo]));
    let Some(body) = r.take(length) else { return Verdict::NeedMore(length.saturating_add(16)) };
    let mut b = Reader::new(body);
    let source = match family >> 4 {
        1 => b.array::<4>().map(IpAddr::from).and_then(|a| b.take(4).and_then(|_| b.u16()).map(|p| SocketAddr::new(a, p))),
        2 => b.array::<16>().map(IpAddr::from).and_then(|a| b.take(16).and_then(|_| b.u16()).map(|p| SocketAddr::new(a, p))),
        _ => None,
    };
    Verdict::Found((source, length.saturating_add(16)))
}

/// Preface of HTTP/2 (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frames behind the preface until HEADERS; its header block names the authority.
fn http2(bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Progress {
    let Some(frames) = bytes.get(PREFACE.len()..) else { return Progress::NeedMore(bytes.len().saturating_add(1)) };
    let mut r = Reader::new(frames);
    for _ in 0..16 {
        let at = bytes.len().saturating_sub(r.len());
        let (Some(length), Some(kind), Some(flags), Some(_)) = (r.u24(), r.u8(), r.u8(), r.u32()) else {
            return Progress::NeedMore(at.saturating_add(9));
        };
        let length = length as usize;
        if length > 16 << 10 {
            return Progress::Not;
        }
        let Some(body) = r.take(length) else { return Progress::NeedMore(at.saturating_add(9).saturating_add(length)) };
        if kind == 1 {
            if let Some(name) = super::hpack::authority(header_block(body, flags)) {
                say(Said::Authority(&name));
            }
            return Progress::Not;
        }
    }
    Progress::Not
}

/// The header block of a HEADERS frame without padding and priority (RFC 9113 §6.2).
fn header_block(body: &[u8], flags: u8) -> &[u8] {
    let mut r = Reader::new(body);
    let padding = if flags & 0x08 != 0 { r.u8().unwrap_or(0).into() } else { 0usize };
    if flags & 0x20 != 0 {
        r.take(5);
    }
    let rest = r.rest();
    rest.get(..rest.len().saturating_sub(padding)).unwrap_or_default()
}
