//! Lines for the streams of a SIEM: written in the transaction of the sightings they are about, read by number, gone once every stream has
//! them. With no stream there are none.

use rusqlite::Connection;

use super::commit::json;
use super::{Store, StoreError};
use crate::daemon::forgotten::Forgotten;
use crate::daemon::siem::sighting_line::SightingLine;

/// Lines of a batch.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Lines {
    /// In order.
    pub lines: Vec<SightingLine>,
    /// Lines that may wait, at most; the oldest go.
    pub most: u64,
}

pub(super) const PUT: &str = "INSERT INTO stream_line (line) VALUES (?1)";
/// Numbers rise by one, so the newest tells how many there are at most.
pub(super) const TOO_MANY: &str = "DELETE FROM stream_line WHERE id <= (SELECT max(id) FROM stream_line) - ?1";
const NEXT: &str = "
    SELECT l.id, l.line FROM stream_line l WHERE l.id > (SELECT sent FROM stream WHERE name = ?1) ORDER BY l.id LIMIT ?2";
const SENT: &str = "UPDATE stream SET sent = max(sent, ?2) WHERE name = ?1";
const EVERYBODY_HAS: &str = "DELETE FROM stream_line WHERE id <= (SELECT min(sent) FROM stream)";
const DEPTH: &str = "SELECT max(coalesce((SELECT max(id) FROM stream_line), 0) - sent, 0) FROM stream WHERE name = ?1";
const GONE: &str = "DELETE FROM stream WHERE name NOT IN (SELECT value FROM json_each(?1))";
/// A new one begins with what comes next.
const BEGIN: &str = "
    INSERT INTO stream (name, sent) SELECT value, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'stream_line'), 0)
    FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
const NOBODY: &str = "DELETE FROM stream_line WHERE NOT EXISTS (SELECT 1 FROM stream)";
/// Lines of forgotten clients, by what they are written as, and of those known by these names.
pub(super) const FORGET: &str = "
    DELETE FROM stream_line WHERE line ->> 'client' IN (SELECT value FROM json_each(?1))
       OR (line ->> 'host') = ?2 COLLATE NOCASE OR (line ->> 'user') = ?2 COLLATE NOCASE OR (line ->> 'mac') = ?3";

/// Writes the lines of a batch, inside the caller's transaction; of clients that were forgotten meanwhile none. Returns how many older ones
/// had to go.
pub(super) fn write(connection: &Connection, lines: &Lines, forgotten: &[Forgotten]) -> rusqlite::Result<usize> {
    if lines.lines.is_empty() {
        return Ok(0);
    }
    let is_gone = |l: &SightingLine| forgotten.iter().any(|f| l.since <= f.at && f.is(&l.client));
    let mut put = connection.prepare(PUT)?;
    for line in lines.lines.iter().filter(|l| !is_gone(l)) {
        put.execute([&*line.text])?;
    }
    connection.execute(TOO_MANY, [i64::try_from(lines.most).unwrap_or(i64::MAX)])
}

impl Store {
    /// Makes `names` the streams there are: one that is new begins with the next line; what only others waited for goes.
    ///
    /// # Errors
    /// The database's own.
    pub async fn set_streams(&self, names: &[String]) -> Result<(), StoreError> {
        let names = json(names)?;
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(GONE).bind(&names).execute(&mut *transaction).await?;
        sqlx::query(BEGIN).bind(&names).execute(&mut *transaction).await?;
        sqlx::query(EVERYBODY_HAS).execute(&mut *transaction).await?;
        sqlx::query(NOBODY).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// The next lines for a stream, each with its number.
    ///
    /// # Errors
    /// The database's own.
    pub async fn next_lines(&self, stream: &str, limit: u32) -> Result<Vec<(i64, String)>, StoreError> {
        Ok(sqlx::query_as(NEXT).bind(stream).bind(limit).fetch_all(&self.readers).await?)
    }

    /// Notes that a stream has every line up to this number.
    ///
    /// # Errors
    /// The database's own; the lines are then sent again.
    pub async fn has_lines(&self, stream: &str, until: i64) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(SENT).bind(stream).bind(until).execute(&mut *transaction).await?;
        sqlx::query(EVERYBODY_HAS).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Lines that wait for a stream.
    ///
    /// # Errors
    /// The database's own.
    pub async fn stream_depth(&self, stream: &str) -> Result<u64, StoreError> {
        let depth: i64 = sqlx::query_scalar(DEPTH).bind(stream).fetch_one(&self.readers).await?;
        Ok(depth.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Batch;
    use super::*;
    use crate::daemon::fixture::{finding, sighting};
    use crate::daemon::siem::sighting_line::Scribe;
    use crate::engine::sighting::{Finding, Sighting};

    async fn store(names: &[&str]) -> Store {
        let store = Store::open("sqlite::memory:").await.unwrap();
        store.set_streams(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).await.unwrap();
        store
    }

    fn batch(client: &str, most: u64) -> Batch {
        let scribe = Scribe { sensor: "gw1".into(), seed: 0, most };
        let findings: Vec<Finding> = vec![finding(Sighting { client: client.into(), closed: true, ..sighting() })];
        Batch { lines: Lines { lines: scribe.lines(&findings), most }, ..findings.into() }
    }

    async fn numbers(store: &Store, name: &str) -> Vec<i64> {
        store.next_lines(name, 100).await.unwrap().into_iter().map(|(number, _)| number).collect()
    }

    #[tokio::test]
    async fn a_line_goes_once_every_stream_has_it_and_no_number_comes_again() {
        let store = store(&["a", "b"]).await;
        store.commit(&batch("10.0.0.5", 100), None).await.unwrap();
        assert_eq!(numbers(&store, "a").await, [1, 2]);
        store.has_lines("a", 2).await.unwrap();
        assert_eq!((numbers(&store, "a").await, numbers(&store, "b").await), (vec![], vec![1, 2]));
        store.has_lines("b", 2).await.unwrap();
        store.set_streams(&["a".to_owned(), "c".to_owned()]).await.unwrap();
        store.commit(&batch("10.0.0.6", 100), None).await.unwrap();
        assert_eq!((numbers(&store, "a").await, numbers(&store, "c").await), (vec![3, 4], vec![3, 4]));
        assert_eq!(store.stream_depth("c").await.unwrap(), 2);
        store.set_streams(&[]).await.unwrap();
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM stream_line").fetch_one(&store.readers).await.unwrap();
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn too_many_are_dropped_oldest_first_and_counted() {
        let store = store(&["a"]).await;
        let mut dropped = 0;
        for n in 0..5 {
            dropped += store.commit(&batch(&format!("10.0.0.{n}"), 3), None).await.unwrap().dropped_lines;
        }
        assert_eq!((dropped, numbers(&store, "a").await), (7, vec![8, 9, 10]));
    }

    #[tokio::test]
    async fn a_batch_written_again_after_it_failed_says_nothing_twice() {
        let store = store(&["a"]).await;
        sqlx::query("CREATE TRIGGER full BEFORE INSERT ON stream_line BEGIN SELECT RAISE(ABORT, 'full'); END")
            .execute(&store.writer)
            .await
            .unwrap();
        let batch = batch("10.0.0.5", 100);
        store.commit(&batch, None).await.unwrap_err();
        sqlx::query("DROP TRIGGER full").execute(&store.writer).await.unwrap();
        store.commit(&batch, None).await.unwrap();
        assert_eq!(numbers(&store, "a").await, [1, 2]);
    }
}
