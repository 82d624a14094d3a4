//! A store of many times as many sightings, written by SQL out of one: each row becomes some that are a few microseconds apart.

use std::path::Path;
use std::time::Instant;

use shadowtap::daemon::store::Store;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::{Outcome, mebibytes, remove};

/// Rows read for one transaction.
const CHUNK: i64 = 100_000;
const COLUMNS: &str = "client_id, service_id, last_seen, team_id, identity_id, status, evidence, presence_only, agent, connections, bytes_up, \
                       bytes_down, active_minutes, turns_low, turns_high, sources, closed, use_up, use_down, use_upload, names";

/// Makes the store at `to` out of the one at `from`.
pub async fn grow(from: &Path, to: &Path, times: i64) -> Outcome<Store> {
    remove(to);
    let store = Store::open(to.to_str().ok_or("path")?).await?;
    let options = SqliteConnectOptions::new().filename(to).pragma("journal_size_limit", "0").foreign_keys(false);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let begun = Instant::now();
    let run = async |sql: String| sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await;
    run(format!("ATTACH '{}' AS one", from.display())).await?;
    for table in ["client", "team", "service", "name", "identity"] {
        run(format!("INSERT INTO main.{table} SELECT * FROM one.{table}")).await?;
    }
    let last: i64 = sqlx::query_scalar("SELECT max(id) FROM one.sighting").fetch_one(&pool).await?;
    let mut at = 0;
    while at < last {
        run(format!(
            "INSERT INTO main.sighting (first_seen, {COLUMNS})
             SELECT g.first_seen + k.value, {COLUMNS} FROM one.sighting g CROSS JOIN json_each('[{}]') k
             WHERE g.id > {at} AND g.id <= {} ORDER BY g.id, k.value",
            (0..times).map(|k| k.to_string()).collect::<Vec<_>>().join(","),
            at + CHUNK
        ))
        .await?;
        at += CHUNK;
    }
    run("INSERT INTO main.calendar (day, changes) SELECT DISTINCT day, 1 FROM one.calendar".into()).await?;
    pool.close().await;
    println!("{times} times as many by SQL in {:.0} s, {} MiB", begun.elapsed().as_secs_f64(), mebibytes(to)?);
    Ok(store)
}
