//! The schema: every one there ever was, forward only, and the newest in one piece.
//!
//! A store that exists is brought from one to the next. A new one is made as the newest at once: the way through all of them costs several
//! times as much, which a replay into a new store would feel.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use sqlx::migrate::{Migration, Migrator};

use crate::daemon::hex;

/// Every schema there ever was, compiled in.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// What these come to; a test keeps it so.
const NEWEST: &str = include_str!("schema.sql");
/// `PRAGMA application_id` of our files: "STAP".
pub(super) const APPLICATION_ID: i64 = 0x5354_4150;

/// Where sqlx notes migrations, as it makes it.
const APPLIED: &str = "
    CREATE TABLE _sqlx_migrations (
        version BIGINT PRIMARY KEY,
        description TEXT NOT NULL,
        installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        success BOOLEAN NOT NULL,
        checksum BLOB NOT NULL,
        execution_time BIGINT NOT NULL
    );";

/// All there is, and tables that are not sqlx's.
const TABLES: &str = "
    SELECT count(*), count(*) FILTER (WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\') FROM sqlite_schema";

/// What is set before the first table of a new file. Nothing waits for the disk: there is nothing to lose yet.
const FOR_NEW_FILE: &str = "PRAGMA synchronous = OFF; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL";
const FROM_NOW_ON: &str = "PRAGMA synchronous = NORMAL";

/// What stood in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Nothing; now the newest schema does.
    Nothing,
    /// A store, which may have to be brought to the newest schema.
    Ours,
    /// Tables of somebody else. Ours bear our mark since their first migration.
    Foreign,
}

/// Looks into the file, and makes the schema of a new store. All in one go, where sqlx would hand over
/// each statement by itself.
pub(super) fn begin(connection: &Connection, is_new: bool) -> rusqlite::Result<Found> {
    connection.execute_batch(if is_new { FOR_NEW_FILE } else { "" })?;
    let mut found = look(connection)?;
    if found == Found::Nothing {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        found = look(connection)?;
        if found == Found::Nothing {
            connection.execute_batch(NEWEST)?;
            connection.execute_batch(APPLIED)?;
            connection.execute_batch(&applied())?;
        }
        transaction.commit()?;
    }
    if found != Found::Foreign {
        connection.execute_batch("PRAGMA journal_mode = WAL")?;
    }
    connection.execute_batch(FROM_NOW_ON)?;
    Ok(found)
}

fn look(connection: &Connection) -> rusqlite::Result<Found> {
    let mark: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let (all, others): (i64, i64) = connection.query_row(TABLES, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(match (mark, all, others) {
        (_, 0, _) => Found::Nothing,
        (APPLICATION_ID, ..) | (0, _, 0) => Found::Ours,
        _ => Found::Foreign,
    })
}

/// Notes every migration as applied.
fn applied() -> String {
    let row = |m: &Migration| format!("({}, '{}', TRUE, x'{}', -1)", m.version, m.description.replace('\'', "''"), hex::text(&m.checksum));
    let rows: Vec<_> = MIGRATIONS.iter().map(row).collect();
    format!("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES {}", rows.join(", "))
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePool;

    use super::*;
    use crate::daemon::store::Store;

    /// How to write `schema.sql` anew.
    const WRITE: &str = "SHADOWTAP_WRITE_SCHEMA";

    async fn text(pool: &SqlitePool) -> String {
        let all = "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'
                   AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid";
        let statements: Vec<String> = sqlx::query_scalar(all).fetch_all(pool).await.unwrap();
        let mark: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(pool).await.unwrap();
        format!("-- Made from migrations/ by the test in schema.rs.\n\nPRAGMA application_id = {mark};\n\n{}\n", statements.join("\n\n"))
    }

    #[tokio::test]
    async fn a_new_store_is_what_all_migrations_come_to() {
        let old = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        MIGRATIONS.run(&old).await.unwrap();
        let wanted = text(&old).await;
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/daemon/store/schema.sql"), &wanted).unwrap();
            return;
        }
        assert_eq!(NEWEST, wanted, "after a new migration: {WRITE}=1 cargo test --lib store::schema");
        let new = Store::open("sqlite::memory:").await.unwrap();
        assert_eq!(text(&new.writer).await, wanted);
        let applied = "SELECT group_concat(version), min(success) FROM _sqlx_migrations";
        let [one, other]: [(String, bool); 2] =
            [sqlx::query_as(applied).fetch_one(&old).await.unwrap(), sqlx::query_as(applied).fetch_one(&new.writer).await.unwrap()];
        assert_eq!(one, other);
        MIGRATIONS.run(&new.writer).await.unwrap();
        let columns =
            "SELECT group_concat(name || type || \"notnull\" || coalesce(dflt_value, '') || pk) FROM pragma_table_info('_sqlx_migrations')";
        let [one, other]: [String; 2] =
            [sqlx::query_scalar(columns).fetch_one(&old).await.unwrap(), sqlx::query_scalar(columns).fetch_one(&new.writer).await.unwrap()];
        assert_eq!(one, other);
    }
}
