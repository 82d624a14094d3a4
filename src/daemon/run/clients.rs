//! Files that say who clients are: watched and read apart from all others, for a server writes its leases whenever it likes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::daemon::config::Config;
use crate::daemon::identity::Source;
use crate::daemon::reload::Watch;

/// Of the time, one part in so many may go into reading them.
const SHARE: u32 = 10;
/// The shortest rest between two readings.
const REST: Duration = Duration::from_millis(500);

/// Tells when they are to be read.
pub(super) struct ClientFiles {
    watch: Option<Watch>,
    changed: Arc<Notify>,
    is_due: bool,
    rest_until: Instant,
}

impl ClientFiles {
    /// Watches those of a configuration. They are due at once: they may have changed since they were read for the start.
    pub fn watch(config: &Config) -> Self {
        let changed = Arc::new(Notify::new());
        let notify = Arc::clone(&changed);
        let watch = Watch::start(paths(config), move || notify.notify_one());
        let watch = watch.inspect_err(|error| tracing::warn!(%error, "files of clients are not watched; send SIGHUP after a change")).ok();
        ClientFiles { watch, changed, is_due: !config.identities.is_empty(), rest_until: Instant::now() }
    }

    /// Watches those of another configuration.
    pub fn replace(&mut self, config: &Config) {
        self.is_due = !config.identities.is_empty();
        if let Some(watch) = &self.watch {
            watch.replace(paths(config));
        }
    }

    /// Done when they are to be read. Nothing is lost where this is dropped before.
    pub async fn due(&mut self) {
        if !self.is_due {
            self.changed.notified().await;
            self.is_due = true;
        }
        tokio::time::sleep_until(self.rest_until).await;
    }

    /// Notes that they are about to be read: what changes from now on makes them due again.
    pub fn taken(&mut self) {
        self.is_due = false;
    }

    /// Rests after a reading that took so long.
    pub fn rest(&mut self, took: Duration) {
        self.rest_until = Instant::now() + took.saturating_mul(SHARE - 1).max(REST);
    }
}

fn paths(config: &Config) -> Vec<PathBuf> {
    config.identities.iter().flat_map(Source::files).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readings_rest_in_between_and_nothing_told_meanwhile_is_lost() {
        let mut files = ClientFiles { watch: None, changed: Arc::new(Notify::new()), is_due: false, rest_until: Instant::now() };
        let begun = Instant::now();
        let short = Duration::from_millis(50);
        files.changed.notify_one();
        files.due().await;
        files.taken();
        files.rest(Duration::ZERO);
        files.changed.notify_one();
        assert!(tokio::time::timeout(short, files.due()).await.is_err(), "rests");
        files.due().await;
        assert!(begun.elapsed() >= REST);
        files.taken();
        assert!(tokio::time::timeout(short, files.due()).await.is_err(), "nothing changed");
        files.rest(Duration::from_secs(1));
        assert!(files.rest_until >= begun + Duration::from_secs(9));
    }
}
