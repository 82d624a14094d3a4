//! The store against real files.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use super::*;
use crate::daemon::dispatch::Dispatch;
use crate::daemon::fixture::{SEVEN, finding, sighting};
use crate::daemon::letter::Given;
use crate::daemon::notice::{Notice, NoticeKind};
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Finding, Sighting, UseBytes};

fn render(notice: &Notice<'_>) -> String {
    format!("{} {} {}", notice.id, notice.kind.word(), notice.sighting.evidence.word())
}

async fn tell(store: &Store, sightings: &[Sighting], sinks: &[&str]) -> usize {
    let findings: Vec<Finding> = sightings.iter().cloned().map(finding).collect();
    let sinks: Vec<String> = sinks.iter().map(ToString::to_string).collect();
    store.commit(&findings.into(), Some(&Telling { dispatch: &Dispatch::at_once(&sinks), render: &render })).await.unwrap().alerts
}

async fn everything(store: &Store) -> Vec<Sighting> {
    let mut pages = store.sightings(Window::default()).await.unwrap();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        all.extend(page);
    }
    all
}

async fn in_memory() -> Store {
    Store::open("sqlite::memory:").await.unwrap()
}

#[tokio::test]
async fn gives_back_what_it_was_given() {
    let store = in_memory().await;
    tell(&store, &[sighting()], &[]).await;
    assert_eq!(everything(&store).await, [sighting()]);
    assert_eq!(store.open_sightings().await.unwrap(), [sighting()]);
}

#[tokio::test]
async fn same_batch_twice_doubles_nothing() {
    let store = in_memory().await;
    let batch = [sighting(), Sighting { client: "10.0.0.6".into(), ..sighting() }];
    assert_eq!(tell(&store, &batch, &["soc"]).await, 2);
    assert_eq!(tell(&store, &batch, &["soc"]).await, 0);
    assert_eq!(everything(&store).await, batch);
    assert_eq!(store.outbox_depth().await.unwrap(), 2);
}

#[tokio::test]
async fn later_copy_replaces_and_evidence_never_falls() {
    let store = in_memory().await;
    tell(&store, &[sighting()], &[]).await;
    let mut later = Sighting { evidence: Evidence::Contacted, bytes_up: 99_000, closed: true, ..sighting() };
    later.names.push("cdn.oaistatic.com".into());
    tell(&store, &[later.clone()], &[]).await;
    // What evidence is judged by is of use only while it is open.
    assert_eq!(everything(&store).await, [Sighting { evidence: Evidence::Engaged, use_bytes: UseBytes::default(), ..later }]);
    assert_eq!(store.open_sightings().await.unwrap(), []);
}

#[tokio::test]
async fn last_copy_in_a_batch_wins_with_the_strongest_evidence() {
    let store = in_memory().await;
    let strong = Sighting { evidence: Evidence::Uploaded, ..sighting() };
    let last = Sighting { bytes_down: 1_000_000, ..sighting() };
    tell(&store, &[strong, last.clone()], &[]).await;
    assert_eq!(everything(&store).await, [Sighting { evidence: Evidence::Uploaded, ..last }]);
}

#[tokio::test]
async fn alerts_once_until_something_changes() {
    let store = in_memory().await;
    let uploaded = Sighting { evidence: Evidence::Uploaded, ..sighting() };
    let forbidden = Sighting { status: Status::Unapproved, first_seen: SEVEN.plus_seconds(900), ..sighting() };
    let tomorrow = Sighting { first_seen: SEVEN.plus_seconds(86_400), ..forbidden.clone() };
    let story = [(sighting(), 1), (sighting(), 0), (uploaded.clone(), 1), (uploaded, 0), (forbidden, 1), (tomorrow, 0)];
    for (step, (sighting, alerts)) in story.into_iter().enumerate() {
        assert_eq!(tell(&store, &[sighting], &["soc"]).await, alerts, "step {step}");
    }
    let kinds: Vec<_> = store.alerts().await.unwrap().into_iter().map(|a| a.kind).collect();
    assert_eq!(kinds, [NoticeKind::NewService, NoticeKind::Uploaded, NoticeKind::StatusChanged]);
}

