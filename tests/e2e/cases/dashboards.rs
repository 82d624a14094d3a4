//! Prometheus scrapes the daemon, evaluates the shipped rules, and every query of the shipped dashboards finds what the traffic makes
//! predictable; those of the drill-down are asked of the store.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::Case;
use crate::client::Client;
use crate::net::{Background, CLIENTS, Host};
use crate::patience::eventually;
use crate::receiver::Receiver;
use crate::site::{Daemon, Site};

pub const CASES: &[Case] = &[Case {
    name: "every_query_of_the_dashboards_finds_what_happened",
    needs: &["curl", "prometheus", "sqlite3", "bash"],
    run: dashboards,
}];

const PROMETHEUS: &str = "http://127.0.0.1:9090";
const POLICY: &str = "[[rule]]\nstatus = \"approved\"\nservice = \"anthropic.claude\"\nreason = \"contract\"\n\
                      [[rule]]\nstatus = \"unapproved\"\nservice = \"deepseek.deepseek\"\nreason = \"no contract\"\n";
const UPLOAD: usize = 2_000_000;
/// Two uploads, and what else three visits send.
const SENT: RangeInclusive<f64> = 4_000_000.0..=4_600_000.0;

/// What a query finds: those of its series or rows that carry all the labels, added up by a column (none: counted; `value` for series).
struct Predicted(&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str, RangeInclusive<f64>);

#[rustfmt::skip]
const PREDICTED: &[Predicted] = &[
    Predicted("overview", "Tools in use", &[], "value", 3.0..=3.0),
    Predicted("overview", "Unapproved tools in use", &[], "value", 1.0..=1.0),
    Predicted("overview", "Nobody decided yet", &[], "value", 1.0..=1.0),
    Predicted("overview", "Clients using a tool now", &[], "value", 4.0..=4.0),
    Predicted("overview", "Sent to tools", &[], "value", SENT),
    Predicted("overview", "Encrypted flows with a name", &[], "value", 1.0..=1.0),
    Predicted("overview", "Sightings an hour by status", &[("status", "unapproved")], "value", 1.0..=1.0),
    Predicted("overview", "Sightings an hour by status", &[("status", "unreviewed")], "value", 2.0..=2.0),
    Predicted("overview", "Bytes out by status", &[("status", "unapproved")], "value", 20_000.0..=200_000.0),
    Predicted("overview", "Tools with most clients now", &[("service", "openai.chatgpt")], "value", 2.0..=2.0),
    Predicted("overview", "Uploads to tools not approved", &[("service", "deepseek.deepseek")], "value", 1.0..=1.0),
    Predicted("overview", "Real use by team and status", &[("team", "finance"), ("status", "unapproved")], "value", 1.0..=1.0),
    Predicted("overview", "Real use by team and status", &[("team", "engineering"), ("status", "approved")], "value", 1.0..=1.0),
    Predicted("overview", "Alerts firing", &[("alertname", "ShadowtapUploadToUnapproved"), ("team", "finance")], "value", 1.0..=1.0),
    Predicted("sensor", "Sensors up", &[], "value", 1.0..=1.0),
    Predicted("sensor", "Version", &[("version", env!("CARGO_PKG_VERSION"))], "value", 1.0..=1.0),
    Predicted("sensor", "Services known", &[], "value", 300.0..=5_000.0),
    Predicted("sensor", "Age of the catalogue", &[], "value", 0.0..=315_360_000.0),
    Predicted("sensor", "Findings waiting for the store", &[], "value", 0.0..=0.0),
    Predicted("sensor", "Alerts waiting", &[], "value", 0.0..=0.0),
    Predicted("sensor", "Packets", &[("interface", "toclient")], "value", 0.1..=100_000.0),
    Predicted("sensor", "Packets lost", &[("interface", "toclient")], "value", 0.0..=0.0),
    Predicted("sensor", "Encrypted flows by what was seen", &[("reason", "named")], "value", 1.0..=100.0),
    Predicted("sensor", "Names seen by source", &[("source", "tls_sni")], "value", 0.01..=10.0),
    Predicted("sensor", "Blind spots", &[("kind", "wireguard")], "value", 1.0..=1.0),
    Predicted("sensor", "Odd traffic", &[("kind", "tls")], "value", 0.0..=0.0),
    Predicted("sensor", "Full tables", &[], "value", 0.0..=0.0),
    Predicted("sensor", "Commit time", &[], "value", 0.000_1..=5.0),
    Predicted("sensor", "Events lost to a full channel", &[], "value", 0.0..=0.0),
    Predicted("sensor", "Deliveries", &[("sink", "soc"), ("result", "delivered")], "value", 3.0..=6.0),
    Predicted("sensor", "Reloads and updates", &[("result", "refused")], "value", 0.0..=0.0),
    Predicted("analyst", "Sightings an hour by status", &[("status", "unreviewed")], "sightings", 2.0..=2.0),
    Predicted("analyst", "By tool", &[("tool", "deepseek.deepseek")], "sent", SENT),
    Predicted("analyst", "By tool", &[("tool", "openai.chatgpt")], "clients", 2.0..=2.0),
    Predicted("analyst", "By client", &[("client", CLIENTS[4]), ("evidence", "uploaded")], "sightings", 1.0..=1.0),
    Predicted("analyst", "Sightings", &[], "", 4.0..=4.0),
    Predicted("analyst", "Sightings", &[("status", "approved"), ("client", CLIENTS[1])], "", 1.0..=1.0),
    Predicted("analyst", "Names seen", &[("name", "chatgpt.com")], "sightings", 2.0..=2.0),
    Predicted("analyst", "Alerts", &[("about", "openai.chatgpt"), ("state", "delivered")], "", 2.0..=2.0),
    Predicted("analyst", "What could be seen", &[("sight", "wireguard")], "flows", 1.0..=1.0),
    Predicted("analyst", "Domains of no service", &[("domain", "example.org")], "seen", 1.0..=20.0),
];

