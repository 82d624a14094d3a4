//! What real programs do, and what becomes of it.

use serde_json::Value;

use super::{Case, wait_for_all_before};
use crate::client::Client;
use crate::net::{CLIENT6, CLIENTS};
use crate::patience::eventually;
use crate::receiver::Receiver;
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "curl_over_http2_is_seen_counted_and_alerted", needs: &["curl", "promtool", "sqlite3"], run: curl },
    Case { name: "curl_over_ipv6_is_seen", needs: &["curl"], run: curl_over_ipv6 },
    Case { name: "openssl_s_client_is_a_contact", needs: &["openssl"], run: openssl },
    Case { name: "chromium_over_tcp_is_seen", needs: &["chromium", "certutil"], run: chromium_over_tcp },
    Case { name: "chromium_over_quic_is_seen", needs: &["chromium", "certutil"], run: chromium_over_quic },
    Case { name: "threads_that_share_an_interface_see_each_flow_once_and_whole", needs: &["curl", "openssl"], run: shared },
    Case { name: "an_upload_is_told_from_a_visit", needs: &["curl"], run: upload },
    Case { name: "dig_alone_is_resolved_and_alerts_nobody", needs: &["dig", "curl"], run: dig },
    Case { name: "ordinary_names_make_nothing", needs: &["curl", "chromium", "certutil", "dig"], run: ordinary_names },
];

fn curl(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    client.net.be(CLIENTS[0]);
    client.curl("chatgpt.com");

    let sighting = site.sighting(CLIENTS[0], "openai.chatgpt", "engaged");
    assert_eq!(sighting["team"], "engineering");
    assert_eq!(sighting["status"], "unreviewed");
    assert_eq!(sighting["presence_only"], false);
    assert_eq!(sighting["connections"], 1);
    assert_eq!(words(&sighting["names"]), ["chatgpt.com"]);
    assert!(words(&sighting["sources"]).contains(&"tls_sni"), "{sighting:#}");
    assert!(number(&sighting["bytes_up"]) > 500 && number(&sighting["bytes_down"]) > 10_000, "{sighting:#}");

    let id = site.alert(CLIENTS[0], "openai.chatgpt");
    wait_for_all_before(client, &site);
    assert_eq!(site.inbox.alerts(CLIENTS[0], "openai.chatgpt"), std::slice::from_ref(&id), "told once");
    let deliveries = site.inbox.deliveries();
    let alert = &deliveries.iter().find(|delivery| delivery.id == id).expect("delivered").alert;
    assert_eq!(alert["schema"], "shadowtap.alert/1");
    assert_eq!(alert["id"], id.as_str(), "the header's id is the body's");
    assert_eq!((&alert["team"], &alert["status"]), (&"engineering".into(), &"unreviewed".into()), "{alert:#}");

    let metrics = eventually("the names are counted", || {
        let metrics = daemon.metrics();
        let seen = |source| metrics.sum("shadowtap_observations_total", &[("source", source)]) >= 2.0;
        let is_told = metrics.sum("shadowtap_alert_outbox_depth", &[]) == 0.0;
        (seen("tls_sni") && seen("dns_query") && is_told).then_some(metrics)
    });
    let chatgpt = [("service", "openai.chatgpt"), ("team", "engineering"), ("status", "unreviewed")];
    for evidence in ["contacted", "engaged"] {
        let labels = [&chatgpt[..], &[("evidence", evidence)]].concat();
        assert_eq!(metrics.sum("shadowtap_sightings_total", &labels), 1.0, "{evidence}\n{}", metrics.0);
    }
    assert!(metrics.sum("shadowtap_observations_total", &[("source", "tls_sni")]) >= 2.0, "{}", metrics.0);
    assert!(metrics.sum("shadowtap_observations_total", &[("source", "dns_query")]) >= 2.0, "{}", metrics.0);
    assert!(metrics.sum("shadowtap_service_bytes_total", &[("service", "openai.chatgpt")]) > 10_000.0, "{}", metrics.0);
    assert!(metrics.sum("shadowtap_capture_packets_total", &[("interface", "toclient")]) > 20.0, "{}", metrics.0);
    assert_eq!(metrics.sum("shadowtap_capture_dropped_total", &[]), 0.0, "{}", metrics.0);
    assert_eq!(metrics.sum("shadowtap_alert_outbox_depth", &[]), 0.0, "{}", metrics.0);
    assert_eq!(metrics.lint(), "", "promtool is content");

    let query = "select count(*) from sighting join client on client.id = client_id join service on service.id = service_id
                 where client.name = '10.20.0.11' and service.name = 'openai.chatgpt'";
    assert_eq!(site.sqlite(query), "1", "SQLite itself says so");
}

fn curl_over_ipv6(client: &Client) {
    let site = Site::new(client.net);
    let _daemon = site.start();
    client.curl6("api.openai.com");
    let sighting = site.sighting(CLIENT6, "openai.api", "contacted");
    assert_eq!(sighting["team"], "engineering");
}

fn openssl(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let _daemon = site.start();
    client.net.be(CLIENTS[4]);
    client.openssl("claude.ai");
    let sighting = site.sighting(CLIENTS[4], "anthropic.claude", "contacted");
    assert_eq!((&sighting["team"], &sighting["evidence"]), (&"finance".into(), &"contacted".into()));
    site.alert(CLIENTS[4], "anthropic.claude");
}

