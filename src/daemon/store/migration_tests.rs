//! Stores of earlier schemas: what they held is kept, and read as it was meant.

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
