//! What the daemon's threads share: metrics, the rules in force, health, the word to stop. Nothing here lies on a packet's path.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::{Notify, mpsc, watch};

use super::sensor::Report;
use super::supervisor::Pulse;
use crate::daemon::clock;
use crate::daemon::config::{Config, Retention};
use crate::daemon::dispatch::Dispatch;
use crate::daemon::failure::Failure;
use crate::daemon::identity::Files;
use crate::daemon::metrics::{MOST_SERIES, Metrics};
use crate::daemon::notice::{NoticeKind, SensorNotice};
use crate::daemon::rules::Rules;
use crate::daemon::siem::sighting_line::Scribe;
use crate::daemon::store::Lines;
use crate::daemon::web::Ready;
use crate::engine::sighting::Finding;

/// Shared by all threads of the daemon.
pub(super) struct Shared {
    pub(super) metrics: Arc<Metrics>,
    /// Set once it is time to stop.
    pub(super) stop: AtomicBool,
    /// The same for tasks.
    pub(super) stop_signal: watch::Sender<bool>,
    /// The rules in force.
    rules: RwLock<Arc<Rules>>,
    /// Where alerts go, and which wait.
    dispatch: RwLock<Arc<Dispatch>>,
    /// Folder of updates, where a key is pinned.
    update_folder: RwLock<Option<PathBuf>>,
    /// How long data is kept.
    retention: RwLock<Retention>,
    reports: mpsc::Sender<Report>,
    /// Who words lines for streams, and the streams' names.
    scribe: RwLock<(Option<Scribe>, Arc<[String]>)>,
    /// There may be new lines for streams.
    pub(super) streamed: watch::Sender<()>,
    /// There may be new alerts in the outbox.
    pub(super) alerted: Notify,
    /// The store is a new one: all that is open is to be written again.
    pub(super) store_is_new: AtomicBool,
    captures: Mutex<Vec<(String, Option<String>)>>,
    store_error: Mutex<Option<String>>,
    /// Which threads go on.
    pub(super) pulse: Pulse,
}