#[tokio::test]
async fn two_statuses_of_one_pair_are_told_each_once_with_their_uploads() {
    let store = in_memory().await;
    let as_is = |status, evidence, hour: u64| Sighting { status, evidence, first_seen: SEVEN.plus_seconds(3600 * hour), ..sighting() };
    let (engaged, uploaded) = (Evidence::Engaged, Evidence::Uploaded);
    let story = [
        (as_is(Status::Unreviewed, engaged, 0), 1),
        (as_is(Status::Unapproved, engaged, 1), 1),
        (as_is(Status::Unreviewed, engaged, 2), 0),
        (as_is(Status::Approved, uploaded, 3), 0),
        (as_is(Status::Unreviewed, uploaded, 2), 1),
        (as_is(Status::Unapproved, engaged, 4), 0),
        (as_is(Status::Unapproved, uploaded, 1), 1),
        (as_is(Status::Unreviewed, uploaded, 5), 0),
    ];
    for (step, (sighting, alerts)) in story.into_iter().enumerate() {
        assert_eq!(tell(&store, &[sighting], &["soc"]).await, alerts, "step {step}");
    }
    let kinds: Vec<_> = store.alerts().await.unwrap().into_iter().map(|a| a.kind).collect();
    assert_eq!(kinds, [NoticeKind::NewService, NoticeKind::StatusChanged, NoticeKind::Uploaded, NoticeKind::Uploaded]);
}

#[tokio::test]
async fn changed_status_waits_for_evidence_enough() {
    let store = in_memory().await;
    tell(&store, &[sighting()], &[]).await;
    let resolved =
        Sighting { status: Status::Unapproved, evidence: Evidence::Resolved, first_seen: SEVEN.plus_seconds(3600), ..sighting() };
    assert_eq!(tell(&store, std::slice::from_ref(&resolved), &[]).await, 0);
    assert_eq!(tell(&store, &[Sighting { evidence: Evidence::Contacted, ..resolved }], &[]).await, 1);
}

#[tokio::test]
async fn what_is_not_due_makes_no_alert() {
    let store = in_memory().await;
    let quiet = [
        Sighting { evidence: Evidence::Resolved, ..sighting() },
        Sighting { client: "10.0.0.6".into(), presence_only: true, ..sighting() },
        Sighting { client: "10.0.0.7".into(), status: Status::Approved, ..sighting() },
    ];
    assert_eq!(tell(&store, &quiet, &["soc"]).await, 0);
    let findings = [finding(sighting())];
    assert_eq!(store.commit(&findings.to_vec().into(), None).await.unwrap().alerts, 0, "without telling nothing is told");
    assert_eq!(tell(&store, &[sighting()], &["soc"]).await, 1, "nor marked as told");
}

#[tokio::test]
async fn one_alert_says_the_newest_state_of_its_batch() {
    let store = in_memory().await;
    let uploaded = Sighting { evidence: Evidence::Uploaded, ..sighting() };
    assert_eq!(tell(&store, &[sighting(), uploaded], &["soc"]).await, 1);
    let letters = store.letters("soc", 10).await.unwrap();
    assert!(letters[0].payload.ends_with("new_service uploaded"), "{letters:?}");
}

