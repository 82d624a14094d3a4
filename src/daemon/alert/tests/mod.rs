//! Couriers between a real store and receivers that fail in every way.

mod receiver;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use receiver::{Answer, Receiver, closes_half_way, over_tls};

use super::*;
use crate::daemon::config::{Config, SinkKind};
use crate::daemon::delivery::Delivery;
use crate::daemon::dispatch::Dispatch;
use crate::daemon::fixture::{finding, sighting};
use crate::daemon::notice::Notice;
use crate::daemon::store::{DeliveryState, Store, Telling};
use crate::engine::sighting::{Evidence, Sighting};

const HASTE: Pace = Pace {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(40),
    longest_asked: Duration::from_secs(2),
    look: Duration::from_millis(50),
    give_up: Duration::from_secs(3600),
};

fn render(notice: &Notice<'_>) -> String {
    payload::render(notice, &payload::Words { service_name: "ChatGPT", ..Default::default() })
}

async fn due(store: &Store, sightings: impl IntoIterator<Item = Sighting>, sinks: &[&str]) -> usize {
    let findings: Vec<_> = sightings.into_iter().map(finding).collect();
    let sinks: Vec<_> = sinks.iter().map(ToString::to_string).collect();
    store.commit(&findings.into(), Some(&Telling { dispatch: &Dispatch::at_once(&sinks), render: &render })).await.unwrap().alerts
}

fn client(n: usize) -> Sighting {
    Sighting { client: format!("10.0.0.{n}").into(), ..sighting() }
}

fn hook(name: &str, url: String) -> AnySink {
    configured(name, &url, Duration::from_millis(300), &[]).unwrap()
}

/// A webhook with these files besides.
fn configured(name: &str, url: &str, timeout: Duration, files: &[(&str, &Path)]) -> Result<AnySink, String> {
    let files: String = files.iter().map(|(key, file)| format!("{key} = {file:?}\n")).collect();
    let (config, problems) = Config::parse(Path::new("c.toml"), &format!("[[alert.webhook]]\nname = {name:?}\nurl = {url:?}\n{files}"));
    if let Some(problem) = problems.first() {
        return Err(problem.to_string());
    }
    let mut sink = config.sinks.into_iter().next().unwrap();
    let SinkKind::Webhook(webhook) = &mut sink.kind else { panic!("{sink:?}") };
    webhook.endpoint.timeout = timeout;
    AnySink::new(&sink)
}

