//! A day at an office: three teams, eight desks with leases of a real DHCP server, a NAT; each desk's sighting against what was really done.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::Case;
use crate::client::Client;
use crate::office::{GATE, LENT, Office, TRUNK, mac};
use crate::patience::eventually;
use crate::receiver::Receiver;
use crate::site::Site;

pub const CASES: &[Case] = &[Case {
    name: "an_office_is_told_by_team_identity_agent_evidence_volume_turns_and_status",
    needs: &["curl", "python3", "node", "chromium", "certutil", "dig", "dhclient", "nft", "sqlite3"],
    run: a_day,
}];

/// What the engineers may use, and what nobody may.
const POLICY: &str = "
[[rule]]
status = \"approved\"
service = [\"anthropic.api\", \"openai.api\"]
team = \"engineering\"
reason = \"contract\"

[[rule]]
status = \"unapproved\"
service = \"deepseek.*\"
alternative = \"anthropic.api\"
";

/// The same, but the finance team may use Claude, and engineers no longer the API of OpenAI.
const NEXT: &str = "
[[rule]]
status = \"approved\"
service = \"anthropic.api\"
team = \"engineering\"
reason = \"contract\"

[[rule]]
status = \"approved\"
service = \"anthropic.claude\"
team = \"finance\"

[[rule]]
status = \"unapproved\"
service = [\"deepseek.*\", \"openai.api\"]
alternative = \"anthropic.api\"
";

const UPLOAD: u64 = 5_000_000;

fn a_day(client: &Client) {
    let office = Office::open(client.net, client.servers);
    let site = Site::new(client.net);
    fs::write(site.policy_file(), POLICY).expect("policy.toml");
    // Who sits where, as the site knows it; anna's team stands nowhere else.
    let people = format!("mac,user,team,site\n{},anna,design,berlin\n{},ben,,berlin\n{},carla,,berlin\n", mac(1), mac(2), mac(3));
    fs::write(site.path("people.csv"), people).expect("people.csv");
    site.configure("[[identity]]\nfile = \"people.csv\"\n");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start_at(TRUNK);
    let addresses: Vec<_> = (1..=6).map(|desk| office.lease(desk, HOSTS[usize::from(desk) - 1])).collect();

    let before = client.servers.turns("claude.ai");
    office.at(1).chromium_chat("claude.ai", "turns=3&least=2&most=3&pause=2&assets=6&telemetry=3");
    let chatted = client.servers.turns("claude.ai") - before;
    office.at(2).chat("198.51.100.13", "api.openai.com", &["turns=4", "least=2", "most=3", "pause=1", "wait=0.5"]);
    office.at(3).node_agent("api.anthropic.com", 5);
    let told = office.at(4).chat("198.51.100.13", "api.openai.com", &[&format!("upload={UPLOAD}")]);
    let socket: Value = serde_json::from_str(&told).expect("TCP_INFO");
    office.at(5).dig("chat.deepseek.com", "A", "+notcp");
    office.at(6).curl("cdn.oaistatic.com");
    office.at(6).curl("oaistatsig.com");
    lent(&office);
    for address in ["10.88.0.5", "10.88.0.6", "10.88.0.5", "10.88.0.6"] {
        office.behind_the_gate().curl_from("chatgpt.com", address);
    }
    settle(&site);
    drop(daemon);

    let one = |client: &str, service: &str| {
        let found = site.of(client, service);
        assert_eq!(found.len(), 1, "{client} {service}: {found:#?}");
        found[0].clone()
    };
    let anna = one(&addresses[0], "anthropic.claude");
    is(&anna, &[("host", "anna-laptop"), ("user", "anna"), ("team", "design"), ("site", "berlin"), ("agent", "browser")]);
    is(&anna, &[("evidence", "engaged"), ("status", "unreviewed"), ("mac", &mac(1))]);
    has_turns(&anna, chatted);
    let ben = one(&addresses[1], "openai.api");
    is(&ben, &[("host", "ben-desk"), ("user", "ben"), ("team", "engineering"), ("agent", "sdk"), ("evidence", "engaged")]);
    is(&ben, &[("status", "approved")]);
    has_turns(&ben, 4);
    let carla = one(&addresses[2], "anthropic.api");
    is(&carla, &[("host", "carla-mac"), ("team", "engineering"), ("agent", "sdk"), ("evidence", "engaged"), ("status", "approved")]);
    has_turns(&carla, 5);
    let dora = one(&addresses[3], "openai.api");
    is(&dora, &[("host", "dora-pc"), ("team", "engineering"), ("evidence", "uploaded"), ("status", "approved")]);
    let (up, acked) = (number(&dora["bytes_up"]), number(&socket["acked"]));
    println!("dora: {up} up of {acked} acked by her socket, {UPLOAD} by the program");
    assert!(up.abs_diff(acked) * 100 <= acked && up.abs_diff(UPLOAD) * 100 <= 3 * UPLOAD, "{up} up, {acked} acked");
    let emil = one(&addresses[4], "deepseek.deepseek");
    is(&emil, &[("host", "emil-pc"), ("team", "finance"), ("evidence", "resolved"), ("status", "unapproved")]);
    assert_eq!((number(&emil["connections"]), number(&emil["bytes_up"])), (0, 0), "{emil:#}");
    let frida = one(&addresses[5], "openai.platform");
    is(&frida, &[("host", "frida-pc"), ("team", "finance"), ("evidence", "contacted")]);
    assert_eq!(frida["presence_only"], true, "{frida:#}");

    let owners: Vec<_> = site.of(LENT, "anthropic.claude").iter().map(|s| (s["host"].clone(), s["mac"].clone())).collect();
    assert_eq!(owners, [("gert-pc".into(), mac(7).into()), ("hana-pc".into(), mac(8).into())], "each with its owner of then");
    let hidden = one(GATE, "openai.chatgpt");
    is(&hidden, &[("team", "other")]);
    assert_eq!(hidden["shared"], true, "{hidden:#}");
    assert!(!site.inbox.mentions(&addresses[4]) && !site.inbox.mentions(&addresses[5]), "a look-up and a widget alert nobody");
    assert!(!site.inbox.mentions(&addresses[1]), "what is approved alerts nobody");
    simulate(&site);
}

const HOSTS: [&str; 6] = ["anna-laptop", "ben-desk", "carla-mac", "dora-pc", "emil-pc", "frida-pc"];

/// One address, two owners.
fn lent(office: &Office<'_>) {
    for (desk, name) in [(7, "gert-pc"), (8, "hana-pc")] {
        assert_eq!(office.lease(desk, name), LENT);
        office.at(desk).curl("claude.ai");
        office.release(desk);
    }
}

/// What the next policy would have changed, of what is stored.
fn simulate(site: &Site<'_>) {
    let next = site.path("next.toml");
    fs::write(&next, NEXT).expect("next.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
    command.args(["policy", "simulate", "--since", "all", "--output", "json", "--policy"]).arg(&next);
    command.arg("--config").arg(site.path("config.toml")).args(["--store", &site.store_url()]);
    let output = command.output().expect("runs");
    assert!(output.status.success(), "simulate: {}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{told}");
    for words in ["openai.api", "anthropic.claude", "engineering", "finance"] {
        assert!(told.contains(words), "{words} is not told: {told}");
    }
}

/// Waits until a flow that goes on would have been told again, and nothing changes.
fn settle(site: &Site<'_>) {
    let mut last = Vec::new();
    eventually("the sightings settle", || {
        std::thread::sleep(std::time::Duration::from_secs(6));
        let now = site.sightings();
        (std::mem::replace(&mut last, now.clone()) == now).then_some(())
    });
}

fn is(sighting: &Value, wanted: &[(&str, &str)]) {
    for (key, value) in wanted {
        assert_eq!(sighting[key], *value, "{key} of {sighting:#}");
    }
}

fn has_turns(sighting: &Value, truth: usize) {
    let (low, high) = (number(&sighting["turns"][0]), number(&sighting["turns"][1]));
    println!("{}: {low} to {high} turns, truly {truth}", sighting["host"]);
    assert!(low <= truth as u64 && truth as u64 <= high, "{low} to {high} turns, truly {truth}: {sighting:#}");
    assert!(high - low <= (0.3 * (low + high) as f64).ceil() as u64, "no wider than 30 % either way: {low} to {high}");
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a number"))
}
