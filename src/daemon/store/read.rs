//! Reading: sightings of a stretch of time, those still open, and alerts.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::commit::json;
use super::daily::DAY;
use super::outbox::{DELIVERED, GIVEN_UP};
use super::sighting_row::{SIGHTINGS, sightings};
use super::{Fate, Store, StoreError};
use crate::daemon::notice::NoticeKind;
use crate::engine::frame::Time;
use crate::engine::sighting::Sighting;

/// Rows read with one statement.
const PAGE: usize = 1000;

/// The few sightings longer than a day that began more than a day before a window have an index of their own.
pub(super) const LONG_IDS: &str = "
    SELECT id FROM sighting INDEXED BY sighting_long
    WHERE last_seen - first_seen > 86400000000 AND last_seen >= ?1 AND first_seen < min(?1 - 86400000000, ?2) ORDER BY first_seen, id";
/// The others follow by their first moment, a page behind the last of the page before.
pub(super) const NEXT_IDS: &str = "
    SELECT id, first_seen FROM sighting
    WHERE first_seen >= ?1 AND (first_seen > ?1 OR id > ?2) AND first_seen < ?3 AND last_seen >= ?4 AND id <= ?5
    ORDER BY first_seen, id LIMIT ?6";
const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM sighting";
pub(super) const OPEN_IDS: &str = "SELECT id FROM sighting INDEXED BY sighting_open WHERE closed = 0 ORDER BY first_seen, id";

const ALERTS: &str = "
    SELECT a.key, a.created, coalesce(c.name, '') AS client, coalesce(s.name, '') AS service, a.kind, a.team, a.fate, a.why,
           a.resolves, a.resolved, a.acknowledged, a.acknowledged_by, a.note, o.sink, o.state, o.attempts, o.next_attempt, o.last_error
    FROM alert a LEFT JOIN client c ON c.id = a.client_id LEFT JOIN service s ON s.id = a.service_id LEFT JOIN outbox o ON o.alert_id = a.id
    ORDER BY a.id, o.sink";

/// A stretch of time: sightings that were going on in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// Not over before this moment.
    pub since: Option<Time>,
    /// Begun before this moment.
    pub until: Option<Time>,
}

/// The sightings of a window, page by page, in the order of their first moment. Those that begin while it reads are not among them.
///
/// However many there are, it holds one page.
pub struct SightingPages {
    store: Store,
    /// Those that come first, by id.
    ids: Vec<i64>,
    read: usize,
    rest: Option<Rest>,
}

/// What is still to be read by the key.
struct Rest {
    /// First moment and id of the last one read.
    after: (i64, i64),
    since: i64,
    until: i64,
    /// Id of the last one there was when reading began.
    newest: i64,
}

/// How far a delivery is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// Still to be made.
    Pending,
    /// Made.
    Delivered,
    /// Tried for days, and not any more until somebody asks.
    GivenUp,
    /// No sink was configured when the alert came into being.
    Nowhere,
    /// It was kept back: its fate says why.
    KeptBack(Fate),
}

impl DeliveryState {
    /// The word used in output.
    pub const fn word(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::GivenUp => "given_up",
            DeliveryState::Nowhere => "nowhere",
            DeliveryState::KeptBack(fate) => fate.word(),
        }
    }
}

/// One alert and one sink it goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertRow {
    /// Id of the alert.
    pub id: String,
    /// When it came into being.
    pub created: Time,
    /// Client it is about; empty where it is about the sensor.
    pub client: String,
    /// Service it is about; empty where it is about the sensor.
    pub service: String,
    /// Team; empty where it is about the sensor.
    pub team: String,
    /// Why.
    pub kind: NoticeKind,
    /// What became of it.
    pub fate: Fate,
    /// Why it was not sent.
    pub why: Option<String>,
    /// Whether it says that its incident is over.
    pub is_over: bool,
    /// When its incident was over.
    pub resolved: Option<Time>,
    /// Who acknowledged it, when, and the note.
    pub acknowledged: Option<(String, Time, String)>,
    /// Sink it goes to; empty where there is none.
    pub sink: String,
    /// How far.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// Of a pending one, when it is tried next.
    pub next_attempt: Option<Time>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

