//! Unusual volumes: whoever sent far more to a service today than on the days before.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use super::writer::word;
use crate::daemon::clock;
use crate::daemon::notice::{Notice, NoticeKind};
use crate::daemon::store::{Sender, SensorTold, Store, StoreError};

/// Between two looks: sums of a day are as old.
const LOOK: Duration = Duration::from_secs(300);
/// Before the first.
const FIRST: Duration = Duration::from_secs(30);
const DAY: u64 = 86_400;

/// Looks until the daemon stops.
pub(super) async fn watch(store: Store, shared: Arc<Shared>) {
    let stopped = shared.stopped();
    let looks = async {
        tokio::time::sleep(FIRST).await;
        loop {
            if let Err(error) = look(&store, &shared).await {
                tracing::warn!(%error, "volumes cannot be compared; tried again in five minutes");
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = stopped => {}
        () = looks => {}
    }
}

async fn look(store: &Store, shared: &Shared) -> Result<(), StoreError> {
    let (dispatch, rules) = (shared.dispatch(), shared.rules());
    let volume = dispatch.alerting.volume;
    if !volume.enabled {
        return Ok(());
    }
    let day = i64::try_from(clock::now().seconds() / DAY).unwrap_or(i64::MAX);
    let days = i64::try_from(volume.days).unwrap_or(i64::MAX);
    let render = |notice: &Notice<'_>| word(notice, &rules, &dispatch.alerting.runbook);
    for (sender, floor) in [(Sender::Client, volume.floor), (Sender::Team, volume.team_floor)] {
        for of_day in store.day_volumes(sender, day, days, floor).await? {
            let is_unusual = volume.bound(floor, of_day.before.clone()).is_some_and(|bound| of_day.today > bound);
            if !is_unusual {
                continue;
            }
            match store.tell_of_volume(sender, &of_day, day, &dispatch, &render).await? {
                SensorTold::Nothing => {}
                SensorTold::Sent => shared.alerted.notify_one(),
                SensorTold::KeptBack(fate) => shared.metrics.alert_suppressed(NoticeKind::UnusualVolume.word(), fate.reason()),
            }
        }
    }
    Ok(())
}
