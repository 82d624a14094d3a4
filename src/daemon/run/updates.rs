//! What became of updates of the catalogue: commands count it in a file, the daemon publishes it.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::daemon::bundle::Tally;
use crate::daemon::metrics::Running;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Keeps the counts of updates in the metrics, since the folder of updates was made.
pub(super) async fn watch_updates(shared: Arc<Shared>) {
    let (mut taken, mut refused, mut is_first) = (Running::default(), Running::default(), true);
    while !shared.is_stopping() {
        if let Some(folder) = shared.update_folder()
            && let Ok(Ok(tally)) = tokio::task::spawn_blocking(move || Tally::read(&folder)).await
        {
            let (taken, refused) = (taken.advance(tally.taken), refused.advance(tally.refused));
            if let (1.., Some(why), false) = (refused, &tally.refused_why, is_first) {
                tracing::warn!(refused, why, "an update of the catalogue was refused");
            }
            is_first = false;
            shared.metrics.updates(taken, refused);
        }
        tokio::time::sleep(LOOK).await;
    }
}
