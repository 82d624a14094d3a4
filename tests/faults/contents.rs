//! What a store holds, as text that two stores can be compared by.

use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

/// Sightings, visibility and names of no service; without ids, which follow the order of commits.
const ALL: &str = "
    SELECT 'sighting ' || c.name || ' ' || s.name || ' ' || concat_ws(' ', t.name, first_seen, last_seen, status, evidence, presence_only, agent,
        connections, bytes_up, bytes_down, active_minutes, turns_low, turns_high, sources, closed)
      FROM sighting g JOIN client c ON c.id = g.client_id JOIN service s ON s.id = g.service_id JOIN team t ON t.id = g.team_id
    UNION ALL SELECT 'visibility ' || concat_ws(' ', hour, zone, sight, flows, clients) FROM visibility
    UNION ALL SELECT 'unmatched ' || concat_ws(' ', domain, day, seen, clients) FROM unmatched ORDER BY 1";

fn asked<T: Send + Unpin>(store: &Path, query: &'static str) -> Vec<T>
where
    (T,): for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(store);
        let mut connection = SqliteConnection::connect_with(&options).await.expect("opens");
        let rows: Vec<(T,)> = sqlx::query_as(query).fetch_all(&mut connection).await.unwrap_or_else(|e| panic!("{query}: {e}"));
        connection.close().await.expect("closes");
        rows.into_iter().map(|(one,)| one).collect()
    })
}

/// All that a store holds of captures.
pub fn contents(store: &Path) -> Vec<String> {
    asked(store, ALL)
}

/// Texts that a query gives.
pub fn texts(store: &Path, query: &'static str) -> Vec<String> {
    asked(store, query)
}

/// A number that a query gives.
pub fn number(store: &Path, query: &'static str) -> i64 {
    asked(store, query)[0]
}

/// Whether SQLite finds nothing wrong.
pub fn is_sound(store: &Path) -> bool {
    texts(store, "PRAGMA integrity_check") == ["ok"]
}
