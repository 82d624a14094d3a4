//! Streams of a SIEM say every sighting: opened once, closed once, whatever happens to the daemon, the file or the receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::Case;
use crate::client::Client;
use crate::net::CLIENTS;
use crate::patience::eventually;
use crate::receiver::{self, Receiver};
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "a_stream_says_each_sighting_opened_and_closed_once", needs: &["curl"], run: each_once },
    Case { name: "a_stream_names_no_flow_of_a_pseudonym", needs: &["curl"], run: pseudonymous },
];

const SERVICES: [&str; 3] = ["chatgpt.com", "claude.ai", "www.perplexity.ai"];

fn each_once(client: &Client) {
    let site = Site::new(client.net);
    let hook = receiver::ADDRESS;
    site.configure(&format!(
        "[[stream]]\nname = \"file\"\nkind = \"file\"\nfile = \"state/sightings.jsonl\"\nmax_size = 4096\nkeep = 500\n\
         [[stream]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://{hook}/lines\"\ntimeout_seconds = 2\n"
    ));
    let mut receiver = None;
    for (turn, service) in SERVICES.iter().enumerate() {
        // Approved and not by turns: each reload ends what it judges differently. Each daemon is killed, and the receiver comes late.
        let daemon = site.start();
        for who in &CLIENTS[..6] {
            client.net.be(who);
            client.curl(service);
        }
        site.sighting(CLIENTS[5], service_of(service), "contacted");
        let id = service_of(service);
        fs::write(site.policy_file(), format!("[[rule]]\nstatus = \"approved\"\nservice = \"{id}\"\nreason = \"contract\"\n"))
            .expect("policy.toml");
        let is_closed = |s: &Value| s["service"] == id && s["event"] == "closed";
        eventually("they are closed", || (lines(&site).iter().filter(|s| is_closed(s)).count() >= 6).then_some(()));
        let _ = fs::rename(site.path("state/sightings.jsonl"), site.path(&format!("state/moved.{turn}")));
        if turn == 1 {
            receiver = Some(Receiver::start(client.net, &site.inbox));
        }
        daemon.kill();
    }
    let daemon = site.start();
    let queue = |sink| daemon.metrics().sum("shadowtap_stream_queue_depth", &[("sink", sink)]);
    eventually("the streams have everything", || (queue("file") == 0.0 && queue("hook") == 0.0).then_some(()));
    assert!(daemon.terminate().0.success());
    drop(receiver);

    let stored = site.sqlite(
        "SELECT c.name || ' ' || s.name || ' ' || g.first_seen || ' ' || g.closed FROM sighting g JOIN client c ON c.id = g.client_id \
         JOIN service s ON s.id = g.service_id",
    );
    let stored: BTreeSet<String> = stored.lines().map(str::to_owned).collect();
    assert!(stored.len() >= 18, "{stored:#?}");
    for (stream, said) in [("file", lines(&site)), ("hook", hooked(&site))] {
        let numbers: BTreeSet<u64> = said.iter().filter_map(|s| s["sequence"].as_u64()).collect();
        assert_eq!(numbers.last().copied(), Some(numbers.len() as u64), "{stream}: none is missing");
        let told = told(&said);
        assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), stored, "{stream}");
        for (sighting, (opened, closed)) in &told {
            let is_closed = usize::from(sighting.ends_with('1'));
            assert_eq!((*opened, *closed), (1, is_closed), "{stream}: {sighting}");
        }
        for s in &said {
            assert!(s["community_id"].as_str().is_none_or(|id| id.len() == 30 && id.starts_with("1:")), "{s}");
            assert_eq!(s["schema"], "shadowtap.sighting/1");
        }
        let with_id = |s: &&Value| s["event"] == "opened" && s["community_id"].is_string();
        assert_eq!(
            said.iter().filter(with_id).count(),
            said.iter().filter(|s| s["event"] == "opened").count(),
            "{stream}: each opened by a flow"
        );
    }
}

fn pseudonymous(client: &Client) {
    let site = Site::with(client.net, "[privacy]\nmode = \"pseudonymous\"\nkey_folder = \"state/keys\"\n");
    site.configure("[[stream]]\nname = \"file\"\nkind = \"file\"\nfile = \"state/sightings.jsonl\"\n");
    let _daemon = site.start();
    client.net.be(CLIENTS[0]);
    client.curl("chatgpt.com");
    let said = eventually("a line", || Some(lines(&site)).filter(|lines| !lines.is_empty()));
    assert!(said.iter().all(|s| s["client"].as_str().is_some_and(|c| c.starts_with("p-")) && s["community_id"].is_null()), "{said:#?}");
}

fn service_of(name: &str) -> &'static str {
    match name {
        "chatgpt.com" => "openai.chatgpt",
        "claude.ai" => "anthropic.claude",
        _ => "perplexity.perplexity",
    }
}

/// What the file says, in all its pieces.
fn lines(site: &Site) -> Vec<Value> {
    let files = fs::read_dir(site.path("state")).expect("a folder").flatten().map(|entry| entry.path());
    let ours = files.filter(|p| {
        p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("sightings.jsonl") || n.to_string_lossy().starts_with("moved."))
    });
    let text: String = ours.map(|path| fs::read_to_string(path).unwrap_or_default()).collect();
    text.split_inclusive('\n').filter(|l| l.ends_with('\n')).map(|l| serde_json::from_str(l).expect("a line is JSON")).collect()
}

/// What the receiver got.
fn hooked(site: &Site) -> Vec<Value> {
    let text = fs::read_to_string(&site.inbox.0).unwrap_or_default();
    let bodies = text.lines().filter_map(|line| line.split_once('\t')).map(|(_, body)| body);
    let values =
        bodies.flat_map(|body| serde_json::Deserializer::from_str(body).into_iter::<Value>().map(|v| v.expect("JSON")).collect::<Vec<_>>());
    values.filter(|value| value["schema"] == "shadowtap.sighting/1").collect()
}

/// How often each sighting, as the store has it, was said to be opened and closed; a line that came twice counts once.
fn told(said: &[Value]) -> BTreeMap<String, (usize, usize)> {
    let once: BTreeMap<u64, &Value> = said.iter().filter_map(|s| Some((s["sequence"].as_u64()?, s))).collect();
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for s in once.values() {
        let moment = s["first_seen"].as_str().expect("a moment");
        let micros = shadowtap::daemon::clock::parse_rfc3339(moment).expect("RFC 3339").micros();
        let (client, service) = (s["client"].as_str().unwrap_or_default(), s["service"].as_str().unwrap_or_default());
        let count = counts.entry(format!("{client} {service} {micros}")).or_default();
        count.0 += usize::from(s["event"] == "opened");
        count.1 += usize::from(s["event"] == "closed");
    }
    counts.into_iter().map(|(key, count)| (format!("{key} {}", count.1.min(1)), count)).collect()
}
