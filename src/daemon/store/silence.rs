//! Silences: alerts that somebody does not want for a time, for maintenance. They stay rows, and are counted.

use sqlx::Connection;

use super::{Store, StoreError, audit};
use crate::daemon::audit_entry::AuditEntry;
use crate::daemon::notice::NoticeKind;
use crate::engine::frame::Time;

const PUT: &str = "
    INSERT INTO silence (created, until, team, service, kind, client, actor, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id";
const ALL: &str = "
    SELECT id, created, until, ended, team, service, kind, client, actor, note,
           (SELECT count(*) FROM alert a WHERE a.fate = 3 AND a.why LIKE 'silence ' || s.id || ':%') AS hushed
    FROM silence s ORDER BY id";
const END: &str = "UPDATE silence SET ended = ?2 WHERE id = ?1 AND ended IS NULL AND until > ?2";

/// What is not wanted, until when and why.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Silence {
    /// Of this team.
    pub team: Option<String>,
    /// About this service.
    pub service: Option<String>,
    /// Of this kind.
    pub kind: Option<NoticeKind>,
    /// About this client.
    pub client: Option<String>,
    /// Until then.
    pub until: Time,
    /// Why.
    pub note: String,
}

/// A silence as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SilenceRow {
    /// Its number.
    pub id: i64,
    /// Microseconds since 1970 at which it began.
    pub created: i64,
    /// The same at which it ends.
    pub until: i64,
    /// The same at which somebody ended it before.
    pub ended: Option<i64>,
    /// Of this team.
    pub team: Option<String>,
    /// About this service.
    pub service: Option<String>,
    /// Number of the kind.
    pub kind: Option<i64>,
    /// About this client.
    pub client: Option<String>,
    /// Whose it is.
    pub actor: String,
    /// Why.
    pub note: String,
    /// Alerts it kept back.
    pub hushed: i64,
}

impl SilenceRow {
    /// Whether it holds.
    pub fn is_in_force(&self, now: Time) -> bool {
        self.ended.is_none() && self.until > now.micros()
    }

    /// The kind's word.
    pub fn kind(&self) -> Option<&'static str> {
        NoticeKind::ALL.get(usize::try_from(self.kind?).ok()?).map(|kind| kind.word())
    }
}

/// Id, created, until, ended; team, service, kind, client; actor, note, hushed.
type Row = (i64, i64, i64, Option<i64>, Option<String>, Option<String>, Option<i64>, Option<String>, String, String, i64);

impl Store {
    /// Begins a silence, and notes it in the audit log with the entry that `entry` makes of its number. Returns the number.
    ///
    /// # Errors
    /// The database's own.
    pub async fn silence(&self, silence: &Silence, now: Time, entry: impl Fn(i64) -> AuditEntry) -> Result<i64, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let put = sqlx::query_scalar(PUT).bind(now.micros()).bind(silence.until.micros());
        let put = put.bind(&silence.team).bind(&silence.service).bind(silence.kind.map(|k| k as u8)).bind(&silence.client);
        let id = put.bind(entry(0).actor).bind(&silence.note).fetch_one(&mut *transaction).await?;
        audit::append(&mut transaction, &entry(id)).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Ends a silence before its time; false where none of that number holds.
    ///
    /// # Errors
    /// The database's own.
    pub async fn end_silence(&self, id: i64, now: Time, entry: &AuditEntry) -> Result<bool, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let ended = sqlx::query(END).bind(id).bind(now.micros()).execute(&mut *transaction).await?.rows_affected() > 0;
        if ended {
            audit::append(&mut transaction, entry).await?;
        }
        transaction.commit().await?;
        Ok(ended)
    }

    /// Every silence there was, oldest first.
    ///
    /// # Errors
    /// The database's own.
    pub async fn silences(&self) -> Result<Vec<SilenceRow>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(ALL).fetch_all(&self.readers).await?;
        let silence = |(id, created, until, ended, team, service, kind, client, actor, note, hushed)| SilenceRow {
            id,
            created,
            until,
            ended,
            team,
            service,
            kind,
            client,
            actor,
            note,
            hushed,
        };
        Ok(rows.into_iter().map(silence).collect())
    }
}
