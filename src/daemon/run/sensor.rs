//! Alerts about the sensor itself: what the daemon's parts report, and the configuration asks for, goes into the outbox here, once when it
//! begins and once when it is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::opening;
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
const WELL_AFTER_A_START: [NoticeKind; 5] =
    [NoticeKind::CaptureLost, NoticeKind::ReloadRefused, NoticeKind::PacketsLost, NoticeKind::StoreBehind, NoticeKind::StoreDamaged];

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
        opening::mend(store, &error, shared).await;
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
        NoticeKind::StoreDamaged => "The daemon has started with the new store since.".into(),
        NoticeKind::BlindSpot => format!("Enough flows of zone {subject} have a name again, or too few are left to say."),
        NoticeKind::SignaturesStale => "The catalogue was looked after.".into(),
        NoticeKind::PolicyExpiring => "The rule was renewed or taken out, or ended a day ago.".into(),
        _ => "This is over.".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::civil::date;
    use serde_json::Value;
    use tokio::time::Instant;

    use super::*;
    use crate::daemon::config::{Config, Health};
    use crate::daemon::letter::Given;
    use crate::daemon::rules::Rules;
    use crate::daemon::run::health::{Behind, stale};
    use crate::engine::frame::Time;

    /// What is told of the sensor, to one sink.
    struct Desk {
        store: Store,
        shared: Shared,
    }

    impl Desk {
        async fn new() -> Self {
            let (config, problems) = Config::parse(Path::new("c.toml"), "[[alert.stdout]]\nname = \"soc\"\n");
            assert_eq!(problems, []);
            let rules = Rules::survey(&config).0;
            let shared = Shared::new(&config, &rules, std::iter::empty(), mpsc::channel(1).0).unwrap();
            Desk { store: Store::open("sqlite::memory:").await.unwrap(), shared }
        }

        /// Reports all that is not well of a kind; what the sink hears of that: kind, state and message.
        async fn hears(&self, kind: NoticeKind, all: Option<SensorNotice>) -> Vec<[String; 3]> {
            keep(&self.store, &Report::All(kind, all.into_iter().collect()), &self.shared).await.unwrap();
            let mut heard = Vec::new();
            for letter in self.store.letters("soc", 9).await.unwrap() {
                self.store.settle(&letter, "soc", &Given::Delivered).await.unwrap();
                let told: Value = serde_json::from_str(&letter.payload).unwrap();
                heard.push(["kind", "state", "message"].map(|field| told[field].as_str().unwrap().to_owned()));
            }
            heard
        }
    }

    #[tokio::test]
    async fn a_store_behind_for_a_minute_is_told_once_and_so_is_its_end() {
        let (desk, mut behind, begun, kind) = (Desk::new().await, Behind::default(), Instant::now(), NoticeKind::StoreBehind);
        let mut look = |second: u64, why: Option<&str>| {
            behind.look(why.map(Into::into), begun + Duration::from_secs(second), Time::new(1_800_000_000 + second, 0))
        };
        let full = Some("disk full");
        for notice in [look(0, full), look(50, full), look(55, None), look(60, full), look(119, full)] {
            assert_eq!(notice, None, "less than a minute in one go");
        }
        let told = desk.hears(kind, look(120, full)).await;
        let message = "The store is behind for a minute or more: disk full. Findings wait in memory.";
        assert_eq!(told, [["store_behind", "open", message]]);
        assert!(desk.hears(kind, look(130, full)).await.is_empty() && desk.hears(kind, look(140, full)).await.is_empty(), "it goes on");
        let over = format!("The store keeps up again. It was: {message}");
        assert_eq!(desk.hears(kind, look(150, None)).await, [["store_behind", "resolved", over.as_str()]]);
        assert!(desk.hears(kind, look(160, None)).await.is_empty(), "once");
        assert_eq!(look(170, full), None);
        assert_eq!(desk.hears(kind, look(230, full)).await.len(), 1, "it begins anew");
    }

    #[tokio::test]
    async fn a_catalogue_nobody_looks_after_is_told_once_and_so_is_its_end() {
        let (desk, kind, bounds) = (Desk::new().await, NoticeKind::SignaturesStale, Health::default());
        let (old, new) = (date(2026, 6, 1), date(2026, 8, 31));
        let on = |checked, day: u64| {
            let begun = u64::try_from(clock::seconds_of_day(old)).unwrap();
            stale(checked, bounds, Time::new(begun + day * 86_400, 0))
        };
        assert_eq!((on(Some(old), 90), on(None, 999)), (None, None), "{bounds:?}");
        let told = desk.hears(kind, on(Some(old), 91)).await;
        let message = "Nobody looked after the catalogue for 91 days (since 2026-06-01): newer tools are not known.";
        assert_eq!(told, [["signatures_stale", "open", message]]);
        assert!(desk.hears(kind, on(Some(old), 92)).await.is_empty(), "it goes on");
        let over = format!("The catalogue was looked after. It was: {message}");
        assert_eq!(desk.hears(kind, on(Some(new), 92)).await, [["signatures_stale", "resolved", over.as_str()]]);
        assert!(desk.hears(kind, on(Some(new), 93)).await.is_empty(), "once");
        assert_eq!(desk.hears(kind, on(Some(new), 91 + 91)).await.len(), 1, "the new one grows old, too");
    }
}
