//! How much was exchanged: bytes beside what the client's socket says, and turns beside what the server counts.

use serde_json::Value;

use super::Case;
use crate::client::Client;
use crate::net::CLIENTS;
use crate::patience::eventually;
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "bytes_over_tcp_are_those_of_the_socket", needs: &["python3", "curl"], run: over_tcp },
    Case { name: "bytes_over_quic_are_those_sent", needs: &["python3"], run: over_quic },
    Case { name: "turns_are_those_the_server_counts", needs: &["python3"], run: turns },
];

const UPLOAD: u64 = 5_000_000;

fn over_tcp(client: &Client) {
    let site = Site::new(client.net);
    let _daemon = site.start();
    client.net.be(CLIENTS[0]);
    let told = client.chat("198.51.100.13", "api.openai.com", &[&format!("upload={UPLOAD}")]);
    let socket: Value = serde_json::from_str(&told).expect("TCP_INFO");
    let (acked, received) = (number(&socket["acked"]), number(&socket["received"]));
    let sighting = settled(&site, CLIENTS[0], "openai.api");
    let (up, down) = (number(&sighting["bytes_up"]), number(&sighting["bytes_down"]));
    println!("Python: {up} up of {acked} acked, {down} down of {received} received, {UPLOAD} by the application");
    assert!(is_within(up, acked, 0.01), "{up} up, {acked} acked");
    // Of a few hundred bytes down the close of the connection, sent after the socket was asked, is much.
    assert!(down.abs_diff(received) <= (received / 100).max(64), "{down} down, {received} received");
    assert!(is_within(up, UPLOAD, 0.03), "{up} up of {UPLOAD}");

    client.net.be(CLIENTS[1]);
    client.upload("claude.ai", UPLOAD as usize);
    let up = number(&settled(&site, CLIENTS[1], "anthropic.claude")["bytes_up"]);
    println!("curl over HTTP/2: {up} up of {UPLOAD}");
    assert!(is_within(up, UPLOAD, 0.03), "{up} up of {UPLOAD}");
}

fn over_quic(client: &Client) {
    let site = Site::new(client.net);
    let _daemon = site.start();
    client.net.be(CLIENTS[2]);
    let sent = client.upload_quic("198.51.100.12", "claude.ai", UPLOAD as usize);
    let up = number(&settled(&site, CLIENTS[2], "anthropic.claude")["bytes_up"]);
    println!("QUIC: {up} up of {sent} in datagrams, {UPLOAD} by the application");
    assert!(is_within(up, sent, 0.01), "{up} up, {sent} sent in datagrams");
    assert!(is_within(up, UPLOAD, 0.05), "{up} up of {UPLOAD}");
}

/// A conversation on one connection, then an agent that makes a connection a turn, each with telemetry beside.
fn turns(client: &Client) {
    let site = Site::new(client.net);
    let _daemon = site.start();
    client.net.be(CLIENTS[3]);
    // Other cases asked them too.
    let before = ["api.anthropic.com", "claude.ai"].map(|name| client.servers.turns(name));
    let short = ["least=2", "most=3", "pause=1", "wait=0.5", "telemetry=2"];
    client.chat("198.51.100.15", "api.anthropic.com", &[&["turns=4"], &short[..]].concat());
    client.chat("198.51.100.12", "claude.ai", &[&["turns=3", "fresh=1", "grow=1", "prompt=20000"], &short[..]].concat());
    let asked = [("api.anthropic.com", "anthropic.api", 4), ("claude.ai", "anthropic.claude", 3)];
    for ((name, service, truth), before) in asked.into_iter().zip(before) {
        assert_eq!(client.servers.turns(name) - before, truth, "{name} was asked so often");
        let sighting = settled(&site, CLIENTS[3], service);
        let range = sighting["turns"].as_array().expect("a range").iter().map(number).collect::<Vec<_>>();
        println!("{name}: {range:?} turns of {truth}, {} active minutes", sighting["active_minutes"]);
        assert!(range[0] <= truth as u64 && truth as u64 <= range[1], "{range:?} turns, truly {truth}");
        assert!((1..=2).contains(&number(&sighting["active_minutes"])), "{sighting:#}");
    }
}

/// The sighting as it stands once nothing changes: a flow that goes on is told every 5 s.
fn settled(site: &Site, client: &str, service: &str) -> Value {
    site.sighting(client, service, "engaged");
    let mut last = Value::Null;
    eventually("the sighting settles", || {
        std::thread::sleep(std::time::Duration::from_secs(6));
        let now = site.of(client, service).pop()?;
        (std::mem::replace(&mut last, now.clone()) == now).then_some(now)
    })
}

fn is_within(told: u64, truth: u64, share: f64) -> bool {
    (told as f64 / truth as f64 - 1.0).abs() <= share
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a number"))
}
