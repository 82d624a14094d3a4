//! Host-name patterns, found by the literal characters they begin or end with.

use std::cmp::Reverse;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::timelines::{Held, Timelines};
use crate::engine::frame::Time;

/// All patterns. A look-up costs one probe for each length in use of what patterns begin and end with, and a comparison with each pattern
/// that begins and ends with `*`.
#[derive(Default)]
pub(super) struct Patterns {
    patterns: Vec<Pattern>,
    timelines: Timelines<u32>,
    whole: Index,
    starts: Index,
    ends: Index,
    floating: Vec<u32>,
}

struct Pattern {
    text: Arc<str>,
    /// Characters other than `*`: more of them, more specific.
    literal: usize,
}

/// Patterns by the literal they are found by.
struct Index {
    patterns: HashMap<Box<str>, Vec<u32>, FixedState>,
    lengths: Vec<usize>,
}

impl Default for Index {
    fn default() -> Self {
        Index { patterns: HashMap::with_hasher(FixedState::with_seed(0)), lengths: Vec::new() }
    }
}

impl Index {
    fn insert(&mut self, literal: &str, pattern: u32) {
        self.patterns.entry(literal.into()).or_default().push(pattern);
        if !self.lengths.contains(&literal.len()) {
            self.lengths.push(literal.len());
        }
    }

    fn get(&self, literal: &str) -> &[u32] {
        self.patterns.get(literal).map_or(&[], Vec::as_slice)
    }
}

impl Patterns {
    pub fn new(held: Vec<(Arc<str>, Held)>) -> Self {
        let mut patterns = Patterns::default();
        let mut numbers: HashMap<Arc<str>, u32, FixedState> = HashMap::with_hasher(FixedState::with_seed(0));
        let mut by_number = Vec::with_capacity(held.len());
        for (text, held) in held {
            let number = *numbers.entry(text).or_insert_with_key(|text| patterns.add(text));
            by_number.push((number, held));
        }
        patterns.timelines = Timelines::new(by_number);
        patterns
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Calls back with the records of each pattern that matches, the one with most literal characters first, then the one that stands
    /// first. `name` is lower case.
    pub fn each(&self, name: &str, at: Time, mut found: impl FnMut(&[u32])) {
        let mut matching: Vec<u32> = self.whole.get(name).to_vec();
        let starts = self.starts.lengths.iter().filter_map(|n| Some(self.starts.get(name.get(..*n)?)));
        let ends = self.ends.lengths.iter().filter_map(|n| Some(self.ends.get(name.get(name.len().checked_sub(*n)?..)?)));
        let candidates = starts.chain(ends).flatten().chain(&self.floating);
        matching.extend(candidates.filter(|p| self.text(**p).is_some_and(|text| matches(text.as_bytes(), name.as_bytes()))));
        matching.sort_unstable_by_key(|p| (Reverse(self.patterns.get(*p as usize).map_or(0, |p| p.literal)), *p));
        matching.iter().for_each(|p| found(self.timelines.at(p, at)));
    }

    fn text(&self, pattern: u32) -> Option<&str> {
        self.patterns.get(pattern as usize).map(|p| &*p.text)
    }

    fn add(&mut self, text: &Arc<str>) -> u32 {
        let number = u32::try_from(self.patterns.len()).unwrap_or(u32::MAX);
        let literal = text.bytes().filter(|b| *b != b'*').count();
        self.patterns.push(Pattern { text: Arc::clone(text), literal });
        let (start, end) = (text.split('*').next().unwrap_or_default(), text.rsplit('*').next().unwrap_or_default());
        match () {
            () if !text.contains('*') => self.whole.insert(text, number),
            () if start.is_empty() && end.is_empty() => self.floating.push(number),
            () if start.len() >= end.len() => self.starts.insert(start, number),
            () => self.ends.insert(end, number),
        }
        number
    }
}

/// Whether a name is of a pattern, in which `*` stands for any characters, none among them. At most `pattern.len() * name.len()` steps: only
/// the last `*` is ever widened, for what stood before it has its earliest place.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0usize, 0usize);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p = p.saturating_add(1);
            }
            Some(byte) if name.get(n) == Some(byte) => {
                p = p.saturating_add(1);
                n = n.saturating_add(1);
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                let wider = taken.saturating_add(1);
                star = Some((at, wider));
                (p, n) = (at.saturating_add(1), wider);
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, name, wanted) in [
            ("ws-14", "ws-14", true),
            ("ws-14", "ws-140", false),
            ("ws-*", "ws-", true),
            ("ws-*", "ws-14.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "a.b.example.org", true),
            ("a*b*c", "a-bb-b-c", true),
            ("a*b*c", "acb", false),
            ("*lab*", "the-lab-3", true),
            ("*", "", true),
            ("**", "x", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), wanted, "{pattern} {name}");
        }
    }
}
