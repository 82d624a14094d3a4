//! What a service manager is told (sd_notify(3)): ready, alive, reloading, stopping. Where none listens nothing is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

use super::shared::Shared;

/// The parts that must go on for the daemon to be alive: the ledger's thread, and each capture's.
pub(super) struct Pulse(Box<[AtomicBool]>);

impl Pulse {
    /// Of a daemon with so many captures.
    pub(super) fn new(captures: usize) -> Self {
        Pulse((0..=captures).map(|_| AtomicBool::new(true)).collect())
    }

    /// The ledger's thread goes on.
    pub(super) fn ledger(&self) {
        self.beat(0);
    }

    /// The thread of that capture goes on, whether or not its interface is there.
    pub(super) fn capture(&self, number: usize) {
        self.beat(number.saturating_add(1));
    }

    /// Whether all of them went on since the last call.
    fn is_alive(&self) -> bool {
        // Every beat is taken, also behind a part that stands still.
        self.0.iter().filter(|part| !part.swap(false, Ordering::Relaxed)).count() == 0
    }

    fn beat(&self, at: usize) {
        if let Some(part) = self.0.get(at) {
            part.store(true, Ordering::Relaxed);
        }
    }
}

/// Every thread has started: the first packet can come.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Files are read again; [`ready`] ends that, whether or not they were taken.
pub(super) fn reloading() {
    // systemd from 253 on wants the moment, so that it can tell this reload from an earlier one.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "no monotonic clock"),
    }
}

/// The daemon writes what it holds and ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Keeps the watchdog quiet, where there is one, for as long as every thread goes on. It looks twice in the time the watchdog grants.
pub(super) async fn keep_watchdog_quiet(shared: Arc<Shared>) {
    let Some(grants) = sd_notify::watchdog_enabled() else { return };
    loop {
        if shared.pulse.is_alive() {
            tell(&[NotifyState::Watchdog]);
        } else if !shared.is_stopping() {
            tracing::error!("a thread stands still; the watchdog is not answered");
        }
        tokio::time::sleep((grants / 2).max(Duration::from_millis(1))).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told how this daemon stands");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_that_stands_still_is_no_life() {
        let pulse = Pulse::new(2);
        assert!(pulse.is_alive(), "a daemon that has just started is alive");
        assert!(!pulse.is_alive());
        pulse.ledger();
        pulse.capture(0);
        assert!(!pulse.is_alive(), "the second capture stands still");
        for _ in 0..2 {
            pulse.ledger();
            pulse.capture(0);
            pulse.capture(1);
            pulse.capture(7);
            assert!(pulse.is_alive());
        }
    }
}
