//! What `/metrics` says after known events, and what promtool says of it.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::daemon::fixture::{finding, sighting};

/// Every metric, each with a value.
fn lively() -> Metrics {
    let metrics = Metrics::new(MOST_SERIES).unwrap();
    metrics.finding(&finding(sighting()));
    metrics.observations(Source::TlsSni, 3);
    metrics.encrypted_flows("other", Reason::Named, 2);
    metrics.anomalies(Anomaly::Tls, 1);
    metrics.capture("eth0", CaptureTotals { packets: 10, dropped_kernel: 2, dropped_interface: 1 });
    metrics.events_dropped(1);
    metrics.evictions("flows", 1);
    metrics.store_write(0.003);
    metrics.store_queue(7);
    metrics.alert("soc", "delivered");
    metrics.outbox(4);
    metrics.reload("policy", false);
    metrics.signatures("services", 120);
    metrics.signatures_checked(Some(Date::constant(2026, 11, 23)));
    metrics
}

fn has(metrics: &Metrics, line: &str) -> bool {
    metrics.text().unwrap().lines().any(|l| l == line)
}

#[test]
fn says_every_name_of_the_design_with_help_and_type() {
    let text = lively().text().unwrap();
    for (name, kind) in [
        ("sightings_total", "counter"),
        ("active_clients", "gauge"),
        ("service_bytes_total", "counter"),
        ("observations_total", "counter"),
        ("encrypted_flows_total", "counter"),
        ("anomalies_total", "counter"),
        ("capture_packets_total", "counter"),
        ("capture_dropped_total", "counter"),
        ("events_dropped_total", "counter"),
        ("table_evictions_total", "counter"),
        ("store_write_seconds", "histogram"),
        ("store_queue_depth", "gauge"),
        ("alerts_total", "counter"),
        ("alert_outbox_depth", "gauge"),
        ("reloads_total", "counter"),
        ("signatures", "gauge"),
        ("signatures_checked_timestamp_seconds", "gauge"),
        ("build_info", "gauge"),
    ] {
        assert!(text.contains(&format!("# HELP shadowtap_{name} ")), "{name}");
        assert!(text.contains(&format!("# TYPE shadowtap_{name} {kind}\n")), "{name}");
    }
}

#[test]
fn day_of_the_catalogue_is_its_first_second() {
    assert!(has(&lively(), "shadowtap_signatures_checked_timestamp_seconds 1795392000"));
}

#[test]
fn sighting_counts_once_at_each_level_it_reaches() {
    let metrics = Metrics::new(MOST_SERIES).unwrap();
    let line = |evidence, n| {
        format!(
            "shadowtap_sightings_total{{category=\"chat\",evidence=\"{evidence}\",service=\"openai.chatgpt\",status=\"unreviewed\",team=\"design\"}} {n}"
        )
    };
    metrics.finding(&finding(sighting()));
    metrics.finding(&Finding { reached: None, ..finding(sighting()) });
    for (evidence, there) in [("resolved", true), ("contacted", true), ("engaged", true), ("uploaded", false)] {
        assert_eq!(has(&metrics, &line(evidence, 1)), there, "{evidence}");
    }
}

#[test]
fn bytes_count_once_though_sightings_are_cumulative() {
    let metrics = Metrics::new(MOST_SERIES).unwrap();
    metrics.resume(&sighting());
    metrics.finding(&finding(Sighting { bytes_up: 12_500, ..sighting() }));
    let labels = "service=\"openai.chatgpt\",status=\"unreviewed\"";
    assert!(has(&metrics, &format!("shadowtap_service_bytes_total{{direction=\"up\",{labels}}} 500")), "{}", metrics.text().unwrap());
    assert!(has(&metrics, &format!("shadowtap_active_clients{{{labels}}} 1")));
    metrics.finding(&finding(Sighting { bytes_up: 12_500, closed: true, ..sighting() }));
    assert!(has(&metrics, &format!("shadowtap_active_clients{{{labels}}} 0")));
}

#[test]
fn captures_of_one_interface_add_up_and_none_opened_anew_turns_counters_back() {
    let metrics = Metrics::new(MOST_SERIES).unwrap();
    let mut captures = [Running::default(); 2];
    for totals in [[100, 5], [150, 5], [20, 6], [30, 7]] {
        for (capture, total) in captures.iter_mut().zip(totals) {
            metrics.capture("eth0", CaptureTotals { packets: capture.advance(total), ..CaptureTotals::default() });
        }
    }
    assert!(has(&metrics, "shadowtap_capture_packets_total{interface=\"eth0\"} 187"));
}

#[test]
fn series_beyond_the_cap_count_as_other() {
    let metrics = Metrics::new(10).unwrap();
    for n in 0..1000 {
        metrics.finding(&finding(Sighting { service: format!("vendor.s{n}").into(), client: format!("c{n}").into(), ..sighting() }));
    }
    let text = metrics.text().unwrap();
    let series = |name: &str| text.lines().filter(|l| l.starts_with(name)).count();
    assert_eq!(series("shadowtap_sightings_total"), (10 + 1) * 3);
    assert_eq!(series("shadowtap_active_clients"), 10 + 1);
    assert!(has(&metrics, "shadowtap_active_clients{service=\"other\",status=\"unreviewed\"} 990"));
}

#[test]
fn promtool_finds_nothing_to_say() {
    let mut child = match Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(e) => return println!("SKIPPED: promtool cannot be run ({e})"),
    };
    child.stdin.take().unwrap().write_all(lively().text().unwrap().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
