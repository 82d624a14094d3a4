//! All rules together: which one wins, and why the others did not.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::super::frame::Time;
use super::super::pattern::PatternIndex;
use super::super::sighting::Evidence;
use super::super::signature::{Category, RiskKey};
use super::Status;
use super::fact;
use super::rule::{Mismatch, Question, Rank, Rule, ServicePattern, prefix_of};

/// Rules in the order written, and what holds where none speaks.
///
/// The most specific rule that matches and has not run out wins, of equally specific ones the first. Rules are indexed by what they
/// are about, so that a question looks only at the rules about its own service, vendor, category, facts, name and team, however many there
/// are.
#[derive(Debug, Default)]
pub struct Policy {
    default: Status,
    rules: Vec<Rule>,
    hosts: PatternIndex,
    by_host: Vec<Vec<u32>>,
    by_service: ByText,
    by_prefix: ByText,
    by_vendor: ByText,
    by_category: HashMap<Category, Vec<u32>, FixedState>,
    /// By the first word of a value.
    by_fact: HashMap<RiskKey, ByText, FixedState>,
    by_team: ByText,
    about_anything: Vec<u32>,
    has_bounds: bool,
}

type ByText = HashMap<Arc<str>, Vec<u32>, FixedState>;

/// What holds for a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision<'p> {
    /// The status.
    pub status: Status,
    /// Position of the rule that won, from 0; `None` where the default holds.
    pub rule: Option<usize>,
    /// Why.
    pub reason: Option<&'p str>,
    /// Who answers for it.
    pub owner: Option<&'p str>,
    /// Until when.
    pub expires: Option<Time>,
    /// Service to use instead.
    pub alternative: Option<&'p str>,
}

/// One rule as it was considered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Considered {
    /// Position of the rule, from 0.
    pub rule: usize,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It decides.
    Won,
    /// It matches; the rule at this position is more specific.
    LessSpecific(usize),
    /// It matches; the rule at this position is as specific and stands before it.
    Later(usize),
    /// It is the most specific, by a bound of evidence or volume, and no stricter than what held before it was reached: the rule at this
    /// position, or the default.
    NotStricter(Option<usize>),
    /// It matches and has run out.
    Expired,
    /// A condition does not hold.
    Mismatch(Mismatch),
}

