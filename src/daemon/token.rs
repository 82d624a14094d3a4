//! Tokens of those who ask over the network. What is kept of one is its SHA-256: 256 random bits need no slower digest. A file holds lines
//! `role digest expiry [name]`; empty lines and those that begin with `#` do not count.

use std::path::Path;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::diagnostic::{Diagnostic, Severity};
use super::toml_fields::{one_of, read_text};
use super::{clock, hex};
use crate::engine::frame::Time;

/// Most tokens in a file; each is compared with at every request.
const MOST: usize = 64;
/// Random bytes in a token.
const BYTES: usize = 32;
/// How tokens begin, for those who search for leaked ones.
const BEGINNING: &str = "shadowtap_";
const REMEDY: &str = "write the line that 'shadowtap token new' prints: role, SHA-256 in hexadecimal, expiry as 2027-01-31T00:00:00Z, name";

/// What a token lets one do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Read metrics, and why the daemon is not ready.
    Metrics,
}

impl Role {
    /// Words of all roles.
    pub const WORDS: &[&str] = &["metrics"];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Metrics => "metrics",
        }
    }

    /// The role of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        (word == Role::Metrics.word()).then_some(Role::Metrics)
    }
}

/// What is known of a token that was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It has the role, and time left.
    Good,
    /// It had the role.
    Expired,
    /// Nobody gave it out, or not for this.
    Unknown,
}

/// Tokens that were given out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tokens(Vec<Known>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    role: Role,
    digest: [u8; SHA256_OUTPUT_LEN],
    expiry: Time,
}

impl Tokens {
    /// Those in a file that can be understood, and every problem; that one has expired is a warning.
    pub fn survey(path: &Path, now: Time) -> (Self, Vec<Diagnostic>) {
        match read_text(path) {
            Ok(text) => Tokens::parse(path, &text, now),
            Err(problem) => (Tokens::default(), vec![problem]),
        }
    }

    fn parse(file: &Path, text: &str, now: Time) -> (Self, Vec<Diagnostic>) {
        let (mut tokens, mut problems) = (Vec::new(), Vec::new());
        let mut note = |severity, line, message: String, hint: String| {
            problems.push(Diagnostic { severity, file: file.into(), line, message, hint });
        };
        let lines = text.lines().map(str::trim).enumerate().map(|(n, line)| (n + 1, line));
        for (n, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            match known(line) {
                _ if tokens.len() == MOST => {
                    note(Severity::Error, n, format!("more than {MOST} tokens"), "take out those nobody uses".into());
                    break;
                }
                Ok(token) => {
                    if token.expiry <= now {
                        let message = format!("the token expired at {}", clock::rfc3339(token.expiry));
                        note(Severity::Warning, n, message, "make a new one with 'shadowtap token new', or take the line out".into());
                    }
                    tokens.push(token);
                }
                Err((message, remedy)) => note(Severity::Error, n, message, remedy),
            }
        }
        (Tokens(tokens), problems)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is known of a token. It is compared with all, each in constant time, so that how long that takes says nothing of any.
    pub fn judge(&self, shown: &[u8], role: Role, now: Time) -> Verdict {
        let shown = digest(&SHA256, shown);
        let (mut good, mut expired) = (Choice::from(0), Choice::from(0));
        for known in &self.0 {
            let same = known.digest[..].ct_eq(shown.as_ref()) & Choice::from(u8::from(known.role == role));
            let in_time = Choice::from(u8::from(now < known.expiry));
            good |= same & in_time;
            expired |= same & !in_time;
        }
        match (bool::from(good), bool::from(expired)) {
            (true, _) => Verdict::Good,
            (false, true) => Verdict::Expired,
            (false, false) => Verdict::Unknown,
        }
    }
}

/// One line. What stands in it is not quoted: it might be the token itself, put in by mistake.
fn known(line: &str) -> Result<Known, (String, String)> {
    let refuse = |what: &str| (what.to_owned(), REMEDY.to_owned());
    let mut words = line.split_whitespace();
    let role = words.next().unwrap_or_default();
    let Some(role) = Role::from_word(role) else {
        let remedy = if role.len() > 16 { REMEDY.to_owned() } else { one_of(role, Role::WORDS) };
        return Err(("begins with no role".into(), remedy));
    };
    let written = words.next().filter(|word| word.is_ascii()).and_then(hex::parse);
    let digest = written.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| refuse("holds no SHA-256 behind the role"))?;
    let expiry = words.next().and_then(clock::parse_rfc3339).ok_or_else(|| refuse("holds no expiry behind the SHA-256"))?;
    match words.nth(1) {
        None => Ok(Known { role, digest, expiry }),
        Some(_) => Err(refuse("holds more than role, SHA-256, expiry and a name of one word")),
    }
}

