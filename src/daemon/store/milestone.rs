//! Moments of the store's own: when it was born, when it was last summed up.

use sqlx::SqliteConnection;

use super::{Store, StoreError};
use crate::engine::frame::Time;

pub(super) const BORN: &str = "born";
pub(super) const INVENTORY: &str = "inventory";
pub(super) const DIGEST: &str = "digest";

pub(super) const GET: &str = "SELECT at FROM milestone WHERE name = ?1";
const PUT: &str = "INSERT INTO milestone (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET at = excluded.at";
const BEAR: &str = "
    INSERT INTO milestone (name, at)
    SELECT 'born', iif(EXISTS (SELECT 1 FROM sighting) OR EXISTS (SELECT 1 FROM alert), 0, ?1) WHERE true ON CONFLICT DO NOTHING";

/// The moment of that name.
pub(super) async fn get(connection: &mut SqliteConnection, name: &str) -> sqlx::Result<Option<Time>> {
    let at: Option<i64> = sqlx::query_scalar(GET).bind(name).fetch_optional(connection).await?;
    Ok(at.map(Time::from_micros))
}

/// Notes a moment.
pub(super) async fn put(connection: &mut SqliteConnection, name: &str, at: Time) -> sqlx::Result<()> {
    sqlx::query(PUT).bind(name).bind(at.micros()).execute(connection).await.map(drop)
}

/// When the store was born; the beginning of time where nobody noted it, which makes it old.
pub(super) async fn born(connection: &mut SqliteConnection) -> sqlx::Result<Time> {
    Ok(born_at(get(connection, BORN).await?.map(Time::micros)))
}

/// The same, of what was noted.
pub(super) fn born_at(noted: Option<i64>) -> Time {
    noted.map_or(Time(0), Time::from_micros)
}

impl Store {
    /// Notes that the daemon begins with this store: an empty one is born now, another is old. Says when it was born, which does not change.
    ///
    /// # Errors
    /// The database's own.
    pub async fn begin(&self, now: Time) -> Result<Time, StoreError> {
        let mut connection = self.writer.acquire().await?;
        sqlx::query(BEAR).bind(now.micros()).execute(&mut *connection).await?;
        Ok(born(&mut connection).await?)
    }
}
