//! Alerts about the sensor itself: what the daemon's parts report, and the configuration asks for, goes into the outbox here.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::shared::Shared;
use crate::daemon::alert::sensor_payload;
use crate::daemon::notice::SensorNotice;
use crate::daemon::store::Store;

/// Reports that may wait while the store cannot be written; further ones are logged only.
pub(super) const REPORTS: usize = 64;
/// Between two tries to store one.
const AGAIN: Duration = Duration::from_millis(500);

/// Stores each report, until nobody reports any more.
pub(super) async fn tell(store: Store, mut reports: mpsc::Receiver<SensorNotice>, shared: Arc<Shared>) {
    while let Some(notice) = reports.recv().await {
        let payload = sensor_payload::render(&notice, &shared.runbook());
        loop {
            match store.tell_of_sensor(&notice, &payload, &shared.sinks()).await {
                Ok(is_new) => {
                    if is_new {
                        shared.alerted.notify_one();
                    }
                    break;
                }
                Err(error) if shared.is_stopping() => {
                    tracing::error!(%error, kind = notice.kind.word(), "an alert about this sensor could not be stored");
                    break;
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}
