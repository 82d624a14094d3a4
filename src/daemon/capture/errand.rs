//! What a capture must ask somebody else once its own thread may open nothing any more: which interfaces there are, to be bound to one that
//! was made again, what an interface dropped. A thread that reads no packet does these errands; it has no right either.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use nix::sys::socket::LinkAddr;

use super::interfaces::{Interface, interfaces};
use super::packet_socket;

/// How long an answer may take. The kernel's lists come within a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);
/// Errands that may wait.
const WAITING: usize = 64;

/// One errand, and where its answer goes.
pub struct Errand(Task);

enum Task {
    Interfaces(Sender<Result<Vec<Interface>, String>>),
    Rebind { socket: Arc<OwnedFd>, link: LinkAddr, promiscuous: bool, answer: Sender<Rebound> },
    Dropped { interface: String, answer: Sender<u64> },
}

/// Whether a socket was bound, and whether promiscuous mode came with it.
pub(super) type Rebound = nix::Result<nix::Result<()>>;

/// A queue of errands: its one end for captures, the other for [`run`].
pub fn queue() -> (Sender<Errand>, Receiver<Errand>) {
    bounded(WAITING)
}

/// Does errands until nobody can ask any more.
pub fn run(errands: &Receiver<Errand>) {
    // Whoever asked may have lost patience: nobody misses that answer.
    for Errand(task) in errands {
        match task {
            Task::Interfaces(answer) => answer.try_send(interfaces().map_err(|e| e.to_string())).is_ok(),
            Task::Rebind { socket, link, promiscuous, answer } => {
                answer.try_send(packet_socket::rebind(&*socket, &link, promiscuous)).is_ok()
            }
            Task::Dropped { interface, answer } => answer.try_send(packet_socket::dropped_by(&interface)).is_ok(),
        };
    }
}

/// Who does a capture's errands: the capture itself, or a thread beside it.
pub(super) enum Errands {
    /// Itself: it may open what it likes.
    Own,
    /// Another thread, which shares the capture's socket.
    Sent { to: Sender<Errand>, socket: Arc<OwnedFd> },
}

impl Errands {
    /// The interfaces there are.
    pub(super) fn interfaces(&self) -> Result<Vec<Interface>, String> {
        match self {
            Errands::Own => interfaces().map_err(|e| e.to_string()),
            Errands::Sent { to, .. } => ask(to, Task::Interfaces).ok_or("nobody answers")?,
        }
    }

    /// What an interface or its driver dropped; `None` where nobody answers.
    pub(super) fn dropped_by(&self, interface: &str) -> Option<u64> {
        match self {
            Errands::Own => Some(packet_socket::dropped_by(interface)),
            Errands::Sent { to, .. } => ask(to, |answer| Task::Dropped { interface: interface.into(), answer }),
        }
    }
}

/// Sends an errand and waits for its answer.
pub(super) fn ask_rebind(to: &Sender<Errand>, socket: &Arc<OwnedFd>, link: LinkAddr, promiscuous: bool) -> Option<Rebound> {
    ask(to, |answer| Task::Rebind { socket: Arc::clone(socket), link, promiscuous, answer })
}

fn ask<T>(to: &Sender<Errand>, task: impl FnOnce(Sender<T>) -> Task) -> Option<T> {
    let (answer, answered) = bounded(1);
    to.try_send(Errand(task(answer))).ok()?;
    answered.recv_timeout(PATIENCE).ok()
}
