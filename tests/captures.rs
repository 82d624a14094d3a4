//! `shadowtap names` and `replay` on the captures that `tests/captures/make` made from real programs.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value;

#[test]
fn every_hello_of_a_real_program_is_named() {
    for (file, source, client, name) in [
        ("curl-h2", "tls_sni", "10.20.0.11", "chatgpt.com"),
        ("curl-ipv6", "tls_sni", "2001:db8:20::11", "api.anthropic.com"),
        ("openssl", "tls_sni", "10.20.0.11", "claude.ai"),
        ("chromium-tcp", "tls_sni", "10.20.0.11", "gemini.google.com"),
        ("chromium-quic", "quic_sni", "10.20.0.11", "chatgpt.com"),
    ] {
        let names = names(file);
        assert!(!names.is_empty(), "{file} has names");
        for seen in names {
            let found = ["source", "client", "name"].map(|key| seen[key].as_str().unwrap_or_default());
            assert_eq!(found, [source, client, name], "{file}: {seen}");
            assert_eq!(seen["server_port"], 443, "{file}: {seen}");
        }
    }
}

#[test]
fn what_a_hello_offers_is_told() {
    let curl = &names("curl-h2")[0];
    assert_eq!(curl["alpn"], serde_json::json!(["h2", "http/1.1"]));
    assert_eq!(curl["ech"], "none");
    let chromium = &names("chromium-quic")[0];
    assert_eq!(chromium["alpn"], serde_json::json!(["h3"]));
    assert_eq!(chromium["ech"], "grease");
}

#[test]
fn every_question_of_dig_is_heard_over_udp_and_tcp() {
    let types = ["A", "AAAA", "HTTPS"];
    let asked: BTreeSet<_> =
        types.into_iter().flat_map(|kind| ["chatgpt.com", "www.example.org"].map(|name| (name.into(), kind.into()))).collect();
    for file in ["dig-udp", "dig-tcp"] {
        let names = names(file);
        let text = |seen: &Value, key: &str| seen[key].as_str().unwrap_or_default().to_owned();
        let of = |source: &'static str| names.iter().filter(move |seen| seen["source"] == source);
        let questions: BTreeSet<_> = of("dns_query").map(|seen| (text(seen, "name"), text(seen, "qtype"))).collect();
        assert_eq!(questions, asked, "{file}");
        let answers: BTreeSet<_> =
            of("dns_answer").filter(|seen| seen["name"] == "chatgpt.com").map(|seen| seen["answers"].to_string()).collect();
        assert!(answers.contains("[\"198.51.100.11\"]") && answers.contains("[\"2001:db8:99::11\"]"), "{file}: {answers:?}");
    }
}

#[test]
fn the_demo_tells_who_used_what() {
    let output = shadowtap(&["replay", "tests/captures/demo.pcap", "--output", "json"]);
    let sightings: Vec<Value> = lines(&output);
    let text = |s: &Value, key: &str| s[key].as_str().unwrap_or_default().to_owned();
    let told: BTreeSet<_> = sightings.iter().map(|s| (text(s, "client"), text(s, "service"), text(s, "evidence"))).collect();
    let expected = [
        ("10.20.0.11", "openai.chatgpt", "uploaded"),
        ("10.20.0.12", "openai.api", "engaged"),
        ("10.20.0.13", "google.gemini", "contacted"),
        ("10.30.0.11", "anthropic.claude", "engaged"),
        ("10.30.0.11", "anthropic.api", "resolved"), // asked over IPv4, visited over IPv6
        ("2001:db8:20::11", "anthropic.api", "contacted"),
        ("10.30.0.12", "deepseek.deepseek", "contacted"),
        ("10.40.0.11", "microsoft.copilot", "resolved"),
        ("10.40.0.12", "perplexity.perplexity", "engaged"),
    ];
    assert_eq!(told, expected.map(|(client, service, evidence)| (client.into(), service.into(), evidence.into())).into());
    assert_eq!(sightings.len(), expected.len(), "none is told twice");
    let upload = sightings.iter().find(|s| s["evidence"] == "uploaded").expect("one");
    assert!((1_200_000..1_300_000).contains(&upload["bytes_up"].as_u64().unwrap_or(0)), "cut frames count in full: {upload}");
}

#[test]
fn the_same_file_gives_the_same_output() {
    let [once, again] = [(); 2].map(|()| shadowtap(&["replay", "tests/captures/demo.pcap", "--output", "json", "--stats"]));
    assert_eq!(once.stdout, again.stdout);
    let digest = |output: &Output| -> Value { serde_json::from_slice::<Value>(&output.stderr).expect("one object")["digest"].clone() };
    assert_eq!(digest(&once), digest(&again));
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let printed = shadowtap(&["replay", "tests/captures/demo.pcap", "--config", "deploy/config/demo.toml"]);
    let cells = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed: Vec<String> = String::from_utf8_lossy(&printed.stdout).lines().map(cells).collect();
    let readme = include_str!("../README.md").lines().skip_while(|line| !line.starts_with("CLIENT ")).take_while(|line| *line != "```");
    let shown: Vec<String> = readme.map(cells).collect();
    assert_eq!((shown.len(), printed.len()), (4, 10), "a head and sightings: {printed:#?}");
    for line in shown {
        assert!(printed.iter().any(|whole| whole.contains(&line)), "{line} is not in {printed:#?}");
    }
}

fn names(file: &str) -> Vec<Value> {
    lines(&shadowtap(&["names", &format!("tests/captures/{file}.pcap"), "--output", "json"]))
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

fn shadowtap(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(arguments).output().expect("runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
