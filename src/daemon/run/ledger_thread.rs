//! The ledger's thread: events of all captures become sightings here, and go to the writer in batches. While the writer is busy or the
//! store cannot be written, changes stay in the ledger, where they are bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tokio::sync::mpsc;

use super::confined::List;
use super::priority::{StepBack, step_back};
use super::shared::Shared;
use crate::daemon::config::Config;
use crate::daemon::forgotten::Forgotten;
use crate::daemon::metrics::Running;
use crate::daemon::pipeline;
use crate::daemon::privacy::{PeriodKey, Sealer};
use crate::daemon::rules::Rules;
use crate::daemon::sealed::Sealed;
use crate::daemon::store::{Batch, Lines};
use crate::engine::attribution::{Attribution, Judgement};
use crate::engine::counters::Table;
use crate::engine::event::Event;
use crate::engine::frame::Time;
use crate::engine::privacy::Privacy;
use crate::engine::sighting::{Evidence, Finding};
use crate::engine::unmatched::Unmatched;
use crate::engine::visibility::Sight;

/// How long a change may wait to be written.
const FLUSH: Duration = Duration::from_millis(500);
/// How long what is remembered of names that belong to no service may wait to be written.
const REMEMBER: Duration = Duration::from_secs(5);
/// How long the thread sleeps without events.
const NAP: Duration = Duration::from_millis(20);
/// How long it leaves the channel alone once it is empty: a thread that waits there is woken for each event, which costs both sides more
/// than the event.
const PAUSE: Duration = Duration::from_millis(5);
/// Events taken between two looks at what is due.
const TURN: usize = 4096;
/// Captures are never so far apart (seconds): where one says that it is earlier than this, the clock was set back.
const SET_BACK: u64 = 60;
/// Between two batches of what is due: with the pause and the commit it is written within 50 ms.
const DUE: Duration = Duration::from_millis(30);

/// What goes to the ledger.
pub(super) enum Message {
    /// Of an engine.
    Event(Event),
    /// Packet time passes.
    Tick(Time),
    /// New rules are in force.
    Judge(Box<Judgement>),
    /// Names that belong to no service are remembered from now on, or not any more.
    Remember(Box<Option<Unmatched>>),
    /// So much of clients is kept from now on.
    Privacy(Box<Door>),
    /// These clients were forgotten.
    Forget(Vec<Forgotten>),
}

/// How much of clients passes, and what seals the rest.
pub(super) struct Door {
    privacy: Privacy,
    sealer: Option<Sealer>,
}

impl Door {
    /// The door a configuration wants; `key` is that of the period, where there are pseudonyms.
    pub(super) fn new(config: &Config, key: Option<&PeriodKey>) -> Self {
        Door { privacy: pipeline::privacy(config, key, rand::random()), sealer: key.map(Sealer::new) }
    }
}

/// The ledger as the configuration wants it, and what seals whom it does not name.
pub(super) fn attribution(config: &Config, rules: &Rules, key: Option<&PeriodKey>) -> (Attribution, Option<Sealer>) {
    let mut attribution = Attribution::new(pipeline::judgement(config, rules), pipeline::bounds(config, rand::random()));
    attribution.remember_unmatched(pipeline::unmatched(config, rand::random()));
    let Door { privacy, sealer } = Door::new(config, key);
    attribution.keep_by(privacy);
    (attribution, sealer)
}

/// Starts the thread. It ends when every sender of events is gone and the writer has its last batch.
pub(super) fn spawn(
    (attribution, sealer): (Attribution, Option<Sealer>),
    events: Receiver<Message>,
    batches: mpsc::Sender<Batch>,
    shared: Arc<Shared>,
    list: List,
) -> std::io::Result<JoinHandle<()>> {
    let mut ledger = LedgerThread {
        attribution,
        sealer,
        sealed: Vec::new(),
        withheld: Running::default(),
        batches,
        shared,
        flushed: Instant::now(),
        told: Instant::now(),
        remembered: Instant::now(),
        sights: HashMap::new(),
        evictions: Default::default(),
        excluded: Default::default(),
    };
    std::thread::Builder::new().name("ledger".into()).spawn(move || {
        step_back(StepBack::Ledger);
        list.put_on();
        ledger.run(&events);
    })
}

struct LedgerThread {
    attribution: Attribution,
    sealer: Option<Sealer>,
    sealed: Vec<Sealed>,
    withheld: Running,
    batches: mpsc::Sender<Batch>,
    shared: Arc<Shared>,
    /// When everything that changed was last handed on, and when what is due.
    flushed: Instant,
    told: Instant,
    remembered: Instant,
    sights: HashMap<(Arc<str>, Sight), Running>,
    evictions: [Running; 5],
    excluded: [Running; 2],
}

