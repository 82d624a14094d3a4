//! From configuration to the engine's settings: the one place where an operator's words become bounds and thresholds.

use std::sync::Arc;

use super::config::{Config, Mode};
use super::privacy::PeriodKey;
use super::registrable::registrable;
use super::rules::Rules;
use crate::engine::Settings;
use crate::engine::attribution::{Bounds, Judgement};
use crate::engine::ledger::{Limits, Thresholds};
use crate::engine::privacy::{Crowd, Privacy, Pseudonyms};
use crate::engine::unmatched::{MAX_DOMAINS, Unmatched};

/// What names and clients are judged by.
pub fn judgement(config: &Config, rules: &Rules) -> Judgement {
    let s = &config.sighting;
    Judgement {
        signatures: Arc::clone(&rules.signatures),
        policy: Arc::clone(&rules.policy),
        teams: Arc::clone(&rules.teams),
        zones: Arc::clone(&rules.zones),
        inside: config.inside.as_slice().into(),
        directory: Arc::clone(&rules.directory),
        exclude: config.exclude.clone(),
        shared: config.shared.as_slice().into(),
        thresholds: Thresholds {
            session_seconds: s.session_minutes.saturating_mul(60),
            general: Limits {
                engaged_up: s.engaged_bytes_up,
                engaged_posted: s.engaged_bytes_posted,
                engaged_down: s.engaged_bytes_down,
                upload: s.upload_bytes,
                upload_host: s.upload_bytes_upload_host,
            },
            special: s.thresholds.iter().map(|t| t.limits.clone()).collect(),
        },
    }
}

/// Bounds of what attribution keeps.
pub fn bounds(config: &Config, seed: u64) -> Bounds {
    let b = &config.bounds;
    Bounds { flows: b.flows, dns_memory: b.dns_memory, sightings: b.sightings, bindings: b.bindings, seed }
}

/// How much of clients is kept; `key` is that of the period, where there are pseudonyms.
pub fn privacy(config: &Config, key: Option<&PeriodKey>, seed: u64) -> Privacy {
    match (config.privacy.mode, key) {
        (Mode::Full, _) => Privacy::Full,
        (Mode::Pseudonymous, Some(key)) => Privacy::Pseudonymous(Pseudonyms::new(key.for_pseudonyms(), config.bounds.sightings, seed)),
        // Pseudonyms without a key cannot be: teams tell less, never more.
        (Mode::TeamOnly | Mode::Pseudonymous, _) => Privacy::TeamOnly(Crowd::new(config.privacy.k, seed)),
    }
}

/// The memory of domains that belong to no service, where the configuration wants one.
pub fn unmatched(config: &Config, seed: u64) -> Option<Unmatched> {
    config.unmatched.enabled.then(|| Unmatched::new(registrable, MAX_DOMAINS, seed))
}

/// Settings of the engine of one capture thread; `engines` share the bounds.
pub fn settings(config: &Config, engine: u16, engines: usize, seed: u64) -> Settings {
    let share = |bound: usize| (bound / engines.max(1)).max(1);
    Settings { flows: share(config.bounds.flows), hellos: share(config.bounds.hellos), engine, seed }
}
