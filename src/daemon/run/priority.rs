//! Who goes first where cores are few. A frame that no capture thread reads in time is lost; everything behind the channel only comes later,
//! and the later it comes the more of it is written at once. So the threads behind step back; captures stay where the process began.

use rustix::process::setpriority_process;

/// How far a thread steps back, as a nice value (sched(7)): each step is about a fifth less of a contended core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StepBack {
    /// The ledger's thread: its channel is bounded, and full it loses events.
    Ledger = 5,
    /// Threads that run tasks, and those they start: the store's writer.
    Tasks = 10,
}

/// Lets this thread, and those it starts from now on, step back. Where the machine does not allow it all have the same rank.
pub(super) fn step_back(far: StepBack) {
    if let Err(error) = setpriority_process(None, far as i32) {
        tracing::debug!(%error, ?far, "a thread keeps the rank of captures");
    }
}
