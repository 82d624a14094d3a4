//! What becomes of alerts: a new store's inventory, limits, silences, quiet hours, and the digests that tell of all of them.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::daemon::clock;
use crate::daemon::config::{Alerting, Config, Limit};
use crate::daemon::dispatch::Dispatch;
use crate::daemon::fixture::{finding, sighting};
use crate::daemon::notice::{Notice, NoticeKind, SensorNotice};
use crate::daemon::summary::Summary;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::Sighting;

fn render(notice: &Notice<'_>) -> String {
    serde_json::json!({ "message": "M.", "repeats": notice.repeats.count, "why": notice.repeats.why }).to_string()
}

fn sum_up(summary: Summary) -> String {
    let services: Vec<_> = summary.services.iter().map(|s| (&s.id, &s.teams, s.clients, s.bytes_up)).collect();
    let alerts: Vec<_> = summary.alerts.iter().map(|a| format!("{} {} {} {} {}", a.count, a.fate, a.kind, a.team, a.service)).collect();
    serde_json::json!({ "kind": summary.kind.word(), "message": summary.message, "services": services, "alerts": alerts }).to_string()
}

/// Alerts about clients of these numbers.
async fn tell(store: &Store, dispatch: &Dispatch, clients: std::ops::Range<u32>, status: Status) -> Committed {
    let of = |n: u32| finding(Sighting { client: format!("10.0.0.{n}").into(), status, ..sighting() });
    let findings: Vec<_> = clients.map(of).collect();
    store.commit(&findings.into(), Some(&Telling { dispatch, render: &render })).await.unwrap()
}

fn dispatch(alert: &str) -> Dispatch {
    let (config, problems) = Config::parse(Path::new("c.toml"), &format!("[alert]\n{alert}"));
    assert_eq!(problems, []);
    Dispatch { sinks: vec!["soc".into()], ..Dispatch::new(&config) }
}

async fn letters(store: &Store) -> Vec<Value> {
    store.letters("soc", 99).await.unwrap().iter().map(|l| serde_json::from_str(&l.payload).unwrap()).collect()
}

async fn fates(store: &Store) -> Vec<&'static str> {
    store.alerts().await.unwrap().into_iter().map(|a| a.fate.word()).collect()
}

async fn in_memory() -> Store {
    Store::open("sqlite::memory:").await.unwrap()
}

fn hours(hours: u64) -> Time {
    clock::now().plus_seconds(hours * 3600)
}

#[tokio::test]
async fn a_new_store_tells_what_nobody_decided_about_in_one_and_what_is_banned_at_once() {
    let (store, dispatch) = (in_memory().await, dispatch(""));
    let born = store.begin(clock::now()).await.unwrap();
    let young = tell(&store, &dispatch, 0..40, Status::Unreviewed).await;
    assert_eq!((young.alerts, young.kept_back.len()), (0, 40));
    assert!(young.kept_back.iter().all(|(_, reason)| *reason == "inventory"));
    assert_eq!(tell(&store, &dispatch, 40..42, Status::Unapproved).await.alerts, 2);
    // The daemon begins again, and the store is as old as it is.
    assert_eq!(store.begin(hours(23)).await.unwrap(), born);
    assert!(!store.make_inventory(&dispatch, hours(23), &sum_up).await.unwrap());
    // Sightings of the fixture are older than the store of this test.
    sqlx::query("UPDATE sighting SET first_seen = first_seen + ?1")
        .bind(Time(3_600_000_000_000 * 24 * 365).micros())
        .execute(&store.writer)
        .await
        .unwrap();
    assert!(store.make_inventory(&dispatch, hours(25), &sum_up).await.unwrap());
    assert!(!store.make_inventory(&dispatch, hours(26), &sum_up).await.unwrap(), "once");
    let inventory = letters(&store).await.pop().unwrap();
    assert_eq!(inventory["services"], serde_json::json!([["openai.chatgpt", ["design"], 40, 480_000]]));
    assert!(inventory["message"].as_str().unwrap().contains("1 services were used about which nobody decided yet"), "{inventory}");
    assert_eq!(store.alerts().await.unwrap().len(), 3, "no row for each that stands in it");
}

