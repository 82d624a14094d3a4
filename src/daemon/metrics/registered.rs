//! The metrics themselves: name, help, type and labels of each, in one place. Those with closed labels stand at 0 from the start, so that
//! a rate over their first increment is right.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::refused::Refused;
use crate::daemon::kept::Kept;
use crate::daemon::notice::NoticeKind;
use crate::engine::event::{Anomaly, Source};
use crate::engine::identity::Excluded;

/// From a commit nobody feels to one that is in trouble.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

pub(super) struct Registered {
    registry: Registry,
    pub sightings: IntCounterVec,
    pub active_clients: IntGaugeVec,
    pub service_bytes: IntCounterVec,
    pub observations: IntCounterVec,
    pub encrypted_flows: IntCounterVec,
    pub blind_spots: IntCounterVec,
    pub anomalies: IntCounterVec,
    pub capture_packets: IntCounterVec,
    pub capture_dropped: IntCounterVec,
    pub events_dropped: IntCounter,
    pub evictions: IntCounterVec,
    pub excluded: IntCounterVec,
    pub store_write: Histogram,
    pub store_queue: IntGauge,
    pub store_set_aside: IntCounter,
    pub alerts: IntCounterVec,
    pub alerts_suppressed: IntCounterVec,
    pub outbox: IntGauge,
    pub stream_lines: IntCounterVec,
    pub stream_dropped: IntCounter,
    pub stream_depth: IntGaugeVec,
    pub retention_removed: IntCounterVec,
    pub days_added_up: IntCounter,
    pub reloads: IntCounterVec,
    pub signatures: IntGaugeVec,
    pub policy_rules: IntGaugeVec,
    pub signatures_checked: IntGauge,
    pub sandbox: IntGaugeVec,
    pub http_refused: IntCounterVec,
}

impl Registered {
    pub fn new() -> prometheus::Result<Self> {
        let r = &Registry::new();
        let build = gauges(r, "build_info", "Always 1; the version is the label.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let write = HistogramOpts::new("shadowtap_store_write_seconds", "Time a commit to the store took.").buckets(SECONDS.into());
        let registered = Registered {
            sightings: counters(
                r,
                "sightings_total",
                "Sightings that reached an evidence level; each counts once at each level it reaches, and again where it stands when its status becomes stricter.",
                &["service", "category", "status", "team", "evidence"],
            )?,
            active_clients: gauges(r, "active_clients", "Open sightings: clients using a service now.", &["service", "status"])?,
            service_bytes: counters(
                r,
                "service_bytes_total",
                "Payload bytes clients sent to (up) and got from (down) a service.",
                &["service", "status", "direction"],
            )?,
            observations: counters(r, "observations_total", "Names seen on the wire.", &["source"])?,
            encrypted_flows: counters(r, "encrypted_flows_total", "Encrypted flows, named or why not.", &["zone", "reason"])?,
            blind_spots: counters(
                r,
                "blind_spots_total",
                "Flows and look-ups behind which use may hide: encrypted DNS, VPNs, relays, resolvers.",
                &["zone", "kind"],
            )?,
            anomalies: counters(r, "anomalies_total", "Odd traffic.", &["kind"])?,
            capture_packets: counters(r, "capture_packets_total", "Packets captured.", &["interface"])?,
            capture_dropped: counters(
                r,
                "capture_dropped_total",
                "Packets lost before they were seen: no room in the kernel's buffer, or dropped by the interface.",
                &["interface", "where"],
            )?,
            events_dropped: register(r, IntCounter::new("shadowtap_events_dropped_total", "Events lost because the ledger was behind.")?)?,
            excluded: counters(r, "excluded_total", "Flows and names of clients that the configuration leaves out.", &["what"])?,
            evictions: counters(r, "table_evictions_total", "Oldest entries a full table let go.", &["table"])?,
            store_write: register(r, Histogram::with_opts(write)?)?,
            store_queue: register(r, IntGauge::new("shadowtap_store_queue_depth", "Findings that wait for the store.")?)?,
            store_set_aside: register(r, IntCounter::new("shadowtap_store_set_aside_total", "Damaged stores that were set aside.")?)?,
            alerts: counters(r, "alerts_total", "Attempts to deliver an alert, by what became of them.", &["sink", "result"])?,
            alerts_suppressed: counters(
                r,
                "alerts_suppressed_total",
                "Alerts that were due and not sent by themselves: a rate limit, quiet hours, a silence, or the inventory of a new store.",
                &["kind", "reason"],
            )?,
            outbox: register(r, IntGauge::new("shadowtap_alert_outbox_depth", "Deliveries still to be made.")?)?,
            stream_lines: counters(
                r,
                "stream_lines_total",
                "Lines about sightings given to a stream, by what became of them.",
                &["sink", "result"],
            )?,
            stream_dropped: register(
                r,
                IntCounter::new("shadowtap_stream_dropped_total", "Lines dropped because too many waited for a stream.")?,
            )?,
            stream_depth: gauges(r, "stream_queue_depth", "Lines that wait for a stream.", &["sink"])?,
            retention_removed: counters(
                r,
                "retention_removed_total",
                "Rows taken out because they were too old, or nothing referred to them.",
                &["kind"],
            )?,
            days_added_up: register(r, IntCounter::new("shadowtap_daily_sums_total", "Days added up by team, service and status.")?)?,
            reloads: counters(r, "reloads_total", "Reloads, taken or refused with the old set kept.", &["what", "result"])?,
            signatures: gauges(r, "signatures", "Signatures loaded.", &["kind"])?,
            policy_rules: gauges(r, "policy_rules", "Rules of the policy: in force, expiring within 14 days, expired.", &["kind"])?,
            signatures_checked: register(
                r,
                IntGauge::new(
                    "shadowtap_signatures_checked_timestamp_seconds",
                    "Newest day on which a page behind the catalogue in force was read; an old one means an old catalogue.",
                )?,
            )?,
            sandbox: gauges(
                r,
                "sandbox",
                "Steps in which the daemon gave up rights, by what the machine granted; always 1.",
                &["what", "result"],
            )?,
            http_refused: counters(r, "http_refused_total", "Visitors the web server turned away or cut off.", &["reason"])?,
            registry: r.clone(),
        };
        registered.begin_at_zero();
        Ok(registered)
    }

    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    fn begin_at_zero(&self) {
        for source in Source::ALL {
            self.observations.with_label_values(&[source.word()]);
        }
        for kind in Anomaly::ALL {
            self.anomalies.with_label_values(&[kind.word()]);
        }
        for kind in NoticeKind::OF_SIGHTINGS {
            for reason in ["rate", "quiet", "silence", "inventory"] {
                self.alerts_suppressed.with_label_values(&[kind.word(), reason]);
            }
        }
        for why in Refused::ALL {
            self.http_refused.with_label_values(&[why.word()]);
        }
        for kind in Kept::ALL {
            self.retention_removed.with_label_values(&[kind.word()]);
        }
        for (what, _) in Excluded::default().words() {
            self.excluded.with_label_values(&[what]);
        }
        for what in ["configuration", "signatures", "policy", "identity", "update"] {
            for result in ["ok", "refused"] {
                self.reloads.with_label_values(&[what, result]);
            }
        }
    }
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    register(registry, IntCounterVec::new(Opts::new(format!("shadowtap_{name}"), help), labels)?)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    register(registry, IntGaugeVec::new(Opts::new(format!("shadowtap_{name}"), help), labels)?)
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> prometheus::Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
