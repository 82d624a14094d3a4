//! Writes the captures under `tests/captures` from real programs: `cargo test --test e2e -- --write-captures FOLDER`.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::net::{CLIENTS, Host, TAP};

/// What happens in a capture, and which of its packets are kept.
struct Scene {
    file: &'static str,
    filter: &'static str,
    play: fn(&Client),
}

/// The demo has more traffic than a repository should hold: its frames are merged as network cards do, and cut at this length.
const DEMO_SNAPSHOT: &str = "2048";

const SCENES: [Scene; 8] = [
    Scene { file: "curl-h2", filter: "tcp port 443", play: |c| c.curl("chatgpt.com") },
    Scene { file: "curl-ipv6", filter: "tcp port 443 and ip6", play: |c| c.curl6("api.anthropic.com") },
    Scene { file: "openssl", filter: "tcp port 443", play: |c| c.openssl("claude.ai") },
    Scene { file: "chromium-tcp", filter: "tcp port 443", play: |c| c.chromium("gemini.google.com") },
    Scene { file: "chromium-quic", filter: "udp port 443", play: |c| c.chromium_quic("chatgpt.com") },
    Scene { file: "dig-udp", filter: "udp port 53", play: |c| ask(c, "+notcp") },
    Scene { file: "dig-tcp", filter: "tcp port 53", play: |c| ask(c, "+tcp") },
    Scene { file: "demo", filter: "port 53 or port 443", play: an_office },
];

/// Plays every scene and writes it to the folder.
pub fn write(client: &Client, folder: &Path) {
    for scene in SCENES {
        let is_demo = scene.file == "demo";
        client.net.merge_frames(is_demo);
        let file = folder.join(scene.file).with_extension("pcap");
        client.net.be(CLIENTS[0]);
        let snapshot = if is_demo { DEMO_SNAPSHOT } else { "0" };
        record(client, &file, snapshot, scene.filter, || (scene.play)(client));
        println!("{}: {} bytes", file.display(), fs::metadata(&file).expect("a capture").len());
    }
}

/// Writes to a file what the sensor sees while something is played.
pub fn record(client: &Client, file: &Path, snapshot: &str, filter: &str, play: impl FnOnce()) {
    let path = file.display().to_string();
    let line = ["tcpdump", "-i", TAP, "-U", "--immediate-mode", "-Z", "root", "-s", snapshot, "-w", &path, filter];
    let _ = fs::remove_file(file);
    let tcpdump = client.net.background(Host::Sensor, &line);
    wait_for_file(file);
    play();
    sleep(Duration::from_millis(500));
    drop(tcpdump);
}

fn ask(client: &Client, over: &str) {
    for kind in ["A", "AAAA", "HTTPS"] {
        client.dig("chatgpt.com", kind, over);
        client.dig("www.example.org", kind, over);
    }
}

/// Eight people: two teams and strangers, several services, ordinary names, an upload, a look-up that nothing follows.
fn an_office(client: &Client) {
    let [ada, ben, cem, dora, eli, fay, gus, hal] = CLIENTS;
    let by = |who: &str, act: &dyn Fn()| {
        client.net.be(who);
        act();
    };
    by(ada, &|| client.chromium("chatgpt.com"));
    by(ada, &|| client.upload("chatgpt.com", 1_200_000));
    by(ben, &|| client.upload("api.openai.com", 30_000));
    by(ben, &|| client.curl("docs.example.net"));
    by(cem, &|| client.chromium_quic("gemini.google.com"));
    by(dora, &|| client.curl("www.example.org"));
    by(eli, &|| client.upload("claude.ai", 9_000));
    by(eli, &|| client.curl6("api.anthropic.com"));
    by(fay, &|| client.openssl("chat.deepseek.com"));
    by(gus, &|| drop(client.dig("copilot.microsoft.com", "A", "+notcp")));
    by(hal, &|| client.upload("www.perplexity.ai", 12_000));
    by(hal, &|| client.curl("intranet.example.com"));
}

fn wait_for_file(file: &Path) {
    let end = Instant::now() + Duration::from_secs(5);
    while fs::metadata(file).map_or(0, |meta| meta.len()) < 24 {
        assert!(Instant::now() < end, "tcpdump did not start");
        sleep(Duration::from_millis(20));
    }
    sleep(Duration::from_millis(200));
}
