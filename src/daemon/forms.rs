//! Every form in which a client could stand in some bytes: as text, in binary in both orders, in hexadecimal with and without separators,
//! and in base64 wherever it begins. `forget` proves with them that nothing is left; tests prove with them that nothing is written.

use std::net::IpAddr;

use aho_corasick::{AhoCorasick, BuildError};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{hex, mac};

/// Forms shorter than this stand anywhere by chance: four bytes once in 4 GB of random ones, and oftener among small numbers.
pub const CERTAIN: usize = 5;

/// One form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// What it is, as `10.0.0.5 in hex`.
    pub what: String,
    /// The bytes to look for.
    pub bytes: Vec<u8>,
}

impl Form {
    /// Whether it is the text itself.
    pub fn is_text(&self) -> bool {
        self.what.ends_with(" as text")
    }
}

/// Every form of an address, a link-layer address, or, where it is neither, a name; each once.
pub fn of(text: &str) -> Vec<Form> {
    let mut forms = Forms { about: text.to_owned(), forms: Vec::new() };
    if let Ok(address) = text.parse::<IpAddr>() {
        let address = address.to_canonical();
        forms.text(&address.to_string());
        match address {
            IpAddr::V4(four) => forms.binary(&four.octets()),
            IpAddr::V6(six) => {
                forms.text(&six.segments().map(|s| format!("{s:04x}")).join(":"));
                forms.binary(&six.octets());
            }
        }
    } else if let Some(octets) = mac::parse(text) {
        forms.binary(&octets);
    } else {
        forms.text(text);
    }
    forms.forms
}

struct Forms {
    about: String,
    forms: Vec<Form>,
}

impl Forms {
    fn add(&mut self, what: &str, bytes: Vec<u8>) {
        if !bytes.is_empty() && !self.forms.iter().any(|f| f.bytes == bytes) {
            self.forms.push(Form { what: format!("{} {what}", self.about), bytes });
        }
    }

    fn text(&mut self, text: &str) {
        for text in [text.to_owned(), text.to_lowercase(), text.to_uppercase()] {
            self.add("as text", text.clone().into_bytes());
            self.base64("as text in base64", text.as_bytes());
            for digits in [hex::text(text.as_bytes()), hex::text(text.as_bytes()).to_uppercase()] {
                self.add("as text in hex", digits.into_bytes());
            }
        }
    }

    fn binary(&mut self, octets: &[u8]) {
        let reversed: Vec<u8> = octets.iter().rev().copied().collect();
        for (order, octets) in [("", octets), (", reversed", &reversed)] {
            self.add(&format!("in binary{order}"), octets.to_vec());
            let pairs: Vec<String> = octets.iter().map(|o| format!("{o:02x}")).collect();
            for separator in ["", ":", "-", " ", ".", ", 0x", "\\x"] {
                let digits = pairs.join(separator);
                self.add(&format!("in hex{order}"), digits.to_uppercase().into_bytes());
                self.add(&format!("in hex{order}"), digits.into_bytes());
            }
            // As switches of one vendor write it: 0200.0000.0005.
            let quads: Vec<String> = octets.chunks(2).map(hex::text).collect();
            self.add(&format!("in hex{order}"), quads.join(".").to_uppercase().into_bytes());
            self.add(&format!("in hex{order}"), quads.join(".").into_bytes());
            self.base64(&format!("in base64{order}"), octets);
        }
    }

    /// The characters that these bytes alone decide, for each of the three places in a group of three bytes where they can begin.
    fn base64(&mut self, what: &str, bytes: &[u8]) {
        for before in 0..3 {
            let padded = [&vec![0; before][..], bytes].concat();
            let whole = (before * 8).div_ceil(6)..(padded.len() * 8 / 6);
            for engine in [STANDARD, URL_SAFE] {
                let text = engine.encode(&padded);
                self.add(what, text.get(whole.clone()).unwrap_or_default().into());
            }
        }
    }
}

/// Looks for all of them at once.
///
/// # Errors
/// Forms beyond what a searcher can hold; never those of a client.
pub fn searcher(forms: &[Form]) -> Result<AhoCorasick, BuildError> {
    AhoCorasick::new(forms.iter().map(|f| &f.bytes))
}

/// Which of the forms stand in some bytes; each once.
///
/// # Errors
/// As [`searcher`].
pub fn found<'f>(forms: &'f [Form], bytes: &[u8]) -> Result<Vec<&'f Form>, BuildError> {
    let mut found: Vec<usize> = searcher(forms)?.find_overlapping_iter(bytes).map(|m| m.pattern().as_usize()).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().filter_map(|n| forms.get(n)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(text: &str, bytes: &[u8]) -> Vec<String> {
        found(&of(text), bytes).unwrap().into_iter().map(|f| f.what.clone()).collect()
    }

    #[test]
    fn every_planted_form_is_found() {
        let base64 = |before: usize, bytes: &[u8]| STANDARD.encode([&b"abc"[..before], bytes, b"xyz"].concat()).into_bytes();
        let (four, six, mac) = ([10, 20, 0, 11], "2001:db8:20::ab", [0x02, 0xab, 0xcd, 0, 0, 5]);
        let six_octets = six.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let six_reversed: Vec<u8> = six_octets.iter().rev().copied().collect();
        let mut planted: Vec<(&str, Vec<u8>)> = vec![
            ("10.20.0.11", b"::ffff:10.20.0.11,".to_vec()),
            ("10.20.0.11", four.to_vec()),
            ("10.20.0.11", vec![11, 0, 20, 10]),
            ("10.20.0.11", b"0x0A14000B".to_vec()),
            ("10.20.0.11", b"0a:14:00:0b".to_vec()),
            ("10.20.0.11", b"0b0014 0b00140a".to_vec()),
            (six, six_octets.to_vec()),
            (six, six_reversed),
            (six, b"2001:DB8:20::AB".to_vec()),
            (six, b"2001:0db8:0020:0000:0000:0000:0000:00ab".to_vec()),
            ("02:ab:cd:00:00:05", b"02-AB-CD-00-00-05".to_vec()),
            ("02-AB-CD-00-00-05", b"02abcd000005".to_vec()),
            ("02:ab:cd:00:00:05", b"02ab.cd00.0005".to_vec()),
            ("02:ab:cd:00:00:05", mac.to_vec()),
            ("WS-14", b"the host ws-14.corp".to_vec()),
        ];
        for before in 0..3 {
            planted.push(("10.20.0.11", base64(before, &four)));
            planted.push(("10.20.0.11", base64(before, b"10.20.0.11")));
            planted.push((six, base64(before, &six_octets)));
            planted.push(("02:ab:cd:00:00:05", base64(before, &mac)));
            planted.push(("ws-14", base64(before, b"ws-14")));
        }
        for (text, bytes) in planted {
            assert!(!whats(text, &bytes).is_empty(), "{text} in {:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let innocent = b"{\"client\":\"p-jhifj3pnxuwggowj\",\"team\":\"design\",\"first_seen\":\"2026-11-23T07:00:00.123456Z\"}";
        for text in ["10.20.0.11", "2001:db8:20::ab", "02:ab:cd:00:00:05", "ws-14"] {
            assert_eq!(whats(text, innocent), Vec::<String>::new());
        }
        assert!(of("").is_empty());
    }
}
