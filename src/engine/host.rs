//! A validated host name: lower case, no final dot, RFC 1123 labels with the underscore DNS allows.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Longest name in presentation form without the final dot (RFC 1035 §2.3.4).
pub const MAX_NAME: usize = 253;
/// Longest label (RFC 1035 §2.3.4).
pub const MAX_LABEL: usize = 63;

/// A host name as the engine reports it; cheap to clone.
///
/// Built by [`HostName::parse`] it is a valid host name. [`HostName::unchecked`] keeps names that DNS carries and RFC 1123 does not know
/// (`*.example`, escaped bytes): these are reported and never matched, see [`HostName::is_host`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct HostName {
    text: Arc<str>,
    /// Follows from the text; asked for often.
    is_host: bool,
}

/// Why a name is no host name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAHost {
    /// Nothing, or only a dot.
    Empty,
    /// Longer than 253 characters, or a label longer than 63 or empty.
    Length,
    /// A byte that is no letter, digit, hyphen, underscore or dot; or a hyphen at a label's end.
    Byte,
    /// An IPv4 or IPv6 address literal.
    Address,
}

impl HostName {
    /// Reads a name from the wire.
    ///
    /// # Errors
    /// [`NotAHost`] where it is no host name; nothing of such a name may reach the matcher.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAHost> {
        let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
        let mut room = [0; MAX_NAME];
        let lower = room.get_mut(..bytes.len()).ok_or(NotAHost::Length)?;
        lower.copy_from_slice(bytes);
        lower.make_ascii_lowercase();
        let text = std::str::from_utf8(lower).map_err(|_| NotAHost::Byte)?;
        check(text)?;
        Ok(HostName { text: text.into(), is_host: true })
    }

    /// Keeps text as it is, lower-cased: a name DNS may carry though no host may have it, or an address literal to report.
    pub fn unchecked(text: &str) -> Self {
        let text: Arc<str> = if text.bytes().any(|b| b.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text.into() };
        let is_host = check(&text).is_ok();
        HostName { text, is_host }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, shared.
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// Whether this is a valid host name and may be matched against signatures.
    pub fn is_host(&self) -> bool {
        self.is_host
    }
}

/// Whether text in lower case is a host name.
fn check(text: &str) -> Result<(), NotAHost> {
    if text.is_empty() {
        return Err(NotAHost::Empty);
    }
    if text.len() > MAX_NAME {
        return Err(NotAHost::Length);
    }
    if is_address(text) {
        return Err(NotAHost::Address);
    }
    let (mut length, mut last) = (0, b'.');
    for b in text.bytes() {
        match b {
            b'.' if length == 0 => return Err(NotAHost::Length),
            b'.' if last == b'-' => return Err(NotAHost::Byte),
            b'.' => length = 0,
            _ if length >= MAX_LABEL => return Err(NotAHost::Length),
            b'a'..=b'z' | b'0'..=b'9' | b'_' => length = length.saturating_add(1),
            b'-' if length > 0 => length = length.saturating_add(1),
            _ => return Err(NotAHost::Byte),
        }
        last = b;
    }
    match last {
        b'.' => Err(NotAHost::Length),
        b'-' => Err(NotAHost::Byte),
        _ => Ok(()),
    }
}

/// Whether text is an address literal. One of IPv4 ends in a digit, one of IPv6 has a colon.
fn is_address(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let may_be = inner.bytes().next_back().is_some_and(|b| b.is_ascii_digit()) || inner.contains(':');
    may_be && inner.parse::<IpAddr>().is_ok()
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_cases_and_drops_the_final_dot() {
        assert_eq!(HostName::parse(b"ChatGPT.com.").unwrap().as_str(), "chatgpt.com");
        assert_eq!(HostName::parse(b"_dmarc.a-b.example").unwrap().as_str(), "_dmarc.a-b.example");
    }

    #[test]
    fn refuses_what_is_no_host_name() {
        for (bytes, why) in [
            (&b""[..], NotAHost::Empty),
            (b".", NotAHost::Empty),
            (b"a..b", NotAHost::Length),
            (b"a b.com", NotAHost::Byte),
            (b"-a.com", NotAHost::Byte),
            (b"a-.com", NotAHost::Byte),
            (b"\xff.com", NotAHost::Byte),
            (b"a\0.com", NotAHost::Byte),
            (b"10.0.0.1", NotAHost::Address),
            (b"[2001:db8::1]", NotAHost::Address),
        ] {
            assert_eq!(HostName::parse(bytes), Err(why), "{bytes:?}");
        }
        assert_eq!(HostName::parse(&[b'a'; 64]), Err(NotAHost::Length));
        assert_eq!(HostName::parse(&b"a.".repeat(127)).map(|n| n.as_str().len()), Ok(253));
        assert_eq!(HostName::parse(&b"ab".repeat(127)), Err(NotAHost::Length));
    }
}