#[tokio::test]
async fn letters_of_one_client_and_service_come_in_order() {
    let store = in_memory().await;
    let other = Sighting { client: "10.0.0.6".into(), ..sighting() };
    tell(&store, &[sighting(), other], &["soc", "siem"]).await;
    tell(&store, &[Sighting { evidence: Evidence::Uploaded, ..sighting() }], &["soc", "siem"]).await;
    let heads = store.letters("soc", 10).await.unwrap();
    assert_eq!(heads.len(), 2, "the upload waits behind the first use");
    store.settle(&heads[0], "soc", &Given::Delivered).await.unwrap();
    let next = store.letters("soc", 10).await.unwrap();
    assert!(next.iter().any(|l| l.payload.contains("uploaded")), "{next:?}");
    assert_eq!(store.letters("siem", 10).await.unwrap(), heads, "another sink goes its own way");
    assert_eq!(store.outbox_depth().await.unwrap(), 5);
}

#[tokio::test]
async fn given_up_stays_listed_and_can_be_put_back() {
    let store = in_memory().await;
    tell(&store, &[sighting()], &["soc"]).await;
    let letter = store.letters("soc", 1).await.unwrap().remove(0);
    store.settle(&letter, "soc", &Given::Up { error: "404 Not Found".into() }).await.unwrap();
    let soc = ["soc".to_owned()];
    let listed = store.alerts().await.unwrap().remove(0);
    assert_eq!((listed.state, listed.attempts, listed.last_error.as_deref()), (DeliveryState::GivenUp, 1, Some("404 Not Found")));
    assert_eq!(store.letters("soc", 1).await.unwrap(), []);
    assert_eq!(store.retry(Some("no such id"), &soc).await.unwrap(), 0);
    assert_eq!(store.retry(Some(&letter.id), &soc).await.unwrap(), 1);
    let again = store.letters("soc", 1).await.unwrap().remove(0);
    assert_eq!((again.id, again.attempts), (letter.id, 0));
}

#[tokio::test]
async fn windows_hold_what_was_going_on_in_them() {
    let store = in_memory().await;
    tell(&store, &[sighting()], &[]).await;
    for (since, until, found) in [(0, 1, 1), (60, 100, 1), (61, 100, 0), (-60, 0, 0), (-60, 1, 1)] {
        let at = |seconds: i64| Some(Time((SEVEN.0 as i64 + seconds * 1_000_000_000) as u64));
        let mut pages = store.sightings(Window { since: at(since), until: at(until) }).await.unwrap();
        assert_eq!(pages.next().await.unwrap().map_or(0, |p| p.len()), found, "{since}..{until}");
    }
}

#[tokio::test]
async fn file_outlives_the_process_and_only_its_owner_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/s.sqlite");
    let url = format!("sqlite://{}", path.display());
    assert!(matches!(Store::open_existing(&url).await, Err(StoreError::Missing(_))));
    let store = Store::open(&url).await.unwrap();
    tell(&store, &[sighting()], &["soc"]).await;
    assert!(store.is_writable().await);
    store.close().await;
    let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let store = Store::open_existing(&url).await.unwrap();
    assert_eq!(store.open_sightings().await.unwrap(), [sighting()]);
    assert_eq!(store.letters("soc", 9).await.unwrap().len(), 1);
    assert_eq!(tell(&store, &[sighting()], &["soc"]).await, 0);
}

#[tokio::test]
async fn refuses_what_is_not_its_own_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.sqlite");
    fs::write(&damaged, "this is no database, whatever its name says").unwrap();
    let error = Store::open(damaged.to_str().unwrap()).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)) && error.to_string().contains("remedy"), "{error}");

    let foreign = folder.path().join("foreign.sqlite");
    let options = SqliteConnectOptions::new().filename(&foreign).create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE cookies (id INTEGER)").execute(&pool).await.unwrap();
    pool.close().await;
    assert!(matches!(Store::open(foreign.to_str().unwrap()).await, Err(StoreError::Foreign(_))));

    let newer = folder.path().join("newer.sqlite");
    let store = Store::open(newer.to_str().unwrap()).await.unwrap();
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, '', 1, x'', 0)";
    sqlx::query(later).execute(&store.writer).await.unwrap();
    store.close().await;
    assert!(matches!(Store::open(newer.to_str().unwrap()).await, Err(StoreError::Newer(_))));
}

