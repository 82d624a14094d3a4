//! What could be seen and what could not, against the truth of a generator: flows drawn by a printed seed, built as packets, run
//! through the engine, attribution, the store and the command line. `VISIBILITY_SEED` draws the same again.
#![cfg(feature = "daemon")]

mod draw;
mod hello;
mod kinds;
mod resolver;
mod scene;
mod store;
mod talk;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use draw::Draw;
use scene::{HOUR, Scene, zones};
use shadowtap::engine::attribution::{Attribution, Bounds, Judgement};
use shadowtap::engine::event::{BlindSpot, Reason};
use shadowtap::engine::frame::Time;
use shadowtap::engine::identity::Exclusion;
use shadowtap::engine::ledger::Thresholds;
use shadowtap::engine::visibility::{Count, Increment, Sight};
use shadowtap::engine::{Engine, Settings};
use talk::{Shot, Talk};

/// A seed, printed so that a failure can be had again.
fn seed() -> u64 {
    let given = std::env::var("VISIBILITY_SEED").ok().and_then(|s| s.parse().ok());
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("VISIBILITY_SEED={seed}");
    seed
}

fn judgement() -> Judgement {
    Judgement {
        signatures: Arc::default(),
        policy: Arc::default(),
        teams: Arc::default(),
        zones: Arc::new(zones()),
        inside: Arc::new([]),
        directory: Arc::default(),
        exclude: Exclusion::default(),
        shared: Arc::new([]),
        thresholds: Thresholds::default(),
    }
}

fn watch(shots: &[Shot], settings: Settings) -> Vec<Increment> {
    let mut engine = Engine::new(settings);
    let mut attribution = Attribution::new(judgement(), Bounds::default());
    for shot in shots {
        engine.frame(&shot.frame(), &mut |event| attribution.event(&event));
        attribution.tick(engine.now());
    }
    // The sensor listens on for a quarter of an hour.
    let end = shots.last().map_or(Time(0), |s| s.time);
    for second in 0..1000 {
        engine.tick(end.plus_seconds(second), &mut |event| attribution.event(&event));
        attribution.tick(engine.now());
    }
    engine.finish(&mut |event| attribution.event(&event));
    attribution.finish();
    attribution.visibility().drain()
}

#[test]
fn every_kind_alone_is_told_as_what_it_is() {
    let mut draw = Draw::new(seed());
    for kind in kinds::TCP.iter().chain(kinds::UDP) {
        for round in 0..12 {
            let client = "10.1.0.5:50000".parse().expect("an address");
            let server = "198.51.100.9:443".parse().expect("an address");
            let mut talk = Talk::new(client, server, Time::new(HOUR + 100, 0), &mut draw);
            (kind.play)(&mut talk);
            let told: BTreeSet<_> = watch(&talk.shots, Settings::default()).iter().map(|i| (i.sight, i.more.flows)).collect();
            let expected: BTreeSet<_> = kind.sights.iter().map(|sight| (*sight, 1)).collect();
            assert_eq!(told, expected, "{}, round {round}", kind.name);
        }
    }
}

#[test]
fn every_reason_and_blind_spot_has_a_kind() {
    let shown: BTreeSet<Sight> = kinds::TCP.iter().chain(kinds::UDP).flat_map(|k| k.sights).copied().collect();
    let all: BTreeSet<Sight> = Sight::all().collect();
    let missing: Vec<_> = all.difference(&shown).collect();
    assert_eq!(missing, [&Sight::Blind(BlindSpot::BehindResolver)], "shown by the tests of resolvers");
    assert!(all.contains(&Sight::Flow(Reason::Named)));
}

#[test]
fn a_drawn_network_is_counted_to_the_last_flow() {
    let scene = Scene::draw(2000, &mut Draw::new(seed()));
    let mut told: BTreeMap<_, Count> = BTreeMap::new();
    for i in watch(&scene.shots, Settings::default()) {
        let known = told.entry((i.hour.seconds(), i.zone.to_string(), i.sight)).or_default();
        known.flows += i.more.flows;
        known.clients += i.more.clients;
    }
    let differs = |key: &_| told.get(key) != scene.truth.get(key);
    for key in told.keys().chain(scene.truth.keys()).filter(|key| differs(key)).collect::<BTreeSet<_>>() {
        println!("{key:?}: told {:?}, true {:?}", told.get(key), scene.truth.get(key));
    }
    assert!(told == scene.truth);
}
