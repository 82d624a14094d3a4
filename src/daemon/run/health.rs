//! The sensor's own health: packets lost, a store that is behind, a catalogue nobody looks after, zones it sees too little of.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use tokio::time::Instant;

use super::shared::Shared;
use crate::daemon::clock;
use crate::daemon::config::Health;
use crate::daemon::metrics::Lost;
use crate::daemon::notice::{NoticeKind, SensorNotice};
use crate::daemon::store::{SightTotal, Store, Window};
use crate::daemon::zone_sight::zone_sights;
use crate::engine::frame::Time;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);
/// Looks over which loss is measured: five minutes.
const LOOKS: usize = 30;
/// Packets in that time below which a share says nothing.
const LEAST_PACKETS: u64 = 1000;
/// How long a store is behind before it is told.
const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: u64 = 3600;

/// Looks until the daemon stops.
pub(super) async fn watch(store: Store, shared: Arc<Shared>) {
    let mut losses = Losses::default();
    let mut behind = Behind::default();
    while !shared.is_stopping() {
        let (bounds, now) = (shared.dispatch().alerting.health, clock::now());
        let lost = losses.look(&shared.metrics.lost(shared.interfaces()), bounds, now);
        shared.report_all(NoticeKind::PacketsLost, lost);
        let late = behind.look(store_trouble(&shared, bounds), Instant::now(), now);
        shared.report_all(NoticeKind::StoreBehind, late.into_iter().collect());
        shared.report_all(NoticeKind::SignaturesStale, stale(shared.rules().checked, bounds, now).into_iter().collect());
        if let Ok(totals) = store.visibility(last_hour(now)).await {
            shared.report_all(NoticeKind::BlindSpot, blind(&totals, bounds, now));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The last whole hour.
fn last_hour(now: Time) -> Window {
    let hour = now.seconds() / HOUR * HOUR;
    // A window takes in the hour that goes on at its beginning.
    Window { since: Some(Time::new(hour.saturating_sub(HOUR), 0)), until: Some(Time::new(hour, 0)) }
}

/// What was lost on each interface over the last minutes.
#[derive(Default)]
struct Losses(HashMap<String, VecDeque<Lost>>);

impl Losses {
    /// Takes the totals of now; interfaces that lose more than they may.
    fn look(&mut self, totals: &[(String, Lost)], bounds: Health, now: Time) -> Vec<SensorNotice> {
        let mut all = Vec::new();
        for (interface, total) in totals {
            let looks = self.0.entry(interface.clone()).or_default();
            looks.push_back(*total);
            if looks.len() > LOOKS + 1 {
                looks.pop_front();
            }
            let first = looks.front().copied().unwrap_or_default();
            let (packets, lost) = (total.packets.saturating_sub(first.packets), total.lost.saturating_sub(first.lost));
            let whole = packets.saturating_add(lost);
            if whole < LEAST_PACKETS || lost.saturating_mul(100) <= whole.saturating_mul(bounds.loss_percent) {
                continue;
            }
            let share = lost as f64 * 100.0 / whole as f64;
            let message =
                format!("Interface {interface} lost {share:.1} % of its packets over the last minutes: names on them are not seen.");
            let remedy = "raise [capture] buffer_mib, and look at the CPU and the card (ethtool -S)";
            all.push(SensorNotice::new(NoticeKind::PacketsLost, &format!("{interface} {}", now.0), now, message, remedy).of(interface));
        }
        all
    }
}

/// Since when the store is behind.
#[derive(Default)]
pub(super) struct Behind(Option<Instant>);

impl Behind {
    /// Takes why it is behind now, if it is; what is to be told once it has been for long.
    pub(super) fn look(&mut self, why: Option<String>, at: Instant, now: Time) -> Option<SensorNotice> {
        self.0 = why.as_ref().and(self.0.or(Some(at)));
        let is_told = self.0.is_some_and(|since| at.saturating_duration_since(since) >= PATIENCE);
        why.filter(|_| is_told).map(|why| store_notice(&why, now))
    }
}

fn store_trouble(shared: &Shared, bounds: Health) -> Option<String> {
    let waiting = shared.metrics.store_waits();
    let is_long = waiting > bounds.store_queue;
    shared.store_error().or_else(|| is_long.then(|| format!("{waiting} findings wait for it")))
}

fn store_notice(why: &str, now: Time) -> SensorNotice {
    let message = format!("The store is behind for a minute or more: {why}. Findings wait in memory.");
    SensorNotice::new(NoticeKind::StoreBehind, &now.0.to_string(), now, message, "look at the disk: is it full, is it slow (iostat -x 5)")
}

/// What is to be told of a catalogue that was last looked after on that day.
pub(super) fn stale(checked: Option<Date>, bounds: Health, now: Time) -> Option<SensorNotice> {
    let checked = checked?;
    let age = now.seconds().saturating_sub(u64::try_from(clock::seconds_of_day(checked)).unwrap_or(0)) / 86_400;
    let message = format!("Nobody looked after the catalogue for {age} days (since {checked}): newer tools are not known.");
    let remedy = "update the program, or take a bundle: shadowtap signatures update";
    (age > bounds.signatures_days).then(|| SensorNotice::new(NoticeKind::SignaturesStale, &checked.to_string(), now, message, remedy))
}

fn blind(totals: &[SightTotal], bounds: Health, now: Time) -> Vec<SensorNotice> {
    let told = |zone: crate::daemon::zone_sight::ZoneSight| {
        let is_too_little = zone.encrypted >= bounds.visibility_flows
            && zone.named.saturating_mul(100) < zone.encrypted.saturating_mul(bounds.visibility_percent);
        let share = zone.named_share.unwrap_or(0.0) * 100.0;
        let most = zone.reasons.iter().max_by_key(|(_, flows)| **flows).map_or("", |(reason, _)| *reason);
        let message = format!(
            "Of {} encrypted flows of zone {} in the last whole hour {share:.0} % had a name, and {} % are asked for. Most others: {most}.",
            zone.encrypted, zone.zone, bounds.visibility_percent
        );
        let remedy = "shadowtap visibility --since 1d names each reason and its remedy";
        let event = format!("{} {}", zone.zone, now.0);
        is_too_little.then(|| SensorNotice::new(NoticeKind::BlindSpot, &event, now, message, remedy).of(&zone.zone))
    };
    zone_sights(totals).into_iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::SEVEN;

    #[test]
    fn loss_is_told_where_it_is_more_than_may_be_and_the_packets_are_enough() {
        let mut losses = Losses::default();
        let mut look = |packets, lost| !losses.look(&[("eth0".into(), Lost { packets, lost })], Health::default(), SEVEN).is_empty();
        assert!(!look(0, 0));
        assert!(!look(500, 400), "too few to say");
        assert!(look(2000, 400));
        let again: Vec<_> = (0..40_u64).map(|n| look(2000 + 100_000 * (n + 1), 400)).collect();
        assert!(!again[1] && !again[39], "{again:?}");
    }

    #[test]
    fn a_zone_of_which_too_little_is_seen_is_a_blind_spot() {
        let total = |zone: &str, sight: &str, flows| SightTotal { zone: zone.into(), sight: sight.into(), flows, clients: 1 };
        let totals = [
            total("lab", "named", 200),
            total("lab", "ech_real", 400),
            total("office", "named", 500),
            total("office", "ech_real", 100),
            total("few", "ech_real", 90),
        ];
        let told = blind(&totals, Health::default(), SEVEN);
        assert_eq!(told.iter().map(|n| n.subject.as_str()).collect::<Vec<_>>(), ["lab"]);
        assert!(told[0].message.contains("33 % had a name") && told[0].message.contains("ech_real"), "{}", told[0].message);
    }

    #[test]
    fn the_last_whole_hour_is_one_hour() {
        let window = last_hour(SEVEN.plus_seconds(1800));
        assert_eq!(window.until, Some(Time::new(SEVEN.seconds() / HOUR * HOUR, 0)));
        assert_eq!(window.until.unwrap().seconds() - window.since.unwrap().seconds(), HOUR);
    }
}