#[tokio::test]
async fn a_store_that_holds_something_when_the_daemon_begins_is_no_new_one() {
    let (store, dispatch) = (in_memory().await, dispatch(""));
    store.commit(&vec![finding(sighting())].into(), None).await.unwrap();
    assert_eq!(store.begin(clock::now()).await.unwrap(), Time(0));
    assert_eq!(tell(&store, &dispatch, 1..3, Status::Unreviewed).await.alerts, 2);
    assert!(!store.make_inventory(&dispatch, hours(25), &sum_up).await.unwrap());
}

#[tokio::test]
async fn what_is_over_a_teams_limit_is_kept_counted_and_in_the_digest() {
    let limit = Limit { burst: 3, per_hour: 60 };
    let dispatch =
        Dispatch { alerting: Arc::new(Alerting { limit, inventory_hours: 0, ..Alerting::default() }), sinks: vec!["soc".into()] };
    let store = in_memory().await;
    assert!(!store.make_digest(&dispatch, clock::now(), &sum_up).await.unwrap(), "the first look only notes the time");
    let told = tell(&store, &dispatch, 0..10, Status::Unapproved).await;
    assert_eq!((told.alerts, told.kept_back.len()), (3, 7));
    assert_eq!(fates(&store).await.iter().filter(|f| **f == "suppressed").count(), 7);
    let listed = store.alerts().await.unwrap();
    assert!(listed.iter().any(|a| a.why.as_deref() == Some("limit of 3 at once and 60 an hour for team design")), "{listed:?}");
    // A minute later one has leaked, and the next alert says how many found no room.
    sqlx::query("UPDATE bucket SET at = at - 60000000").execute(&store.writer).await.unwrap();
    assert_eq!(tell(&store, &dispatch, 10..11, Status::Unapproved).await.alerts, 1);
    let last = letters(&store).await.pop().unwrap();
    assert_eq!((&last["repeats"], &last["why"]), (&7.into(), &"7 first_use of team design over the limit".into()));

    assert!(store.make_digest(&dispatch, hours(25), &sum_up).await.unwrap());
    let digest = letters(&store).await.pop().unwrap();
    let counted = ["7 suppressed first_use design openai.chatgpt", "4 sent first_use design openai.chatgpt"];
    assert_eq!(digest["alerts"], serde_json::json!(counted));
    assert_eq!(digest["message"], "11 alerts: 4 sent, 7 over a team's limit. 'shadowtap alerts list' shows each.");
    assert!(!store.make_digest(&dispatch, hours(49), &sum_up).await.unwrap(), "nothing is summed up twice");
    assert_eq!(store.retry(None, &dispatch.sinks).await.unwrap(), 5, "what was kept back does not go out by retry --all");
}

#[tokio::test]
async fn quiet_hours_hold_what_is_below_their_severity_until_their_end() {
    let quiet = dispatch("inventory_hours = 0\nquiet = { days = \"mon-sun\", zone = \"UTC\", below = \"high\" }");
    let store = in_memory().await;
    store.make_digest(&quiet, clock::now(), &sum_up).await.unwrap();
    let held = tell(&store, &quiet, 0..2, Status::Unapproved).await;
    assert_eq!((held.alerts, held.kept_back.as_slice()), (0, &[(NoticeKind::FirstUse, "quiet"); 2][..]));
    let lost = SensorNotice::new(NoticeKind::CaptureLost, "1", clock::now(), "eth0 is gone.".into(), "").of("eth0");
    let told = store.tell_of_sensor(&lost, &quiet, &|n| n.message.clone()).await.unwrap();
    assert_eq!(told, SensorTold::Sent, "high severity waits for nothing");
    assert!(!store.make_digest(&quiet, clock::now(), &sum_up).await.unwrap(), "quiet goes on");
    let awake = dispatch("inventory_hours = 0");
    assert!(store.make_digest(&awake, clock::now(), &sum_up).await.unwrap());
    assert!(!store.make_digest(&awake, clock::now(), &sum_up).await.unwrap());
    let last = store.letters("soc", 9).await.unwrap().pop().unwrap();
    assert!(last.payload.contains("2 held first_use design openai.chatgpt") && !last.payload.contains("capture_lost"), "{last:?}");
}