/// Every dashboard, as its file name without the end.
const DASHBOARDS: [&str; 3] = ["overview", "sensor", "analyst"];

fn dashboards(client: &Client) {
    let site = Site::new(client.net);
    fs::write(site.policy_file(), POLICY).expect("policy.toml");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    before(client, &daemon);
    let _prometheus = prometheus(client, &site);
    use_tools(client, &site);

    let mut asked = BTreeSet::new();
    for dashboard in DASHBOARDS {
        for (title, target) in queries(dashboard) {
            let predicted: Vec<_> = PREDICTED.iter().filter(|p| p.0 == dashboard && p.1 == title).collect();
            assert!(!predicted.is_empty(), "nothing is predicted for {dashboard}: {title}");
            for p in predicted {
                holds(client, &site, p, &target);
            }
            asked.insert((dashboard, title));
        }
    }
    let panels: BTreeSet<_> = PREDICTED.iter().map(|p| (p.0, p.1.to_owned())).collect();
    assert_eq!(panels, asked, "a panel that is predicted is on its dashboard");
    known_metrics(&daemon);
}

/// What has happened when Prometheus comes: a named flow that is no use, and a tunnel.
fn before(client: &Client, daemon: &Daemon) {
    client.net.be(CLIENTS[6]);
    client.curl("www.example.org");
    let tunnel = "{ printf '\\1'; head -c 147 /dev/zero; } | dd bs=148 count=1 iflag=fullblock status=none >/dev/udp/198.51.100.11/51820";
    client.net.must(Host::Client, Duration::from_secs(5), &["bash", "-c", tunnel]);
    eventually("flow and tunnel are counted", || {
        let metrics = daemon.metrics();
        let seen = |reason| metrics.sum("shadowtap_encrypted_flows_total", &[("reason", reason)]) >= 1.0;
        (seen("named") && seen("tunnel") && metrics.sum("shadowtap_blind_spots_total", &[]) >= 1.0).then_some(())
    });
}

/// Four clients, three tools; one uploads to what is unapproved, twice, so that its counters rise before Prometheus' eyes.
fn use_tools(client: &Client, site: &Site) {
    for (who, name) in [(CLIENTS[0], "chatgpt.com"), (CLIENTS[5], "chatgpt.com"), (CLIENTS[1], "claude.ai")] {
        client.net.be(who);
        client.curl(name);
    }
    client.net.be(CLIENTS[4]);
    client.upload("chat.deepseek.com", UPLOAD);
    site.sighting(CLIENTS[4], "deepseek.deepseek", "uploaded");
    eventually("the first upload is scraped twice", || {
        let rows = series(client, "count_over_time(shadowtap_sightings_total{evidence=\"uploaded\"}[1m])");
        rows.iter().any(|row| number(&row["value"]) >= 2.0).then_some(())
    });
    client.upload("chat.deepseek.com", UPLOAD);
    eventually("the second is stored", || {
        let found = site.of(CLIENTS[4], "deepseek.deepseek");
        found.iter().any(|s| number(&s["bytes_up"]) >= *SENT.start()).then_some(())
    });
}

fn prometheus(client: &Client, site: &Site) -> Background {
    let read = |name: &str| fs::read_to_string(deploy().join("prometheus").join(name)).expect(name);
    let config = read("prometheus.yml").replace("_interval: 15s", "_interval: 1s").replace("_interval: 30s", "_interval: 1s");
    fs::write(site.path("prometheus.yml"), config).expect("prometheus.yml");
    fs::write(site.path("shadowtap.rules.yml"), read("shadowtap.rules.yml")).expect("rules");
    let file = format!("--config.file={}", site.path("prometheus.yml").display());
    let data = format!("--storage.tsdb.path={}", site.path("prometheus").display());
    let process = client.net.background(Host::Sensor, &["prometheus", &file, &data, "--web.listen-address=127.0.0.1:9090"]);
    eventually("Prometheus has scraped the daemon", || {
        series(client, "up{job=\"shadowtap\"}").iter().any(|row| number(&row["value"]) == 1.0).then_some(())
    });
    process
}

