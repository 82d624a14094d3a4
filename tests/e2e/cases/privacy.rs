//! How much of a client is kept, in every file, line and message of the daemon; and that it can be told, forgotten, and never told again.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use shadowtap::daemon::forms;

use super::Case;
use crate::client::Client;
use crate::net::{CLIENT6, CLIENTS, Host, RESOLVER};
use crate::patience::eventually;
use crate::receiver::Receiver;
use crate::site::{Daemon, Site};

pub const CASES: &[Case] = &[
    Case { name: "privacy_full_names_clients_everywhere_so_that_the_search_finds_them", needs: &["curl", "dig"], run: full },
    Case { name: "privacy_pseudonymous_leaves_no_form_of_any_client", needs: &["curl", "dig"], run: pseudonymous },
    Case { name: "privacy_team_only_leaves_no_form_of_any_client_and_merges_small_teams", needs: &["curl", "dig"], run: team_only },
    Case { name: "privacy_forgets_a_client_while_the_daemon_runs", needs: &["curl"], run: forget },
];

/// What a client calls itself on the wire.
const HOST: &str = "ws-anna-lovelace-14";

/// Everything that could tell who a client is.
fn secrets(client: &Client) -> Vec<String> {
    let mac = client.net.must(Host::Client, Duration::from_secs(5), &["cat", "/sys/class/net/eth0/address"]);
    CLIENTS[..5].iter().chain([&CLIENT6, &HOST]).map(|s| (*s).to_owned()).chain([mac.trim().to_owned()]).collect()
}

/// Four of engineering and one of finance use services; one tells its host name; one speaks IPv6.
fn work(client: &Client) {
    for (n, address) in CLIENTS[..5].iter().enumerate() {
        client.net.be(address);
        client.curl(if n == 4 { "claude.ai" } else { "chatgpt.com" });
        let own = format!("{HOST}.local");
        for port in ["5353", "5355"] {
            let at = format!("@{RESOLVER}");
            client.net.run(Host::Client, Duration::from_secs(5), &["dig", "+tries=1", "+time=1", "-p", port, &own, "A", &at]);
        }
    }
    client.net.be(CLIENTS[0]);
    client.curl6("chatgpt.com");
}

/// Where a secret stands, and in what form, among all the daemon leaves and says.
fn found(site: &Site, daemon: Option<&Daemon>, secrets: &[String]) -> Vec<String> {
    let forms: Vec<_> = secrets.iter().flat_map(|s| forms::of(s)).collect();
    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    files(&site.path("state"), &mut places);
    for name in ["log", "inbox"] {
        places.push((name.into(), std::fs::read(site.path(name)).unwrap_or_default()));
    }
    places.extend(daemon.map(|d| ("metrics".to_owned(), d.metrics().0.into_bytes())));
    for line in [&["report", "--since", "all", "--format", "csv"][..], &["audit", "list"], &["alerts", "list"]] {
        places.push((line.join(" "), site.ask(line).0.into_bytes()));
    }
    let at = |(place, bytes): &(String, Vec<u8>)| {
        let found = forms::found(&forms, bytes).expect("forms can be searched");
        found.into_iter().map(|form| format!("{place}: {}", form.what)).collect::<Vec<_>>()
    };
    places.iter().flat_map(at).collect()
}

fn files(folder: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, places),
            path => places.push((path.file_name().unwrap_or_default().to_string_lossy().into(), std::fs::read(&path).expect("a file"))),
        }
    }
}

fn clients(site: &Site) -> Vec<String> {
    let mut clients: Vec<_> = site.sightings().iter().map(|s| s["client"].as_str().unwrap_or_default().to_owned()).collect();
    clients.sort();
    clients.dedup();
    clients
}

/// Waits until so many sightings are strong, and nothing waits to be told.
fn settled(site: &Site, daemon: &Daemon, sightings: usize) {
    eventually("every sighting is kept and told", || {
        let strong = site.sightings().iter().filter(|s| s["evidence"] == "engaged").count();
        (strong >= sightings && daemon.metrics().sum("shadowtap_alert_outbox_depth", &[]) == 0.0).then_some(())
    });
}

fn full(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    work(client);
    settled(&site, &daemon, 6);
    let found = found(&site, Some(&daemon), &secrets(client));
    for address in CLIENTS[..5].iter().chain([&CLIENT6]) {
        for place in ["shadowtap.sqlite-wal", "log", "inbox", "report --since all --format csv", "alerts list"] {
            assert!(found.contains(&format!("{place}: {address} as text")), "{address} in {place}: {found:#?}");
        }
    }
    // Every form of every secret, were it written, would be found: planted in a file of the daemon's own folder.
    let all: Vec<_> = secrets(client).iter().flat_map(|secret| forms::of(secret)).collect();
    let planted: Vec<u8> = all.iter().flat_map(|form| [b"..", &form.bytes[..], b".."].concat()).collect();
    std::fs::write(site.path("state/planted"), planted).expect("planted");
    let found = self::found(&site, None, &secrets(client));
    let missed: Vec<_> = all.iter().filter(|form| !found.contains(&format!("planted: {}", form.what))).collect();
    assert!(all.len() > 200 && missed.is_empty(), "{} forms, not found: {missed:?}", all.len());
}