#[tokio::test]
async fn a_silence_keeps_back_what_it_names_until_it_ends() {
    let (store, dispatch) = (in_memory().await, Dispatch::at_once(&["soc"]));
    let entry = |_| AuditEntry { actor: "anna".into(), kind: AuditKind::Silence, detail: serde_json::json!({}) };
    let silence = Silence { client: Some("10.0.0.1".into()), until: hours(1), note: "test bench".into(), ..Silence::default() };
    let id = store.silence(&silence, clock::now(), entry).await.unwrap();
    assert_eq!(tell(&store, &dispatch, 0..3, Status::Unapproved).await.alerts, 2);
    assert_eq!(store.silences().await.unwrap()[0].hushed, 1);
    assert!(store.end_silence(id, clock::now(), &entry(id)).await.unwrap());
    assert!(!store.end_silence(id, clock::now(), &entry(id)).await.unwrap());
    let uploads = Sighting {
        client: "10.0.0.1".into(),
        evidence: crate::engine::sighting::Evidence::Uploaded,
        status: Status::Unapproved,
        ..sighting()
    };
    let telling = Telling { dispatch: &dispatch, render: &render };
    assert_eq!(store.commit(&vec![finding(uploads)].into(), Some(&telling)).await.unwrap().alerts, 1);
    let kinds = Silence { kind: Some(NoticeKind::CaptureLost), until: hours(1), ..Silence::default() };
    store.silence(&kinds, clock::now(), entry).await.unwrap();
    let lost = SensorNotice::new(NoticeKind::CaptureLost, "1", clock::now(), String::new(), "").of("eth0");
    assert_eq!(store.tell_of_sensor(&lost, &dispatch, &|_| "{}".into()).await.unwrap(), SensorTold::KeptBack(Fate::Silenced));
    let over = SensorNotice::over(NoticeKind::CaptureLost, "eth0", clock::now(), "Back.".into());
    assert_eq!(
        store.tell_of_sensor(&over, &dispatch, &|_| "{}".into()).await.unwrap(),
        SensorTold::Nothing,
        "nobody heard of its beginning"
    );
}

#[tokio::test]
async fn trouble_of_the_sensor_is_told_when_it_begins_and_when_it_is_over() {
    let (store, dispatch) = (in_memory().await, Dispatch::at_once(&["soc"]));
    let at = |event: &str| SensorNotice::new(NoticeKind::ReloadRefused, event, clock::now(), format!("Refused {event}."), "");
    let render = |n: &SensorNotice| serde_json::json!({ "id": n.id, "message": n.message }).to_string();
    let tell = async |notice: &SensorNotice| store.tell_of_sensor(notice, &dispatch, &render).await.unwrap();
    assert_eq!(tell(&at("1")).await, SensorTold::Sent);
    assert_eq!(
        (tell(&at("1")).await, tell(&at("2")).await, tell(&at("3")).await),
        (SensorTold::Nothing, SensorTold::Nothing, SensorTold::Nothing)
    );
    assert_eq!(store.troubles().await.unwrap().len(), 1);
    let over = SensorNotice::over(NoticeKind::ReloadRefused, "", clock::now(), "Accepted.".into());
    assert_eq!((tell(&over).await, tell(&over).await), (SensorTold::Sent, SensorTold::Nothing));
    let first = store.letters("soc", 9).await.unwrap();
    assert_eq!(first.len(), 1, "the beginning goes before the end");
    store.settle(&first[0], "soc", &crate::daemon::letter::Given::Delivered).await.unwrap();
    let told = letters(&store).await.pop().unwrap();
    assert_eq!(told["message"], "Accepted. It happened 2 more times meanwhile. It was: Refused 1.");
    assert_eq!(told["state"], "resolved");
    assert_eq!(tell(&at("4")).await, SensorTold::Sent, "it begins anew");
}
