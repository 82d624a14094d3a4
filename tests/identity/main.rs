//! Who the clients of an office are, told by real leases, neighbours, announcements and accounting: once from a capture, once live.
//! It makes network namespaces, which takes root; without it, it says that it was skipped.
#![cfg(all(target_os = "linux", feature = "daemon"))]

mod office;
mod privacy;

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use office::{Office, holds};
use privacy::{Kept, SECRETS};
use serde_json::Value;

const PROGRAMS: [&str; 8] = ["ip", "dnsmasq", "dhclient", "radclient", "nft", "curl", "openssl", "tcpdump"];
/// Temporary addresses of one host, and of one beyond a router.
const CARL6: [&str; 2] = ["2001:db8:77:0:a1b2:c3d4:e5f6:c", "2001:db8:77:0:1122:3344:5566:c"];
const FAR6: [&str; 2] = ["2001:db8:88:0:a1b2:c3d4:e5f6:1", "2001:db8:88:0:a1b2:c3d4:e5f6:2"];

/// Client, service, host, user, MAC address' last byte, shared, estimate.
type Told = (String, String, String, String, String, bool, bool);

#[test]
fn an_office_is_told_by_name_from_a_capture_and_live() {
    if let Some(why) = why_not() {
        assert!(std::env::var_os("CI").is_none() || !nix::unistd::geteuid().is_root(), "{why}");
        eprintln!("skipped: {why}");
        return;
    }
    let mut office = Office::open();
    let capture = office.path("capture.pcap").display().to_string();
    let tcpdump = office.start("switch", &["tcpdump", "-i", "br0", "-Z", "root", "-U", "-s", "0", "-w", &capture]);
    let config = configure(&office);
    let daemon = office.start("switch", &[env!("CARGO_BIN_EXE_shadowtap"), "run", "-i", "br0", "--config", &config]);
    wait_until_ready(&office);
    let kept = [("pseudonymous", 9616), ("team_only", 9617)].map(|(mode, port)| Kept::start(&mut office, mode, port));
    work(&office);
    // What was sent last is on its way to the capture yet.
    std::thread::sleep(Duration::from_secs(1));
    office.stop(daemon);
    office.stop(tcpdump);

    let replayed = shadowtap(&["replay", &capture, "--config", &config, "--output", "json", "--stats"]);
    let text = String::from_utf8_lossy(&replayed.stdout);
    let from_capture = told(text.lines().map(|line| serde_json::from_str(line).expect("JSON")));
    assert_eq!(from_capture, expected(), "from the capture: {text}");
    let stats: Value = serde_json::from_slice(&replayed.stderr).expect("one object");
    assert!(stats["excluded"]["flow"].as_u64() >= Some(1) && stats["excluded"]["name"].as_u64() >= Some(1), "{stats}");
    let again = shadowtap(&["replay", &capture, "--config", &config, "--output", "json"]);
    assert_eq!(replayed.stdout, again.stdout, "the same capture tells the same");

    let store = format!("sqlite://{}", office.path("state/s.sqlite").display());
    let report = shadowtap(&["report", "--format", "json", "--since", "all", "--store", &store]);
    let report: Value = serde_json::from_slice(&report.stdout).expect("one object");
    let live = told(report["sightings"].as_array().expect("sightings").iter().cloned());
    assert_eq!(live, expected(), "live");
    let state = office.path("state");
    for secret in SECRETS {
        assert!(holds(&state, secret.as_bytes()), "{secret} is not kept in full: the search of the other modes would find nothing either");
    }
    kept.iter().for_each(|kept| kept.check(&mut office));
    for secret in ["10.77.0.40", "02:00:00:00:77:09", "gemini.google.com"] {
        assert!(!holds(&state, secret.as_bytes()), "{secret} of the guest is kept");
    }
}

