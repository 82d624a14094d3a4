//! What can go wrong with a store, and the remedy.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::daemon::failure::Failure;
use crate::daemon::store_place::NoPlace;

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
    /// A statement failed; nothing of its transaction was kept.
    Sql(sqlx::Error),
    /// The same, of a statement for rows.
    Rows(rusqlite::Error),
}

impl StoreError {
    /// Whether another process writes just now.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, StoreError::Rows(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy))
    }

    /// What opening `path` failed with, as an operator needs to hear it.
    pub(super) fn opening(path: &Path, error: impl Into<StoreError>) -> Self {
        let error = error.into();
        let code = match &error {
            StoreError::Sql(e) => e.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok()),
            StoreError::Rows(e) => e.sqlite_error().map(|e| e.extended_code),
            _ => None,
        };
        // SQLite's primary result codes: https://www.sqlite.org/rescode.html
        match code.map(|code| code & 0xff) {
            Some(11 | 26) => StoreError::Damaged(path.into()),
            Some(8 | 14 | 23) => StoreError::Forbidden(path.into()),
            _ => error,
        }
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
                write!(f, "store {}: {error}\n  remedy: make its folder one the daemon may write to", path.display())
            }
            StoreError::Sql(error) => write!(f, "store: {error}"),
            StoreError::Rows(error) => write!(f, "store: {error}"),
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
        StoreError::Rows(error)
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
