//! Every text of a store, whatever its table: to prove what does not stand in it.

use std::future::poll_fn;

use sqlx::AssertSqlSafe;

use super::{Store, StoreError};

/// Columns that can hold a text; numbers hold no client. Those of sightings are numbers, the list of names' ids among them.
const COLUMNS: &str = "
    SELECT m.name, p.name FROM sqlite_schema m JOIN pragma_table_info(m.name) p
    WHERE m.type = 'table' AND p.type IN ('TEXT', 'BLOB') AND m.name <> 'sighting' ORDER BY 1, 2";

/// Names of other things than this, in which it stands.
const AROUND: &str = "
    SELECT name FROM client WHERE instr(name, ?1) > 0 AND name <> ?1 UNION SELECT name FROM name WHERE instr(name, ?1) > 0 AND name <> ?1
    UNION SELECT host FROM identity WHERE instr(host, ?1) > 0 AND host <> ?1
    UNION SELECT user FROM identity WHERE instr(user, ?1) > 0 AND user <> ?1
    UNION SELECT site FROM identity WHERE instr(site, ?1) > 0
    UNION SELECT name FROM team WHERE instr(name, ?1) > 0 UNION SELECT name FROM service WHERE instr(name, ?1) > 0
    UNION SELECT domain FROM unmatched WHERE instr(domain, ?1) > 0";

impl Store {
    /// Hands every text and every blob of every table to `each`, with its table's name.
    ///
    /// # Errors
    /// The database's own.
    pub async fn each_value(&self, mut each: impl FnMut(&str, &[u8])) -> Result<(), StoreError> {
        let columns: Vec<(String, String)> = sqlx::query_as(COLUMNS).fetch_all(&self.readers).await?;
        for (table, column) in columns {
            // The names are those of our own schema.
            let statement = format!("SELECT CAST(\"{column}\" AS BLOB) FROM \"{table}\" WHERE \"{column}\" IS NOT NULL");
            let mut rows = sqlx::query_scalar::<_, Vec<u8>>(AssertSqlSafe(statement)).fetch(&self.readers);
            while let Some(value) = poll_fn(|context| rows.as_mut().poll_next(context)).await {
                each(&table, &value?);
            }
        }
        Ok(())
    }

    /// Longer names of the dictionaries in which a text stands: those of other clients, teams, services and servers.
    ///
    /// # Errors
    /// The database's own.
    pub async fn texts_around(&self, text: &str) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(AROUND).bind(text).fetch_all(&self.readers).await?)
    }
}
