//! The table of fingerprints: JA4 to TLS library. `fingerprints/ja4.tsv` is compiled in; `scripts/fingerprints` makes it from real clients.
//!
//! A JA4 is `a_b_c`: what the hello offers at a glance, a hash of its ciphers, a hash of its extensions and signature algorithms. Two
//! things of `a` are the program's choice and not the library's: whether a server is named, and which protocols are offered. They, and the
//! number of extensions that follows from them, are left out of the comparison; `b` and `c` contain neither.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::library::Library;

/// The table as it is shipped.
const SHIPPED: &str = include_str!("../../../fingerprints/ja4.tsv");
/// Length of a JA4: ten characters, and twice an underscore and twelve.
const LENGTH: usize = 36;

/// How much of a fingerprint is one of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Closeness {
    /// Transport, version and ciphers: another release, an extension more or less, a resumed session.
    Ciphers,
    /// All that the library chooses.
    Whole,
}

/// A library, and how sure it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Match {
    /// Which.
    pub library: Library,
    /// By how much of the fingerprint.
    pub closeness: Closeness,
}

/// What is wrong in a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mistake {
    /// Fewer or more columns than the first line names.
    Columns,
    /// A library that is none of [`Library::ALL`].
    Library,
    /// Not the form of a JA4.
    Form,
    /// A fingerprint that another row gives to another library.
    TwoLibraries,
}

/// A mistake and its line, counted from 1.
pub type BadLine = (usize, Mistake);

/// Ciphers that a library offers too which has no row here, or hardly differently: they name none.
const SHARED: [&str; 2] = [
    // Firefox until release 135 at least offers those of Bun (FoxIO's ja4plus-mapping.csv).
    "t1317_5b57614c22b0",
    // TLS 1.3 has three in common use, and QUIC has no others.
    "q1303_55b375c5d22e",
];

type Whole = [u8; 29];
type Ciphers = [u8; 17];

/// Fingerprints and their libraries.
#[derive(Debug, Default)]
pub struct Table {
    whole: HashMap<Whole, Library, FixedState>,
    /// `None` where several libraries offer the same ciphers: QUIC has only three to offer.
    ciphers: HashMap<Ciphers, Option<Library>, FixedState>,
}

impl Table {
    /// The one that is compiled in. A row with a mistake would be left out; a test sees to it that there is none.
    pub fn shipped() -> Self {
        Table::read(SHIPPED).0
    }

    /// Reads rows of tab-separated columns, of which the first is the library and the third the fingerprint. `#` begins a comment; the first
    /// other line names the columns.
    pub fn read(text: &str) -> (Self, Vec<BadLine>) {
        let (mut table, mut mistakes) = (Table::default(), Vec::new());
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
        let width = lines.next().map_or(0, |(_, head)| head.split('\t').count());
        for (at, line) in lines {
            if let Err(mistake) = table.row(line, width) {
                mistakes.push((at.saturating_add(1), mistake));
            }
        }
        for (head, hash) in SHARED.iter().filter_map(|shared| shared.split_once('_')) {
            table.ciphers.insert(joined(&[head.as_bytes(), hash.as_bytes()]), None);
        }
        (table, mistakes)
    }