impl Store {
    /// The sightings of a window.
    ///
    /// # Errors
    /// The database's own.
    pub async fn sightings(&self, window: Window) -> Result<SightingPages, StoreError> {
        let since = window.since.map_or(0, Time::micros);
        let until = window.until.map_or(i64::MAX, Time::micros);
        let newest = sqlx::query_scalar(NEWEST).fetch_one(&self.readers).await?;
        let ids = sqlx::query_scalar(LONG_IDS).bind(since).bind(until).fetch_all(&self.readers).await?;
        let rest = Rest { after: (since.saturating_sub(DAY), -1), since, until, newest };
        Ok(SightingPages { store: self.clone(), ids, read: 0, rest: Some(rest) })
    }

    /// The sightings that had not ended when the last process did: the ledger continues them.
    ///
    /// # Errors
    /// The database's own.
    pub async fn open_sightings(&self) -> Result<Vec<Sighting>, StoreError> {
        let ids = sqlx::query_scalar(OPEN_IDS).fetch_all(&self.readers).await?;
        let mut pages = SightingPages { store: self.clone(), ids, read: 0, rest: None };
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            all.extend(page);
        }
        Ok(all)
    }

    /// Every alert and every sink it goes to, oldest first.
    ///
    /// # Errors
    /// The database's own.
    pub async fn alerts(&self) -> Result<Vec<AlertRow>, StoreError> {
        let rows = sqlx::query(ALERTS).fetch_all(&self.readers).await?;
        rows.iter().map(|row| alert(row).map_err(StoreError::from)).collect()
    }
}

impl SightingPages {
    /// How many sightings there are in all.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// The database's own.
    pub async fn next(&mut self) -> Result<Option<Vec<Sighting>>, StoreError> {
        if self.read == self.ids.len()
            && let Some(rest) = &mut self.rest
        {
            (self.ids, self.read) = (rest.next(&self.store).await?, 0);
        }
        let ids = &self.ids[self.read..self.ids.len().min(self.read + PAGE)];
        if ids.is_empty() {
            return Ok(None);
        }
        let text = json(ids)?;
        self.read += ids.len();
        let page: String = sqlx::query_scalar(SIGHTINGS).bind(text).fetch_one(&self.store.readers).await?;
        Ok(Some(sightings(&page)?))
    }
}

impl Rest {
    /// Ids of the next page.
    async fn next(&mut self, store: &Store) -> sqlx::Result<Vec<i64>> {
        let next = sqlx::query_as(NEXT_IDS).bind(self.after.0).bind(self.after.1).bind(self.until).bind(self.since);
        let rows: Vec<(i64, i64)> = next.bind(self.newest).bind(PAGE as i64).fetch_all(&store.readers).await?;
        if let Some((id, first_seen)) = rows.last() {
            self.after = (*first_seen, *id);
        }
        Ok(rows.into_iter().map(|(id, _)| id).collect())
    }
}

fn alert(row: &SqliteRow) -> sqlx::Result<AlertRow> {
    let fate = Fate::of(row.try_get("fate")?);
    let state = match row.try_get::<Option<i64>, _>("state")? {
        None if fate != Fate::Sent => DeliveryState::KeptBack(fate),
        None => DeliveryState::Nowhere,
        Some(DELIVERED) => DeliveryState::Delivered,
        Some(GIVEN_UP) => DeliveryState::GivenUp,
        Some(_) => DeliveryState::Pending,
    };
    let next: Option<i64> = row.try_get("next_attempt")?;
    let acknowledged = match row.try_get::<Option<i64>, _>("acknowledged")? {
        Some(at) => Some((
            row.try_get::<Option<_>, _>("acknowledged_by")?.unwrap_or_default(),
            Time::from_micros(at),
            row.try_get::<Option<_>, _>("note")?.unwrap_or_default(),
        )),
        None => None,
    };
    Ok(AlertRow {
        team: row.try_get("team")?,
        fate,
        why: row.try_get("why")?,
        is_over: row.try_get("resolves")?,
        resolved: row.try_get::<Option<i64>, _>("resolved")?.map(Time::from_micros),
        acknowledged,
        id: row.try_get("key")?,
        created: Time::from_micros(row.try_get("created")?),
        client: row.try_get("client")?,
        service: row.try_get("service")?,
        kind: NoticeKind::ALL[usize::try_from(row.try_get::<i64, _>("kind")?).unwrap_or(0).min(NoticeKind::ALL.len() - 1)],
        sink: row.try_get::<Option<String>, _>("sink")?.unwrap_or_default(),
        state,
        attempts: row.try_get::<Option<u32>, _>("attempts")?.unwrap_or(0),
        next_attempt: next.filter(|_| state == DeliveryState::Pending).map(Time::from_micros),
        last_error: row.try_get("last_error")?,
    })
}