impl LedgerThread {
    fn run(&mut self, events: &Receiver<Message>) {
        loop {
            match events.recv_timeout(NAP) {
                Ok(message) => {
                    self.take(message);
                    let taken = events.try_iter().take(TURN).map(|message| self.take(message)).count();
                    if taken < TURN {
                        std::thread::sleep(PAUSE);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.flushed.elapsed() >= FLUSH {
                self.flush();
            } else if self.attribution.ledger().has_due() && self.told.elapsed() >= DUE {
                self.flush_due();
            }
        }
        let mut last = self.batch();
        last.unmatched.extend(self.attribution.drain_unmatched());
        let _ = self.batches.blocking_send(last);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.attribution.event(&event),
            Message::Tick(now) if now.plus_seconds(SET_BACK) < self.attribution.now() => self.attribution.set_back(now),
            Message::Tick(now) => self.attribution.tick(now),
            Message::Judge(judgement) => self.attribution.judge_by(*judgement),
            Message::Remember(unmatched) => self.attribution.remember_unmatched(*unmatched),
            Message::Privacy(door) => {
                self.seal();
                self.sealer = door.sealer;
                self.attribution.keep_by(door.privacy);
            }
            Message::Forget(forgotten) => self.forget(&forgotten),
        }
    }

    /// Seals who stands behind new pseudonyms: from here on nobody without the key knows.
    fn seal(&mut self) {
        let unsealed = self.attribution.drain_unsealed();
        if let Some(sealer) = &self.sealer {
            self.sealed.extend(unsealed.iter().filter_map(|u| sealer.seal(u)));
        }
    }

    fn forget(&mut self, forgotten: &[Forgotten]) {
        let is_meant = |written: &str| forgotten.iter().any(|f| f.is(written));
        self.sealed.retain(|s| !is_meant(&s.pseudonym));
        for ended in self.attribution.forget(&is_meant) {
            self.shared.metrics.resume(&ended);
        }
    }

    /// Gives the writer what changed, where it has room for it.
    fn flush(&mut self) {
        if self.shared.store_is_new.swap(false, Ordering::AcqRel) {
            self.attribution.ledger().update(|_, _| true);
        }
        self.hand_on(Self::batch);
        (self.flushed, self.told) = (Instant::now(), Instant::now());
        self.publish();
    }

    /// Gives it what is due. What else changes waits, so that a sighting in use is not written with each of these.
    fn flush_due(&mut self) {
        self.hand_on(|ledger| {
            let findings = ledger.attribution.drain_due();
            ledger.tell(&findings);
            Batch { findings, sealed: std::mem::take(&mut ledger.sealed), ..Batch::default() }
        });
        self.told = Instant::now();
    }

    fn hand_on(&mut self, batch: impl FnOnce(&mut Self) -> Batch) {
        if let Ok(place) = self.batches.clone().try_reserve() {
            let batch = batch(self);
            if !batch.is_empty() {
                place.send(batch);
            }
        }
    }

    /// Counts and logs findings on their way out, and seals whom they do not name.
    fn tell(&mut self, findings: &[Finding]) {
        for finding in findings {
            self.shared.metrics.finding(finding);
            if let Some((from, _)) = finding.reached {
                say(finding, from);
            }
        }
        self.seal();
    }

    fn batch(&mut self) -> Batch {
        let findings = self.attribution.drain();
        self.tell(&findings);
        let mut unmatched = Vec::new();
        if self.remembered.elapsed() >= REMEMBER {
            self.remembered = Instant::now();
            unmatched = self.attribution.drain_unmatched();
        }
        let sealed = std::mem::take(&mut self.sealed);
        Batch { findings, sealed, visibility: self.attribution.visibility().drain(), unmatched, lines: Lines::default(), capture: None }
    }

    fn publish(&mut self) {
        self.shared.pulse.ledger();
        let metrics = &self.shared.metrics;
        metrics.store_queue(self.attribution.ledger().changed());
        for ((zone, sight), count) in self.attribution.visibility().totals() {
            let more = self.sights.entry((Arc::clone(zone), *sight)).or_default().advance(*count);
            match sight {
                Sight::Flow(reason) => metrics.encrypted_flows(zone, *reason, more),
                Sight::Blind(spot) => metrics.blind_spots(zone, *spot, more),
            }
        }
        let withheld = self.withheld.advance(self.attribution.withheld());
        if withheld > 0 {
            tracing::debug!(withheld, "not kept: fewer clients were seen today than one can hide among");
        }
        for ((table, count), running) in self.attribution.evictions().into_iter().zip(&mut self.evictions) {
            metrics.evictions(Table::word(table), running.advance(count));
        }
        for ((what, count), running) in self.attribution.excluded().words().into_iter().zip(&mut self.excluded) {
            metrics.excluded(what, running.advance(count));
        }
    }
}

/// Each sighting as it comes, and again when its evidence rises.
fn say(finding: &Finding, from: Evidence) {
    let s = &finding.sighting;
    let name = s.names.first().map_or("", |n| n);
    let (client, team, service) = (&*s.client, &*s.team, &*s.service);
    let (status, evidence) = (s.status.word(), s.evidence.word());
    let (up, down) = (s.bytes_up, s.bytes_down);
    if from == Evidence::Resolved {
        tracing::info!(client, team, service, status, evidence, name, up, down, presence_only = s.presence_only, "sighting");
    } else {
        tracing::info!(client, team, service, status, evidence, name, up, down, presence_only = s.presence_only, "sighting rose");
    }
}