#[tokio::test]
async fn commits_ten_thousand_findings_in_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("s.sqlite").to_str().unwrap()).await.unwrap();
    let many = |closed| -> Vec<Finding> {
        let one = |n: u64| Sighting {
            client: format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255).into(),
            service: format!("vendor.service{}", n % 500).into(),
            first_seen: SEVEN.plus_seconds(n),
            closed,
            ..sighting()
        };
        (0..10_000).map(one).map(finding).collect()
    };
    let sinks = ["soc".to_owned()];
    let telling = Telling { dispatch: &Dispatch::at_once(&sinks), render: &render };
    for (what, closed) in [("new", false), ("again", true)] {
        let started = Instant::now();
        let done = store.commit(&many(closed).into(), Some(&telling)).await.unwrap();
        println!("10,000 {what}: {done:?}");
        // Unoptimised SQLite on a busy machine; the figure that counts is the release build's.
        assert!(started.elapsed().as_secs() < 15);
        assert_eq!((done.rows, done.alerts), (10_000, if closed { 0 } else { 10_000 }));
    }
    assert_eq!(everything(&store).await.len(), 10_000);
    let started = Instant::now();
    assert_eq!(store.letters("soc", 16).await.unwrap().len(), 16);
    println!("16 letters of 10,000: {:?}", started.elapsed());
}

#[tokio::test]
async fn statements_walk_no_table_that_grows() {
    let store = in_memory().await;
    let others =
        [commit::WHAT_WAS_TOLD, commit::PUT_ALERTS, commit::PUT_OUTBOX, commit::PUT_TOLD, commit::ADOPT, outbox::HEADS, outbox::SETTLE];
    let reads = [read::LONG_IDS, read::NEXT_IDS, read::OPEN_IDS, sighting_row::SIGHTINGS];
    let dictionaries =
        [&dictionary::CLIENTS, &dictionary::TEAMS, &dictionary::NAMES, &dictionary::IDENTITIES].map(|statements| statements.find);
    let upkeep = [
        retention::TAKE_SIGHTINGS,
        retention::TAKE_DAILY,
        retention::TAKE_VISIBILITY,
        retention::TAKE_UNMATCHED,
        retention::TAKE_ALERTS,
        unreferenced::END,
        unreferenced::WHO,
        daily::ADD_UP,
        daily::CLIENTS,
    ];
    // A client's rows are found beside the writer; only then are they taken out.
    let forgets =
        [forget::SIGHTINGS, forget::DELIVERIES, forget::ALERTS, forget::TOLD, forget::SEALED, forget::CLIENT_ROWS, privacy::SEALED[1]];
    let rows: [&str; 3] = [&batch::PUT, &batch::PUT_OPEN, batch::STALE];
    let decides = [fate::BUCKETS, fate::PUT_BUCKETS, fate::SILENCES];
    let incidents =
        [incident::NEWEST, incident::SINKS, incident::CLOSE, incident::OPEN, incident::LAPSE, incident::FIND, incident::ACKNOWLEDGE];
    let volumes =
        [volume::CLIENTS_TODAY, volume::CLIENTS_BEFORE, volume::TEAMS_TODAY, volume::TEAMS_BEFORE, volume::DAYS, volume::IS_THERE];
    let counts = format!("{} {} {}", summary::COUNTS, summary::COUNTED, summary::COUNTS_BY);
    let summed_up = format!("{} {})", summary::SUMMED_UP, summary::COUNTED);
    let summaries = [summary::IN_USE, summary::HAS_HELD, &counts, &summed_up];
    let alerts = decides.into_iter().chain(incidents).chain(volumes).chain(summaries);
    for statement in dictionaries.into_iter().chain(rows).chain(others).chain(reads).chain(upkeep).chain(forgets).chain(alerts) {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"))).fetch_all(&store.writer).await.unwrap();
        // What is handed over with the statement may be walked (j, k, l, json_each), what came of it, and the index of open sightings; as
        // well the index of what no digest told yet, alerts from the newest back to the last digest (back), and what does not grow: buckets
        // (teams and kinds) and silences (what people typed).
        let walks = |detail: &str| {
            let table = detail.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            table.is_some_and(|t| {
                !["j", "k", "l", "json_each", "(subquery-2)", "2-ROW", "CONSTANT", "back", "bucket", "silence"].contains(&t)
            }) && !["sighting_open", "alert_held"].iter().any(|index| detail.contains(index))
        };
        let walked: Vec<_> = plan.iter().filter(|row| walks(&row.3)).collect();
        assert!(walked.is_empty(), "{statement}: {plan:?}");
    }
}

