//! What became of updates of the catalogue: commands count it in a file, the daemon publishes it.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::daemon::bundle::Tally;
use crate::daemon::clock;
use crate::daemon::metrics::Running;
use crate::daemon::notice::{NoticeKind, SensorNotice};

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
            if let (1.., Some(why)) = (refused, &tally.refused_why) {
                shared.report(refusal(&tally, why));
            }
            if let (1.., 0, false) = (taken, refused, is_first) {
                let how = "An update of the catalogue was taken.".into();
                shared.report(SensorNotice::over(NoticeKind::UpdateRefused, "", clock::now(), how));
            }
            is_first = false;
            shared.metrics.updates(taken, refused);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The alert of the last refusal. One that was told before this start has the same id and is stored once.
fn refusal(tally: &Tally, why: &str) -> SensorNotice {
    let event = format!("{} {}", tally.refused, tally.refused_at.as_deref().unwrap_or_default());
    let message = format!("An update of the catalogue was refused: {why}. The catalogue in force stays in force.");
    let remedy = "if you expected this update, ask its publisher; if not, look at who ran the update and from where";
    SensorNotice::new(NoticeKind::UpdateRefused, &event, clock::now(), message, remedy)
}
