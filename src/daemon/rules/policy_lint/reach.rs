//! Whether a rule ever decides anything: it is asked about everything that rules can tell apart.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::super::probe::{Probe, probes};
use crate::engine::frame::Time;
use crate::engine::group::OTHER;
use crate::engine::policy::{Policy, Question, Rule, Window};
use crate::engine::sighting::Evidence;
use crate::engine::signature::Signatures;

/// Questions one rule is asked at most; with more to ask nothing is said of it.
const MOST_QUESTIONS: usize = 1 << 21;
/// Minutes after a moment that are looked at for windows to open and close: two weeks, for an hour may be missing in one of them.
const MINUTES: u64 = 2 * 7 * 24 * 60;
/// Windows and minutes looked at, all in all.
const MOST_MINUTES: u64 = 1 << 24;

/// What becomes of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// It decides something, or there is too much to ask.
    Decides,
    /// No name of any service meets what it is about.
    Contradicts,
    /// Wherever it matches, one of these wins.
    Loses(Vec<usize>),
    /// It wins only where what it decides held before its bound was reached, or something stricter.
    NeverStricter,
}

/// Everything rules can tell apart.
pub(super) struct Grid<'a> {
    policy: &'a Policy,
    probes: Vec<Probe<'a>>,
    teams: Vec<&'a str>,
    subnets: Vec<IpNet>,
    moments: Option<Vec<Time>>,
    volumes: Vec<u64>,
}

impl<'a> Grid<'a> {
    /// The grid of a policy; `teams` are those of the configuration.
    pub(super) fn new(policy: &'a Policy, signatures: &'a Signatures, teams: &[&'a str], now: Time) -> Self {
        let rules: Vec<&Rule> = policy.rules().iter().collect();
        let named = rules.iter().flat_map(|r| &r.teams).map(|t| &**t);
        let teams: BTreeSet<&str> = teams.iter().copied().chain(named).chain([OTHER]).collect();
        let volumes: BTreeSet<u64> = rules.iter().filter_map(|r| r.volume_up).chain([0]).collect();
        Grid {
            policy,
            probes: probes(signatures, &rules),
            teams: teams.into_iter().collect(),
            subnets: rules.iter().flat_map(|r| &r.subnets).copied().collect(),
            moments: moments(&rules, now),
            volumes: volumes.into_iter().collect(),
        }
    }

    /// Names a rule is about.
    pub(super) fn names<'s>(&'s self, rule: &Rule) -> impl Iterator<Item = &'s Probe<'a>> {
        self.probes.iter().filter(move |p| p.is_about(rule))
    }

    /// Asks about a rule.
    pub(super) fn reach(&self, position: usize) -> Reach {
        let (Some(rule), Some(moments)) = (self.policy.rules().get(position), &self.moments) else { return Reach::Decides };
        let names: Vec<_> = self.names(rule).collect();
        if names.is_empty() {
            return Reach::Contradicts;
        }
        let teams = if rule.teams.is_empty() { self.teams.clone() } else { rule.teams.iter().map(|t| &**t).collect() };
        let clients = self.clients(rule);
        let stages = self.stages(rule);
        let moments: Vec<_> = moments.iter().filter(|at| !rule.is_expired(**at)).copied().collect();
        if names.len().saturating_mul(teams.len() * clients.len() * stages.len() * moments.len()) > MOST_QUESTIONS {
            return Reach::Decides;
        }
        let mut tally = Tally::default();
        for at in &moments {
            for name in &names {
                for (team, client) in teams.iter().flat_map(|t| clients.iter().map(move |c| (t, c))) {
                    let question = Question { client: *client, ..name.question(team) };
                    if stages.iter().any(|(evidence, bytes)| tally.wins(self.policy, position, &question.after(*evidence, *bytes), *at)) {
                        return Reach::Decides;
                    }
                }
            }
        }
        tally.reach()
    }