fn pseudonymous(client: &Client) {
    let site = Site::with(client.net, "[privacy]\nmode = \"pseudonymous\"\nkey_folder = \"state/keys\"\n");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    work(client);
    settled(&site, &daemon, 6);
    let pseudonyms = clients(&site);
    assert!(pseudonyms.len() == 6 && pseudonyms.iter().all(|p| p.starts_with("p-")), "{pseudonyms:?}");
    assert!(pseudonyms.iter().all(|p| site.inbox.mentions(p)), "alerts speak of them");
    assert_eq!(found(&site, Some(&daemon), &secrets(client)), Vec::<String>::new());

    let who = |pseudonym: &str| site.configured(&["reidentify", pseudonym, "--reason", "case 7"]);
    let known: Vec<_> = pseudonyms.iter().map(|p| who(p).0).collect();
    for address in CLIENTS[..5].iter().chain([&CLIENT6]) {
        let lines = known.iter().filter(|text| text.split_whitespace().any(|word| word == *address));
        assert_eq!(lines.count(), 1, "{address}: {known:#?}");
    }
    let periods = site.configured(&["privacy", "keys"]).0;
    let period = periods.split_whitespace().find(|word| word.starts_with("20")).expect("a period").to_owned();
    assert!(site.configured(&["privacy", "destroy", "--period", &period]).2, "destroyed");
    let (_, error, is_done) = who(&pseudonyms[0]);
    assert!(!is_done && error.contains("nobody can know any more"), "{error}");

    eventually("a new period", || site.configured(&["privacy", "keys"]).0.contains("in use").then_some(()));
    std::thread::sleep(Duration::from_secs(1));
    client.net.be(CLIENTS[0]);
    client.curl("chatgpt.com");
    eventually("another pseudonym", || clients(&site).iter().any(|p| !pseudonyms.contains(p)).then_some(()));
    assert_eq!(found(&site, Some(&daemon), &secrets(client)), Vec::<String>::new());
    let (status, _) = daemon.terminate();
    assert!(status.success());
    assert_eq!(found(&site, None, &secrets(client)), Vec::<String>::new());

    let (text, error, holds) = site.ask(&["audit", "verify"]);
    assert!(holds && text.contains("head: "), "{text}{error}");
    let kinds: Vec<Value> =
        site.ask(&["audit", "list", "--output", "json"]).0.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    for (kind, least) in [("policy", 1), ("signatures", 1), ("key_created", 2), ("reidentify", 7), ("key_destroyed", 1), ("export", 1)] {
        assert!(kinds.iter().filter(|e| e["kind"] == kind).count() >= least, "{kind}: {kinds:#?}");
    }
    let _daemon = site.start();
    let open = site.sightings().len();
    assert_eq!(site.sqlite("SELECT count(*) FROM sighting WHERE closed = 0"), "0", "{open}: nobody can go on under a pseudonym");
}

fn team_only(client: &Client) {
    let site = Site::with(client.net, "[privacy]\nmode = \"team_only\"\nk = 3\n");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    work(client);
    eventually("both cells", || (clients(&site) == ["engineering", "other"]).then_some(()));
    let cells: Vec<_> = site
        .sightings()
        .iter()
        .map(|s| [&s["client"], &s["team"], &s["service"]].map(|v| v.as_str().unwrap_or_default().to_owned()))
        .collect();
    assert!(cells.contains(&["engineering", "engineering", "openai.chatgpt"].map(str::to_owned)), "{cells:?}");
    assert!(cells.contains(&["other", "other", "anthropic.claude"].map(str::to_owned)), "one client of finance: {cells:?}");
    assert!(cells.iter().all(|[_, team, _]| team != "finance"), "{cells:?}");
    assert!(site.sightings().iter().all(|s| s["first_seen"].as_str().is_some_and(|t| t.contains("T00:00:00."))), "days only");
    eventually("an alert about a team", || site.inbox.mentions("engineering").then_some(()));
    assert_eq!(found(&site, Some(&daemon), &secrets(client)), Vec::<String>::new());
    let (status, _) = daemon.terminate();
    assert!(status.success());
    assert_eq!(found(&site, None, &secrets(client)), Vec::<String>::new());
}

fn forget(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    for address in [CLIENTS[0], CLIENTS[1]] {
        client.net.be(address);
        client.curl("chatgpt.com");
    }
    settled(&site, &daemon, 2);
    let before = site.ask(&["audit", "verify"]).0;
    let (text, error, is_done) = site.configured(&["forget", CLIENTS[0]]);
    assert!(is_done && text.contains(": 0 found"), "{text}{error}");
    // The other is still heard of, and what the ledger held of the one is not written back.
    client.net.be(CLIENTS[1]);
    client.curl("claude.ai");
    site.sighting(CLIENTS[1], "anthropic.claude", "engaged");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(clients(&site), [CLIENTS[1]]);
    let (status, _) = daemon.terminate();
    assert!(status.success());
    let store: Vec<_> =
        found(&site, None, &[CLIENTS[0].to_owned()]).into_iter().filter(|f| !f.starts_with("log") && !f.starts_with("inbox")).collect();
    assert_eq!(store, Vec::<String>::new());
    let head = before.lines().find_map(|l| l.strip_prefix("head: ")).expect("a head").to_owned();
    assert!(site.ask(&["audit", "verify", "--head", &head]).2, "the chain is whole");
}