/// Waits for a query to find what is predicted.
fn holds(client: &Client, site: &Site, predicted: &Predicted, target: &Value) {
    let Predicted(dashboard, title, labels, column, range) = predicted;
    let rows = || match target["expr"].as_str() {
        Some(expression) => {
            series(client, &expression.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$instance", ".*"))
        }
        None => rows(site, &with_variables(site, dashboard, target["queryText"].as_str().expect("a query"))),
    };
    let mut last = Vec::new();
    let finds = || {
        last = rows();
        let carry = |row: &&Value| labels.iter().all(|(key, value)| row[*key] == *value);
        let found: Vec<f64> = last.iter().filter(carry).map(|row| if column.is_empty() { 1.0 } else { number(&row[*column]) }).collect();
        (!found.is_empty() && range.contains(&found.iter().sum())).then_some(())
    };
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| eventually(title, finds)));
    assert!(waited.is_ok(), "{dashboard}, {title}: {labels:?} is to give {range:?}, found {last:#?}");
}

/// Titles and targets of all panels.
fn queries(dashboard: &str) -> Vec<(String, Value)> {
    let panels = board(dashboard)["panels"].as_array().expect("panels").clone();
    let targets = |panel: Value| {
        let title = panel["title"].as_str().expect("a title").to_owned();
        panel["targets"].as_array().expect("targets").clone().into_iter().map(move |target| (title.clone(), target))
    };
    panels.into_iter().flat_map(targets).collect()
}

fn board(dashboard: &str) -> Value {
    let text = fs::read_to_string(deploy().join("grafana/dashboards").join(format!("{dashboard}.json"))).expect("a dashboard");
    serde_json::from_str(&text).expect("JSON")
}

/// The series that Prometheus answers with: labels, and `value`.
fn series(client: &Client, expression: &str) -> Vec<Value> {
    let (query, url) = (format!("query={expression}"), format!("{PROMETHEUS}/api/v1/query"));
    let line = ["curl", "-s", "--get", "--data-urlencode", &query, &url];
    let output = client.net.run(Host::Sensor, Duration::from_secs(5), &line);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_ne!(answer["status"], "error", "{expression}: {answer}");
    let one = |series: &Value| {
        let mut row = series["metric"].clone();
        row["value"] = series["value"][1].clone();
        row
    };
    answer["data"]["result"].as_array().into_iter().flatten().map(one).collect()
}

/// A query as Grafana would send it: each variable with every value its own query gives, the last hour, no client in particular.
fn with_variables(site: &Site, dashboard: &str, query: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let mut query = query.replace("$__from", &(now - 3_600_000).to_string()).replace("$__to", &now.to_string());
    for variable in board(dashboard)["templating"]["list"].as_array().expect("variables") {
        let name = variable["name"].as_str().expect("a name");
        let values = match variable["type"].as_str() {
            Some("textbox") => vec!["''".to_owned()],
            _ => rows(site, variable["query"].as_str().expect("a query")).iter().map(|row| format!("'{}'", text(&row["name"]))).collect(),
        };
        assert!(!values.is_empty(), "variable {name} has a value");
        query = query.replace(&format!("${{{name}:sqlstring}}"), &values.join(","));
    }
    assert!(!query.contains('$'), "a variable is left in {query}");
    query
}

fn rows(site: &Site, query: &str) -> Vec<Value> {
    let output = Command::new("sqlite3").args(["-readonly", "-json"]).arg(site.path("state/shadowtap.sqlite")).arg(query).output();
    let output = output.expect("sqlite3 runs");
    assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Rules and dashboards name no metric that the daemon does not have.
fn known_metrics(daemon: &Daemon) {
    let known = daemon.metrics().0;
    let files = [PathBuf::from("prometheus/shadowtap.rules.yml")].into_iter();
    let files = files.chain(DASHBOARDS.map(|name| PathBuf::from(format!("grafana/dashboards/{name}.json"))));
    for file in files {
        let text = fs::read_to_string(deploy().join(&file)).expect("a file");
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        for name in words.filter(|word| word.starts_with("shadowtap_")) {
            let family = ["_bucket", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(known.contains(&format!("# HELP {family} ")), "{}: {name} is no metric of the daemon", file.display());
        }
    }
}

fn deploy() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Prometheus writes numbers as text.
fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(f64::NAN)
}
