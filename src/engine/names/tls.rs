//! TLS and DTLS ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2, RFC 9147 §5.3), over records, QUIC CRYPTO data or datagrams.

use crate::engine::bytes::{Reader, Verdict};

/// Longest hello that is followed, records included.
pub const MAX_HELLO: usize = 64 << 10;

/// Extension numbers (IANA TLS ExtensionType values).
pub mod extension {
    /// server_name (RFC 6066).
    pub const SERVER_NAME: u16 = 0;
    /// signature_algorithms (RFC 8446).
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    /// application_layer_protocol_negotiation (RFC 7301).
    pub const ALPN: u16 = 16;
    /// supported_versions (RFC 8446).
    pub const SUPPORTED_VERSIONS: u16 = 43;
    /// encrypted_client_hello (RFC 9849).
    pub const ECH: u16 = 0xfe0d;
    /// encrypted_server_name, its withdrawn forerunner.
    pub const ESNI: u16 = 0xffce;
}

/// A ClientHello, as slices of the bytes it was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hello<'a> {
    /// legacy_version.
    pub version: u16,
    /// First host_name of server_name, as sent.
    pub name: Option<&'a [u8]>,
    /// Cipher suites, two bytes each.
    pub ciphers: &'a [u8],
    /// All extensions, undivided; empty where the hello has none.
    pub extensions: &'a [u8],
    /// ProtocolNameList of ALPN: each with a one-byte length.
    pub alpn: &'a [u8],
    /// Signature algorithms, two bytes each.
    pub signature_algorithms: &'a [u8],
    /// Supported versions, two bytes each.
    pub versions: &'a [u8],
    /// encrypted_client_hello is there.
    pub has_ech: bool,
    /// encrypted_server_name is there.
    pub has_esni: bool,
    /// An extension contradicts its length; what stood before it was read.
    pub is_broken: bool,
}

/// Whether a TCP stream that begins so is TLS of either side, whatever the record: for flows whose hello was not seen.
pub fn is_record(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=24, 3, 0..=4, hi, ..] if *hi <= 0x48)
}

/// Whether bytes may be the first of a client's hello in records.
pub fn may_open(bytes: &[u8]) -> bool {
    match bytes {
        [] => false,
        [22] | [22, 3] => true,
        [22, 3, minor, rest @ ..] => *minor <= 4 && rest.get(2).is_none_or(|kind| *kind == 1),
        _ => false,
    }
}

/// Whether a hello says, at the front of its first record, that it is longer than is followed.
pub fn is_too_long(bytes: &[u8]) -> bool {
    may_open(bytes) && record(&mut Reader::new(bytes)).and_then(|(_, body, _)| message_length(body)).is_some_and(|n| n > MAX_HELLO)
}

/// Reads the ClientHello at the front of a record stream. `scratch` holds the message where it spans records.
///
/// Record type and version are checked, alerts and change_cipher_spec in between are passed over, empty records allowed.
pub fn client_hello<'a>(bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> Verdict<Hello<'a>> {
    if !may_open(bytes) {
        return if bytes.is_empty() { Verdict::NeedMore(5) } else { Verdict::Not };
    }
    let mut r = Reader::new(bytes);
    scratch.clear();
    let mut is_first = true;
    loop {
        let at = r.offset_in(bytes);
        let Some((kind, body, length)) = record(&mut r) else { return Verdict::NeedMore(at.saturating_add(5)) };
        if length > (1 << 14) + 2048 {
            // The byte behind the first header decides whether it is a hello at all, see `may_open`.
            let is_undecided = at == 0 && body.is_empty();
            return if is_undecided { Verdict::NeedMore(6) } else { Verdict::Malformed(at) };
        }
        if kind == 22 {
            // The common case: the whole message in its first record, read in place.
            if is_first && let Some(verdict @ (Verdict::Found(_) | Verdict::Malformed(_))) = in_place(body) {
                return verdict;
            }
            is_first &= body.is_empty();
            scratch.extend_from_slice(body);
        } else if !matches!(kind, 20 | 21) {
            return Verdict::Malformed(at);
        }
        if scratch.first().is_some_and(|kind| *kind != 1) {
            return Verdict::Not;
        }
        if message_length(scratch).is_some_and(|n| n > MAX_HELLO) || scratch.len() > MAX_HELLO {
            return Verdict::Malformed(at);
        }
        if message_length(scratch).is_some_and(|n| scratch.len() >= n) {
            return message(scratch);
        }
        if body.len() < length {
            return Verdict::NeedMore(need(at, body.len(), length, scratch));
        }
    }
}

/// Bytes of the stream needed before another try can say more: the rest of the message or of this record, whichever comes first.
fn need(at: usize, have: usize, length: usize, scratch: &[u8]) -> usize {
    let missing = message_length(scratch).map_or(4usize.saturating_sub(scratch.len()), |n| n.saturating_sub(scratch.len()));
    at.saturating_add(5).saturating_add(have).saturating_add(missing.min(length.saturating_sub(have)).max(1))
}

/// One record: type, what is there of its body, and its length as said.
fn record<'a>(r: &mut Reader<'a>) -> Option<(u8, &'a [u8], usize)> {
    let mut probe = *r;
    let kind = probe.u8()?;
    probe.u16()?;
    let length = usize::from(probe.u16()?);
    let body = probe.take(length.min(probe.len()))?;
    *r = probe;
    Some((kind, body, length))
}

