//! Statements on the caller's own thread, on the connection that sqlx holds.
//!
//! sqlx runs every statement on a thread of the connection's and hands it over and back, which for a row costs several times the row. Here
//! that thread gives the connection away for a while, and rusqlite, over the same SQLite in this process, runs statements on it.
#![allow(unsafe_code)] // the one place: see below

use rusqlite::Connection;
use sqlx::SqliteConnection;

use super::StoreError;

/// Does some work on a connection; it blocks the thread meanwhile. A transaction that the work begins it also ends: sqlx knows nothing of it.
///
/// # Errors
/// What the work fails with, or the database's own.
pub(super) async fn on_this_thread<T>(
    connection: &mut SqliteConnection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    let mut held = connection.lock_handle().await?;
    // SAFETY: the handle is an open connection and stays one as long as `held` is there, which outlives `borrowed`; until then sqlx's thread
    // makes no call on it, so that nobody else uses it at the same time. rusqlite neither closes a handle it was lent nor keeps anything of
    // it: no statement outlives `work`, which has no more than a reference. Both are of the same libsqlite3-sys, else this would not compile.
    let borrowed = unsafe { Connection::from_handle(held.as_raw_handle().as_ptr()) }?;
    Ok(work(&borrowed)?)
}
