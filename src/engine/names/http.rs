//! HTTP requests in clear: Host of HTTP/1 (RFC 9112), target of CONNECT (RFC 9110 §9.3.6).

use crate::engine::bytes::Verdict;

/// Longest request head that is followed.
pub const MAX_HEAD: usize = 16 << 10;
/// Longest method; the longest registered one has 17 letters.
const MAX_METHOD: usize = 20;

/// A request's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    /// CONNECT: the target's host without its port, and where the client's own bytes begin behind the head.
    Connect {
        /// Host of the target.
        host: &'a [u8],
        /// Length of the head.
        length: usize,
        /// Value of User-Agent.
        user_agent: Option<&'a [u8]>,
    },
    /// Any other method: its host without the port, empty where none is named.
    Plain {
        /// Value of Host, or host of an absolute target.
        host: &'a [u8],
        /// Value of User-Agent, where it stands in what is there of the head.
        user_agent: Option<&'a [u8]>,
    },
}

/// Whether bytes may begin a request: a method in capital letters and a space.
pub fn may_open(bytes: &[u8]) -> bool {
    let letters = bytes.iter().take(MAX_METHOD).take_while(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_')).count();
    match bytes.get(letters) {
        Some(b' ') => letters >= 3,
        Some(_) => false,
        None => letters > 0,
    }
}

/// Reads a request's head as far as its name. Lines may end with LF alone (RFC 9112 §2.2).
pub fn request(bytes: &[u8]) -> Verdict<Request<'_>> {
    if bytes.is_empty() {
        return Verdict::NeedMore(4);
    }
    if !may_open(bytes) {
        return Verdict::Not;
    }
    let Some((line, mut at)) = line(bytes, 0) else { return unfinished(bytes) };
    let Some((method, target)) = request_line(line) else { return Verdict::Not };
    let mut host = authority(target);
    let is_connect = method == b"CONNECT";
    let mut user_agent = None;
    loop {
        let Some((field, next)) = self::line(bytes, at) else { return unfinished(bytes) };
        at = next;
        if field.is_empty() {
            return Verdict::Found(match is_connect {
                true => Request::Connect { host: without_port(target), length: at, user_agent },
                false => Request::Plain { host: host.unwrap_or_default(), user_agent },
            });
        }
        if let Some(value) = value_of(field, b"user-agent") {
            user_agent = Some(value);
        }
        if let Some(value) = value_of(field, b"host") {
            host = Some(without_port(value));
            if !is_connect {
                // The name must not wait for the rest of the head; what is there of it may say more.
                let user_agent = user_agent.or_else(|| later_field(bytes, at, b"user-agent"));
                return Verdict::Found(Request::Plain { host: without_port(value), user_agent });
            }
        }
    }
}

fn unfinished<T>(bytes: &[u8]) -> Verdict<T> {
    if bytes.len() > MAX_HEAD { Verdict::Malformed(MAX_HEAD) } else { Verdict::NeedMore(bytes.len().saturating_add(1)) }
}

/// The line that begins at `at` without its end, and where the next begins.
fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|b| *b == b'\n')?;
    let text = rest.get(..end)?;
    Some((text.strip_suffix(b"\r").unwrap_or(text), at.saturating_add(end).saturating_add(1)))
}

/// Method and target of `METHOD SP target SP HTTP/x.y`.
fn request_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = line.splitn(2, |b| *b == b' ');
    let (method, rest) = (parts.next()?, parts.next()?);
    let space = rest.iter().rposition(|b| *b == b' ')?;
    let (target, version) = rest.split_at_checked(space)?;
    version.starts_with(b" HTTP/").then_some((method, target.trim_ascii()))
}

/// Value of a field, where its name is this one in whatever case.
fn value_of<'a>(field: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let colon = field.iter().position(|b| *b == b':')?;
    let (name, value) = field.split_at_checked(colon)?;
    name.trim_ascii_end().eq_ignore_ascii_case(wanted).then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

/// Value of a field in the whole lines of the head from `at` on.
fn later_field<'a>(bytes: &'a [u8], mut at: usize, wanted: &[u8]) -> Option<&'a [u8]> {
    while at < MAX_HEAD
        && let Some((field, next)) = line(bytes, at).filter(|(field, _)| !field.is_empty())
    {
        if let Some(value) = value_of(field, wanted) {
            return Some(value);
        }
        at = next;
    }
    None
}

/// Host of an absolute target (`http://host:port/path`), as proxies are asked.
fn authority(target: &[u8]) -> Option<&[u8]> {
    let at = target.windows(3).take(16).position(|w| w == b"://")?;
    let rest = target.get(at.saturating_add(3)..)?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let rest = rest.get(..end)?;
    let user = rest.iter().position(|b| *b == b'@').map_or(0, |n| n.saturating_add(1));
    rest.get(user..).map(without_port)
}

/// Drops `:port`, keeps a bracketed IPv6 literal.
pub fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|b| *b == b':') {
        Some(at) if host.get(at.saturating_add(1)..).is_some_and(|p| p.iter().all(u8::is_ascii_digit)) => host.get(..at).unwrap_or(host),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_of_requests() {
        let host = |text: &str| match request(text.as_bytes()) {
            Verdict::Found(Request::Plain { host, .. }) => String::from_utf8(host.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(host("GET / HTTP/1.1\r\nAccept: */*\r\nhOst:  ChatGPT.com:8080 \r\n\r\n"), "ChatGPT.com");
        assert_eq!(host("GET http://u@claude.ai:80/x HTTP/1.0\n\n"), "claude.ai");
        assert_eq!(host("GET / HTTP/1.0\r\n\r\n"), "");
    }

    #[test]
    fn connect_ends_where_the_tunnel_begins() {
        let head = b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: proxy\r\n\r\n";
        let with_tunnel = [&head[..], b"\x16\x03\x01"].concat();
        let expected = Request::Connect { host: b"api.openai.com", length: head.len(), user_agent: None };
        assert_eq!(request(&with_tunnel), Verdict::Found(expected));
        for n in 0..head.len() {
            assert!(matches!(request(&head[..n]), Verdict::NeedMore(m) if m > n), "prefix of {n} bytes");
        }
    }

    #[test]
    fn user_agent_of_requests() {
        let of = |text: &'static str| match request(text.as_bytes()) {
            Verdict::Found(Request::Plain { user_agent, .. } | Request::Connect { user_agent, .. }) => user_agent,
            other => panic!("{other:?}"),
        };
        assert_eq!(of("GET / HTTP/1.1\r\nuser-AGENT: a/1 \r\nHost: x.com\r\n\r\n"), Some(&b"a/1"[..]));
        assert_eq!(of("GET / HTTP/1.1\r\nHost: x.com\r\nAccept: */*\r\nUser-Agent: a/1\r\n"), Some(&b"a/1"[..]));
        assert_eq!(of("GET / HTTP/1.1\r\nHost: x.com\r\nUser-Agent: cut"), None);
        assert_eq!(of("GET / HTTP/1.1\r\nHost: x.com\r\n\r\nUser-Agent: of the body\r\n"), None);
        assert_eq!(of("CONNECT x.com:443 HTTP/1.1\r\nHost: x.com:443\r\nUser-Agent: a/1\r\n\r\n"), Some(&b"a/1"[..]));
    }

    #[test]
    fn other_text_is_not_http() {
        for text in ["EHLO x\r\n", "get / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "GE\0", "AB x\r\n"] {
            assert!(matches!(request(text.as_bytes()), Verdict::Not), "{text}");
        }
    }
}