fn chromium_over_tcp(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let _daemon = site.start();
    client.net.be(CLIENTS[1]);
    client.chromium("gemini.google.com");
    let sighting = site.sighting(CLIENTS[1], "google.gemini", "engaged");
    assert!(words(&sighting["sources"]).contains(&"tls_sni"), "{sighting:#}");
    site.alert(CLIENTS[1], "google.gemini");
}

fn chromium_over_quic(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    client.net.be(CLIENTS[2]);
    client.chromium_quic("chatgpt.com");
    let sighting = site.sighting(CLIENTS[2], "openai.chatgpt", "contacted");
    assert!(words(&sighting["sources"]).contains(&"quic_sni"), "{sighting:#}");
    site.alert(CLIENTS[2], "openai.chatgpt");
    assert!(daemon.metrics().sum("shadowtap_observations_total", &[("source", "quic_sni")]) >= 1.0);
}

/// Every client and server of the network: their addresses spread over both threads (tests/shared_capture.rs says how).
fn shared(client: &Client) {
    let site = Site::new(client.net);
    let config = std::fs::read_to_string(site.path("config.toml")).expect("config.toml");
    std::fs::write(site.path("config.toml"), config.replace("[capture]\n", "[capture]\nthreads = 2\n")).expect("config.toml");
    let daemon = site.start();
    for from in &CLIENTS[..4] {
        client.net.be(from);
        client.curl("chatgpt.com");
        client.openssl("claude.ai");
        client.upload("api.openai.com", 200_000);
        client.upload_quic("198.51.100.12", "claude.ai", 100_000);
    }
    for from in &CLIENTS[..4] {
        let page = site.sighting(from, "openai.chatgpt", "engaged");
        assert_eq!(page["connections"], 1, "{page:#}");
        assert!(number(&page["bytes_up"]) > 500 && number(&page["bytes_down"]) > 10_000, "{page:#}");
        let upload = site.sighting(from, "openai.api", "engaged");
        assert_eq!(upload["connections"], 1, "{upload:#}");
        assert!((200_000..230_000).contains(&number(&upload["bytes_up"])), "{upload:#}");
        let both = eventually("the bytes over TCP and QUIC", || {
            let both = site.sighting(from, "anthropic.claude", "engaged");
            (number(&both["bytes_up"]) > 100_000 && both["connections"] == 2).then_some(both)
        });
        assert!(number(&both["bytes_up"]) < 130_000, "{both:#}");
        assert!(words(&both["sources"]).contains(&"tls_sni") && words(&both["sources"]).contains(&"quic_sni"), "{both:#}");
    }
    let metrics = daemon.metrics();
    let named = |source| metrics.sum("shadowtap_observations_total", &[("source", source)]);
    assert_eq!((named("tls_sni"), named("quic_sni")), (12.0, 4.0), "{}", metrics.0);
    assert_eq!(metrics.sum("shadowtap_capture_dropped_total", &[]), 0.0, "{}", metrics.0);
}

fn upload(client: &Client) {
    let site = Site::new(client.net);
    let daemon = site.start();
    client.net.be(CLIENTS[3]);
    client.upload("api.openai.com", 2_000_000);
    let sighting = site.sighting(CLIENTS[3], "openai.api", "uploaded");
    let up = number(&sighting["bytes_up"]);
    assert!((2_000_000..2_200_000).contains(&up), "2 MB and some framing went up, not {up}");
    let uploaded = [("service", "openai.api"), ("evidence", "uploaded")];
    assert_eq!(daemon.metrics().sum("shadowtap_sightings_total", &uploaded), 1.0);
}

/// Every combination by a client of its own, so that each is seen on its own.
fn dig(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let _daemon = site.start();
    let questions = [("A", "+notcp"), ("AAAA", "+notcp"), ("HTTPS", "+notcp"), ("A", "+tcp"), ("AAAA", "+tcp"), ("HTTPS", "+tcp")];
    for (who, (kind, over)) in CLIENTS.iter().zip(questions) {
        client.net.be(who);
        client.dig("claude.ai", kind, over);
    }
    wait_for_all_before(client, &site);
    for (who, (kind, over)) in CLIENTS.iter().zip(questions) {
        let sighting = site.sighting(who, "anthropic.claude", "resolved");
        assert_eq!(sighting["evidence"], "resolved", "{kind} {over}");
        assert!(words(&sighting["sources"]).contains(&"dns_query"), "{kind} {over}: {sighting:#}");
        assert!(!site.inbox.mentions(who), "{kind} {over} alerts nobody");
    }
}

fn ordinary_names(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    client.net.be(CLIENTS[5]);
    for name in ["www.example.org", "docs.example.net", "intranet.example.com"] {
        client.curl(name);
        client.dig(name, "HTTPS", "+notcp");
    }
    client.chromium("www.example.org");
    client.chromium_quic("docs.example.net");
    wait_for_all_before(client, &site);
    let theirs: Vec<_> = site.sightings().into_iter().filter(|s| s["client"] == CLIENTS[5]).collect();
    assert!(theirs.is_empty(), "ordinary names make no sighting: {theirs:#?}");
    assert!(!site.inbox.mentions(CLIENTS[5]), "and no alert");
    assert_eq!(daemon.metrics().sum("shadowtap_sightings_total", &[("team", "finance")]), 0.0, "and no number");
    assert_eq!(site.sqlite("select count(*) from name where name like '%example%'"), "0", "and are not kept");
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a number"))
}
