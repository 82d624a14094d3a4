//! What is known of a service's terms: facts, each with where it was read and when.

use std::sync::Arc;

/// What a fact is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum RiskKey {
    /// Whether input trains models by default.
    TrainsOnInput,
    /// How long input is kept.
    Retention,
    /// Where it is kept.
    Residency,
    /// Audits passed.
    Certifications,
    /// Whether there is a tier for companies.
    EnterpriseTier,
    /// Kinds of account.
    AccountTypes,
}

impl RiskKey {
    /// Every key, in the order of their numbers.
    pub const ALL: [RiskKey; 6] = [
        RiskKey::TrainsOnInput,
        RiskKey::Retention,
        RiskKey::Residency,
        RiskKey::Certifications,
        RiskKey::EnterpriseTier,
        RiskKey::AccountTypes,
    ];

    /// The key used in files and output.
    pub const fn word(self) -> &'static str {
        match self {
            RiskKey::TrainsOnInput => "trains_on_input",
            RiskKey::Retention => "retention",
            RiskKey::Residency => "residency",
            RiskKey::Certifications => "certifications",
            RiskKey::EnterpriseTier => "enterprise_tier",
            RiskKey::AccountTypes => "account_types",
        }
    }
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What holds; `unknown` is a value.
    pub value: Arc<str>,
    /// Address of the page that was read; empty where nothing was.
    pub source: Arc<str>,
    /// When, as `2026-11-23`; empty where nothing was.
    pub checked: Arc<str>,
    /// The sentence.
    pub quote: Option<Arc<str>>,
}

impl Fact {
    /// Whether it says that nothing is known.
    pub fn is_unknown(&self) -> bool {
        &*self.value == "unknown"
    }
}

/// The facts of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Risk([Option<Fact>; 6]);

impl Risk {
    /// Nothing is known.
    pub const UNKNOWN: Risk = Risk([const { None }; 6]);

    /// Sets a fact.
    pub fn set(&mut self, key: RiskKey, fact: Fact) {
        if let Some(place) = self.0.get_mut(key as usize) {
            *place = Some(fact);
        }
    }

    /// A fact; `None` where it was not read, or is `unknown`.
    pub fn fact(&self, key: RiskKey) -> Option<&Fact> {
        self.0.get(key as usize)?.as_ref().filter(|f| !f.is_unknown())
    }

    /// How many of the facts are not known.
    pub fn unknown_count(&self) -> usize {
        RiskKey::ALL.into_iter().filter(|k| self.fact(*k).is_none()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_a_value_and_no_fact() {
        let fact = |value: &str| Fact { value: value.into(), source: "".into(), checked: "".into(), quote: None };
        let mut risk = Risk::default();
        assert_eq!(risk.unknown_count(), 6);
        risk.set(RiskKey::Retention, fact("30 days"));
        risk.set(RiskKey::Residency, fact("unknown"));
        assert_eq!(risk.unknown_count(), 5);
        assert_eq!(risk.fact(RiskKey::Retention).map(|f| &*f.value), Some("30 days"));
        assert_eq!(risk.fact(RiskKey::Residency), None);
    }
}
