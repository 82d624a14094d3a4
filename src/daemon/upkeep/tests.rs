//! Retention over days, with a clock of the test's own.

use std::process::{Command, Stdio};

use super::*;
use crate::daemon::dispatch::Dispatch;
use crate::daemon::fixture::{SEVEN, finding, sighting};
use crate::daemon::letter::Given;
use crate::daemon::notice::Notice;
use crate::daemon::store::{Batch, Sum, Telling, Window};
use crate::engine::event::Reason;
use crate::engine::sighting::{Identity, Sighting};
use crate::engine::visibility::{Count, Increment, Sight};

const CHILD: &str = "SHADOWTAP_TEST_CRASHING_UPKEEP";

const fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 86_400))
}

const TEN_DAYS: Retention = Retention { sightings: days(10), daily: days(100), alerts: days(50), visibility: days(50) };

const NOTHING: Vec<String> = Vec::new();

/// A closed sighting of one minute, some days after the first, of a client and a name of its own.
fn of(day: u64, number: u64) -> Sighting {
    let first_seen = SEVEN.plus_seconds(day * 86_400 + number);
    Sighting {
        client: format!("10.0.{day}.{number}").into(),
        identity: Identity { host: Some(format!("ws-{day}-{number}").into()), ..Identity::default() }.into(),
        names: vec!["chatgpt.com".into(), format!("{day}-{number}.chatgpt.com").into()],
        first_seen,
        last_seen: first_seen.plus_seconds(60),
        closed: true,
        ..sighting()
    }
}

async fn put(store: &Store, sightings: impl IntoIterator<Item = Sighting>) {
    store.commit(&sightings.into_iter().map(finding).collect::<Vec<_>>().into(), None).await.unwrap();
}

async fn sightings(store: &Store) -> Vec<Sighting> {
    let mut pages = store.sightings(Window::default()).await.unwrap();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        all.extend(page);
    }
    all
}

async fn add_up(store: &Store) {
    for stale in store.stale_days(None, None).await.unwrap() {
        store.add_up(stale.day, SEVEN).await.unwrap();
    }
}

async fn sums(store: &Store) -> Vec<Sum> {
    add_up(store).await;
    store.sums(None, None).await.unwrap()
}

/// Each dictionary, and whether every row finds what it refers to.
async fn dictionaries(store: &Store) -> [Vec<String>; 3] {
    store.dictionaries().await.unwrap()
}

fn at(day: u64) -> Time {
    SEVEN.plus_seconds(day * 86_400)
}

#[tokio::test]
async fn whole_days_go_when_they_are_over_and_their_sums_stay() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    put(&store, (0..4).flat_map(|day| (0..5).map(move |n| of(day, n)))).await;
    let before = sums(&store).await;
    for (now, left) in [(10, 20), (11, 15), (12, 10)] {
        let passed = pass(&store, &TEN_DAYS, at(now), false).await.unwrap();
        let gone = if now == 10 { 0 } else { 5 };
        assert_eq!([Kept::Sightings, Kept::Clients, Kept::Identities, Kept::Names].map(|k| passed.of(k)), [gone; 4], "day {now}");
        assert_eq!(sightings(&store).await.len(), left, "day {now}");
        assert_eq!(sums(&store).await, before, "day {now}");
    }
    let [clients, identities, names] = dictionaries(&store).await;
    assert_eq!((clients.len(), identities.len(), names.len()), (10, 10, 11));
    assert!(names.contains(&"chatgpt.com".to_owned()) && clients.iter().all(|c| c.starts_with("10.0.2.") || c.starts_with("10.0.3.")));
    assert_eq!(pass(&store, &TEN_DAYS, at(12), false).await.unwrap().removed, []);
}

#[tokio::test]
async fn a_day_is_added_up_before_it_goes_and_never_again() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    put(&store, (0..5).map(|n| of(0, n))).await;
    pass(&store, &TEN_DAYS, at(20), false).await.unwrap();
    assert_eq!(sightings(&store).await, []);
    let kept = store.sums(None, None).await.unwrap();
    assert_eq!((kept.len(), kept[0].sightings, kept[0].clients, kept[0].bytes_up), (1, 5, 5, 60_000));
    // The capture of that day once more, and a late one.
    put(&store, [of(0, 1), of(0, 77)]).await;
    assert_eq!(store.stale_days(None, None).await.unwrap(), []);
    let day = i64::try_from(SEVEN.seconds() / 86_400).unwrap();
    store.add_up(day, at(20)).await.unwrap();
    assert_eq!(store.sums(None, None).await.unwrap(), kept);
    assert_eq!(pass(&store, &TEN_DAYS, at(20), false).await.unwrap().of(Kept::Sightings), 2);
    assert_eq!(store.sums(None, None).await.unwrap(), kept);
}

