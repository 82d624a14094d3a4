//! The lists of calls that threads put on before they read what strangers sent, and what came of it.

use crossbeam_channel::{Receiver, Sender, unbounded};
use nix::sys::signal::{SigSet, Signal};

use super::shared::Shared;
use crate::daemon::failure::Failure;
use crate::daemon::sandbox::{Filters, Kind, Outcome, Report, What};

/// The kinds of threads with lists of their own, in the order they start.
const KINDS: [Kind; 2] = [Kind::Ledger, Kind::Capture];

/// The lists of all those threads.
pub(super) struct Lists {
    filters: [Option<Result<Filters, String>>; KINDS.len()],
    told: Sender<(Kind, Outcome)>,
    outcomes: Receiver<(Kind, Outcome)>,
}

/// The list of one thread.
#[derive(Clone)]
pub(super) struct List {
    kind: Kind,
    filters: Option<Result<Filters, String>>,
    told: Sender<(Kind, Outcome)>,
}

impl Lists {
    /// Compiles them, where the configuration wishes it.
    pub(super) fn of(report: &Report) -> Self {
        let (told, outcomes) = unbounded();
        Lists { filters: KINDS.map(|kind| report.filters(kind)), told, outcomes }
    }

    /// That of a thread of a kind.
    pub(super) fn of_kind(&self, kind: Kind) -> List {
        let filters = KINDS.into_iter().zip(&self.filters).find(|(of, _)| *of == kind).and_then(|(_, filters)| filters.clone());
        List { kind, filters, told: self.told.clone() }
    }

    /// Waits until every thread has put its list on or could not, says once what came of each step of the start, and counts it.
    ///
    /// # Errors
    /// Something was refused and everything is required.
    pub(super) fn conclude(self, report: &mut Report, shared: &Shared) -> Result<(), Failure> {
        drop(self.told);
        let outcomes: Vec<_> = self.outcomes.iter().collect();
        for kind in KINDS {
            let mut of_kind = outcomes.iter().filter(|(of, _)| *of == kind).map(|(_, outcome)| outcome).peekable();
            let Some(first) = of_kind.peek().copied() else { continue };
            // One thread that could not is enough.
            report.add(What::Calls(kind), of_kind.find(|outcome| outcome.is_refused()).unwrap_or(first).clone());
        }
        tracing::info!("start order: {report}");
        for step in report.steps() {
            shared.metrics.sandbox(step.what.word(), step.outcome.word());
            if !matches!(step.outcome, Outcome::Granted(_)) {
                tracing::warn!("sandbox: {step}");
            }
        }
        report.enforce()
    }
}

impl List {
    /// Puts it on this thread, for good, and tells what came of it.
    pub(super) fn put_on(self) {
        leave_signals_to_others();
        let outcome = match self.filters {
            None => Outcome::Off,
            Some(filters) => Outcome::of_calls(filters.and_then(|f| f.put_on())),
        };
        // Nobody asks any more where the start was given up.
        let _ = self.told.send((self.kind, outcome));
    }
}

/// Signals that the daemon listens to must not interrupt this thread: what takes note of them writes to a socket, which it may not.
fn leave_signals_to_others() {
    let listened_to: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    if let Err(error) = listened_to.thread_block() {
        tracing::warn!(%error, "signals cannot be kept from a thread; one may have to be sent twice");
    }
}
