//! Metrics: every name of the design, with labels from closed sets only: never a client, an address or a name from the wire.

mod refused;
mod registered;
mod series;
mod tally;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;
use prometheus::TextEncoder;

use super::clock;
use crate::daemon::rules::expiring::RuleCounts;
use crate::engine::event::{Anomaly, BlindSpot, Reason, Source};
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Finding, Sighting};
pub use refused::Refused;
use registered::Registered;
use series::{Cap, OTHER};
use tally::Tally;

/// Combinations of service, status and team with series of their own, when nobody says otherwise. Each can have four
/// (one an evidence level).
pub const MOST_SERIES: usize = 5_000;

/// Packets of one capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CaptureTotals {
    /// Packets handed to us.
    pub packets: u64,
    /// Packets the kernel's buffer had no room for.
    pub dropped_kernel: u64,
    /// Packets the interface or its driver dropped.
    pub dropped_interface: u64,
}

/// Packets of an interface since the process began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lost {
    /// Packets that were read.
    pub packets: u64,
    /// Packets that were lost before, in the kernel or the card.
    pub lost: u64,
}

/// Turns a cumulative number into increments. A number that falls means that its source began anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Running(u64);

impl Running {
    /// What was added since the last call.
    pub fn advance(&mut self, now: u64) -> u64 {
        let added = if now >= self.0 { now - self.0 } else { now };
        self.0 = now;
        added
    }
}

/// All metrics of one process.
pub struct Metrics {
    registered: Registered,
    state: Mutex<State>,
}

struct State {
    tally: Tally,
    with_team: Cap,
    without_team: Cap,
}

impl Metrics {
    /// Registers all of them, with at most `most_series` combinations of service, status and team.
    ///
    /// # Errors
    /// Two metrics of one name; a mistake of ours.
    pub fn new(most_series: usize) -> prometheus::Result<Self> {
        let caps = || Cap::new(most_series);
        let state = State { tally: Tally::default(), with_team: caps(), without_team: caps() };
        Ok(Metrics { registered: Registered::new()?, state: Mutex::new(state) })
    }

    /// Counts what the ledger found: evidence levels reached, bytes since last counted, active clients.
    pub fn finding(&self, finding: &Finding) {
        if let Some((lowest, highest)) = finding.reached {
            self.sighting_reached(&finding.sighting, lowest, highest);
        }
        self.count(&finding.sighting, true);
    }

    /// Continues a sighting of an earlier process: its client is active, and what it counted then is not counted again.
    pub fn resume(&self, sighting: &Sighting) {
        self.count(sighting, false);
    }

    fn sighting_reached(&self, s: &Sighting, lowest: Evidence, highest: Evidence) {
        let own = self.state().with_team.admits(&s.service, s.status, &s.team);
        let (service, category, team) = if own { (&*s.service, &*s.category, &*s.team) } else { (OTHER, OTHER, OTHER) };
        for evidence in Evidence::ALL.into_iter().filter(|e| (lowest..=highest).contains(e)) {
            self.registered.sightings.with_label_values(&[service, category, s.status.word(), team, evidence.word()]).inc();
        }
    }

    fn count(&self, s: &Sighting, with_bytes: bool) {
        let mut state = self.state();
        let change = state.tally.count(s);
        let mut label = |status: Status| {
            let no_team = Arc::from("");
            if state.without_team.admits(&s.service, status, &no_team) { &*s.service } else { OTHER }
        };
        let service = label(s.status);
        let left = change.left.map(|status| (label(status), status));
        let registered = &self.registered;
        if with_bytes {
            for (direction, bytes) in [("up", change.up), ("down", change.down)] {
                registered.service_bytes.with_label_values(&[service, s.status.word(), direction]).inc_by(bytes);
            }
        }
        if change.opened {
            registered.active_clients.with_label_values(&[service, s.status.word()]).inc();
        }
        if let Some((service, status)) = left {
            registered.active_clients.with_label_values(&[service, status.word()]).dec();
        }
    }

    /// Adds names seen by a source.
    pub fn observations(&self, source: Source, added: u64) {
        self.registered.observations.with_label_values(&[source.word()]).inc_by(added);
    }

    /// Adds encrypted flows of a zone, named or not.
    pub fn encrypted_flows(&self, zone: &str, reason: Reason, added: u64) {
        self.registered.encrypted_flows.with_label_values(&[zone, reason.word()]).inc_by(added);
    }

    /// Adds flows and look-ups of a zone behind which use may hide.
    pub fn blind_spots(&self, zone: &str, kind: BlindSpot, added: u64) {
        self.registered.blind_spots.with_label_values(&[zone, kind.word()]).inc_by(added);
    }

    /// Adds odd traffic.
    pub fn anomalies(&self, kind: Anomaly, added: u64) {
        self.registered.anomalies.with_label_values(&[kind.word()]).inc_by(added);
    }

    /// Adds what a capture of an interface counted.
    pub fn capture(&self, interface: &str, added: CaptureTotals) {
        self.registered.capture_packets.with_label_values(&[interface]).inc_by(added.packets);
        self.registered.capture_dropped.with_label_values(&[interface, "kernel"]).inc_by(added.dropped_kernel);
        self.registered.capture_dropped.with_label_values(&[interface, "interface"]).inc_by(added.dropped_interface);
    }

