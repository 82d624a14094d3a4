//! Attribution by the shipped signatures: what a capture means, behind the engine that reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use shadowtap::daemon::rules::Catalogue;
use shadowtap::engine::attribution::{Attribution, Bounds, Judgement};
use shadowtap::engine::event::Source;
use shadowtap::engine::group::Groups;
use shadowtap::engine::identity::Exclusion;
use shadowtap::engine::ledger::Thresholds;
use shadowtap::engine::policy::Policy;
use shadowtap::engine::sighting::Sighting;

use super::watch::Watch;

/// Attribution without policy or teams.
pub fn attribution(bounds: Bounds) -> Attribution {
    let signatures = Catalogue::shipped().signatures();
    let judgement = Judgement {
        signatures: Arc::new(signatures),
        policy: Arc::new(Policy::default()),
        teams: Arc::new(Groups::default()),
        zones: Arc::new(Groups::default()),
        inside: Arc::from([]),
        directory: Arc::default(),
        exclude: Exclusion::default(),
        shared: Arc::from([]),
        thresholds: Thresholds::default(),
    };
    Attribution::new(judgement, bounds)
}

/// What a sighting says: service, evidence, connections, sources.
pub type Told = (String, &'static str, u32, Vec<&'static str>);

/// The sightings of a watched capture, and its encrypted flows and blind spots by word.
pub fn judged(watch: &mut Watch) -> (Vec<Told>, BTreeMap<&'static str, u64>) {
    watch.flows();
    let mut attribution = attribution(Bounds { flows: 1000, dns_memory: 1000, sightings: 1000, bindings: 1000, seed: 1 });
    let mut last: BTreeMap<String, Sighting> = BTreeMap::new();
    watch.events.iter().for_each(|event| attribution.event(event));
    attribution.finish();
    for finding in attribution.drain().into_iter().chain(attribution.ledger().drain_ended()) {
        last.insert(format!("{} {}", finding.sighting.client, finding.sighting.service), finding.sighting.clone());
    }
    let told = |s: &Sighting| (s.service.to_string(), s.evidence.word(), s.connections, s.sources.iter().map(Source::word).collect());
    let seen = attribution.visibility().totals().iter().map(|((_, sight), n)| (sight.word(), *n)).collect();
    (last.values().map(told).collect(), seen)
}
