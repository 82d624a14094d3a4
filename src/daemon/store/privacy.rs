//! What privacy adds to a batch, and takes from it: sealed identities, and clients that were forgotten while a daemon was at work.

use rusqlite::{Connection, params};
use sqlx::{Row, SqliteConnection};

use super::commit::json;
use super::{Store, StoreError};
use crate::daemon::forgotten::Forgotten;
use crate::daemon::sealed::Sealed;
use crate::engine::frame::Time;
use crate::engine::sighting::Finding;

pub(super) const SEALED: [&str; 2] = [
    "INSERT INTO client (name) VALUES (?1) ON CONFLICT DO NOTHING",
    "INSERT INTO sealed (client_id, mark, period, since, nonce, content)
     SELECT id, ?2, ?3, ?4, ?5, ?6 FROM client WHERE name = ?1 ON CONFLICT DO NOTHING",
];

const READ_SEALED: &str = "
    SELECT c.name, s.period, s.mark, s.since, s.nonce, s.content FROM sealed s JOIN client c ON c.id = s.client_id
    WHERE ?1 IS NULL OR c.name = ?1 ORDER BY s.client_id, s.since";

const FORGOTTEN: &str = "SELECT id, at, key, mark FROM forgotten";
const LET_GO: &str = "DELETE FROM forgotten WHERE id IN (SELECT value FROM json_each(?1))";

/// Writes sealed identities, inside the caller's transaction.
pub(super) fn seal(connection: &Connection, sealed: &[Sealed]) -> rusqlite::Result<()> {
    if sealed.is_empty() {
        return Ok(());
    }
    let [client, content] = SEALED;
    let (mut put_client, mut put) = (connection.prepare(client)?, connection.prepare(content)?);
    for Sealed { pseudonym, period, mark, since, nonce, content } in sealed {
        put_client.execute([pseudonym])?;
        put.execute(params![pseudonym, mark, period, since.micros(), nonce, content])?;
    }
    Ok(())
}

/// Clients that were forgotten a moment ago, inside the caller's transaction.
pub(super) fn forgotten_by_now(connection: &Connection) -> rusqlite::Result<Vec<Forgotten>> {
    let mut all = connection.prepare(FORGOTTEN)?;
    let forgotten = all
        .query_map([], |row| Ok(Forgotten { id: row.get(0)?, at: Time::from_micros(row.get(1)?), key: row.get(2)?, mark: row.get(3)? }))?;
    forgotten.collect()
}

/// The same, of a reader.
async fn forgotten(connection: &mut SqliteConnection) -> sqlx::Result<Vec<Forgotten>> {
    let rows: Vec<(i64, i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(FORGOTTEN).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(id, at, key, mark)| Forgotten { id, at: Time::from_micros(at), key, mark }).collect())
}

/// What may still be written of a batch.
pub(super) fn remaining(forgotten: &[Forgotten], findings: &[Finding], sealed: &[Sealed]) -> (Vec<Finding>, Vec<Sealed>) {
    let is_gone = |client: &str, since: Time| forgotten.iter().any(|f| since <= f.at && f.is(client));
    let findings = findings.iter().filter(|f| !is_gone(&f.sighting.client, f.sighting.first_seen)).cloned().collect();
    let sealed = sealed.iter().filter(|s| !is_gone(&s.pseudonym, s.since)).cloned().collect();
    (findings, sealed)
}

impl Store {
    /// Sealed identities of one pseudonym, or all, oldest first.
    ///
    /// # Errors
    /// The database's own.
    pub async fn sealed(&self, pseudonym: Option<&str>) -> Result<Vec<Sealed>, StoreError> {
        let rows = sqlx::query(READ_SEALED).bind(pseudonym).fetch_all(&self.readers).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> sqlx::Result<Sealed> {
            Ok(Sealed {
                pseudonym: row.try_get("name")?,
                period: row.try_get("period")?,
                mark: row.try_get("mark")?,
                since: Time::from_micros(row.try_get("since")?),
                nonce: row.try_get("nonce")?,
                content: row.try_get("content")?,
            })
        };
        Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
    }

    /// Clients that were forgotten a moment ago and may still be in a daemon's memory.
    ///
    /// # Errors
    /// The database's own.
    pub async fn just_forgotten(&self) -> Result<Vec<Forgotten>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        Ok(forgotten(&mut connection).await?)
    }

    /// Lets go of the last trace of forgotten clients: no memory holds them any more.
    ///
    /// # Errors
    /// The database's own.
    pub async fn let_go(&self, forgotten: &[Forgotten]) -> Result<(), StoreError> {
        if forgotten.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = forgotten.iter().map(|f| f.id).collect();
        sqlx::query(LET_GO).bind(json(&ids)?).execute(&self.writer).await?;
        Ok(())
    }

    /// Clients the store names in another way than a mode does that writes pseudonyms (`p-%`), or teams.
    ///
    /// # Errors
    /// The database's own.
    pub async fn clients_unlike(&self, pattern: &str) -> Result<u64, StoreError> {
        let query = sqlx::query_scalar("SELECT count(*) FROM client WHERE name NOT LIKE ?1 AND name NOT IN (SELECT name FROM team)");
        let count: i64 = query.bind(pattern).fetch_one(&self.readers).await?;
        Ok(count.unsigned_abs())
    }
}
