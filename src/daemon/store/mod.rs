//! The store: sightings, alerts and what is still to be delivered, in one SQLite file.
//!
//! One connection writes, a few others read: with a write-ahead log neither waits for the other. A batch is one transaction of a
//! few statements ([`commit`](Store::commit)), so a process that dies loses at most the batch it had not committed, never half of
//! one. Commits do not wait for the disk (`synchronous = NORMAL`): a power cut may take back the last of them, and never damages
//! the file. A batch with a sighting that is to be alerted on does wait (`FULL`): such an alert outlives a power cut too.

mod aside;
mod audit;
mod batch;
mod beside;
mod commit;
mod daily;
mod dictionary;
mod error;
mod fate;
mod forget;
mod history;
mod incident;
mod milestone;
mod outbox;
mod privacy;
mod read;
mod retention;
mod schema;
mod sensor;
mod sighting_row;
mod silence;
mod space;
mod stream;
mod summary;
mod sums;
mod told;
mod unmatched;
mod unreferenced;
mod values;
mod visibility;
mod volume;

#[cfg(test)]
mod aside_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod fate_tests;
#[cfg(test)]
mod migration_tests;
#[cfg(test)]
mod stray_tests;
#[cfg(test)]
mod tests;

pub use super::store_place::{DEFAULT_STORE, Location};
pub use aside::set_aside_before;
pub use audit::{AuditRow, Chain};
pub use commit::{Batch, Committed, Telling};
pub use daily::StaleDay;
pub use error::StoreError;
pub use fate::Fate;
pub use forget::{Erased, Whom};
pub use history::{DayTotal, FirstDay};
pub use incident::{Acknowledged, OpenIncident};
pub use read::{AlertRow, DeliveryState, SightingPages, Window};
pub use retention::Step;
pub use sensor::{SensorTold, Trouble};
pub use silence::{Silence, SilenceRow};
pub use stream::Lines;
pub use sums::{Crowd, Extent, Sum};
pub use unmatched::{DAYS as UNMATCHED_DAYS, Memory as UnmatchedMemory};
pub use unreferenced::{Sweep, Swept};
pub use visibility::SightTotal;
pub use volume::{DayVolume, Sender};

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aside::Replaced;
use beside::on_this_thread;
use dictionary::Dictionary;
use schema::Found;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tokio::sync::Mutex;

/// Connections that read.
const READERS: u32 = 4;
/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(30);
/// What is set on the connection that writes. What is deleted is overwritten: a file somebody keeps tells nothing of it. The same pages
/// change again and again: fewer, larger checkpoints write each of them once. 50,000 open sightings change twice a second: their pages stay
/// in memory, at most 32 MiB of them.
const WRITES: &str = "
    PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 67108864;
    PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -32768";
/// What is set on those that read.
const READS: &str = "PRAGMA temp_store = MEMORY; PRAGMA query_only = 1";

/// The store. Cheap to clone; all clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    /// `:memory:` where there is no file.
    path: Arc<Path>,
    /// Connections older than that hold a file that was set aside.
    replaced: Replaced,
    writer: SqlitePool,
    readers: SqlitePool,
    dictionary: Arc<Mutex<Dictionary>>,
}

impl Store {
    /// Opens the store at `url` (see [`Location::parse`]), making the file (readable by its owner alone) and its folder where there
    /// is none, and brings it to the newest schema.
    ///
    /// # Errors
    /// Whatever is wrong with the file, with its remedy.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        match Location::parse(url)? {
            Location::Memory => Self::connect(PathBuf::from(":memory:"), SqliteConnectOptions::new().in_memory(true), 0).await,
            Location::File(path) => {
                make_file(&path).map_err(|e| StoreError::File(path.clone(), e))?;
                Self::connect(path.clone(), SqliteConnectOptions::new().filename(path), READERS).await
            }
        }
    }

    /// Opens the store at `url` only where there is one: for commands that ask what a daemon kept.
    ///
    /// # Errors
    /// Whatever is wrong with the file, with its remedy.
    pub async fn open_existing(url: &str) -> Result<Self, StoreError> {
        if let Location::File(path) = Location::parse(url)? {
            match fs::metadata(&path) {
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(StoreError::Missing(path)),
                Err(e) => return Err(StoreError::File(path, e)),
            }
        }
        Self::open(url).await
    }

    /// With no reader of its own, reading goes through the writer: a store in memory is one connection.
    async fn connect(path: PathBuf, options: SqliteConnectOptions, readers: u32) -> Result<Self, StoreError> {
        let (options, replaced) = (options.busy_timeout(BUSY), Replaced::default());
        let is_new = fs::metadata(&path).is_ok_and(|m| m.len() == 0);
        let writer = pool(1, WRITES, &replaced).connect_with(options.clone()).await.map_err(|e| StoreError::opening(&path, e))?;
        let mut connection = writer.acquire().await.map_err(|e| StoreError::opening(&path, e))?;
        match on_this_thread(&mut connection, |connection| schema::begin(connection, is_new)).await.map_err(|e| e.in_opening(&path))? {
            Found::Foreign => return Err(StoreError::Foreign(path)),
            Found::Ours => schema::MIGRATIONS.run(&mut *connection).await.map_err(|e| StoreError::migrating(&path, e))?,
            Found::Nothing => {}
        }
        drop(connection);
        if is_new {
            // Without its first page the file would not know of its log, whatever came to the disk of that.
            fs::File::open(&path).and_then(|file| file.sync_all()).map_err(|e| StoreError::File(path.clone(), e))?;
        }
        let readers = if readers == 0 { writer.clone() } else { pool(readers, READS, &replaced).connect_lazy_with(options) };
        Ok(Store { path: path.into(), replaced, writer, readers, dictionary: Arc::default() })
    }

    /// Whether a transaction can be written now; nothing is changed.
    pub async fn is_writable(&self) -> bool {
        let Ok(mut connection) = self.writer.acquire().await else { return false };
        match sqlx::Connection::begin_with(&mut *connection, "BEGIN IMMEDIATE").await {
            Ok(transaction) => transaction.rollback().await.is_ok(),
            Err(_) => false,
        }
    }

    /// Folds the write-ahead log into the file and closes every connection: the last thing before the process ends.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Connections on each of which `settings` are made: in one go, where sqlx would hand over each by itself.
fn pool(size: u32, settings: &'static str, replaced: &Replaced) -> SqlitePoolOptions {
    let replaced = replaced.clone();
    let options = SqlitePoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE).idle_timeout(None).max_lifetime(None);
    options
        .after_connect(move |connection, _| {
            Box::pin(async move {
                let set = on_this_thread(connection, |connection| connection.execute_batch(settings)).await;
                // A damaged file lets nothing else be done either, and whoever tries hears why; here it would be tried again and again.
                set.or_else(|error| if error.is_damage() { Ok(()) } else { Err(sqlx::Error::Configuration(Box::new(error))) })
            })
        })
        // A connection within this process does not break by itself, so none is tried before it is used.
        .test_before_acquire(false)
        // A disk that fails has SQLite roll back by itself, of which the driver does not hear: a connection that it takes for one inside a
        // transaction would never begin another, so it is replaced.
        .before_acquire(move |connection, about| {
            let is_fit = replaced.is_younger(about.age) && !connection.is_in_transaction();
            Box::pin(async move { Ok(is_fit) })
        })
}

/// Makes the file with a mode that lets its owner alone read it, and its folder; leaves those that exist as they are.
fn make_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}
