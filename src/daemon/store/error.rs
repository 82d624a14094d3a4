//! What can go wrong with a store, and the remedy.

use std::borrow::Cow;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sqlx::error::{DatabaseError, ErrorKind as ErrorKindOfSql};

use super::aside::MOST_ASIDE;
use crate::daemon::failure::Failure;
use crate::daemon::store_place::NoPlace;

// SQLite's primary result codes: https://www.sqlite.org/rescode.html
const BUSY: u32 = 5;
const READONLY: u32 = 8;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const AUTH: u32 = 23;
const NOTADB: u32 = 26;

fn code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse::<u32>().ok().map(|code| code & 0xff)
}

/// What went wrong with a store.
#[derive(Debug)]
pub enum StoreError {
    /// Its place is written wrongly.
    Url(NoPlace),
    /// There is none.
    Missing(PathBuf),
    /// The file or its folder may not be used.
    Forbidden(PathBuf),
    /// The file is no SQLite database, or is damaged.
    Damaged(PathBuf),
    /// The file is a database of another program.
    Foreign(PathBuf),
    /// The file was written by a newer version.
    Newer(PathBuf),
    /// The file or its folder cannot be made or opened.
    File(PathBuf, std::io::Error),
    /// The file could not be written or read; nothing of the transaction was kept.
    Failed(PathBuf, sqlx::Error),
    /// So many damaged files lie beside it that another would help nobody.
    DamagedAgain(PathBuf),
    /// A statement failed; nothing of its transaction was kept.
    Sql(sqlx::Error),
}

impl StoreError {
    /// What opening `path` failed with, as an operator needs to hear it.
    pub(super) fn opening(path: &Path, error: sqlx::Error) -> Self {
        match code(&error) {
            Some(CORRUPT | NOTADB) => StoreError::Damaged(path.into()),
            Some(READONLY | CANTOPEN | AUTH) => StoreError::Forbidden(path.into()),
            Some(_) => StoreError::Failed(path.into(), error),
            None => StoreError::Sql(error),
        }
    }

    /// The same, where the statement ran on the caller's thread.
    pub(super) fn in_opening(self, path: &Path) -> Self {
        match self {
            StoreError::Sql(error) => StoreError::opening(path, error),
            other => other,
        }
    }

    /// The same of a statement that failed later, where nothing named the file yet.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            StoreError::Sql(error) => match code(&error) {
                Some(CORRUPT | NOTADB) => StoreError::Damaged(path.into()),
                Some(_) => StoreError::Failed(path.into(), error),
                None => StoreError::Sql(error),
            },
            other => other,
        }
    }

    /// Whether another process writes just now.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, StoreError::Sql(error) if code(error) == Some(BUSY))
    }

    /// Whether the file is damaged, as far as SQLite can tell.
    pub fn is_damage(&self) -> bool {
        match self {
            StoreError::Damaged(_) => true,
            StoreError::Sql(error) | StoreError::Failed(_, error) => matches!(code(error), Some(CORRUPT | NOTADB)),
            _ => false,
        }
    }

    /// In one line.
    pub fn line(&self) -> String {
        self.to_string().replace("\n  remedy: ", "; ")
    }

    /// What bringing `path` to the newest schema failed with.
    pub(super) fn migrating(path: &Path, error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) | MigrateError::VersionMismatch(_) => {
                StoreError::Newer(path.into())
            }
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => StoreError::opening(path, error),
            other => StoreError::Sql(sqlx::Error::Migrate(Box::new(other))),
        }
    }
}

const ROOM: &str = "make room on its file system";
const DISK: &str = "look at the disk and its file system (dmesg, df); what was committed is kept";

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Url(place) => place.fmt(f),
            StoreError::Missing(path) => {
                write!(f, "store {}: there is none\n  remedy: name the daemon's store with --store", path.display())
            }
            StoreError::Forbidden(path) => write!(
                f,
                "store {}: may not be read and written\n  remedy: run as the user the daemon runs as, or give that user the file and its folder",
                path.display()
            ),
            StoreError::Damaged(path) => write!(
                f,
                "store {}: no SQLite database, or a damaged one\n  remedy: move the file away and start again, a new one is made; \
                 `sqlite3 FILE .recover` reads what is left of the old one",
                path.display()
            ),
            StoreError::Foreign(path) => {
                write!(f, "store {}: a database of another program\n  remedy: name another file with --store", path.display())
            }
            StoreError::Newer(path) => write!(
                f,
                "store {}: written by another version of shadowtap, with a schema this one does not know\n  remedy: use the newest version",
                path.display()
            ),
            StoreError::File(path, error) => {
                let remedy = match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ROOM,
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound | ErrorKind::NotADirectory => {
                        "make its folder one the daemon may write to"
                    }
                    _ => DISK,
                };
                write!(f, "store {}: {error}\n  remedy: {remedy}", path.display())
            }
            StoreError::Failed(path, error) => {
                let remedy = match code(error) {
                    Some(FULL) => ROOM,
                    Some(BUSY) => "another process holds it; wait, or end that one",
                    Some(READONLY) => "make the file and its folder writable for the user the daemon runs as (mount, modes)",
                    _ => DISK,
                };
                write!(f, "store {}: {error}\n  remedy: {remedy}", path.display())
            }
            StoreError::DamagedAgain(path) => write!(
                f,
                "store {}: damaged again, and {MOST_ASIDE} that were set aside lie beside it\n  remedy: look at the disk (dmesg, smartctl), and \
                 move *.corrupt-* away",
                path.display()
            ),
            StoreError::Sql(error) => write!(f, "store: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::Sql(error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Sql(match error.sqlite_error() {
            Some(_) => sqlx::Error::Database(Box::new(RowError(error))),
            None => sqlx::Error::Decode(Box::new(error)),
        })
    }
}

/// An error of SQLite that came by the other library, as sqlx's would be.
#[derive(Debug)]
struct RowError(rusqlite::Error);

impl RowError {
    fn number(&self) -> i32 {
        self.0.sqlite_error().map_or(0, |error| error.extended_code)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.number(), self.0)
    }
}

impl std::error::Error for RowError {}

impl DatabaseError for RowError {
    fn message(&self) -> &str {
        match &self.0 {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message,
            _ => "",
        }
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.number().to_string().into())
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKindOfSql {
        ErrorKindOfSql::Other
    }
}

impl From<NoPlace> for StoreError {
    fn from(place: NoPlace) -> Self {
        StoreError::Url(place)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Url(_) | StoreError::Missing(_) | StoreError::Foreign(_) => Failure::Setting(text),
            StoreError::Forbidden(_) => Failure::Permission(text),
            StoreError::File(_, error) if error.kind() == std::io::ErrorKind::PermissionDenied => Failure::Permission(text),
            _ => Failure::Internal(text),
        }
    }
}