fn in_place(body: &[u8]) -> Option<Verdict<Hello<'_>>> {
    let length = message_length(body)?;
    body.get(..length).map(message)
}

/// Reads what a capture that cut the packet left of a hello in its first record: the name, where it stands in that part.
pub fn partial(bytes: &[u8]) -> Option<Hello<'_>> {
    let body = bytes.get(9..).filter(|_| may_open(bytes))?;
    let mut hello = hello(body, false)?;
    hello.is_broken = true;
    hello.name.map(|_| hello)
}

/// Length of a handshake message with its 4-byte header.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let mut r = Reader::new(bytes);
    r.u8()?;
    Some(usize::try_from(r.u24()?).ok()?.saturating_add(4))
}

/// Reads a handshake message that must be a ClientHello: type 1, three-byte length, body. As it stands in QUIC CRYPTO data.
pub fn message(bytes: &[u8]) -> Verdict<Hello<'_>> {
    match bytes.first() {
        None => return Verdict::NeedMore(4),
        Some(1) => {}
        Some(_) => return Verdict::Not,
    }
    let Some(length) = message_length(bytes) else { return Verdict::NeedMore(4) };
    if length > MAX_HELLO {
        return Verdict::Malformed(1);
    }
    match bytes.get(4..length) {
        None => Verdict::NeedMore(length),
        Some(body) => match hello(body, false) {
            Some(hello) => Verdict::Found(hello),
            None => Verdict::Malformed(4),
        },
    }
}

/// A fragment of a DTLS ClientHello (RFC 6347 §4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtlsFragment<'a> {
    /// message_seq: 0 for the first hello, 1 for the one with a cookie.
    pub message: u16,
    /// Length of the whole message.
    pub length: u32,
    /// Where this fragment stands in it.
    pub offset: u32,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Reads the ClientHello fragments of a datagram's records, calling `each` in order.
pub fn dtls_fragments<'a>(datagram: &'a [u8], mut each: impl FnMut(DtlsFragment<'a>)) -> Verdict<()> {
    let [22, 0xfe, 0xff | 0xfd, 0, 0, ..] = datagram else { return Verdict::Not };
    let mut r = Reader::new(datagram);
    while let Some(22) = r.rest().first() {
        let at = r.offset_in(datagram);
        let Some(body) = r.take(11).and_then(|_| r.vec16()) else { return Verdict::Malformed(at) };
        let mut b = Reader::new(body);
        while !b.is_empty() {
            let Some(fragment) = dtls_fragment(&mut b) else { return Verdict::Malformed(at) };
            match fragment {
                Some(f) => each(f),
                None => return Verdict::Not,
            }
        }
    }
    Verdict::Found(())
}

/// One handshake fragment; `Some(None)` where it is of another message than a ClientHello.
fn dtls_fragment<'a>(r: &mut Reader<'a>) -> Option<Option<DtlsFragment<'a>>> {
    let kind = r.u8()?;
    let (length, message, offset, size) = (r.u24()?, r.u16()?, r.u24()?, r.u24()?);
    let bytes = r.take(usize::try_from(size).ok()?)?;
    Some((kind == 1 && offset.saturating_add(size) <= length).then_some(DtlsFragment { message, length, offset, bytes }))
}

/// Reads the body of a DTLS ClientHello (with its cookie).
pub fn dtls_hello(body: &[u8]) -> Option<Hello<'_>> {
    hello(body, true)
}

fn hello(body: &[u8], is_dtls: bool) -> Option<Hello<'_>> {
    let mut r = Reader::new(body);
    let version = r.u16()?;
    r.take(32)?;
    r.vec8()?;
    if is_dtls {
        r.vec8()?;
    }
    let ciphers = r.vec16()?;
    r.vec8()?;
    let mut hello = Hello { version, ciphers, ..Hello::default() };
    // A hello without extensions ends here (SSL 3.0, TLS 1.0).
    if let Some(length) = r.u16() {
        hello.extensions = r.rest().get(..length.into()).unwrap_or(r.rest());
        hello.is_broken = hello.extensions.len() < usize::from(length);
        extensions(&mut hello);
    }
    Some(hello)
}

fn extensions(hello: &mut Hello<'_>) {
    let mut r = Reader::new(hello.extensions);
    while !r.is_empty() {
        let (Some(kind), Some(body)) = (r.u16(), r.vec16()) else {
            hello.is_broken = true;
            return;
        };
        let mut b = Reader::new(body);
        match kind {
            extension::SERVER_NAME if hello.name.is_none() => hello.name = server_name(b),
            extension::ALPN => hello.alpn = b.vec16().unwrap_or_default(),
            extension::SIGNATURE_ALGORITHMS => hello.signature_algorithms = b.vec16().unwrap_or_default(),
            extension::SUPPORTED_VERSIONS => hello.versions = b.vec8().unwrap_or_default(),
            extension::ECH => hello.has_ech = true,
            extension::ESNI => hello.has_esni = true,
            _ => {}
        }
    }
}

/// First host_name of a ServerNameList; unknown name types are passed over (RFC 6066 §3).
fn server_name(mut body: Reader<'_>) -> Option<&[u8]> {
    let mut list = Reader::new(body.vec16()?);
    while !list.is_empty() {
        let kind = list.u8()?;
        let name = list.vec16()?;
        if kind == 0 {
            return Some(name);
        }
    }
    None
}

/// Protocols of an ALPN list, in order.
pub fn alpn(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut r = Reader::new(list);
    std::iter::from_fn(move || r.vec8().filter(|p| !p.is_empty()))
}
