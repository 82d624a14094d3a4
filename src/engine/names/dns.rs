//! DNS messages (RFC 1035), as far as names and addresses go: questions, A, AAAA, CNAME, and the ECH public names of HTTPS and SVCB
//! records (RFC 9460, RFC 9849). Every record type is accepted; an unreadable record ends the walk and keeps what stood before it.

use std::net::IpAddr;

use crate::engine::bytes::Reader;
use crate::engine::host::HostName;

/// Questions read of one message; real ones carry one.
const MAX_QUESTIONS: u16 = 16;
/// Bytes most names have room in.
const USUAL_NAME: usize = 64;
/// Compression pointers followed in one name.
const MAX_POINTERS: usize = 64;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SVCB: u16 = 64;
const HTTPS: u16 = 65;

/// A question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// Name in presentation form, lower case, without the final dot; bytes outside printable ASCII as `\DDD`.
    pub name: HostName,
    /// Type code, unknown ones included.
    pub qtype: u16,
    /// Class code.
    pub class: u16,
}

/// Addresses a message gives for one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The name that was asked, where a CNAME chain leads from it to the addresses; else the record's own name.
    pub name: HostName,
    /// Address and time to live in seconds.
    pub addresses: Vec<(IpAddr, u32)>,
}

/// What a message tells.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// An answer rather than a question.
    pub is_response: bool,
    /// Operation (0 query, 4 notify, 5 update).
    pub opcode: u8,
    /// What was asked.
    pub questions: Vec<Question>,
    /// Addresses given, in order of first appearance.
    pub answers: Vec<Answer>,
    /// Public names of ECH configurations in HTTPS and SVCB records.
    pub public_names: Vec<String>,
    /// A record contradicts its length; what stood before it was read.
    pub is_broken: bool,
}

/// Whether bytes may be a query on any port: one question, no answers, reserved bits zero, a name of host bytes, a common class.
pub fn looks_like_query(message: &[u8]) -> bool {
    let Some(&[_, _, f0, f1, q0, q1, a0, a1, n0, n1, r0, r1]) = message.first_chunk::<12>() else { return false };
    let is_header = f0 & 0xf8 == 0 && f1 & 0x4f == 0 && [q0, q1, a0, a1, n0, n1, r0] == [0, 1, 0, 0, 0, 0, 0] && r1 <= 2;
    if !is_header {
        return false;
    }
    let Some(parsed) = parse(message) else { return false };
    let Some(question) = parsed.questions.first() else { return false };
    let name = question.name.as_str();
    !parsed.is_broken && question.class == 1 && !name.contains('\\') && name.contains('.')
}

/// Reads a message; `None` where not even its first question can be read.
pub fn parse(message: &[u8]) -> Option<Message> {
    let mut r = Reader::new(message);
    let (_, flags) = (r.u16()?, r.u16()?);
    let (questions, answers, authority, additional) = (r.u16()?, r.u16()?, r.u16()?, r.u16()?);
    let mut walk = Walk { message, at: 12, name: String::with_capacity(USUAL_NAME) };
    let mut parsed = Message { is_response: flags & 0x8000 != 0, opcode: ((flags >> 11) & 15) as u8, ..Message::default() };
    for i in 0..questions.min(MAX_QUESTIONS) {
        match walk.question() {
            Some(question) => parsed.questions.push(question),
            None if i == 0 => return None,
            None => {
                parsed.is_broken = true;
                return Some(parsed);
            }
        }
    }
    if parsed.is_response {
        let records = u32::from(answers).saturating_add(authority.into()).saturating_add(additional.into());
        parsed.is_broken |= questions > MAX_QUESTIONS || walk.records(records, &mut parsed).is_none();
    }
    Some(parsed)
}

struct Walk<'a> {
    message: &'a [u8],
    at: usize,
    /// The name read last.
    name: String,
}

impl<'a> Walk<'a> {
    fn reader(&self) -> Option<Reader<'a>> {
        self.message.get(self.at..).map(Reader::new)
    }

    fn question(&mut self) -> Option<Question> {
        self.name.clear();
        self.at = name_at(self.message, self.at, &mut self.name)?;
        let mut r = self.reader()?;
        let (qtype, class) = (r.u16()?, r.u16()?);
        self.at = self.at.checked_add(4)?;
        Some(Question { name: HostName::unchecked(&self.name), qtype, class })
    }

    fn records(&mut self, count: u32, parsed: &mut Message) -> Option<()> {
        let asked = parsed.questions.first().map(|q| q.name.clone());
        // Names a chain of CNAME leads to from the one that was asked.
        let mut chain: Vec<String> = Vec::new();
        for _ in 0..count {
            self.name.clear();
            self.at = name_at(self.message, self.at, &mut self.name)?;
            let mut r = self.reader()?;
            let (kind, _, ttl, length) = (r.u16()?, r.u16()?, r.u32()?, r.u16()?);
            let data_at = self.at.checked_add(10)?;
            let data = r.take(length.into())?;
            self.at = data_at.checked_add(length.into())?;
            let asked = asked.as_ref().filter(|asked| asked.as_str() == self.name || chain.contains(&self.name));
            match kind {
                A | AAAA => {
                    let Some(address) = address(kind, data) else { continue };
                    add(&mut parsed.answers, asked, &self.name, (address, ttl));
                }
                CNAME if asked.is_some() && chain.len() < MAX_POINTERS => {
                    let mut target = String::new();
                    name_at(self.message, data_at, &mut target)?;
                    chain.push(target);
                }
                SVCB | HTTPS => parsed.public_names.extend(public_names(self.message, data_at, data).unwrap_or_default()),
                _ => {}
            }
        }
        Some(())
    }
}

