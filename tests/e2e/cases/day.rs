//! The security team's day: the inventory of the first one, quiet hours and digests, silences, routes, and an alert acknowledged in sight of
//! an Alertmanager. Time passes by setting a milestone of the store back between two starts of the daemon.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Case, SENTINEL};
use crate::client::Client;
use crate::net::{Background, CLIENTS, Host};
use crate::patience::eventually;
use crate::receiver::{Delivery, Inbox, Receiver};
use crate::site::{Daemon, Site};

pub const CASES: &[Case] = &[
    Case { name: "the_first_day_ends_with_one_inventory_and_bans_do_not_wait_for_it", needs: &["curl", "sqlite3"], run: first_day },
    Case { name: "what_was_kept_back_comes_in_digests_and_each_team_has_its_sink", needs: &["curl", "sqlite3"], run: kept_back },
    Case { name: "an_alert_acknowledged_leaves_the_alertmanager", needs: &["curl", "prometheus-alertmanager"], run: acknowledged },
];

/// What is alerted on at once; the sentinel's service is among it.
const BANNED: &str = "[[rule]]\nstatus = \"unapproved\"\nservice = [\"openai.*\", \"perplexity.*\"]\nreason = \"no contract\"\n";
/// Where finance has its alerts sent.
const FINANCE: &str = "127.0.0.1:9701";
const ROUTES: &str = "[[alert.webhook]]\nname = \"finance-chat\"\nurl = \"http://127.0.0.1:9701/\"\n\
                      [[alert.route]]\nteam = \"finance\"\nsinks = [\"finance-chat\"]\n\
                      [[alert.route]]\nsinks = [\"soc\"]\n";
const QUIET: &str = "[alert.quiet]\nhours = \"00:00-24:00\"\nzone = \"UTC\"\nbelow = \"medium\"\n";
const ALERTMANAGER: &str = "127.0.0.1:9093";
const HOUR: u64 = 3600;

/// Three services nobody decided about, by two teams, and one that is banned.
fn first_day(client: &Client) {
    let site = Site::new(client.net);
    reconfigure(&site, "inventory_hours = 0", "inventory_hours = 24");
    fs::write(site.policy_file(), BANNED).expect("policy.toml");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    for (who, name, service) in [
        (CLIENTS[0], "claude.ai", "anthropic.claude"),
        (CLIENTS[4], "claude.ai", "anthropic.claude"),
        (CLIENTS[4], "chat.deepseek.com", "deepseek.deepseek"),
        (CLIENTS[1], "api.anthropic.com", "anthropic.api"),
    ] {
        visit(client, who, name);
        site.sighting(who, service, "contacted");
    }
    visit(client, CLIENTS[1], "chatgpt.com");
    let banned = site.alert(CLIENTS[1], "openai.chatgpt");
    after_all_before(client, &site);
    let told: Vec<_> = alerts(&site.inbox).into_iter().filter(|a| a["client"] != SENTINEL).collect();
    assert_eq!(told.len(), 1, "what is banned, and nothing else: {told:#?}");
    assert_eq!((&told[0]["id"], &told[0]["status"]), (&json!(banned), &json!("unapproved")));

    daemon.terminate();
    set_back(&site, "born", 25 * HOUR);
    let daemon = site.start();
    let inventory = eventually("the inventory", || of_kind(&site.inbox, "inventory").into_iter().next());
    assert_eq!(inventory["schema"], "shadowtap.digest/1");
    let mut seen: Vec<_> =
        inventory["services"].as_array().expect("services").iter().map(|s| json!([s["id"], s["teams"], s["clients"]])).collect();
    seen.sort_by_key(Value::to_string);
    let due = [
        json!(["anthropic.api", ["engineering"], 1]),
        json!(["anthropic.claude", ["engineering", "finance"], 2]),
        json!(["deepseek.deepseek", ["finance"], 1]),
    ];
    assert_eq!(seen, due, "what was used and nobody decided about, and what is banned not again");

    daemon.kill();
    let _daemon = site.start();
    visit(client, CLIENTS[2], "copilot.microsoft.com");
    let next = eventually("from the second day on a new service is an alert of its own", || of_kind(&site.inbox, "new_service").pop());
    assert_eq!((&next["client"], &next["team"]), (&json!(CLIENTS[2]), &json!("engineering")));
    assert_eq!(of_kind(&site.inbox, "inventory").len(), 1, "once in the life of a store");
}

