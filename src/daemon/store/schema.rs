//! The schema: every one there ever was, forward only, and the newest in one piece.
//!
//! A store that exists is brought from one to the next. A new one is made as the newest at once: the way through all of them costs several
//! times as much, which a replay into a new store would feel.

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::sqlite::SqlitePool;
use sqlx::{Connection, SqliteConnection};

/// Every schema there ever was, compiled in.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// What these come to; a test keeps it so.
const NEWEST: &str = include_str!("schema.sql");

/// Makes the schema of a new store, or brings one to the newest.
pub(super) async fn bring_up(writer: &SqlitePool) -> Result<(), MigrateError> {
    let mut connection = writer.acquire().await?;
    if !is_empty(&mut connection).await? {
        return MIGRATIONS.run(&mut *connection).await;
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if !is_empty(&mut transaction).await? {
        // Another process was faster.
        drop(transaction);
        return MIGRATIONS.run(&mut *connection).await;
    }
    sqlx::raw_sql(NEWEST).execute(&mut *transaction).await?;
    transaction.ensure_migrations_table(&MIGRATIONS.table_name).await?;
    for migration in MIGRATIONS.iter() {
        transaction.skip(&MIGRATIONS.table_name, migration).await?;
    }
    Ok(transaction.commit().await?)
}

async fn is_empty(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(connection).await?;
    Ok(tables == 0)
}

#[cfg(test)]
mod tests {
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
        bring_up(&new.writer).await.unwrap();
    }
}