    /// Addresses in the subnets of a rule: their ends, and those beside narrower subnets of other rules.
    fn clients(&self, rule: &Rule) -> Vec<Option<IpAddr>> {
        let mut found: BTreeSet<IpAddr> = BTreeSet::new();
        for own in &rule.subnets {
            found.extend([own.network(), own.broadcast()]);
            for other in self.subnets.iter().filter(|s| own.contains(*s)) {
                found.extend([other.network(), other.broadcast()]);
                found.extend([before(other.network()), after(other.broadcast())].into_iter().flatten().filter(|a| own.contains(a)));
            }
        }
        if found.is_empty() { vec![None] } else { found.into_iter().map(Some).collect() }
    }

    /// How far sightings come, as far as bounds tell it apart.
    fn stages(&self, rule: &Rule) -> Vec<(Evidence, u64)> {
        if !self.policy.has_bounds() {
            return vec![(Evidence::Resolved, 0)];
        }
        let evidence = Evidence::ALL.into_iter().filter(|e| rule.evidence.is_none_or(|least| *e >= least));
        let volumes: Vec<u64> = self.volumes.iter().copied().filter(|v| rule.volume_up.is_none_or(|least| *v >= least)).collect();
        evidence.flat_map(|e| volumes.iter().map(move |v| (e, *v))).collect()
    }
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    winners: BTreeSet<usize>,
    won: bool,
}

impl Tally {
    /// Whether the rule decides here.
    fn wins(&mut self, policy: &Policy, position: usize, question: &Question<'_>, at: Time) -> bool {
        match policy.decide(question, at).rule {
            Some(winner) if winner == position => {
                self.won = true;
                policy.judge(question, at).rule == Some(position)
            }
            // The rule does not match here after all: its window is closed.
            Some(winner) if policy.rules().get(position).is_some_and(|r| r.rank(question, at).is_ok()) => {
                self.winners.insert(winner);
                false
            }
            _ => false,
        }
    }

    fn reach(self) -> Reach {
        match (self.won, self.winners.is_empty()) {
            (true, _) => Reach::NeverStricter,
            (false, false) => Reach::Loses(self.winners.into_iter().collect()),
            // Its window opens at none of the moments looked at.
            (false, true) => Reach::Decides,
        }
    }
}

/// Now and whenever a rule runs out; of the two weeks after each, one moment for each set of windows that are open together. `None`
/// where that would be too much.
fn moments(rules: &[&Rule], now: Time) -> Option<Vec<Time>> {
    let mut windows: Vec<&Window> = rules.iter().filter_map(|r| r.window.as_ref()).collect();
    windows.dedup();
    let ends: BTreeSet<Time> = rules.iter().filter_map(|r| r.expires).filter(|end| *end > now).collect();
    let anchors: Vec<Time> = std::iter::once(now).chain(ends).collect();
    let work = (anchors.len() as u64).saturating_mul(windows.len() as u64).saturating_mul(MINUTES);
    if windows.is_empty() {
        return Some(anchors);
    }
    if work > MOST_MINUTES {
        return None;
    }
    let mut found = Vec::new();
    for anchor in anchors {
        let mut known = HashSet::new();
        for minute in 0..MINUTES {
            let at = anchor.plus_seconds(60 * minute);
            if known.insert(windows.iter().map(|w| w.holds(at)).collect::<Vec<_>>()) {
                found.push(at);
            }
        }
    }
    Some(found)
}

fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => u32::from(a).checked_sub(1).map(|n| IpAddr::V4(n.into())),
        IpAddr::V6(a) => u128::from(a).checked_sub(1).map(|n| IpAddr::V6(n.into())),
    }
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => u32::from(a).checked_add(1).map(|n| IpAddr::V4(n.into())),
        IpAddr::V6(a) => u128::from(a).checked_add(1).map(|n| IpAddr::V6(n.into())),
    }
}