#[tokio::test]
async fn what_is_open_or_went_on_after_the_limit_stays() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let open = Sighting { closed: false, ..of(0, 1) };
    let long = Sighting { last_seen: at(12), ..of(0, 2) };
    put(&store, [open.clone(), long.clone(), of(0, 3)]).await;
    pass(&store, &TEN_DAYS, at(20), false).await.unwrap();
    assert_eq!(sightings(&store).await, [open.clone(), Sighting { use_bytes: Default::default(), ..long }]);
    put(&store, [Sighting { closed: true, ..open }]).await;
    assert_eq!(pass(&store, &TEN_DAYS, at(23), false).await.unwrap().of(Kept::Sightings), 2);
    assert_eq!(sightings(&store).await, []);
}

#[tokio::test]
async fn more_than_a_step_goes_in_several() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    put(&store, (0..4500).map(|n| of(0, n))).await;
    let passed = pass(&store, &TEN_DAYS, at(20), false).await.unwrap();
    assert_eq!([Kept::Sightings, Kept::Clients, Kept::Identities, Kept::Names].map(|k| passed.of(k)), [4500, 4500, 4500, 4501]);
    assert_eq!(dictionaries(&store).await, [NOTHING; 3]);
    assert_eq!(store.sums(None, None).await.unwrap()[0].sightings, 4500);
}

#[tokio::test]
async fn alerts_wait_for_their_deliveries_and_what_was_told_for_the_alerts() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let sinks = ["soc".to_owned()];
    let telling = Telling { dispatch: &Dispatch::at_once(&sinks), render: &|_: &Notice<'_>| "{}".into() };
    let findings: Vec<_> = [of(0, 1), of(0, 2)].into_iter().map(finding).collect();
    assert_eq!(store.commit(&findings.clone().into(), Some(&telling)).await.unwrap().alerts, 2);
    let created = store.alerts().await.unwrap()[0].created;
    let later = |days: u64| Time(created.0.max(SEVEN.0)).plus_seconds(days * 86_400);
    let first = store.letters("soc", 1).await.unwrap().remove(0);
    store.settle(&first, "soc", &Given::Delivered).await.unwrap();

    assert_eq!(pass(&store, &TEN_DAYS, later(40), false).await.unwrap().of(Kept::Alerts), 0);
    assert_eq!(sightings(&store).await, []);
    assert_eq!(store.commit(&findings.clone().into(), Some(&telling)).await.unwrap().alerts, 0, "told once");
    let passed = pass(&store, &TEN_DAYS, later(60), false).await.unwrap();
    assert_eq!((passed.of(Kept::Alerts), passed.of(Kept::Clients)), (1, 1));
    assert_eq!(store.alerts().await.unwrap().len(), 1, "one waits for its delivery");
    assert_eq!(store.commit(&findings.into(), Some(&telling)).await.unwrap().alerts, 1, "who was forgotten is told of again");
}

#[tokio::test]
async fn sums_visibility_and_forever_have_their_own_times() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let hour = |day: u64| Increment {
        hour: Time::new(at(day).seconds() / 3600 * 3600, 0),
        zone: "office".into(),
        sight: Sight::Flow(Reason::Named),
        more: Count { flows: 7, clients: 2 },
    };
    let findings = vec![finding(of(0, 1)), finding(of(30, 1))];
    store.commit(&Batch { findings, visibility: vec![hour(0), hour(30)], ..Batch::default() }, None).await.unwrap();
    add_up(&store).await;
    let forever = Retention { sightings: None, daily: None, alerts: None, visibility: None };
    assert_eq!(pass(&store, &forever, at(10_000), true).await.unwrap().removed, []);
    let passed = pass(&store, &TEN_DAYS, at(60), false).await.unwrap();
    assert_eq!((passed.of(Kept::Sightings), passed.of(Kept::Visibility), passed.of(Kept::Daily)), (2, 1, 0));
    let passed = pass(&store, &TEN_DAYS, at(110), false).await.unwrap();
    assert_eq!((passed.of(Kept::Visibility), passed.of(Kept::Daily)), (1, 1));
    assert_eq!(store.sums(None, None).await.unwrap().len(), 1);
    // A day without sums and sightings is as if it had never been.
    put(&store, [of(0, 5)]).await;
    assert_eq!(sums(&store).await.iter().map(|s| s.sightings).sum::<i64>(), 2);
}

