//! Alerts about the sensor itself: what the daemon's parts report, and the configuration asks for, goes into the outbox here, once when it
//! begins and once when it is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::shared::Shared;
use crate::daemon::alert::sensor_payload;
use crate::daemon::clock;
use crate::daemon::notice::{NoticeKind, SensorNotice};
use crate::daemon::store::{SensorTold, Store, StoreError};

/// Reports that may wait while the store cannot be written; further ones are logged only.
pub(super) const REPORTS: usize = 64;
/// Between two tries to store one.
const AGAIN: Duration = Duration::from_millis(500);

/// What the sensor's parts say of themselves.
pub(super) enum Report {
    /// Something is not well, or is again.
    One(SensorNotice),
    /// All of one kind that is not well now: what was told and is not among them is over.
    All(NoticeKind, Vec<SensorNotice>),
}

/// What is well once the daemon has started: it could not have otherwise, or it begins to measure anew.
const WELL_AFTER_A_START: [NoticeKind; 4] =
    [NoticeKind::CaptureLost, NoticeKind::ReloadRefused, NoticeKind::PacketsLost, NoticeKind::StoreBehind];

/// Stores each report, until nobody reports any more.
pub(super) async fn tell(store: Store, mut reports: mpsc::Receiver<Report>, shared: Arc<Shared>) {
    for kind in WELL_AFTER_A_START {
        insist(&store, Report::All(kind, Vec::new()), &shared).await;
    }
    while let Some(report) = reports.recv().await {
        insist(&store, report, &shared).await;
    }
}

/// Tries to store a report until it is, or until a stop leaves no time for more.
async fn insist(store: &Store, report: Report, shared: &Shared) {
    while let Err(error) = keep(store, &report, shared).await {
        if shared.is_stopping() {
            tracing::error!(%error, "an alert about this sensor could not be stored");
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn keep(store: &Store, report: &Report, shared: &Shared) -> Result<(), StoreError> {
    let (kind, all) = match report {
        Report::One(notice) => return put(store, notice, shared).await,
        Report::All(kind, all) => (*kind, all),
    };
    let mut troubles = store.troubles().await?;
    troubles.retain(|trouble| trouble.kind == kind);
    // What goes on is no event of its own each time it is looked at.
    let goes_on = |notice: &SensorNotice| !kind.gets_worse() && troubles.iter().any(|t| t.subject == notice.subject);
    for notice in all.iter().filter(|notice| !goes_on(notice)) {
        put(store, notice, shared).await?;
    }
    let is_over = |subject: &str| all.iter().all(|notice| notice.subject != subject);
    for trouble in troubles.iter().filter(|t| is_over(&t.subject)) {
        put(store, &SensorNotice::over(kind, &trouble.subject, clock::now(), well(kind, &trouble.subject)), shared).await?;
    }
    Ok(())
}

async fn put(store: &Store, notice: &SensorNotice, shared: &Shared) -> Result<(), StoreError> {
    let dispatch = shared.dispatch();
    let render = |notice: &SensorNotice| sensor_payload::render(notice, &dispatch.alerting.runbook);
    match store.tell_of_sensor(notice, &dispatch, &render).await? {
        SensorTold::Nothing => {}
        SensorTold::Sent => shared.alerted.notify_one(),
        SensorTold::KeptBack(fate) => shared.metrics.alert_suppressed(notice.kind.word(), fate.reason()),
    }
    Ok(())
}

/// What is said when something is over and nobody says how.
fn well(kind: NoticeKind, subject: &str) -> String {
    match kind {
        NoticeKind::CaptureLost => format!("Interface {subject} is captured again."),
        NoticeKind::ReloadRefused => "The files are accepted now.".into(),
        NoticeKind::PacketsLost => format!("No more packets than usual are lost on {subject}."),
        NoticeKind::StoreBehind => "The store keeps up again.".into(),
        NoticeKind::BlindSpot => format!("Enough flows of zone {subject} have a name again, or too few are left to say."),
        NoticeKind::SignaturesStale => "The catalogue was looked after.".into(),
        NoticeKind::PolicyExpiring => "The rule was renewed or taken out, or ended a day ago.".into(),
        _ => "This is over.".into(),
    }
}
