//! Many patterns at once: which of them match a name.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::super::host::MAX_NAME;
use super::{HostPattern, Specificity};

/// Many patterns at once. Each distinct pattern has a slot, numbered from 0 in the order of insertion.
///
/// A tree of labels from the right, its edges in one hash table: a name is walked only as far as some pattern begins like it, so that
/// cost depends on the name, not on how many patterns there are. A look-up allocates nothing.
#[derive(Debug)]
pub struct PatternIndex {
    nodes: Vec<Node>,
    edges: HashTable<u32>,
    hash: FixedState,
    ranks: Vec<Specificity>,
}

#[derive(Debug)]
struct Node {
    parent: u32,
    label: Box<str>,
    star: Option<u32>,
    exact: Option<u32>,
    suffix: Option<u32>,
}

const ROOT: u32 = 0;

impl Default for PatternIndex {
    fn default() -> Self {
        PatternIndex { nodes: vec![Node::new(ROOT, "")], edges: HashTable::new(), hash: FixedState::with_seed(0), ranks: Vec::new() }
    }
}

impl Node {
    fn new(parent: u32, label: &str) -> Self {
        Node { parent, label: label.into(), star: None, exact: None, suffix: None }
    }
}

impl PatternIndex {
    /// Adds a pattern; the slot of an equal one where it is there already.
    pub fn insert(&mut self, pattern: &HostPattern) -> usize {
        let mut at = ROOT;
        for label in pattern.text().rsplit('.') {
            at = if label == "*" { self.star_of(at) } else { self.child_or_new(at, label) };
        }
        let next = self.ranks.len() as u32;
        let Some(node) = self.nodes.get_mut(at as usize) else { return next as usize };
        let slot = if pattern.is_exact() { &mut node.exact } else { &mut node.suffix };
        let slot = *slot.get_or_insert(next);
        if slot == next {
            self.ranks.push(pattern.specificity());
        }
        slot as usize
    }

    /// Slot of the most specific pattern that matches.
    pub fn best(&self, name: &str) -> Option<usize> {
        let mut best: Option<(Specificity, usize)> = None;
        self.each(name, |slot| {
            let rank = self.ranks.get(slot).copied().unwrap_or_default();
            if best.is_none_or(|(b, _)| rank > b) {
                best = Some((rank, slot));
            }
        });
        best.map(|(_, slot)| slot)
    }

    /// Calls `found` with the slot of every pattern that matches, in an order that depends on the patterns and the name alone.
    pub fn each(&self, name: &str, mut found: impl FnMut(usize)) {
        if name.len() <= MAX_NAME {
            self.descend(ROOT, name, &mut found);
        }
    }

    fn descend(&self, at: u32, rest: &str, found: &mut impl FnMut(usize)) {
        let (rest, label) = match rest.rsplit_once('.') {
            Some((rest, label)) => (Some(rest), label),
            None => (None, rest),
        };
        if let Some(child) = self.child(at, label) {
            self.arrive(child, rest, found);
        }
        if let Some(star) = self.nodes.get(at as usize).and_then(|n| n.star).filter(|_| !label.is_empty()) {
            self.arrive(star, rest, found);
        }
    }

    fn arrive(&self, at: u32, rest: Option<&str>, found: &mut impl FnMut(usize)) {
        let Some(node) = self.nodes.get(at as usize) else { return };
        if let (None, Some(slot)) = (rest, node.exact) {
            found(slot as usize);
        }
        if let Some(slot) = node.suffix {
            found(slot as usize);
        }
        if let Some(rest) = rest {
            self.descend(at, rest, found);
        }
    }

    fn child(&self, at: u32, label: &str) -> Option<u32> {
        let is_it = |n: &u32| self.nodes.get(*n as usize).is_some_and(|n| n.parent == at && *n.label == *label);
        self.edges.find(edge_hash(&self.hash, at, label), is_it).copied()
    }

    fn child_or_new(&mut self, at: u32, label: &str) -> u32 {
        if let Some(child) = self.child(at, label) {
            return child;
        }
        let new = self.push(Node::new(at, label));
        let (nodes, hash) = (&self.nodes, &self.hash);
        self.edges
            .insert_unique(edge_hash(hash, at, label), new, |n| nodes.get(*n as usize).map_or(0, |n| edge_hash(hash, n.parent, &n.label)));
        new
    }

    fn star_of(&mut self, at: u32) -> u32 {
        if let Some(star) = self.nodes.get(at as usize).and_then(|n| n.star) {
            return star;
        }
        let new = self.push(Node::new(at, "*"));
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.star = Some(new);
        }
        new
    }

    fn push(&mut self, node: Node) -> u32 {
        let at = self.nodes.len() as u32;
        self.nodes.push(node);
        at
    }
}

