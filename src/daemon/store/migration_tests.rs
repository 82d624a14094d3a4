//! Stores of earlier schemas: what they held is kept, and read as it was meant.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::schema::MIGRATIONS;
use super::*;
use crate::daemon::dispatch::Dispatch;
use crate::daemon::fixture::{finding, sighting};
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};

/// A store of the schema of that number, and its path.
async fn of_schema(number: i64, folder: &Path) -> (SqlitePool, PathBuf) {
    let path = folder.join(format!("{number}.sqlite"));
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    MIGRATIONS.run_to(number, &pool).await.unwrap();
    (pool, path)
}

async fn alerts_of(store: &Store, sighting: Sighting) -> usize {
    let telling = Telling { dispatch: &Dispatch::at_once::<&str>(&[]), render: &|_| "{}".into() };
    store.commit(&vec![finding(sighting)].into(), Some(&telling)).await.unwrap().alerts
}

#[tokio::test]
async fn store_of_every_earlier_schema_opens() {
    let folder = tempfile::tempdir().unwrap();
    for stop in MIGRATIONS.iter().map(|m| m.version) {
        let (pool, path) = of_schema(stop, folder.path()).await;
        pool.close().await;
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        alerts_of(&store, sighting()).await;
        let problems: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&store.writer).await.unwrap();
        assert_eq!(problems, ["ok"]);
    }
}

#[tokio::test]
async fn what_was_told_under_the_old_key_is_not_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let (pool, path) = of_schema(2, folder.path()).await;
    // Told as unreviewed, with its upload; then as unapproved, which overwrote the row.
    let before = "
        INSERT INTO client VALUES (1, '10.0.0.5');
        INSERT INTO service VALUES (1, 'openai.chatgpt', 'OpenAI', 'chat');
        INSERT INTO told VALUES (1, 1, 4, 0, 0);
        INSERT INTO alert VALUES (1, 'a', 0, 1, 1, 0, '{\"status\":\"unreviewed\",\"evidence\":\"engaged\"}'),
            (2, 'b', 0, 1, 1, 2, '{\"status\":\"unreviewed\",\"evidence\":\"uploaded\"}'),
            (3, 'c', 0, 1, 1, 1, '{\"status\":\"unapproved\",\"evidence\":\"engaged\"}'), (4, 'd', 0, 1, 1, 0, 'no JSON')";
    sqlx::raw_sql(before).execute(&pool).await.unwrap();
    pool.close().await;
    let store = Store::open(path.to_str().unwrap()).await.unwrap();
    let as_is = |status, evidence| Sighting { status, evidence, ..sighting() };
    assert_eq!(alerts_of(&store, as_is(Status::Unreviewed, Evidence::Uploaded)).await, 0);
    assert_eq!(alerts_of(&store, as_is(Status::Unapproved, Evidence::Engaged)).await, 0);
    assert_eq!(alerts_of(&store, as_is(Status::Unapproved, Evidence::Uploaded)).await, 1, "this upload was never told");
}

/// Stores as each earlier schema left them, committed: a migration that is edited later does not open them any more.
const STORES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stores");
/// How to write those that are missing.
const WRITE: &str = "SHADOWTAP_WRITE_STORES";
/// What a store of the first schema held: a session that goes on, one that is over, and an alert on its way.
const HELD: &str = "
    INSERT INTO client VALUES (1, '10.20.0.11'), (2, '10.30.0.7');
    INSERT INTO team VALUES (1, 'engineering'), (2, 'finance');
    INSERT INTO service VALUES (1, 'openai.chatgpt', 'OpenAI', 'chat'), (2, 'deepseek.deepseek', 'DeepSeek', 'chat');
    INSERT INTO name VALUES (1, 'ab.chatgpt.com'), (2, 'chatgpt.com'), (3, 'chat.deepseek.com');
    INSERT INTO sighting VALUES (1, 1, 1, 1795417200123456, 1795417260123456, 1, 0, 2, 0, 1, 3, 12000, 340000, 3, 0),
        (2, 2, 2, 1795417300000000, 1795417400000000, 2, 4, 3, 0, 1, 1, 5000000, 1000, 1, 1);
    INSERT INTO sighting_name VALUES (1, 0, 2), (1, 1, 1), (2, 0, 3);
    INSERT INTO told VALUES (1, 1, 0, 0, 1795417200123456), (2, 2, 4, 1, 1795417300000000);
    INSERT INTO alert VALUES (1, 'a', 1795417300000000, 2, 2, 0, '{\"status\":\"unapproved\",\"evidence\":\"uploaded\"}');
    INSERT INTO outbox VALUES (1, 'soc', 0, 2, 1795417300000000, 1795417400000000, 'connection refused')";

/// Writes the store of each schema that has none yet.
async fn write_stores(folder: &Path) {
    for number in MIGRATIONS.iter().map(|m| m.version) {
        let target = Path::new(STORES).join(format!("{number:04}.sqlite.gz"));
        if target.exists() {
            continue;
        }
        let (pool, _) = of_schema(1, folder).await;
        sqlx::raw_sql(HELD).execute(&pool).await.unwrap();
        MIGRATIONS.run_to(number, &pool).await.unwrap();
        let small = folder.join("small.sqlite");
        sqlx::query("VACUUM INTO ?1").bind(small.to_str().unwrap()).execute(&pool).await.unwrap();
        pool.close().await;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&fs::read(&small).unwrap()).unwrap();
        fs::write(&target, gzip.finish().unwrap()).unwrap();
        for left in [small, folder.join("1.sqlite")] {
            fs::remove_file(left).unwrap();
        }
    }
}

#[tokio::test]
async fn the_committed_store_of_every_earlier_schema_opens_with_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os(WRITE).is_some() {
        write_stores(folder.path()).await;
        return;
    }
    let mut numbers: Vec<i64> =
        fs::read_dir(STORES).unwrap().filter_map(|e| e.unwrap().file_name().to_str()?.get(..4)?.parse().ok()).collect();
    numbers.sort_unstable();
    let last = numbers.last().copied().unwrap_or(0);
    let due: Vec<i64> = MIGRATIONS.iter().map(|m| m.version).filter(|version| *version <= last.max(13)).collect();
    assert_eq!(numbers, due, "write them with {WRITE}=1 cargo test --lib store::migration");
    for number in numbers {
        let mut bytes = Vec::new();
        let file = fs::File::open(Path::new(STORES).join(format!("{number:04}.sqlite.gz"))).unwrap();
        GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        let path = folder.path().join(format!("{number}.sqlite"));
        fs::write(&path, bytes).unwrap();
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        let mut pages = store.sightings(Window::default()).await.unwrap();
        let mut held = Vec::new();
        while let Some(page) = pages.next().await.unwrap() {
            held.extend(page);
        }
        let told: Vec<String> = held.iter().map(|s| format!("{} {} {} {}", s.client, s.service, s.names.join(" "), s.bytes_up)).collect();
        assert_eq!(
            told,
            ["10.20.0.11 openai.chatgpt chatgpt.com ab.chatgpt.com 12000", "10.30.0.7 deepseek.deepseek chat.deepseek.com 5000000"],
            "schema {number}"
        );
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE state = 0").fetch_one(&store.writer).await.unwrap();
        assert_eq!(waiting, 1, "schema {number}: the alert is still on its way");
        assert_eq!(alerts_of(&store, Sighting { client: "10.20.0.11".into(), ..sighting() }).await, 0, "schema {number}: told before");
    }
}