impl Shared {
    pub(super) fn new(
        config: &Config,
        rules: &Rules,
        interfaces: impl Iterator<Item = String>,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, Failure> {
        let metrics = Metrics::new(MOST_SERIES).map_err(|e| Failure::Internal(format!("metrics cannot be registered: {e}")))?;
        let captures: Vec<_> = interfaces.map(|name| (name, None)).collect();
        let shared = Shared {
            metrics: Arc::new(metrics),
            stop: AtomicBool::new(false),
            stop_signal: watch::Sender::new(false),
            rules: RwLock::new(Arc::new(rules.clone())),
            update_folder: RwLock::new(update_folder(config)),
            retention: RwLock::new(config.retention),
            dispatch: RwLock::new(Arc::new(Dispatch::new(config))),
            reports,
            scribe: RwLock::new((config.scribe(), config.stream_names().into())),
            streamed: watch::Sender::new(()),
            alerted: Notify::new(),
            pulse: Pulse::new(captures.len()),
            store_is_new: AtomicBool::new(false),
            captures: Mutex::new(captures),
            store_error: Mutex::new(None),
        };
        shared.count_signatures(rules);
        Ok(shared)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Done once it is time to stop.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop_signal.subscribe();
        async move {
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where alerts go, and which wait.
    pub(super) fn dispatch(&self) -> Arc<Dispatch> {
        Arc::clone(&self.dispatch.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is said of findings to streams; nothing where there is none.
    pub(super) fn lines(&self, findings: &[Finding]) -> Lines {
        match &self.scribe.read().unwrap_or_else(PoisonError::into_inner).0 {
            Some(scribe) => Lines { lines: scribe.lines(findings), most: scribe.most },
            None => Lines::default(),
        }
    }

    /// Names of the streams.
    pub(super) fn streams(&self) -> Arc<[String]> {
        Arc::clone(&self.scribe.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Folder of updates, where a key is pinned.
    pub(super) fn update_folder(&self) -> Option<PathBuf> {
        self.update_folder.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long data is kept.
    pub(super) fn retention(&self) -> Retention {
        *self.retention.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts new rules and sinks into force.
    pub(super) fn replace(&self, config: &Config, rules: Rules) {
        self.count_signatures(&rules);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        *self.update_folder.write().unwrap_or_else(PoisonError::into_inner) = update_folder(config);
        *self.retention.write().unwrap_or_else(PoisonError::into_inner) = config.retention;
        *self.scribe.write().unwrap_or_else(PoisonError::into_inner) = (config.scribe(), config.stream_names().into());
        *self.dispatch.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Dispatch::new(config));
    }

    /// Knows clients by what their files say now.
    pub(super) fn know(&self, identity: Files) {
        let mut rules = (*self.rules()).clone();
        rules.know(identity);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// Reports something about the sensor itself: an alert where the configuration asks for its kind.
    pub(super) fn report(&self, notice: SensorNotice) {
        if self.is_asked(notice.kind)
            && let Err(error) = self.reports.try_send(Report::One(notice))
        {
            tracing::error!(%error, "an alert about this sensor is lost");
        }
    }

    /// Reports all of one kind that is not well now; what was and is not among them is over.
    pub(super) fn report_all(&self, kind: NoticeKind, all: Vec<SensorNotice>) {
        if self.is_asked(kind) {
            // Where there is no room the next look says the same again.
            let _ = self.reports.try_send(Report::All(kind, all));
        }
    }

    fn is_asked(&self, kind: NoticeKind) -> bool {
        self.dispatch().alerting.sensor.contains(&kind)
    }

    fn count_signatures(&self, rules: &Rules) {
        self.metrics.signatures("services", rules.signatures.services().len());
        self.metrics.signatures("hosts", rules.signatures.host_count());
        self.metrics.signatures("vendors", rules.signatures.vendor_count());
        self.metrics.signatures_checked(rules.checked);
    }

    /// Notes why an interface cannot be captured from now; `None` when it can again.
    pub(super) fn capture_trouble(&self, at: usize, why: Option<String>) {
        let mut captures = self.captures.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((interface, _)) = captures.get(at).cloned() else { return };
        let now = clock::now();
        // Of several that share an interface the first to lose it speaks for all, and the last to have it again.
        let is_lost_elsewhere =
            captures.iter().enumerate().any(|(i, (other, trouble))| i != at && *other == interface && trouble.is_some());
        let was_lost = captures.get(at).is_some_and(|(_, trouble)| trouble.is_some());
        match &why {
            _ if is_lost_elsewhere => {}
            Some(why) if !was_lost => {
                let remedy = "look at the interface; capture goes on by itself when it is there again";
                let message = format!("Interface {interface} cannot be captured: {why}");
                let event = format!("{interface} {}", now.0);
                self.report(SensorNotice::new(NoticeKind::CaptureLost, &event, now, message, remedy).of(&interface));
            }
            None if was_lost => {
                let how = format!("Interface {interface} is captured again.");
                self.report(SensorNotice::over(NoticeKind::CaptureLost, &interface, now, how));
            }
            _ => {}
        }
        if let Some((_, trouble)) = captures.get_mut(at) {
            *trouble = why;
        }
    }

    /// The interfaces that are watched, each once.
    pub(super) fn interfaces(&self) -> Vec<String> {
        let captures = self.captures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = captures.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Notes why the store cannot be written now; says so in the log where that changes.
    pub(super) fn store_trouble(&self, why: Option<String>) {
        let mut trouble = self.store_error.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*trouble, &why) {
            (None, Some(error)) => tracing::error!(%error, "the store cannot be written; sightings wait in memory"),
            (Some(_), None) => tracing::info!("the store can be written again"),
            _ => {}
        }
        *trouble = why;
    }

    /// Tells that a damaged store was set aside, and where it is now.
    pub(super) fn store_set_aside(&self, aside: &Path) {
        let (name, now) = (aside.display(), clock::now());
        let remedy = "sqlite3 FILE .recover reads what is left of it; look at the disk (dmesg, smartctl); retention and forget do not reach it: \
                      delete it once it is of no use";
        tracing::error!("the store was damaged: it is set aside as {name}, and a new one is begun\n  remedy: {remedy}");
        self.metrics.store_set_aside();
        self.store_is_new.store(true, Ordering::Release);
        let message =
            format!("The store was damaged: it is set aside as {name}, and a new one is begun. What was told before may be told again.");
        let file = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.report(SensorNotice::new(NoticeKind::StoreDamaged, &file, now, message, remedy).of(&file));
    }

    /// Why the store cannot be written now.
    pub(super) fn store_error(&self) -> Option<String> {
        self.store_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the daemon is not ready; empty where it is.
    pub(super) fn readiness(self: &Arc<Self>) -> Ready {
        let shared = Arc::clone(self);
        Arc::new(move || {
            let captures = shared.captures.lock().unwrap_or_else(PoisonError::into_inner);
            let mut reasons: Vec<String> = captures.iter().filter_map(|(_, why)| why.clone()).collect();
            reasons.dedup();
            reasons.extend(shared.store_error.lock().unwrap_or_else(PoisonError::into_inner).clone());
            reasons
        })
    }
}

fn update_folder(config: &Config) -> Option<PathBuf> {
    let source = &config.signatures;
    (!source.keys.is_empty()).then(|| source.update_folder.clone())
}