fn edge_hash(state: &FixedState, at: u32, label: &str) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_u32(at);
    hasher.write(label.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap()
    }

    fn best(patterns: &[&str], name: &str) -> Option<usize> {
        let mut index = PatternIndex::default();
        for p in patterns {
            index.insert(&pattern(p));
        }
        index.best(name)
    }

    #[test]
    fn a_name_matches_itself_and_its_subdomains() {
        for (name, matched) in [
            ("chatgpt.com", true),
            ("ab.chatgpt.com", true),
            ("notchatgpt.com", false),
            ("com", false),
            ("chatgpt.com.x", false),
            ("", false),
        ] {
            assert_eq!(pattern("chatgpt.com").matches(name), matched, "{name}");
            assert_eq!(best(&["chatgpt.com"], name).is_some(), matched, "{name}");
        }
    }

    #[test]
    fn an_exact_pattern_leaves_subdomains_out() {
        assert_eq!(best(&["=a.com"], "a.com"), Some(0));
        assert_eq!(best(&["=a.com"], "b.a.com"), None);
    }

    #[test]
    fn a_wildcard_is_one_whole_label() {
        let patterns = ["bedrock.*.amazonaws.com"];
        assert_eq!(best(&patterns, "bedrock.eu-west-1.amazonaws.com"), Some(0));
        assert_eq!(best(&patterns, "x.bedrock.eu-west-1.amazonaws.com"), Some(0));
        for name in ["bedrock.amazonaws.com", "bedrock.a.b.amazonaws.com", "bedrock..amazonaws.com", "x.eu.amazonaws.com"] {
            assert_eq!(best(&patterns, name), None, "{name}");
            assert!(!pattern(patterns[0]).matches(name), "{name}");
        }
    }

    #[test]
    fn the_most_specific_pattern_wins() {
        assert_eq!(best(&["a.com", "=a.com"], "a.com"), Some(1));
        assert_eq!(best(&["a.com", "x.a.com"], "y.x.a.com"), Some(1));
        assert_eq!(best(&["*.x.a.com", "x.a.com"], "y.x.a.com"), Some(0));
        assert_eq!(best(&["*.*.a.com", "x.a.com"], "y.x.a.com"), Some(1));
        assert_eq!(best(&["*.x.a.com", "y.x.a.com"], "y.x.a.com"), Some(1));
    }

    #[test]
    fn equal_patterns_share_a_slot() {
        let mut index = PatternIndex::default();
        assert_eq!((index.insert(&pattern("a.com")), index.insert(&pattern("=a.com")), index.insert(&pattern("a.com"))), (0, 1, 0));
    }

    #[test]
    fn the_index_agrees_with_each_pattern_asked_alone() {
        let labels = ["a", "b", "*", "c"];
        let mut patterns = Vec::new();
        for n in 0..256usize {
            let text: Vec<_> = (0..4).map(|i| labels[(n >> (2 * i)) & 3]).take(1 + n % 4).collect();
            patterns.extend(HostPattern::parse(&format!("{}{}.com", if n & 1 == 0 { "" } else { "=" }, text.join("."))));
        }
        let mut index = PatternIndex::default();
        let slots: Vec<_> = patterns.iter().map(|p| index.insert(p)).collect();
        for n in 0..1024usize {
            let text: Vec<_> = (0..5).map(|i| ["a", "b", "d", "c"][(n >> (2 * i)) & 3]).take(1 + n % 5).collect();
            let name = format!("{}.com", text.join("."));
            let mut found = Vec::new();
            index.each(&name, |slot| found.push(slot));
            found.sort_unstable();
            let mut wanted: Vec<_> = patterns.iter().zip(&slots).filter(|(p, _)| p.matches(&name)).map(|(_, s)| *s).collect();
            wanted.sort_unstable();
            wanted.dedup();
            assert_eq!(found, wanted, "{name}");
        }
    }

    #[test]
    fn hostile_names_are_only_names() {
        let index = {
            let mut index = PatternIndex::default();
            for p in ["a.*.*.*.com", "a.*.com", "com"] {
                index.insert(&pattern(p));
            }
            index
        };
        for name in ["", ".", "..", "....com", ".com", &"a.".repeat(126), &"x".repeat(300), "é.com", "\0.com"] {
            index.best(name);
        }
        assert_eq!(index.best(&format!("{}com", "a.".repeat(125))), Some(0));
        assert_eq!(index.best(&format!("{}com", "a.".repeat(126))), None, "longer than a name can be");
    }
}