#[tokio::test]
async fn opens_and_reads_beside_a_long_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let daemon = Store::open(&path).await.unwrap();
    tell(&daemon, &[sighting()], &[]).await;
    let mut connection = daemon.writer.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.unwrap();
    sqlx::query("DELETE FROM sighting").execute(&mut *connection).await.unwrap();
    let started = Instant::now();
    let report = Store::open_existing(&path).await.unwrap();
    assert_eq!(everything(&report).await, [sighting()]);
    assert!(started.elapsed() < BUSY, "nobody waited for the writer");
    sqlx::query("ROLLBACK").execute(&mut *connection).await.unwrap();
}

#[tokio::test]
async fn days_are_added_up_as_their_sightings_stand() {
    let store = in_memory().await;
    let late = Sighting { client: "10.0.0.6".into(), first_seen: SEVEN.plus_seconds(3600), evidence: Evidence::Uploaded, ..sighting() };
    let tomorrow = Sighting { first_seen: SEVEN.plus_seconds(86_400), ..sighting() };
    tell(&store, &[sighting(), late, tomorrow.clone()], &[]).await;
    let days = store.stale_days(None, None).await.unwrap();
    assert_eq!(days.len(), 2);
    assert_eq!(store.stale_days(Some(tomorrow.first_seen), None).await.unwrap(), days[1..]);
    for stale in days {
        assert_eq!(stale.added_at, Time(0));
        store.add_up(stale.day, SEVEN).await.unwrap();
    }
    assert_eq!(store.stale_days(None, None).await.unwrap(), []);
    let of = |sums: Vec<Sum>| {
        sums.iter().map(|s| (s.sightings, s.clients, s.evidence, s.uploaded, s.bytes_up, s.turns_high)).collect::<Vec<_>>()
    };
    assert_eq!(of(store.sums(None, None).await.unwrap()), [(3, 2, 3, 1, 36_000, 18)]);
    assert_eq!(of(store.sums(None, Some(SEVEN)).await.unwrap()), [(2, 2, 3, 1, 24_000, 12)], "the days a window touches count whole");

    tell(&store, &[Sighting { bytes_up: 50_000, ..tomorrow }], &[]).await;
    let stale = store.stale_days(None, None).await.unwrap();
    assert_eq!(stale.iter().map(|s| s.added_at).collect::<Vec<_>>(), [Time::from_micros(SEVEN.micros())]);
    store.add_up(stale[0].day, SEVEN).await.unwrap();
    assert_eq!(of(store.sums(Some(SEVEN.plus_seconds(86_400)), None).await.unwrap()), [(1, 1, 2, 0, 50_000, 6)]);
}

#[tokio::test]
async fn a_service_described_in_two_ways_in_one_batch_is_written() {
    let store = in_memory().await;
    let renamed = Sighting { client: "10.0.0.6".into(), vendor: "OpenAI Group".into(), ..sighting() };
    for _ in 0..2 {
        tell(&store, &[sighting(), renamed.clone()], &[]).await;
        tell(&store, &[renamed.clone(), sighting()], &[]).await;
    }
    assert_eq!(everything(&store).await.len(), 2);
}
