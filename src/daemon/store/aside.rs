//! A damaged store is set aside, and a new one begun in its place, while those who use it go on.
//!
//! Nothing is deleted: the files are renamed, so that `sqlite3 FILE .recover` can read what is left. SQLite sees that an open file was
//! renamed, and then leaves alone what lies at its old path (`databaseIsUnmoved` in its pager).

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::schema::APPLICATION_ID;
use super::{Location, Store, StoreError};
use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::engine::frame::Time;

/// Damaged files that may lie beside a store: one more says that the disk is what is broken.
pub(super) const MOST_ASIDE: usize = 5;
/// Between the store's name and the moment in the name of one that was set aside.
const ASIDE: &str = ".corrupt-";
/// What else belongs to a store; renamed first, for a new store beside an old log would take it for its own.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// Where `application_id` stands in a file, and how long the header is (https://www.sqlite.org/fileformat2.html#the_database_header).
const MARK_AT: usize = 68;
const HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Numbers of lines of streams go on above those of the old store, whatever they were: none is given twice.
const BEGIN_LINES: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES ('stream_line', ?1)";

/// When the file was last replaced, and whose turn it is to do so.
#[derive(Clone, Debug, Default)]
pub(super) struct Replaced(Arc<Mutex<Option<Instant>>>, Arc<tokio::sync::Mutex<()>>);

impl Replaced {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of that age still holds the file that is in place.
    pub(super) fn is_younger(&self, age: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|at| age < at.elapsed())
    }
}

impl Store {
    /// Opens the store at `url`; a damaged one of ours is set aside, and a new one begun. Says where the old one is now.
    ///
    /// # Errors
    /// Whatever else is wrong with the file, with its remedy; [`StoreError::Damaged`] where the file is not known to be ours.
    pub async fn open_or_begin_anew(url: &str, now: Time) -> Result<(Self, Option<PathBuf>), StoreError> {
        match (Self::open(url).await, Location::parse(url)?) {
            (Err(StoreError::Damaged(_)), Location::File(path)) => {
                let aside = set_aside(&path, now)?;
                let store = Self::open(url).await?;
                store.note_aside(&aside).await?;
                Ok((store, Some(aside)))
            }
            (opened, _) => Ok((opened?, None)),
        }
    }

    /// Sets the file aside and begins a new one in its place, where it is damaged; all clones go on with the new one. Says where the old one
    /// is now; `None` where nothing was found to be wrong with it. `streams` are the names of all streams.
    ///
    /// # Errors
    /// The files cannot be renamed or made, or too many were set aside already.
    pub async fn begin_anew(&self, now: Time, streams: &[String]) -> Result<Option<PathBuf>, StoreError> {
        if *self.path == *Path::new(":memory:") {
            return Ok(None);
        }
        let _turn = self.replaced.1.lock().await;
        // Nobody writes from here on. Where even the first page is damaged there is no connection to be had, and nobody writes either.
        let writer = self.writer.acquire().await;
        // What was seen may have been the file before this one.
        if is_sound(&self.path).await {
            self.replaced.note();
            return Ok(None);
        }
        let aside = set_aside(&self.path, now)?;
        let new = Box::pin(Self::open(&self.path.to_string_lossy())).await?;
        new.begin(now).await?;
        sqlx::query(BEGIN_LINES).bind(now.micros()).execute(&new.writer).await?;
        new.set_streams(streams).await?;
        new.note_aside(&aside).await?;
        new.close().await;
        self.dictionary.lock().await.forget();
        self.replaced.note();
        if let Ok(writer) = writer {
            // It holds the old file; how it goes is of no interest any more.
            let _ = writer.close().await;
        }
        Ok(Some(aside))
    }
}

impl Store {
    /// The first entry of the new store's audit log: those before it stand elsewhere.
    async fn note_aside(&self, aside: &Path) -> Result<(), StoreError> {
        let file = aside.file_name().unwrap_or_default().to_string_lossy();
        self.audit(&AuditEntry::of_daemon(AuditKind::StoreSetAside, json!({ "file": file }))).await
    }
}

async fn is_sound(path: &Path) -> bool {
    let checked = quick_check(SqliteConnectOptions::new().filename(path)).await;
    checked.unwrap_or_else(|error| !StoreError::Sql(error).is_damage())
}

async fn quick_check(options: SqliteConnectOptions) -> sqlx::Result<bool> {
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let found: sqlx::Result<String> = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&pool).await;
    pool.close().await;
    Ok(found? == "ok")
}

/// Renames a store of ours with what belongs to it.
pub(super) fn set_aside(path: &Path, now: Time) -> Result<PathBuf, StoreError> {
    let failed = |error| StoreError::File(path.into(), error);
    if !is_ours(path).map_err(failed)? {
        return Err(StoreError::Damaged(path.into()));
    }
    if set_aside_before(path).len() >= MOST_ASIDE {
        return Err(StoreError::DamagedAgain(path.into()));
    }
    let moment = Timestamp::from_second(i64::try_from(now.seconds()).unwrap_or(0)).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    let names = (0..).map(|n| with_end(path, &if n == 0 { format!("{ASIDE}{moment}") } else { format!("{ASIDE}{moment}.{n}") }));
    let aside = names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| with_end(path, ASIDE));
    for end in BESIDE {
        match fs::rename(with_end(path, end), with_end(&aside, end)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    fs::rename(path, &aside).map_err(failed)?;
    Ok(aside)
}

/// Damaged stores that were set aside and still lie beside the store.
pub fn set_aside_before(path: &Path) -> Vec<PathBuf> {
    let Some(name) = path.file_name() else { return Vec::new() };
    let beginning = format!("{}{ASIDE}", name.to_string_lossy());
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_aside = |file: &fs::DirEntry| {
        let other = file.file_name().to_string_lossy().into_owned();
        other.starts_with(&beginning) && !BESIDE.iter().any(|end| other.ends_with(end))
    };
    fs::read_dir(folder).into_iter().flatten().flatten().filter(is_aside).map(|file| file.path()).collect()
}

/// Whether a file is known to be a store of ours: it bears our mark, or is a database that a daemon would have opened as its own, or has a
/// beginning that a disk lost. Another file whose path an operator wrote by mistake stays where it is.
fn is_ours(path: &Path) -> std::io::Result<bool> {
    let mut header = Vec::with_capacity(HEADER);
    File::open(path)?.take(HEADER as u64).read_to_end(&mut header)?;
    let mark = header.get(MARK_AT..MARK_AT + 4).and_then(|mark| mark.try_into().ok()).map_or(0, i32::from_be_bytes);
    let is_marked = i64::from(mark) == APPLICATION_ID;
    let is_unmarked = header.starts_with(MAGIC) && mark == 0;
    Ok(is_marked || is_unmarked || (header.len() == HEADER && header.iter().all(|byte| *byte == 0)))
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
