//! The report as a page, opened in a browser: what a reader sees, in light and dark and on paper, and that nothing in it runs or loads.
#![cfg(all(target_os = "linux", feature = "daemon"))]
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use shadowtap::daemon::store::{Batch, Store};
use shadowtap::engine::event::{BlindSpot, Reason};
use shadowtap::engine::frame::Time;
use shadowtap::engine::policy::Status;
use shadowtap::engine::sighting::{Agent, Evidence, Finding, Identity, Sighting, Sources, Turns, UseBytes};
use shadowtap::engine::visibility::{Count, Increment, Sight};

/// 2026-11-16T09:00:00Z.
const MONDAY: u64 = 1_794_819_600;
/// A team whose name would run, were it not text.
const HOSTILE: &str = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
const TOOLS: [(&str, &str, &str, Status); 6] = [
    ("openai.chatgpt", "OpenAI", "chat", Status::Unreviewed),
    ("anthropic.claude", "Anthropic", "chat", Status::Approved),
    ("deepseek.deepseek", "DeepSeek", "chat", Status::Unapproved),
    ("github.copilot", "GitHub", "code", Status::Approved),
    ("google.gemini", "Google", "chat", Status::InReview),
    ("mistral.vibe", "Mistral AI", "chat", Status::Tolerated),
];

fn finding(n: u64) -> Finding {
    let (service, vendor, category, status) = TOOLS[(n % 6) as usize];
    let day = if n % 6 == 2 { 4 + n / 6 % 3 } else { n / 6 % 7 };
    let first_seen = Time::new(MONDAY + day * 86_400 + n, 0);
    let teams = ["engineering", "finance", "legal", HOSTILE];
    let sighting = Sighting {
        client: format!("10.20.{}.{}", n % 5, n % 50).into(),
        identity: Identity::default().into(),
        team: teams[(n / 7 % 4) as usize].into(),
        service: service.into(),
        vendor: vendor.into(),
        category: category.into(),
        status,
        evidence: Evidence::ALL[(n % 4) as usize],
        presence_only: n.is_multiple_of(9),
        agent: Agent::Browser,
        first_seen,
        last_seen: first_seen.plus_seconds(120),
        connections: 3,
        bytes_up: n * 4_000,
        bytes_down: n * 9_000,
        use_bytes: UseBytes { up: 0, down: 0, upload: 0 },
        active_minutes: 2,
        turns: Turns { low: 1, high: 2 },
        sources: Sources::default(),
        names: vec![],
        closed: true,
    };
    Finding { reached: Some((Evidence::Resolved, sighting.evidence)), due: false, sighting, is_new: true, by: None }
}

/// The page of a made-up site's second to seventh day.
fn page(folder: &Path) -> PathBuf {
    let store = folder.join("s.sqlite");
    let seen = |zone: &str, sight, flows| Increment {
        hour: Time::new(MONDAY / 3600 * 3600 + 2 * 86_400, 0),
        zone: zone.into(),
        sight,
        more: Count { flows, clients: 4 },
    };
    let visibility = vec![
        seen("office", Sight::Flow(Reason::Named), 9_900),
        seen("office", Sight::Flow(Reason::EchReal), 100),
        seen("lab", Sight::Flow(Reason::Named), 700),
        seen("lab", Sight::Flow(Reason::NoSni), 300),
        seen("lab", Sight::Blind(BlindSpot::Wireguard), 12),
    ];
    let batch = Batch { findings: (0..400).map(finding).collect(), visibility, ..Batch::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(store.to_str().expect("text")).await.expect("opens");
        store.commit(&batch, None).await.expect("written");
        store.close().await;
    });
    let config = folder.join("c.toml");
    let rule = "[[policy.rule]]\nstatus = \"unapproved\"\nvendor = \"DeepSeek\"\nreason = \"no data processing agreement\"\n\
                owner = \"it-governance@example.com\"\nalternative = \"anthropic.claude\"\n";
    fs::write(&config, rule).expect("written");
    let html = folder.join("report.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
    command.args(["report", "--format", "html", "--since", "2026-11-17T00:00:00Z", "--until", "2026-11-23T00:00:00Z"]);
    let output = command.arg("--store").arg(&store).arg("--config").arg(&config).arg("-o").arg(&html).output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    html
}

/// `None` where there is no browser: said, and not held against the code.
fn chromium(folder: &Path, arguments: &[&str], page: &Path) -> Option<Output> {
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
    ]);
    command.args([
        "--disable-component-update",
        "--disable-sync",
        "--disable-default-apps",
        "--enable-logging=stderr",
        "--hide-scrollbars",
    ]);
    command.arg(format!("--user-data-dir={}", folder.join("browser").display())).args(arguments);
    match command.arg(format!("file://{}", page.display())).env("HOME", folder).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: chromium cannot be run ({error})");
            None
        }
    }
}

#[test]
fn a_browser_shows_it_and_runs_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = page(folder.path());
    let Some(output) = chromium(folder.path(), &["--dump-dom"], &page) else { return };
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    assert!(
        dom.contains("<title>GenAI use, 2026-11-17 to 2026-11-22</title>") && !dom.contains("<img") && !dom.contains("<script"),
        "{dom}"
    );
    for words in [
        "Are tools used that are not approved?",
        "1 tool was seen for the first time.",
        "no data processing agreement",
        "Claude",
        "is not supported",
        "12 flows of up to 4 clients",
        "&lt;img src=x onerror=",
    ] {
        assert!(dom.contains(words), "{words}\n{dom}");
    }
    assert!(!log.contains("Content Security Policy") && !log.contains("Refused to"), "the browser had nothing to refuse: {log}");
}

/// The light and the dark page differ, and the paper has them all: pictures for a person to look at stay in `target/report-page`.
#[test]
fn it_is_drawn_in_light_and_dark_and_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = page(folder.path());
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-page");
    fs::create_dir_all(&pictures).expect("a folder");
    let draw = |name: &str, more: &[&str]| {
        let picture = pictures.join(name);
        let shot = format!("--screenshot={}", picture.display());
        let arguments: Vec<&str> = [&shot, "--window-size=1300,2600"].into_iter().chain(more.iter().copied()).collect();
        chromium(folder.path(), &arguments, &page).map(|output| {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            fs::read(&picture).expect("a picture")
        })
    };
    let Some(light) = draw("light.png", &["--blink-settings=preferredColorScheme=1"]) else { return };
    let dark = draw("dark.png", &["--blink-settings=preferredColorScheme=0"]).expect("as before");
    assert!(light.starts_with(b"\x89PNG") && light.len() > 30_000, "{} bytes", light.len());
    assert_ne!(light, dark);
    let paper = pictures.join("paper.pdf");
    chromium(folder.path(), &["--no-pdf-header-footer", &format!("--print-to-pdf={}", paper.display())], &page).expect("as before");
    assert!(fs::read(&paper).expect("a document").starts_with(b"%PDF"));
}
