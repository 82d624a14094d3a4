//! Conditions on what is known of a service's terms.

use std::fmt;
use std::sync::Arc;

use super::super::signature::{Risk, RiskKey};

/// What stands for a fact that nobody read.
pub const UNKNOWN: &str = "unknown";

/// One fact that must have one of several values.
///
/// A value is meant by its first words, whatever stands behind them: `opt-out` means `opt-out on individual plans` too, and not `opt-in`.
/// Certifications and account types are lists, of which any entry may be meant. A fact that is not known has the value `unknown`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactCondition {
    /// Which fact.
    pub key: RiskKey,
    /// Its values.
    pub values: Vec<Arc<str>>,
}

impl FactCondition {
    /// Whether a service's facts meet it.
    pub fn holds(&self, risk: &Risk) -> bool {
        entries(self.key, risk).any(|entry| self.values.iter().any(|value| begins(entry, value)))
    }

    /// The first word of each value, in lower case: what an index finds the condition by.
    pub(super) fn first_words(&self) -> impl Iterator<Item = String> {
        self.values.iter().filter_map(|v| words(v).next()).map(str::to_ascii_lowercase)
    }
}

impl fmt::Display for FactCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key.word(), self.values.join("|"))
    }
}

/// The first word of each entry of a fact, in lower case.
pub(super) fn first_words(key: RiskKey, risk: &Risk) -> impl Iterator<Item = String> {
    entries(key, risk).filter_map(|entry| words(entry).next()).map(str::to_ascii_lowercase)
}

/// What a fact says: one entry, or those of a list.
fn entries(key: RiskKey, risk: &Risk) -> impl Iterator<Item = &str> {
    let is_list = matches!(key, RiskKey::Certifications | RiskKey::AccountTypes);
    risk.fact(key).map_or(UNKNOWN, |f| &f.value).split(move |c| is_list && matches!(c, ',' | ';'))
}

/// Whether an entry begins with the words of a value; upper and lower case are one.
fn begins(entry: &str, value: &str) -> bool {
    let (mut said, mut wanted) = (words(entry), words(value).peekable());
    wanted.peek().is_some() && wanted.all(|w| said.next().is_some_and(|s| s.eq_ignore_ascii_case(w)))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '/' | '_' | '+');
    text.split(move |c| !is_inside(c)).filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::signature::Fact;

    #[test]
    fn a_value_is_meant_by_its_first_words() {
        for (key, said, wanted, met) in [
            (RiskKey::TrainsOnInput, "opt-out", "opt-out", true),
            (RiskKey::TrainsOnInput, "Opt-out on individual plans, no on Business", "opt-out", true),
            (RiskKey::TrainsOnInput, "opt-out on individual plans, no on Business", "no", false),
            (RiskKey::TrainsOnInput, "opt-out", "opt", false),
            (RiskKey::TrainsOnInput, "none", "no", false),
            (RiskKey::TrainsOnInput, "no", "no on Business", false),
            (RiskKey::TrainsOnInput, "yes", "", false),
            (RiskKey::TrainsOnInput, "yes", " , ", false),
            (RiskKey::TrainsOnInput, "unknown", "unknown", true),
            (RiskKey::Certifications, "SOC 2 Type II, ISO 27001; HIPAA (Copilot)", "iso 27001", true),
            (RiskKey::Certifications, "SOC 2 Type II, ISO 27001; HIPAA (Copilot)", "HIPAA", true),
            (RiskKey::Certifications, "SOC 2 Type II", "SOC 2", true),
            (RiskKey::Certifications, "SOC 2 Type II", "SOC 1", false),
            (RiskKey::AccountTypes, "consumer (Free tier), business (Pro tier)", "business", true),
        ] {
            let mut risk = Risk::default();
            risk.set(key, Fact { value: said.into(), source: "".into(), checked: "".into(), quote: None });
            assert_eq!(FactCondition { key, values: vec![wanted.into()] }.holds(&risk), met, "{said} {wanted}");
        }
    }

    #[test]
    fn a_fact_nobody_read_is_unknown() {
        let condition = |values: &[&str]| FactCondition { key: RiskKey::Retention, values: values.iter().map(|v| (*v).into()).collect() };
        assert!(condition(&["none", "unknown"]).holds(&Risk::default()));
        assert!(!condition(&["none"]).holds(&Risk::default()));
    }
}
