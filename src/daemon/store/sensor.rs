//! Alerts about the sensor itself: one row, and the outbox of every sink.

use super::commit::{PUT_OUTBOX, json};
use super::{Store, StoreError};
use crate::daemon::notice::SensorNotice;

pub(super) const PUT: &str = "
    INSERT INTO alert (key, created, kind, payload) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO NOTHING";

impl Store {
    /// Puts an alert about the sensor into the store and into the outbox of `sinks`; false where it stands there already. It outlives a
    /// power cut.
    ///
    /// # Errors
    /// The database's own; nothing was kept then.
    pub async fn tell_of_sensor(&self, notice: &SensorNotice, payload: &str, sinks: &[String]) -> Result<bool, StoreError> {
        let mut connection = self.writer.acquire().await?;
        sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
        let mut transaction = sqlx::Connection::begin_with(&mut *connection, "BEGIN IMMEDIATE").await?;
        let put = sqlx::query(PUT).bind(&notice.id).bind(notice.created.micros()).bind(notice.kind as u8).bind(payload);
        let is_new = put.execute(&mut *transaction).await?.rows_affected() > 0;
        if is_new {
            let text = json(&[serde_json::json!({ "key": notice.id })])?;
            sqlx::query(PUT_OUTBOX).bind(text).bind(json(sinks)?).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(is_new)
    }
}