    /// What each of these interfaces read and lost.
    pub fn lost(&self, interfaces: Vec<String>) -> Vec<(String, Lost)> {
        let dropped = |interface: &str, place| self.registered.capture_dropped.with_label_values(&[interface, place]).get();
        let of = |interface: String| {
            let packets = self.registered.capture_packets.with_label_values(&[&interface]).get();
            let lost = dropped(&interface, "kernel").saturating_add(dropped(&interface, "interface"));
            (interface, Lost { packets, lost })
        };
        interfaces.into_iter().map(of).collect()
    }

    /// Adds events that found the channel full.
    pub fn events_dropped(&self, added: u64) {
        self.registered.events_dropped.inc_by(added);
    }

    /// Adds entries a bounded table evicted.
    pub fn evictions(&self, table: &'static str, added: u64) {
        self.registered.evictions.with_label_values(&[table]).inc_by(added);
    }

    /// Adds what the site leaves out: `what` is `flow` or `name`.
    pub fn excluded(&self, what: &'static str, added: u64) {
        self.registered.excluded.with_label_values(&[what]).inc_by(added);
    }

    /// Notes how long a commit took.
    pub fn store_write(&self, seconds: f64) {
        self.registered.store_write.observe(seconds);
    }

    /// Counts a damaged store that was set aside.
    pub fn store_set_aside(&self) {
        self.registered.store_set_aside.inc();
    }

    /// Says how many findings wait for the store.
    pub fn store_queue(&self, depth: usize) {
        self.registered.store_queue.set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// How many findings wait for the store.
    pub fn store_waits(&self) -> u64 {
        u64::try_from(self.registered.store_queue.get()).unwrap_or(0)
    }

    /// Counts an attempt to deliver: `result` is one of `delivered`, `failed`, `given_up`.
    pub fn alert(&self, sink: &str, result: &'static str) {
        self.registered.alerts.with_label_values(&[sink, result]).inc();
    }

    /// Counts an alert that was due and is not sent by itself: `reason` is one of `rate`, `quiet`, `silence`, `inventory`.
    pub fn alert_suppressed(&self, kind: &'static str, reason: &'static str) {
        self.registered.alerts_suppressed.with_label_values(&[kind, reason]).inc();
    }

    /// Says how many deliveries are still to be made.
    pub fn outbox(&self, depth: u64) {
        self.registered.outbox.set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// Counts a visitor of the web server who was turned away.
    pub fn http_refused(&self, why: Refused) {
        self.registered.http_refused.with_label_values(&[why.word()]).inc();
    }

    /// Counts lines given to a stream.
    pub fn stream_lines(&self, stream: &str, lines: usize, is_taken: bool) {
        let result = if is_taken { "delivered" } else { "failed" };
        self.registered.stream_lines.with_label_values(&[stream, result]).inc_by(lines as u64);
    }

    /// Counts lines that had to go before a stream had them.
    pub fn stream_dropped(&self, lines: u64) {
        self.registered.stream_dropped.inc_by(lines);
    }

    /// Says how many lines wait for a stream.
    pub fn stream_depth(&self, stream: &str, depth: u64) {
        self.registered.stream_depth.with_label_values(&[stream]).set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// Adds rows that were taken out of the store.
    pub fn retention_removed(&self, kind: &'static str, removed: u64) {
        self.registered.retention_removed.with_label_values(&[kind]).inc_by(removed);
    }

    /// Counts a day that was added up.
    pub fn day_added_up(&self) {
        self.registered.days_added_up.inc();
    }

    /// Counts a reload of `configuration`, `signatures`, `policy`, `identity`, or `nothing` where none of them had changed: taken, or refused
    /// with the old set kept.
    pub fn reload(&self, what: &'static str, taken: bool) {
        self.registered.reloads.with_label_values(&[what, if taken { "ok" } else { "refused" }]).inc();
    }

    /// Adds updates of the catalogue: taken, or refused with the old one kept.
    pub fn updates(&self, taken: u64, refused: u64) {
        for (result, added) in [("ok", taken), ("refused", refused)] {
            self.registered.reloads.with_label_values(&["update", result]).inc_by(added);
        }
    }

    /// Says how many signatures of a kind (`services`, `hosts`) are loaded.
    pub fn signatures(&self, kind: &'static str, loaded: usize) {
        self.registered.signatures.with_label_values(&[kind]).set(i64::try_from(loaded).unwrap_or(i64::MAX));
    }

    /// Says how many rules of the policy are in force, expire soon, have expired.
    pub fn policy_rules(&self, counts: RuleCounts) {
        for (kind, count) in [("in_force", counts.in_force), ("expiring", counts.expiring), ("expired", counts.expired)] {
            self.registered.policy_rules.with_label_values(&[kind]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Says what came of a step of the start.
    pub fn sandbox(&self, what: &'static str, result: &'static str) {
        self.registered.sandbox.with_label_values(&[what, result]).set(1);
    }

    /// Says on which day the catalogue was last looked after; 0 where no page of it bears a date.
    pub fn signatures_checked(&self, day: Option<Date>) {
        self.registered.signatures_checked.set(day.map_or(0, clock::seconds_of_day));
    }

    /// All of them in Prometheus' text format.
    ///
    /// # Errors
    /// The encoder's own.
    pub fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registered.gather())
    }

    /// Counters stay usable after a thread died while counting.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