/// Quiet hours, a silence and routes at once; then the hours end, and then a day passes.
fn kept_back(client: &Client) {
    let site = Site::with(client.net, &format!("{ROUTES}{QUIET}"));
    fs::write(site.policy_file(), BANNED).expect("policy.toml");
    let finance = Inbox(site.path("finance"));
    let _receivers = [Receiver::start(client.net, &site.inbox), Receiver::start_at(client.net, FINANCE, &finance)];
    let daemon = site.start();
    let (said, error, is_well) =
        site.ask(&["alerts", "silence", "--client", CLIENTS[5], "--for", "1h", "--note", "a test of the firewall"]);
    assert!(is_well, "{said}{error}");
    for who in [CLIENTS[0], CLIENTS[4], CLIENTS[5]] {
        visit(client, who, "chatgpt.com");
    }
    visit(client, CLIENTS[0], "claude.ai");
    eventually("what waits for the end of the quiet hours is counted", || {
        (suppressed(&daemon, "new_service", "quiet") == 1.0).then_some(())
    });
    eventually("what is silenced is counted", || (suppressed(&daemon, "first_use", "silence") == 1.0).then_some(()));
    eventually("what is banned is told at once to finance", || (!alerts(&finance).is_empty()).then_some(()));
    after_all_before(client, &site);
    let clients = |inbox: &Inbox| alerts(inbox).iter().map(|a| a["client"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    assert_eq!(clients(&finance), [CLIENTS[4]], "finance's alone");
    assert_eq!(clients(&site.inbox), [CLIENTS[0], SENTINEL], "all but finance's");
    assert!(alerts(&site.inbox).iter().all(|a| a["service"]["id"] != "anthropic.claude"), "it waits");
    let listed = site.ask(&["alerts", "list"]).0;
    for row in ["silence 1: a test of the firewall", "quiet hours"] {
        assert!(listed.contains(row), "{row}: {listed}");
    }

    reconfigure(&site, QUIET, "");
    let digest = eventually("the digest at the end of the quiet hours", || of_kind(&site.inbox, "digest").pop());
    assert_eq!(counts(&digest), [json!(["held", "new_service", "engineering", "anthropic.claude", 1])]);

    daemon.terminate();
    set_back(&site, "digest", 25 * HOUR);
    let daemon = site.start();
    let daily = eventually("the digest of the day", || of_kind(&site.inbox, "digest").into_iter().find(|d| d["id"] != digest["id"]));
    let due = [
        json!(["sent", "first_use", "engineering", "openai.chatgpt", 1]),
        json!(["sent", "first_use", "finance", "openai.chatgpt", 1]),
        json!(["silenced", "first_use", "finance", "openai.chatgpt", 1]),
    ];
    let told: Vec<_> = counts(&daily).into_iter().filter(|c| c[3] == "openai.chatgpt").collect();
    assert_eq!(told, due, "{daily:#}");
    assert!(counts(&daily).iter().all(|c| c[0] != "held"), "what a digest told, the next does not tell again: {daily:#}");
    daemon.kill();
    let _daemon = site.start();
    visit(client, CLIENTS[2], "chatgpt.com");
    site.alert(CLIENTS[2], "openai.chatgpt");
    assert_eq!(of_kind(&site.inbox, "digest").len(), 2, "each once");
    assert!(of_kind(&finance, "digest").is_empty(), "a digest has no team");
}

/// The id stands in the annotations; whoever reads it there closes the incident with it.
fn acknowledged(client: &Client) {
    let sink = format!("[[alert.alertmanager]]\nname = \"am\"\nurl = \"http://{ALERTMANAGER}/api/v2/alerts\"\n");
    let site = Site::with(client.net, &sink);
    fs::write(site.policy_file(), BANNED).expect("policy.toml");
    let _alertmanager = alertmanager(client, &site);
    let _daemon = site.start();
    visit(client, CLIENTS[0], "chatgpt.com");
    visit(client, CLIENTS[4], "chatgpt.com");
    let open = eventually("both are open", || Some(open(client)).filter(|open| open.len() == 2));
    let of = |who: &str| open.iter().find(|a| a["labels"]["client"] == who).unwrap_or_else(|| panic!("{who}: {open:#?}"));
    let labels = &of(CLIENTS[0])["labels"];
    assert_eq!(
        [&labels["alertname"], &labels["service"], &labels["team"], &labels["severity"]],
        ["ShadowtapUse", "openai.chatgpt", "engineering", "medium"]
    );
    let id = of(CLIENTS[0])["annotations"]["alert_id"].as_str().expect("an id").to_owned();
    let (said, error, is_well) = site.ask(&["alerts", "ack", &id, "--note", "talked to them"]);
    assert!(is_well && said.starts_with("acknowledged; whoever got"), "{said}{error}");
    let left = eventually("it has left", || Some(self::open(client)).filter(|open| open.len() == 1));
    assert_eq!(left[0]["labels"]["client"], CLIENTS[4], "the other one is open still");
}

/// Puts something else in the place of what the configuration says, as an editor does: by a new file in its place.
fn reconfigure(site: &Site, from: &str, to: &str) {
    let (file, new) = (site.path("config.toml"), site.path("config.toml.new"));
    let text = fs::read_to_string(&file).expect("config.toml");
    assert_eq!(text.matches(from).count(), 1, "{from} stands in the configuration once");
    fs::write(&new, text.replace(from, to)).expect("config.toml.new");
    fs::rename(&new, &file).expect("config.toml");
}

/// Makes a moment that the store noted so many seconds older, as if that time had passed; no daemon may run.
fn set_back(site: &Site, milestone: &str, seconds: u64) {
    let change = format!("UPDATE milestone SET at = at - {seconds} * 1000000 WHERE name = '{milestone}' RETURNING name");
    let output = Command::new("sqlite3").arg(site.path("state/shadowtap.sqlite")).arg(&change).output().expect("sqlite3 runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), milestone, "{}", String::from_utf8_lossy(&output.stderr));
}

fn visit(client: &Client, who: &str, name: &str) {
    client.net.be(who);
    client.curl(name);
}

/// Visits a banned service as the sentinel and waits until its alert has come: then what is not there will not come.
fn after_all_before(client: &Client, site: &Site) {
    visit(client, SENTINEL, "www.perplexity.ai");
    site.alert(SENTINEL, "perplexity.perplexity");
}

/// Every alert that came, each once, in the order of their first coming.
fn all(inbox: &Inbox) -> Vec<Value> {
    let mut ids = Vec::new();
    let mut is_first = |delivery: &Delivery| {
        let is_new = !ids.contains(&delivery.id);
        ids.push(delivery.id.clone());
        is_new
    };
    inbox.deliveries().into_iter().filter(|d| is_first(d)).map(|d| d.alert).collect()
}

/// Those about clients.
fn alerts(inbox: &Inbox) -> Vec<Value> {
    all(inbox).into_iter().filter(|alert| alert["schema"] == "shadowtap.alert/1").collect()
}

fn of_kind(inbox: &Inbox, kind: &str) -> Vec<Value> {
    all(inbox).into_iter().filter(|alert| alert["kind"] == kind).collect()
}

/// What a digest counts: fate, kind, team, service and how many, sorted.
fn counts(digest: &Value) -> Vec<Value> {
    let counted = digest["alerts"].as_array().expect("alerts").iter();
    let mut counts: Vec<_> = counted.map(|c| json!([c["fate"], c["kind"], c["team"], c["service"], c["count"]])).collect();
    counts.sort_by_key(Value::to_string);
    counts
}

fn suppressed(daemon: &Daemon, kind: &str, reason: &str) -> f64 {
    daemon.metrics().sum("shadowtap_alerts_suppressed_total", &[("kind", kind), ("reason", reason)])
}

/// Debian's Alertmanager beside the daemon, once it answers.
fn alertmanager(client: &Client, site: &Site) -> Background {
    let (config, data) = (site.path("am.yml"), site.path("am"));
    fs::write(&config, "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n").expect("am.yml");
    let [config, data] = [format!("--config.file={}", config.display()), format!("--storage.path={}", data.display())];
    let listen = format!("--web.listen-address={ALERTMANAGER}");
    let line = ["prometheus-alertmanager", &config, &data, &listen, "--cluster.listen-address=", "--log.level=error"];
    let running = client.net.background(Host::Sensor, &line);
    eventually("the Alertmanager is ready", || ask(client, "/-/ready"));
    running
}

/// What the Alertmanager holds to be open.
fn open(client: &Client) -> Vec<Value> {
    let answer: Value = ask(client, "/api/v2/alerts").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    answer.as_array().cloned().unwrap_or_default()
}

fn ask(client: &Client, path: &str) -> Option<String> {
    let output = client.net.run(Host::Sensor, Duration::from_secs(5), &["curl", "-sf", &format!("http://{ALERTMANAGER}{path}")]);
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
