//! Something out of files that is read again when they change. They are looked at when it is needed, and once a second at most.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Reads it; what was wrong, where it cannot be used.
type Read<T> = Box<dyn Fn() -> Result<T, String> + Send + Sync>;

/// The newest that could be read.
pub(super) struct Renewed<T> {
    files: Vec<PathBuf>,
    read: Read<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    stamps: Vec<Stamp>,
    looked: Instant,
}

/// What changes when a file is written or another one is put in its place.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl<T> Renewed<T> {
    /// Reads it for the first time.
    pub fn new(files: Vec<PathBuf>, read: Read<T>) -> Result<Self, String> {
        let stamps = stamps(&files);
        let value = Arc::new(read()?);
        Ok(Renewed { files, read, state: Mutex::new(State { value, stamps, looked: Instant::now() }) })
    }

    /// What stands in the files; what stood in them before, where that cannot be used, which the log says once.
    pub fn current(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK {
            state.looked = Instant::now();
            // Before they are read: what changes meanwhile is another change.
            let stamps = stamps(&self.files);
            if stamps != state.stamps {
                state.stamps = stamps;
                match (self.read)() {
                    Ok(value) => state.value = Arc::new(value),
                    Err(why) => tracing::error!("{why}; what was in force before stays in force"),
                }
            }
        }
        Arc::clone(&state.value)
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec()));
    files.iter().map(|file| stamp(file)).collect()
}