#[tokio::test]
async fn what_is_referred_to_while_a_sweep_goes_on_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let store = Store::open(&path).await.unwrap();
    put(&store, (0..5).map(|n| of(0, n)).chain([of(15, 0)])).await;
    pass(&store, &Retention { sightings: days(10), ..TEN_DAYS }, at(10), false).await.unwrap();
    let day = i64::try_from(SEVEN.seconds() / 86_400).unwrap();
    add_up(&store).await;
    assert_eq!(store.take_sightings(day, at(12)).await.unwrap(), Step::Took(5));

    let mut sweep = store.begin_sweep().await.unwrap();
    while store.mark(&mut sweep).await.unwrap() {}
    // One client is back in a row of its own; another's name stands in a row that was read before it did.
    let mut changed = of(15, 0);
    changed.names.push("0-2.chatgpt.com".into());
    put(&store, [Sighting { first_seen: at(16), ..of(0, 1) }, changed]).await;
    let mut took = Vec::new();
    loop {
        match store.sweep(&mut sweep).await.unwrap() {
            Swept::Took(kind, n) => took.push((kind, n)),
            swept => break assert_eq!(swept, Swept::Done),
        }
    }
    assert_eq!(took, [(Kept::Clients, 4), (Kept::Identities, 4), (Kept::Names, 3)]);
    let all = sightings(&store).await;
    assert_eq!(all.iter().map(|s| s.names.len()).collect::<Vec<_>>(), [3, 2], "every name is found");
    assert_eq!(all[1].client, of(0, 1).client);

    // Another process writes: what it refers to is not known here.
    assert_eq!(store.take_sightings(day + 15, at(40)).await.unwrap(), Step::IsStale);
    add_up(&store).await;
    assert_eq!(store.take_sightings(day + 15, at(40)).await.unwrap(), Step::Took(1));
    let mut sweep = store.begin_sweep().await.unwrap();
    while store.mark(&mut sweep).await.unwrap() {}
    let other = Store::open(&path).await.unwrap();
    put(&other, [Sighting { first_seen: at(41), ..of(15, 0) }]).await;
    assert_eq!(store.sweep(&mut sweep).await.unwrap(), Swept::Uncertain);
    assert_eq!(sightings(&store).await.len(), 2);
    // This one's dictionary does not believe in what is gone.
    let passed = pass(&store, &Retention { sightings: days(1), ..TEN_DAYS }, at(50), false).await.unwrap();
    assert!(!passed.needs_sweep && dictionaries(&store).await == [NOTHING; 3]);
    put(&other, [Sighting { first_seen: at(51), ..of(15, 0) }]).await;
    assert_eq!(sightings(&store).await[0].client, of(15, 0).client);
}

/// Not a test of its own: what the next test starts and kills.
#[tokio::test]
async fn child_that_takes_out_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = Store::open(&path).await.unwrap();
    pass(&store, &TEN_DAYS, at(20), true).await.unwrap();
}

#[tokio::test]
async fn killed_at_any_step_goes_on_and_the_sums_stand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let store = Store::open(&path).await.unwrap();
    for day in 0..3 {
        put(&store, (0..9000).map(|n| of(day, n))).await;
    }
    let before = sums(&store).await;
    store.close().await;
    let mut rounds = 0;
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "daemon::upkeep::tests::child_that_takes_out_until_it_is_killed"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 + 40 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&path).await.unwrap();
        let left = sightings(&store).await;
        assert!(left.iter().all(|s| s.names.len() == 2 && s.identity.host.is_some()), "round {round}: a row lost what it refers to");
        assert_eq!(sums(&store).await, before, "round {round}: {} left", left.len());
        rounds += u64::from(!left.is_empty() && left.len() < 27_000);
        store.close().await;
    }
    assert!(rounds > 0, "killed in the middle at least once");
    let store = Store::open(&path).await.unwrap();
    pass(&store, &TEN_DAYS, at(20), true).await.unwrap();
    assert_eq!((sightings(&store).await, dictionaries(&store).await), (Vec::new(), [NOTHING; 3]));
    assert_eq!(sums(&store).await, before);
}

#[tokio::test]
async fn a_new_file_gives_back_the_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sqlite");
    let store = Store::open(path.to_str().unwrap()).await.unwrap();
    for day in 0..4 {
        put(&store, (0..9000).map(|n| of(day, n))).await;
    }
    let (store, full) = reopened(store, &path).await;
    pass(&store, &TEN_DAYS, at(20), false).await.unwrap();
    let (store, left) = reopened(store, &path).await;
    assert!(full > 6 << 20 && left < 5 << 20, "{full} bytes, then {left}");
    assert_eq!(sums(&store).await[0].sightings, 36_000);
}

/// The store again, and its size with nothing in the write-ahead log.
async fn reopened(store: Store, path: &std::path::Path) -> (Store, u64) {
    store.close().await;
    let size = std::fs::metadata(path).unwrap().len();
    (Store::open(path.to_str().unwrap()).await.unwrap(), size)
}
