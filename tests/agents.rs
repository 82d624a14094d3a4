//! Every client of the table of fingerprints, from the capture of its run: the table says what is there, and the pipeline what it is.

mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use shadowtap::engine::agent::{Family, Library};
use shadowtap::engine::event::Detail;
use shadowtap::engine::sighting::Agent;
use wire::hello::modern;
use wire::packet::Talk;
use wire::watch::Watch;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What every client of a run visits, as `tests/e2e/fingerprints.rs` has it.
const VISITED: [&str; 3] = ["api.openai.com", "chatgpt.com", "brief.example.org"];

struct Run {
    library: Library,
    fingerprints: BTreeSet<String>,
}

/// The runs of the table, by id.
fn runs() -> BTreeMap<String, Run> {
    let table = std::fs::read_to_string(Path::new(ROOT).join("fingerprints/ja4.tsv")).expect("the table");
    let mut runs = BTreeMap::new();
    for line in table.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let [library, id, ja4, ..] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let library = Library::ALL.into_iter().find(|known| known.word() == library).expect("a library");
        let run = runs.entry(id.to_owned()).or_insert(Run { library, fingerprints: BTreeSet::new() });
        assert_eq!(run.library, library, "{id}: one run, one library");
        run.fingerprints.insert(ja4.to_owned());
    }
    runs
}

fn capture(id: &str) -> PathBuf {
    Path::new(ROOT).join("tests/captures/agents").join(format!("{id}.pcap"))
}

fn shadowtap(command: &str, file: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args([command, "--output", "json"]).arg(file).output().expect("runs");
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_capture_holds_the_fingerprints_of_its_rows() {
    let runs = runs();
    assert!(runs.len() > 20, "a table of many clients");
    for (id, run) in &runs {
        let names = shadowtap("names", &capture(id));
        let visited = names.iter().filter(|name| VISITED.contains(&name["name"].as_str().unwrap_or_default()));
        let seen: BTreeSet<String> = visited.clone().filter_map(|name| name["ja4"].as_str().map(str::to_owned)).collect();
        assert_eq!(seen, run.fingerprints, "{id}: scripts/fingerprints writes table and capture together");
        for name in visited.filter(|name| name.get("ja4").is_some()) {
            assert_eq!(name["library"], run.library.word(), "{id}: {name}");
        }
    }
    for file in std::fs::read_dir(Path::new(ROOT).join("tests/captures/agents")).expect("captures").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        assert!(runs.contains_key(name.trim_end_matches(".pcap")), "{name} has no row");
    }
}

#[test]
fn every_client_is_the_kind_of_program_that_it_is() {
    for (id, run) in runs() {
        let sightings = shadowtap("replay", &capture(&id));
        let agent = |service: &str| {
            let sighting = sightings.iter().find(|sighting| sighting["service"] == service);
            sighting.unwrap_or_else(|| panic!("{id} visited {service}"))["agent"].as_str().expect("a word")
        };
        let expected = match run.library.family() {
            Family::Pages => ("browser", "unknown"),
            Family::Programs => ("unknown", "sdk"),
        };
        assert_eq!((agent("openai.chatgpt"), agent("openai.api")), expected, "{id}");
    }
}

#[test]
fn what_a_program_tells_a_proxy_is_reduced_to_its_kind() {
    let mut talk = Talk::new("10.0.0.5:51514", "198.51.100.7:3128");
    let mut watch = Watch::new();
    for packet in talk.open() {
        watch.ip(&packet);
    }
    let connect = "CONNECT chatgpt.com:443 HTTP/1.1\r\nHost: chatgpt.com:443\r\nUser-Agent: Mozilla/5.0 (X11) AppleWebKit/537.36 \
                   (KHTML, like Gecko) App/1.2 Chrome/130.0 Electron/33.0 Safari/537.36\r\n\r\n";
    watch.ip(&talk.say(connect.as_bytes()));
    watch.ip(&talk.answer(b"HTTP/1.1 200 OK\r\n\r\n"));
    watch.ip(&talk.say(&modern("chatgpt.com").wire()));
    assert_eq!(watch.names(), [("http_connect", "chatgpt.com"), ("tls_sni", "chatgpt.com")]);
    assert_eq!(watch.observations()[0].detail, Detail::Request { agent: Agent::DesktopApp });
    assert!(!format!("{:?}", watch.events).contains("Electron"), "the text is gone");
}