impl Policy {
    /// Compiles rules.
    pub fn new(default: Status, rules: Vec<Rule>) -> Self {
        let mut policy = Policy { default, ..Policy::default() };
        for (position, rule) in rules.iter().enumerate() {
            policy.file(position as u32, rule);
        }
        policy.rules = rules;
        policy
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What holds where no rule speaks.
    pub fn default_status(&self) -> Status {
        self.default
    }

    /// Whether a rule asks how far a sighting has come.
    pub fn has_bounds(&self) -> bool {
        self.has_bounds
    }

    /// What holds for a sighting that has come as far as the question says. A rule with a bound of evidence or volume can only make it
    /// stricter than it was without: what was not allowed before an upload is not allowed by it.
    pub fn judge(&self, question: &Question<'_>, now: Time) -> Decision<'_> {
        let first = self.decide(&question.after(Evidence::Resolved, 0), now);
        if !self.has_bounds {
            return first;
        }
        let then = self.decide(question, now);
        if then.status.is_stricter_than(first.status) { then } else { first }
    }

    /// Which rule wins for a question at a moment, and what it decides.
    pub fn decide(&self, question: &Question<'_>, now: Time) -> Decision<'_> {
        let mut best: Option<(Rank, usize, &Rule)> = None;
        self.each_candidate(question, |position, rule| {
            let Ok(rank) = rule.rank(question, now) else { return };
            let better = best.is_none_or(|(r, p, _)| rank > r || (rank == r && position < p));
            if better && !rule.is_expired(now) {
                best = Some((rank, position, rule));
            }
        });
        match best {
            Some((_, position, rule)) => Decision {
                status: rule.status,
                rule: Some(position),
                reason: rule.reason.as_deref(),
                owner: rule.owner.as_deref(),
                expires: rule.expires,
                alternative: rule.alternative.as_deref(),
            },
            None => Decision { status: self.default, rule: None, reason: None, owner: None, expires: None, alternative: None },
        }
    }

    /// Every rule in order, and what became of it when a question was [judged](Self::judge).
    pub fn explain(&self, question: &Question<'_>, now: Time) -> Vec<Considered> {
        let (judged, winner) = (self.judge(question, now).rule, self.decide(question, now).rule);
        let winning = winner.and_then(|w| Some((w, self.rules.get(w)?.rank(question, now).ok()?)));
        let verdict = |rule: &Rule, position| match (rule.rank(question, now), winning) {
            (Err(mismatch), _) => Verdict::Mismatch(mismatch),
            (Ok(_), _) if rule.is_expired(now) => Verdict::Expired,
            (Ok(_), _) if judged == Some(position) => Verdict::Won,
            (Ok(_), Some((w, _))) if w == position => Verdict::NotStricter(judged),
            (Ok(rank), Some((w, best))) if rank < best => Verdict::LessSpecific(w),
            (Ok(_), Some((w, _))) => Verdict::Later(w),
            (Ok(_), None) => Verdict::Won,
        };
        self.rules.iter().enumerate().map(|(position, rule)| Considered { rule: position, verdict: verdict(rule, position) }).collect()
    }

    fn file(&mut self, position: u32, rule: &Rule) {
        self.has_bounds |= rule.has_bound();
        if !rule.hosts.is_empty() {
            for pattern in &rule.hosts {
                let slot = self.hosts.insert(pattern);
                self.by_host.resize_with(self.by_host.len().max(slot.saturating_add(1)), Vec::new);
                self.by_host.get_mut(slot).into_iter().for_each(|list| list.push(position));
            }
        } else if !rule.services.is_empty() {
            for service in &rule.services {
                let (index, key) = match service {
                    ServicePattern::Id(id) => (&mut self.by_service, id),
                    ServicePattern::Prefix(prefix) => (&mut self.by_prefix, prefix),
                };
                index.entry(key.clone()).or_default().push(position);
            }
        } else if !rule.vendors.is_empty() {
            rule.vendors.iter().for_each(|v| self.by_vendor.entry(v.clone()).or_default().push(position));
        } else if let Some(first) = rule.facts.first() {
            let index = self.by_fact.entry(first.key).or_default();
            first.first_words().for_each(|word| index.entry(word.into()).or_default().push(position));
        } else if !rule.categories.is_empty() {
            rule.categories.iter().for_each(|c| self.by_category.entry(*c).or_default().push(position));
        } else if !rule.teams.is_empty() {
            rule.teams.iter().for_each(|t| self.by_team.entry(t.clone()).or_default().push(position));
        } else {
            self.about_anything.push(position);
        }
    }

    /// Every rule that can match, some of them perhaps more than once.
    fn each_candidate<'p>(&'p self, question: &Question<'_>, mut consider: impl FnMut(usize, &'p Rule)) {
        let mut all = |positions: &[u32]| {
            for position in positions {
                let position = *position as usize;
                if let Some(rule) = self.rules.get(position) {
                    consider(position, rule);
                }
            }
        };
        self.hosts.each(question.host, |slot| all(self.by_host.get(slot).map_or(&[], Vec::as_slice)));
        let lists = [
            self.by_service.get(question.service),
            prefix_of(question.service).and_then(|p| self.by_prefix.get(p)),
            self.by_vendor.get(question.vendor),
            self.by_category.get(&question.category),
            self.by_team.get(question.team),
            Some(&self.about_anything),
        ];
        lists.into_iter().flatten().for_each(|list| all(list));
        for (key, index) in &self.by_fact {
            fact::first_words(*key, question.risk).filter_map(|word| index.get(&*word)).for_each(|list| all(list));
        }
    }

    /// How many rules a question looks at.
    #[cfg(test)]
    pub(super) fn considered(&self, question: &Question<'_>) -> usize {
        let mut count = 0;
        self.each_candidate(question, |_, _| count += 1);
        count
    }
}
