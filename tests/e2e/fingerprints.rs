//! Takes the fingerprints of real clients: `cargo test --test e2e -- --take-fingerprints FOLDER`. `scripts/fingerprints` calls it.
//!
//! FOLDER holds `clients/*.sh`, each of which names the clients it can run here and runs one of them, and `ja4.tsv`, which is rewritten:
//! rows of clients that ran are new, rows of clients that are not here stay.

mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::captures::record;
use crate::client::Client;
use crate::net::{CLIENTS, Host};
use crate::server::BRIEF;
use table::Row;

/// Where set-up puts what Debian has not.
const TOOLS: &str = "target/fingerprints";
/// Where the hellos are kept.
const CAPTURES: &str = "tests/captures/agents";
/// What every client fetches: an API, pages, and a server that closes after each answer, so that sessions are resumed.
const VISITED: [&str; 5] = ["api.openai.com", "chatgpt.com", BRIEF, BRIEF, BRIEF];
/// The longest run of one client: a browser is started for each page, over TCP and over QUIC.
const PATIENCE: Duration = Duration::from_secs(400);

/// A client that is here, as its file offers it.
pub struct Offer {
    file: PathBuf,
    id: String,
    library: String,
    client: String,
    version: String,
}

/// Runs every client that is here and writes what its hellos look like.
pub fn take(client: &Client, folder: &Path) {
    client.net.be(CLIENTS[0]);
    client.net.merge_frames(false);
    let table = folder.join("ja4.tsv");
    let mut rows = table::read(&table);
    let only = std::env::var("ONLY").unwrap_or_default();
    for offer in offers(folder).iter().filter(|offer| offer.id.contains(&only)) {
        let taken = run(client, offer);
        println!("{}: {} fingerprints, {} {}", offer.id, taken.len(), offer.client, offer.version);
        if !taken.is_empty() {
            rows.retain(|row| row.id != offer.id);
            rows.extend(taken);
        }
    }
    table::write(&table, &mut rows);
}

fn offers(folder: &Path) -> Vec<Offer> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join("clients")).expect("clients").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sh"));
    files.sort();
    files.iter().flat_map(|file| offers_of(file)).collect()
}

fn offers_of(file: &Path) -> Vec<Offer> {
    let output = Command::new("sh").arg(file).arg("clients").env("TOOLS", tools()).output().expect("sh runs");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let offer = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
        [id, library, client, version] => {
            let [id, library, client, version] = [id, library, client, version].map(str::to_owned);
            Offer { file: file.to_path_buf(), id, library, client, version }
        }
        _ => panic!("{}: not an offer: {line}", file.display()),
    };
    String::from_utf8_lossy(&output.stdout).lines().map(offer).collect()
}

fn tools() -> PathBuf {
    std::path::absolute(TOOLS).expect("a path")
}

fn run(client: &Client, offer: &Offer) -> BTreeSet<Row> {
    let capture = Path::new(CAPTURES).join(&offer.id).with_added_extension("pcap");
    fs::create_dir_all(CAPTURES).expect(CAPTURES);
    let scratch = tempfile::tempdir_in(client.scratch).expect("a folder");
    let urls: Vec<String> = VISITED.map(|name| format!("https://{name}/")).to_vec();
    let quic: Vec<String> = VISITED.map(|name| format!("{name}:443")).to_vec();
    let environment = [
        ("URLS", urls.join(" ")),
        ("AGAIN", "https://chatgpt.com/again".to_owned()),
        ("QUIC", quic.join(",")),
        ("CA", client.servers.ca()),
        ("TOOLS", tools().display().to_string()),
        ("SCRATCH", scratch.path().display().to_string()),
        ("HOME", scratch.path().display().to_string()),
    ];
    let environment: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // Hellos are what is kept: the client's direction, and of it what carries more than an acknowledgement.
    record(client, &capture, "0", "dst port 443 and greater 100", || {
        let mut line = vec!["env"];
        line.extend(environment.iter().map(String::as_str));
        let file = offer.file.display().to_string();
        line.extend(["sh", &file, &offer.id]);
        let output = client.net.run(Host::Client, PATIENCE, &line);
        if !output.status.success() {
            eprintln!("{}: {}\n{}", offer.id, output.status, String::from_utf8_lossy(&output.stderr));
        }
        sleep(Duration::from_millis(300));
    });
    rows(offer, &capture)
}

/// What shadowtap itself reads in the capture.
fn rows(offer: &Offer, capture: &Path) -> BTreeSet<Row> {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(["names", "--output", "json"]).arg(capture).output().expect("runs");
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = names.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    names.filter(|name| VISITED.contains(&name["name"].as_str().unwrap_or_default())).filter_map(|name| row(offer, &name)).collect()
}

fn row(offer: &Offer, name: &Value) -> Option<Row> {
    let protocols: Vec<&str> = name["alpn"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Some(Row {
        library: offer.library.clone(),
        id: offer.id.clone(),
        ja4: name["ja4"].as_str()?.to_owned(),
        transport: if name["source"] == "quic_sni" { "quic".to_owned() } else { name["transport"].as_str()?.to_owned() },
        alpn: if protocols.is_empty() { "-".to_owned() } else { protocols.join(",") },
        client: offer.client.clone(),
        version: offer.version.clone(),
        script: format!("clients/{}", offer.file.file_name()?.to_str()?),
        made: table::today(),
    })
}