/// What everybody does.
fn work(office: &Office) {
    let anna = office.lease("anna", "anna-laptop");
    office.visit("anna", "chatgpt.com", None);
    office.release("anna");
    let ben = office.lease("ben", "ben-desk");
    assert_eq!((anna.as_str(), ben.as_str()), ("10.77.0.50", "10.77.0.50"), "the address changed its owner");
    office.visit("ben", "chatgpt.com", None);

    office.visit("carl", "claude.ai", None);
    office.announce("carl", "carl-mac.local", "10.77.0.30".parse().expect("an address"));
    office.must("carl", &["ip", "route", "add", "2001:db8:99::/64", "dev", "eth0"]);
    for address in CARL6 {
        office.must("carl", &["ip", "address", "add", &format!("{address}/64"), "dev", "eth0"]);
        // Duplicate address detection takes two seconds at most; until then the address cannot be used.
        std::thread::sleep(Duration::from_millis(2500));
        office.visit("carl", "api.anthropic.com", Some(address));
    }

    let session = |user: &str, kind: &str, id: &str| {
        office.account(&format!("User-Name = {user}\nFramed-IP-Address = 10.77.0.31\nAcct-Status-Type = {kind}\nAcct-Session-Id = {id}\n"));
    };
    session("dora@example", "Start", "s1");
    office.visit("dora", "claude.ai", None);
    session("dora@example", "Stop", "s1");
    session("emil@example", "Start", "s2");
    office.visit("dora", "claude.ai", None);

    for address in ["10.88.0.5", "10.88.0.6", "10.88.0.5", "10.88.0.6"] {
        office.visit("far", "chatgpt.com", Some(address));
    }
    office.visit("far", "claude.ai", Some("10.78.0.5"));
    FAR6.iter().for_each(|address| office.visit("far", "claude.ai", Some(address)));
    office.visit("guest", "gemini.google.com", None);
}

fn expected() -> BTreeSet<Told> {
    let row = |client: &str, service: &str, host: &str, user: &str, mac: &str, shared, estimate| {
        let text = str::to_owned;
        (text(client), text(service), text(host), text(user), text(mac), shared, estimate)
    };
    [
        row("10.77.0.50", "openai.chatgpt", "anna-laptop", "", "0a", false, false),
        row("10.77.0.50", "openai.chatgpt", "ben-desk", "", "0b", false, false),
        row("10.77.0.30", "anthropic.claude", "carl-mac", "", "0c", false, false),
        row(CARL6[0], "anthropic.api", "carl-mac", "", "0c", false, false),
        row("10.77.0.31", "anthropic.claude", "", "dora@example", "0d", false, false),
        row("10.77.0.31", "anthropic.claude", "", "emil@example", "0d", false, false),
        row("10.77.0.20", "openai.chatgpt", "", "", "20", true, false),
        row("10.78.0.5", "anthropic.claude", "", "", "", false, false),
        row("2001:db8:88::/64", "anthropic.claude", "", "", "", false, true),
    ]
    .into()
}

fn told(sightings: impl Iterator<Item = Value>) -> BTreeSet<Told> {
    let text = |s: &Value, key: &str| s[key].as_str().unwrap_or_default().to_owned();
    let flag = |s: &Value, key: &str| s[key].as_bool().unwrap_or_default();
    let mac = |s: &Value| text(s, "mac").rsplit(':').next().unwrap_or_default().to_owned();
    let row = |s: Value| {
        (text(&s, "client"), text(&s, "service"), text(&s, "host"), text(&s, "user"), mac(&s), flag(&s, "shared"), flag(&s, "estimate"))
    };
    sightings.map(row).collect()
}

fn configure(office: &Office) -> String {
    use std::os::unix::fs::PermissionsExt;
    let state = office.path("state");
    std::fs::create_dir(&state).expect("a folder");
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).expect("its mode");
    let text = format!(
        "user = \"nobody\"\ninside = [\"10.0.0.0/8\", \"2001:db8:77::/64\", \"2001:db8:88::/64\"]\n[store]\nurl = \"sqlite://{}\"\n\
         [exclude]\nmacs = [\"02:00:00:00:77:09\"]\n",
        state.join("s.sqlite").display()
    );
    let file = office.path("config.toml");
    std::fs::write(&file, text).expect("a configuration");
    file.display().to_string()
}

fn wait_until_ready(office: &Office) {
    let end = Instant::now() + Duration::from_secs(20);
    while !office.run("switch", &["curl", "-sf", "http://127.0.0.1:9615/readyz"]).status.success() {
        assert!(Instant::now() < end, "the daemon is not ready");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn shadowtap(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(arguments).output().expect("runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn why_not() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root to make network namespaces".into());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let is_there = |program: &str| path.split(':').chain(["/usr/sbin", "/sbin"]).any(|f| std::path::Path::new(f).join(program).is_file());
    let missing: Vec<_> = PROGRAMS.iter().filter(|program| !is_there(program)).copied().collect();
    (!missing.is_empty()).then(|| format!("not installed: {} (scripts/setup test)", missing.join(", ")))
}