    /// Fingerprints known, as far as they are told apart.
    pub fn len(&self) -> usize {
        self.whole.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// The library of a fingerprint: by all of it, else by its ciphers where one library alone offers these.
    pub fn library(&self, ja4: &str) -> Option<Match> {
        let (whole, ciphers) = keys(ja4)?;
        let by = |closeness| move |library: &Library| Match { library: *library, closeness };
        let close = || self.ciphers.get(&ciphers)?.as_ref().map(by(Closeness::Ciphers));
        self.whole.get(&whole).map(by(Closeness::Whole)).or_else(close)
    }

    fn row(&mut self, line: &str, width: usize) -> Result<(), Mistake> {
        let columns: Vec<&str> = line.split('\t').collect();
        if columns.len() != width {
            return Err(Mistake::Columns);
        }
        let (Some(word), Some(ja4)) = (columns.first(), columns.get(2)) else { return Err(Mistake::Columns) };
        let library = Library::ALL.into_iter().find(|library| library.word() == *word).ok_or(Mistake::Library)?;
        let (whole, ciphers) = keys(ja4).ok_or(Mistake::Form)?;
        if *self.whole.entry(whole).or_insert(library) != library {
            return Err(Mistake::TwoLibraries);
        }
        let offered = self.ciphers.entry(ciphers).or_insert(Some(library));
        *offered = offered.filter(|known| *known == library);
        Ok(())
    }
}

/// What is compared of a fingerprint; `None` where it has not the form of one.
fn keys(ja4: &str) -> Option<(Whole, Ciphers)> {
    let bytes: &[u8; LENGTH] = ja4.as_bytes().try_into().ok()?;
    let (a, b, c) = (bytes.get(..10)?, bytes.get(11..23)?, bytes.get(24..)?);
    let is_formed = bytes.get(10) == Some(&b'_') && bytes.get(23) == Some(&b'_');
    let is_hex = |part: &[u8]| part.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
    let is_head = matches!(a, [b't' | b'q' | b'd', _, _, b'd' | b'i', counts @ .., _, _] if counts.iter().all(u8::is_ascii_digit));
    if !(is_formed && is_head && is_hex(b) && is_hex(c)) {
        return None;
    }
    // Transport and version, then the number of ciphers and their hash.
    let (version, count) = (a.get(..3)?, a.get(4..6)?);
    Some((joined(&[version, count, b, c]), joined(&[version, count, b])))
}

/// The parts one after another, as many bytes as the key has.
fn joined<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut key = [0; N];
    let mut room = &mut key[..];
    for part in parts {
        let Some((place, rest)) = room.split_at_mut_checked(part.len()) else { break };
        place.copy_from_slice(part);
        room = rest;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_has_no_mistake_and_knows_every_library() {
        let (table, mistakes) = Table::read(SHIPPED);
        assert_eq!(mistakes, []);
        for library in Library::ALL {
            assert!(table.whole.values().any(|known| *known == library), "no fingerprint of {}: scripts/fingerprints", library.word());
        }
    }

    #[test]
    fn every_row_says_where_it_comes_from() {
        let mut lines = SHIPPED.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.next(), Some("library\tid\tja4\ttransport\talpn\tclient\tversion\tscript\tmade"));
        for line in lines {
            let columns: Vec<&str> = line.split('\t').collect();
            let [_, id, ja4, transport, alpn, client, version, script, made] = columns[..] else { panic!("{line}") };
            assert!(!id.is_empty() && !client.is_empty() && !alpn.is_empty(), "{line}");
            assert!(version.bytes().any(|b| b.is_ascii_digit()), "a version: {line}");
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fingerprints/").to_owned() + script;
            assert!(std::fs::metadata(&file).is_ok(), "{file} made it: {line}");
            assert_eq!(made.split('-').map(str::len).collect::<Vec<_>>(), [4, 2, 2], "{line}");
            assert_eq!(transport == "quic", ja4.starts_with('q'), "{line}");
            assert_eq!(&ja4[8..10] == "00", alpn == "-", "{line}");
        }
    }

    const HEAD: &str = "library\tid\tja4\n";

    #[test]
    fn what_the_program_chooses_is_no_part_of_the_comparison() {
        let (table, mistakes) = Table::read(&format!("# a\n{HEAD}go\tx\tt13d1312h2_f57a46bbacb6_e7c285222651\n"));
        assert_eq!(mistakes, []);
        let by = |closeness| Some(Match { library: Library::Go, closeness });
        assert_eq!(table.library("t13i131100_f57a46bbacb6_e7c285222651"), by(Closeness::Whole));
        assert_eq!(table.library("t13d1313h2_f57a46bbacb6_000000000000"), by(Closeness::Ciphers));
        assert_eq!(table.library("q13d1312h3_f57a46bbacb6_e7c285222651"), None);
        assert_eq!(table.library("t12d1312h2_f57a46bbacb6_e7c285222651"), None);
        for ja4 in ["", "t13d1312h2_f57a46bbacb6", "t13d1312h2_f57a46bbacbX_e7c285222651", "x13d1312h2_f57a46bbacb6_e7c285222651"] {
            assert_eq!(table.library(ja4), None, "{ja4}");
        }
    }

    #[test]
    fn ciphers_of_two_libraries_name_neither() {
        let rows = "go\tx\tt13d0510h2_0123456789ab_cd85d2d88918\nrustls\ty\tt13d0510h2_0123456789ab_aaaaaaaaaaaa\n";
        let (table, mistakes) = Table::read(&format!("{HEAD}{rows}"));
        assert_eq!((mistakes, table.len()), (vec![], 2));
        assert_eq!(table.library("t13d0510h2_0123456789ab_bbbbbbbbbbbb"), None);
        assert_eq!(table.library("t13d0510h2_0123456789ab_cd85d2d88918").map(|m| m.library), Some(Library::Go));
        let shipped = Table::shipped();
        assert_eq!(shipped.library("t13d1715h2_5b57614c22b0_3d5424432f57"), None, "Firefox 105 is not Bun");
        assert_eq!(shipped.library("q13d0311h3_55b375c5d22e_000000000000"), None);
    }

    #[test]
    fn mistakes_have_their_line() {
        let good = "t13d1312h2_f57a46bbacb6_e7c285222651";
        let rows = format!("{HEAD}go\tx\t{good}\ngo\tx\nschannel\tx\t{good}\ngo\tx\tt13d1312h2\nrustls\ty\t{good}\n");
        let expected = [(3, Mistake::Columns), (4, Mistake::Library), (5, Mistake::Form), (6, Mistake::TwoLibraries)];
        assert_eq!(Table::read(&rows).1, expected);
    }
}