/// A new token and the line for the file.
pub fn make(role: Role, expiry: Time, name: Option<&str>) -> (Zeroizing<String>, String) {
    let bytes: Zeroizing<[u8; BYTES]> = Zeroizing::new(rand::random());
    let mut token = Zeroizing::new(String::with_capacity(BEGINNING.len() + 2 * BYTES));
    token.push_str(BEGINNING);
    // Digit by digit, so that no copy is left behind.
    for byte in bytes.iter() {
        [byte >> 4, byte & 15].iter().filter_map(|digit| char::from_digit(u32::from(*digit), 16)).for_each(|digit| token.push(digit));
    }
    let kept = hex::text(digest(&SHA256, token.as_bytes()).as_ref());
    let name = name.map(|name| format!(" {name}")).unwrap_or_default();
    let line = format!("{} {kept} {}{name}", role.word(), clock::rfc3339(expiry));
    (token, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::new(1_795_417_200, 0);
    const LATER: Time = Time::new(1_795_417_260, 0);

    fn parse(text: &str) -> (Tokens, Vec<String>) {
        let (tokens, problems) = Tokens::parse(Path::new("tokens"), text, NOW);
        (tokens, problems.iter().map(|d| d.to_string()).collect())
    }

    #[test]
    fn a_token_is_good_until_it_expires_and_no_other_is() {
        let (token, line) = make(Role::Metrics, LATER, Some("prometheus"));
        let (other, _) = make(Role::Metrics, LATER, None);
        assert!(token.len() == 74 && token.starts_with(BEGINNING) && *token != *other);
        assert!(!line.contains(&token[BEGINNING.len()..]) && line.ends_with("Z prometheus"), "{line}");
        let (tokens, problems) = parse(&format!("# scrapers\n\n  {line}\n"));
        assert_eq!(problems, [""; 0]);
        let judge = |shown: &str, now| tokens.judge(shown.as_bytes(), Role::Metrics, now);
        assert_eq!(judge(&token, NOW), Verdict::Good);
        assert_eq!(judge(&token, LATER), Verdict::Expired);
        for wrong in ["", &other, &token[1..], &format!("{} ", *token), line.split(' ').nth(1).unwrap()] {
            assert_eq!(judge(wrong, NOW), Verdict::Unknown);
        }
        assert_eq!(Tokens::default().judge(token.as_bytes(), Role::Metrics, NOW), Verdict::Unknown);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_without_what_stands_in_it() {
        let (token, line) = make(Role::Metrics, LATER, None);
        let words: Vec<&str> = line.split(' ').collect();
        let bad = [
            format!("{} {}", *token, words[2]),
            format!("metrics {} {}", *token, words[2]),
            format!("metrics é {}", words[2]),
            format!("metrics {} tomorrow", words[1]),
            format!("{line} a b"),
            format!("metrix {}", words[1]),
        ];
        let (tokens, problems) = parse(&bad.join("\n"));
        assert!(tokens.is_empty() && problems.len() == bad.len(), "{problems:?}");
        for (n, problem) in problems.iter().enumerate() {
            assert!(problem.starts_with(&format!("tokens:{}: error: ", n + 1)) && problem.contains("remedy"), "{problem}");
            assert!(!problem.contains(&token[BEGINNING.len()..]) && !problem.contains(words[1]), "{problem}");
        }
        assert!(problems[5].contains("did you mean \"metrics\"?"));
        let (tokens, problems) = parse(&vec![line; MOST + 1].join("\n"));
        assert!(tokens.0.len() == MOST && problems.len() == 1 && problems[0].contains("more than 64 tokens"), "{problems:?}");
    }
}
