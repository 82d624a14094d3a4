//! Alerts about the sensor itself: what is not well begins, is told once, and ends, which is told too.

use sqlx::{Connection, SqliteConnection};

use super::beside::on_this_thread;
use super::commit::{AlertToPut, put_alert};
use super::fate::{Fate, Fates};
use super::{Store, StoreError, incident};
use crate::daemon::dispatch::{About, Dispatch};
use crate::daemon::notice::{NoticeKind, SensorNotice, State};
use crate::engine::frame::Time;

const GET: &str = "SELECT event, repeats FROM trouble WHERE kind = ?1 AND subject = ?2";
const PUT: &str = "
    INSERT INTO trouble (kind, subject, event, since, repeats) VALUES (?1, ?2, ?3, ?4, 0)
    ON CONFLICT (kind, subject) DO UPDATE SET event = excluded.event";
const REPEAT: &str = "UPDATE trouble SET event = ?3, repeats = repeats + 1 WHERE kind = ?1 AND subject = ?2";
const END: &str = "DELETE FROM trouble WHERE kind = ?1 AND subject = ?2 RETURNING repeats";
const ALL: &str = "SELECT kind, subject, event, since FROM trouble ORDER BY kind, subject";
const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM alert WHERE key = ?1)";

/// What is not well with the sensor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// What.
    pub kind: NoticeKind,
    /// With what; empty where there is but one.
    pub subject: String,
    /// Id of the alert that told of it last.
    pub event: String,
    /// Since when.
    pub since: Time,
}

/// What became of a notice about the sensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SensorTold {
    /// It is no news.
    Nothing,
    /// It goes to its sinks.
    Sent,
    /// It is kept back.
    KeptBack(Fate),
}

impl Store {
    /// Notes that something is not well with the sensor, or is again, and puts the alert of it, where it is news, with the payload that
    /// `render` makes. It outlives a power cut.
    ///
    /// # Errors
    /// The database's own; nothing was kept then.
    pub async fn tell_of_sensor(
        &self,
        notice: &SensorNotice,
        dispatch: &Dispatch,
        render: &(dyn Fn(&SensorNotice) -> String + Sync),
    ) -> Result<SensorTold, StoreError> {
        let mut connection = self.writer.acquire().await?;
        sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let told = match notice.state {
            State::Open if is_news(&mut transaction, notice).await? => put(&mut transaction, notice, dispatch, render).await?,
            State::Open => SensorTold::Nothing,
            State::Resolved => end(&mut transaction, notice).await?,
        };
        transaction.commit().await?;
        Ok(told)
    }

    /// All that is not well now.
    ///
    /// # Errors
    /// The database's own.
    pub async fn troubles(&self) -> Result<Vec<Trouble>, StoreError> {
        let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(ALL).fetch_all(&self.readers).await?;
        let trouble = |(kind, subject, event, since): (i64, String, String, i64)| {
            let kind = *NoticeKind::ALL.get(usize::try_from(kind).ok()?)?;
            Some(Trouble { kind, subject, event, since: Time::from_micros(since) })
        };
        Ok(rows.into_iter().filter_map(trouble).collect())
    }
}

/// Whether nothing like it is told and goes on. What goes on and happens again is counted.
async fn is_news(connection: &mut SqliteConnection, notice: &SensorNotice) -> sqlx::Result<bool> {
    let (kind, subject) = (notice.kind as u8, &notice.subject);
    let before: Option<(String, i64)> = sqlx::query_as(GET).bind(kind).bind(subject).fetch_optional(&mut *connection).await?;
    match before {
        Some((event, _)) if event == notice.id => return Ok(false),
        Some(_) if !notice.kind.gets_worse() => {
            sqlx::query(REPEAT).bind(kind).bind(subject).bind(&notice.id).execute(connection).await?;
            return Ok(false);
        }
        _ => {}
    }
    let begun = sqlx::query(PUT).bind(kind).bind(subject).bind(&notice.id).bind(notice.created.micros());
    begun.execute(&mut *connection).await?;
    let is_there: bool = sqlx::query_scalar(IS_THERE).bind(&notice.id).fetch_one(connection).await?;
    Ok(!is_there)
}

async fn put(
    connection: &mut SqliteConnection,
    notice: &SensorNotice,
    dispatch: &Dispatch,
    render: &(dyn Fn(&SensorNotice) -> String + Sync),
) -> Result<SensorTold, StoreError> {
    let severity = notice.kind.sensor_severity();
    let about = About { kind: notice.kind, severity, team: "", service: "", client: "" };
    let mut fates = on_this_thread(&mut *connection, |connection| Fates::load(connection, dispatch, notice.created)).await?;
    let decided = fates.decide(&about);
    let is_sent = decided.fate == Fate::Sent;
    let alert = AlertToPut {
        key: notice.id.clone(),
        created: notice.created.micros(),
        client: None,
        service: None,
        kind: notice.kind as u8,
        payload: render(notice),
        incident: notice.incident(),
        team: "",
        severity: severity as u8,
        fate: decided.fate as u8,
        why: decided.why,
        resolves: 0,
        sinks: if is_sent { dispatch.sinks_of(&about) } else { Vec::new() },
    };
    put_alert(connection, alert).await?;
    Ok(if is_sent { SensorTold::Sent } else { SensorTold::KeptBack(decided.fate) })
}

async fn end(connection: &mut SqliteConnection, notice: &SensorNotice) -> Result<SensorTold, StoreError> {
    let ended = sqlx::query_scalar(END).bind(notice.kind as u8).bind(&notice.subject);
    let Some(repeats): Option<i64> = ended.fetch_optional(&mut *connection).await? else { return Ok(SensorTold::Nothing) };
    let more = if repeats > 0 { format!(" It happened {repeats} more times meanwhile.") } else { String::new() };
    let how = format!("{}{more}", notice.message);
    let is_told = incident::resolve(connection, &notice.incident(), notice.created, &how).await?;
    Ok(if is_told { SensorTold::Sent } else { SensorTold::Nothing })
}
