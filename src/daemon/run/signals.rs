//! Signals, listened to from before the store is opened: none that comes during the start is lost, or ends the process its own way.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT and SIGHUP.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hangup: Signal,
}

/// What a signal asks for.
pub(super) enum Asked {
    /// To stop: SIGTERM or SIGINT.
    Stop,
    /// To read everything again: SIGHUP.
    Reload,
}

impl Signals {
    /// Begins to listen: from now on a signal waits until it is asked for.
    pub(super) fn listen() -> std::io::Result<Self> {
        let [term, int, hangup] = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Signals { term: term?, int: int?, hangup: hangup? })
    }

    /// Done once it is to stop; a SIGHUP goes on waiting.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::Stop,
            _ = self.int.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}