fn address(kind: u16, data: &[u8]) -> Option<IpAddr> {
    match kind {
        A => data.first_chunk::<4>().filter(|_| data.len() == 4).map(|b| IpAddr::from(*b)),
        _ => data.first_chunk::<16>().filter(|_| data.len() == 16).map(|b| IpAddr::from(*b)),
    }
}

/// Adds an address to those of the name that was asked, or of the record's own name.
fn add(answers: &mut Vec<Answer>, asked: Option<&HostName>, own: &str, address: (IpAddr, u32)) {
    let name = asked.map_or(own, HostName::as_str);
    match answers.iter_mut().find(|a| a.name.as_str() == name) {
        Some(answer) => answer.addresses.push(address),
        None => answers.push(Answer { name: asked.cloned().unwrap_or_else(|| HostName::unchecked(own)), addresses: vec![address] }),
    }
}

/// Reads the name at `at` into `out` and gives where the bytes behind it begin. Pointers only lead backwards, so every name ends.
fn name_at(message: &[u8], at: usize, out: &mut String) -> Option<usize> {
    let (mut at, mut end, mut wire) = (at, None, 0usize);
    let mut pointers = 0usize;
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => break,
            1..=63 => {
                let from = at.checked_add(1)?;
                let label = message.get(from..from.checked_add(length)?)?;
                wire = wire.checked_add(length)?.checked_add(1)?;
                if wire > 254 {
                    return None;
                }
                if !out.is_empty() {
                    out.push('.');
                }
                match std::str::from_utf8(label) {
                    Ok(text) if label.iter().all(is_plain) => out.push_str(text),
                    _ => push_label(label, out),
                }
                at = from.checked_add(length)?;
            }
            192.. => {
                let target = (length & 63) << 8 | usize::from(*message.get(at.checked_add(1)?)?);
                end = end.or(at.checked_add(2));
                pointers = pointers.saturating_add(1);
                if target >= at || pointers > MAX_POINTERS {
                    return None;
                }
                at = target;
            }
            _ => return None,
        }
    }
    end.or(at.checked_add(1))
}

/// Whether a byte stands for itself in a name.
fn is_plain(b: &u8) -> bool {
    matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')
}

fn push_label(label: &[u8], out: &mut String) {
    for b in label {
        match b {
            b'.' | b'\\' => {
                out.push('\\');
                out.push(char::from(*b));
            }
            0x21..=0x7e => out.push(char::from(b.to_ascii_lowercase())),
            other => {
                out.push('\\');
                for digit in [other / 100, other / 10 % 10, other % 10] {
                    out.push(char::from(b'0' | digit));
                    if out.len() > 4096 {
                        return;
                    }
                }
            }
        }
    }
}

/// Public names in the `ech` parameter (key 5) of an HTTPS or SVCB record.
fn public_names(message: &[u8], at: usize, data: &[u8]) -> Option<Vec<String>> {
    let mut r = Reader::new(data);
    r.u16()?;
    let mut target = String::new();
    let behind = name_at(message, at.checked_add(2)?, &mut target)?;
    r.take(behind.checked_sub(at.checked_add(2)?)?)?;
    while !r.is_empty() {
        let (key, value) = (r.u16()?, r.vec16()?);
        if key == 5 {
            return config_public_names(value);
        }
    }
    None
}

/// Public names of an ECHConfigList (RFC 9849 §4).
fn config_public_names(list: &[u8]) -> Option<Vec<String>> {
    let mut list = Reader::new(Reader::new(list).vec16()?);
    let mut names = Vec::new();
    while !list.is_empty() {
        let (version, mut config) = (list.u16()?, Reader::new(list.vec16()?));
        if version != 0xfe0d {
            continue;
        }
        // HpkeKeyConfig: id, KEM, public key, cipher suites; then maximum_name_length and public_name.
        config.take(3)?;
        config.vec16()?;
        config.vec16()?;
        config.u8()?;
        names.push(String::from_utf8(config.vec8()?.to_ascii_lowercase()).ok()?);
    }
    Some(names)
}

/// Name of a query type for output: its mnemonic, `TYPE65280` where it has none (RFC 3597 §5).
pub fn type_word(code: u16) -> String {
    const WORDS: &[(u16, &str)] = &[
        (1, "A"),
        (2, "NS"),
        (5, "CNAME"),
        (6, "SOA"),
        (10, "NULL"),
        (12, "PTR"),
        (13, "HINFO"),
        (15, "MX"),
        (16, "TXT"),
        (28, "AAAA"),
        (29, "LOC"),
        (33, "SRV"),
        (35, "NAPTR"),
        (37, "CERT"),
        (39, "DNAME"),
        (41, "OPT"),
        (43, "DS"),
        (44, "SSHFP"),
        (46, "RRSIG"),
        (47, "NSEC"),
        (48, "DNSKEY"),
        (50, "NSEC3"),
        (51, "NSEC3PARAM"),
        (52, "TLSA"),
        (59, "CDS"),
        (60, "CDNSKEY"),
        (61, "OPENPGPKEY"),
        (62, "CSYNC"),
        (63, "ZONEMD"),
        (64, "SVCB"),
        (65, "HTTPS"),
        (99, "SPF"),
        (249, "TKEY"),
        (250, "TSIG"),
        (251, "IXFR"),
        (252, "AXFR"),
        (255, "ANY"),
        (256, "URI"),
        (257, "CAA"),
    ];
    match WORDS.binary_search_by_key(&code, |(c, _)| *c) {
        Ok(i) => WORDS.get(i).map_or_else(String::new, |(_, word)| (*word).to_owned()),
        Err(_) => format!("TYPE{code}"),
    }
}
