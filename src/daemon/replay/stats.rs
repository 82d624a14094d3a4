//! Figures of a replay, as one JSON object.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use serde::Serialize;

use crate::daemon::sighting_json::SightingJson;
use crate::engine::Engine;
use crate::engine::attribution::Attribution;
use crate::engine::event::{Anomaly, Reason};
use crate::engine::frame::Time;
use crate::engine::sighting::Sighting;
use crate::engine::visibility::Sight;

/// SHA-256 of all sightings in the order they ended: the same for every form of output.
pub(super) struct Digest(Context);

impl Default for Digest {
    fn default() -> Self {
        Digest(Context::new(&SHA256))
    }
}

impl Digest {
    pub(super) fn add(&mut self, sighting: &Sighting) {
        if let Ok(line) = serde_json::to_vec(&SightingJson::from(sighting)) {
            self.0.update(&line);
            self.0.update(b"\n");
        }
    }

    fn text(self) -> String {
        self.0.finish().as_ref().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// The figures.
#[derive(Serialize)]
pub(super) struct Stats {
    packets: u64,
    bytes: u64,
    seconds: f64,
    packets_per_second: f64,
    flows: u64,
    observations: u64,
    sightings: u64,
    digest: String,
    unnamed: BTreeMap<&'static str, u64>,
    named: u64,
    blind_spots: BTreeMap<&'static str, u64>,
    anomalies: BTreeMap<&'static str, u64>,
    excluded: BTreeMap<&'static str, u64>,
    #[serde(skip)]
    last: Time,
}

impl Stats {
    pub(super) fn of(engine: &Engine, attribution: &mut Attribution, sightings: u64, digest: Option<Digest>) -> Self {
        let counters = engine.counters();
        let mut unnamed: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut named = 0;
        let mut blind_spots: BTreeMap<&'static str, u64> = BTreeMap::new();
        for ((_, sight), count) in attribution.visibility().totals() {
            match sight {
                Sight::Flow(Reason::Named) => named += count,
                Sight::Flow(other) => *unnamed.entry(other.word()).or_default() += count,
                Sight::Blind(spot) => *blind_spots.entry(spot.word()).or_default() += count,
            }
        }
        let anomalies = Anomaly::ALL.into_iter().zip(counters.anomalies).filter(|(_, n)| *n > 0);
        Stats {
            packets: counters.packets,
            bytes: counters.bytes,
            seconds: 0.0,
            packets_per_second: 0.0,
            flows: counters.flows,
            observations: counters.all_observations(),
            sightings,
            digest: digest.map(Digest::text).unwrap_or_default(),
            unnamed,
            named,
            blind_spots,
            anomalies: anomalies.map(|(a, n)| (a.word(), n)).collect(),
            excluded: attribution.excluded().words().into_iter().filter(|(_, n)| *n > 0).collect(),
            last: engine.now(),
        }
    }

    /// What tells this capture from others: its size, its last moment and what the engine read in it; nothing that rules decide, for the
    /// same capture under other rules adds nothing either.
    pub(super) fn capture(&self) -> String {
        format!("{}-{}-{}-{}-{:?}", self.packets, self.bytes, self.flows, self.observations, self.last)
    }

    /// The object, with the time it all took.
    pub(super) fn json(mut self, seconds: f64) -> String {
        self.seconds = seconds;
        self.packets_per_second = if seconds > 0.0 { (self.packets as f64 / seconds).round() } else { 0.0 };
        serde_json::to_string(&self).unwrap_or_default()
    }
}