fn start(store: &Store, sinks: Vec<AnySink>, pace: Pace) -> (Delivery, Arc<Mutex<HashMap<&'static str, usize>>>) {
    let counts = Arc::new(Mutex::new(HashMap::new()));
    let log = Arc::clone(&counts);
    let on_result: OnResult = Arc::new(move |_, given| *log.lock().unwrap().entry(given.word()).or_insert(0) += 1);
    (Delivery::start(store, sinks, pace, &on_result), counts)
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn empties(store: &Store) {
    eventually("the outbox is empty", async || store.outbox_depth().await.unwrap() == 0).await;
}

async fn in_memory() -> Store {
    Store::open("sqlite::memory:").await.unwrap()
}

#[tokio::test]
async fn arrives_after_errors_limits_and_silence_with_one_id() {
    let store = in_memory().await;
    let receiver = Receiver::start([Answer::Status(500), Answer::With(429, "retry-after", "1"), Answer::Hang]).await;
    due(&store, [sighting()], &["soc"]).await;
    let (delivery, counts) = start(&store, vec![hook("soc", receiver.url())], HASTE);
    empties(&store).await;
    delivery.stop().await;
    let got = receiver.got();
    assert_eq!(got.len(), 4);
    assert!(got.iter().all(|g| g.id == got[0].id && g.body == got[0].body));
    assert!(got[2].at - got[1].at >= Duration::from_secs(1), "Retry-After is honoured");
    assert_eq!(*counts.lock().unwrap(), HashMap::from([("failed", 3), ("delivered", 1)]));
}

#[tokio::test]
async fn connections_closed_half_way_lose_nothing() {
    let store = in_memory().await;
    let address = closes_half_way(6);
    due(&store, [sighting()], &["soc"]).await;
    let (delivery, counts) = start(&store, vec![hook("soc", format!("http://{address}/"))], HASTE);
    empties(&store).await;
    delivery.stop().await;
    assert!(counts.lock().unwrap()["failed"] >= 3, "{counts:?}");
    assert_eq!(counts.lock().unwrap()["delivered"], 1);
}

#[tokio::test]
async fn wakes_at_once_for_a_new_letter() {
    let store = in_memory().await;
    let receiver = Receiver::start([]).await;
    let patient = Pace { look: Duration::from_secs(3600), ..HASTE };
    let (delivery, _) = start(&store, vec![hook("soc", receiver.url())], patient);
    tokio::time::sleep(Duration::from_millis(50)).await;
    due(&store, [sighting()], &["soc"]).await;
    delivery.wake();
    empties(&store).await;
}

#[tokio::test]
async fn letter_that_is_refused_keeps_no_other_waiting() {
    let store = in_memory().await;
    let receiver = Receiver::start_with(|body| Answer::Status(if body.contains("10.0.0.1\"") { 400 } else { 200 })).await;
    due(&store, (1..=5).map(client), &["soc"]).await;
    let (delivery, _) = start(&store, vec![hook("soc", receiver.url())], HASTE);
    eventually("four of five arrived", async || store.outbox_depth().await.unwrap() == 1).await;
    eventually("the fifth is tried on", async || receiver.got().len() > 7).await;
    delivery.stop().await;
}

#[tokio::test]
async fn gives_up_after_its_time_and_says_so() {
    let store = in_memory().await;
    let receiver = Receiver::start([Answer::Text(404, "no such\nhook as /hook/token".repeat(100_000))]).await;
    due(&store, [sighting()], &["soc"]).await;
    let hasty = Pace { give_up: Duration::ZERO, ..HASTE };
    let (delivery, counts) = start(&store, vec![hook("soc", receiver.url())], hasty);
    empties(&store).await;
    let alert = store.alerts().await.unwrap().remove(0);
    let error = alert.last_error.unwrap();
    assert_eq!(alert.state, DeliveryState::GivenUp);
    assert!(error.starts_with("404 Not Found: no such hook as …") && error.len() < 300 && !error.contains("token"), "{error}");
    assert_eq!(counts.lock().unwrap()["given_up"], 1);
    assert_eq!(store.retry(None, &["soc".to_owned()]).await.unwrap(), 1);
    eventually("it arrives once put back", async || receiver.got().iter().any(|g| g.taken && g.id == alert.id)).await;
    delivery.stop().await;
}

#[tokio::test]
async fn slow_sink_delays_no_other() {
    let store = in_memory().await;
    let (slow, fast) = (Receiver::start(vec![Answer::Hang; 1000]).await, Receiver::start([]).await);
    due(&store, (1..=5).map(client), &["slow", "fast"]).await;
    let sinks = vec![configured("slow", &slow.url(), Duration::from_secs(3600), &[]).unwrap(), hook("fast", fast.url())];
    let (delivery, _) = start(&store, sinks, HASTE);
    eventually("what is for the fast one has arrived", async || store.outbox_depth().await.unwrap() == 5).await;
    assert!(slow.got().len() <= 1, "the slow one still sits on its first");
    delivery.stop().await;
    assert_eq!(fast.got().into_iter().map(|got| got.id).collect::<HashSet<_>>().len(), 5);
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let store = in_memory().await;
    let elsewhere = Receiver::start([]).await;
    let url: &'static str = elsewhere.url().leak();
    let receiver = Receiver::start([Answer::With(307, "location", url)]).await;
    due(&store, [sighting()], &["soc"]).await;
    let (delivery, _) = start(&store, vec![hook("soc", receiver.url())], HASTE);
    empties(&store).await;
    delivery.stop().await;
    assert_eq!((receiver.got().len(), elsewhere.got().len()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn couriers_killed_again_and_again_lose_nothing_and_keep_order() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let mut calls = 0;
    let receiver = Receiver::start_with(move |_| {
        calls += 1;
        [Answer::Status(200), Answer::Status(200), Answer::Status(503), Answer::Status(200)][calls % 4].clone()
    })
    .await;
    let mut rounds = 0;
    loop {
        let store = Store::open(&url).await.unwrap();
        match rounds {
            0 => assert_eq!(due(&store, (1..=30).map(client), &["soc"]).await, 30),
            1 => {
                let uploads = (1..=30).map(|n| Sighting { evidence: Evidence::Uploaded, ..client(n) });
                assert_eq!(due(&store, uploads, &["soc"]).await, 30);
            }
            _ => {}
        }
        let (delivery, _) = start(&store, vec![hook("soc", receiver.url())], HASTE);
        tokio::time::sleep(Duration::from_millis(7 + rounds % 13)).await;
        drop(delivery); // aborts every courier where it stands
        rounds += 1;
        if rounds > 1 && store.outbox_depth().await.unwrap() == 0 {
            break;
        }
        assert!(rounds < 1000);
        drop(store);
    }
    let store = Store::open(&url).await.unwrap();
    let made: HashSet<_> = store.alerts().await.unwrap().into_iter().map(|a| a.id).collect();
    let taken: Vec<_> = receiver.got().into_iter().filter(|g| g.taken).collect();
    assert_eq!(taken.iter().map(|g| g.id.clone()).collect::<HashSet<_>>(), made);
    assert_eq!(made.len(), 60);
    for n in 1..=30 {
        let of_client: Vec<String> = taken.iter().map(|g| String::from_utf8_lossy(&g.body).into_owned()).collect();
        let mut kinds: Vec<_> = of_client
            .iter()
            .filter(|b| b.contains(&format!("\"10.0.0.{n}\"")))
            .map(|b| b.contains("first_use") || b.contains("new_service"))
            .collect();
        kinds.dedup();
        assert_eq!(kinds, [true, false], "client {n}: the first use before the upload");
    }
}

#[tokio::test]
async fn https_needs_an_authority_that_is_trusted() {
    let (port, certificate) = over_tls();
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), certificate).unwrap();
    let url = format!("https://localhost:{port}/");
    let hook = |files: &[(&str, &Path)]| configured("soc", &url, Duration::from_secs(5), files);
    let (id, payload, at) = ("0".repeat(32), "{}".to_owned(), crate::engine::frame::Time(0));
    let letter = crate::daemon::letter::Letter { alert: 1, id, payload, attempts: 0, since: at, next_attempt: at };
    let trusting = [("ca_file", ca.path())];
    assert_eq!(hook(&trusting).unwrap().send(&letter).await, Outcome::Taken("204 No Content".into()));
    let Outcome::Down { error, .. } = hook(&[]).unwrap().send(&letter).await else { panic!("a stranger was trusted") };
    assert!(error.contains("certificate") && !error.contains("localhost"), "{error}");
    let kept = hook(&trusting).unwrap();
    let right = std::fs::read(ca.path()).unwrap();
    std::fs::write(ca.path(), over_tls().1).unwrap();
    assert!(matches!(kept.send(&letter).await, Outcome::Down { .. }), "authorities exchanged in place count");
    std::fs::write(ca.path(), right).unwrap();
    assert_eq!(kept.send(&letter).await, Outcome::Taken("204 No Content".into()));
    std::fs::write(ca.path(), "no certificate").unwrap();
    assert!(hook(&trusting).unwrap_err().contains("PEM"));
}

#[tokio::test]
async fn the_proxy_of_the_configuration_is_asked() {
    let (store, proxy) = (in_memory().await, Receiver::start([]).await);
    due(&store, [sighting()], &["soc"]).await;
    let (url, address) = ("http://localhost:1/nobody/listens", format!("http://{}", proxy.address));
    let sink = configured("soc", url, Duration::from_secs(5), &[("proxy", Path::new(&address))]).unwrap();
    let (delivery, _) = start(&store, vec![sink], HASTE);
    empties(&store).await;
    delivery.stop().await;
    assert_eq!(proxy.got()[0].headers["host"], "localhost:1");
}

#[tokio::test]
async fn documented_verifier_accepts_our_signature_and_no_other() {
    let docs = include_str!("../../../../docs/sinks.md");
    let verifier = docs.split("```python").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), "new-secret\nold-secret\n").unwrap();
    let receiver = Receiver::start([]).await;
    let signed = configured("soc", &receiver.url(), Duration::from_secs(5), &[("secret_file", secrets.path())]).unwrap();
    let store = in_memory().await;
    due(&store, [sighting()], &["soc"]).await;
    let (delivery, _) = start(&store, vec![signed], HASTE);
    empties(&store).await;
    delivery.stop().await;
    let got = receiver.got().remove(0);
    let header = |name: &str| got.headers[name].to_str().unwrap().to_owned();
    let run = format!(
        "{verifier}\nimport sys\nh = {{'X-Shadowtap-Timestamp': sys.argv[1], 'X-Shadowtap-Signature': sys.argv[2]}}\nb = sys.argv[3].encode()\n\
         assert is_genuine(b'new-secret', h, b) and is_genuine(b'old-secret', h, b)\n\
         assert not is_genuine(b'guess', h, b) and not is_genuine(b'new-secret', h, b + b' ')\n\
         assert not is_genuine(b'new-secret', dict(h, **{{'X-Shadowtap-Timestamp': '1'}}), b)\n"
    );
    let body = std::str::from_utf8(&got.body).unwrap();
    let arguments = ["-c", &run, &header("x-shadowtap-timestamp"), &header("x-shadowtap-signature"), body];
    match Command::new("python3").args(arguments).stdin(Stdio::null()).output() {
        Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr)),
        Err(e) => println!("SKIPPED: python3 cannot be run ({e})"),
    }
}

#[test]
fn settings_are_refused_without_showing_their_secrets() {
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "hunter2").unwrap();
    let files = [("client_cert_file", key.path()), ("client_key_file", key.path())];
    let error = configured("soc", "https://hooks.example/T0/hunter2", Duration::from_secs(1), &files).unwrap_err();
    assert!(error.contains("hold no certificate with its key") && !error.contains("hunter2"), "{error}");
    let shown = format!("{:?}", hook("soc", "http://localhost:9/T0/hunter2".into()));
    assert!(shown.contains("localhost") && !shown.contains("hunter2"), "{shown}");
}
