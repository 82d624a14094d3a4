//! The gate before the web server: so many connections at a time, so many of one address, so many a second, each for so long. Whoever sends
//! its request one byte a minute, or never reads the answer, is cut off; a scrape takes milliseconds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::crowd::{Crowd, Pace};
use super::door::Door;
use super::visit::{Timed, Visit};
use crate::daemon::metrics::{Metrics, Refused};

/// Connections let in a second in the long run, and how many of them may come at once: a handshake takes up to a millisecond.
const PACE: (u32, u32) = (200, 64);

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at a time; further ones wait in the kernel.
    pub connections: usize,
    /// Life of a connection.
    pub life: Duration,
}

/// A listener that lets in only so many.
pub(super) struct Gate {
    listener: TcpListener,
    free: Arc<Semaphore>,
    life: Duration,
    pace: Pace,
    crowd: Crowd,
    door: Arc<Door>,
    metrics: Arc<Metrics>,
}

impl Gate {
    pub fn new(listener: TcpListener, limits: Limits, door: Arc<Door>, metrics: Arc<Metrics>) -> Self {
        let free = Arc::new(Semaphore::new(limits.connections));
        Gate { listener, free, life: limits.life, pace: Pace::new(PACE.0, PACE.1), crowd: Crowd::default(), door, metrics }
    }
}

impl Listener for Gate {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        // The semaphore is never closed, so there always is a place in the end.
        let place = Arc::clone(&self.free).acquire_owned().await.ok();
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let most = self.door.of_one_address.unwrap_or(usize::MAX);
            let Some(seat) = self.crowd.seat(address.ip(), most) else {
                self.metrics.http_refused(Refused::Connections);
                continue;
            };
            self.pace.turn().await;
            let timed = Timed::new(stream, self.life, Arc::clone(&self.metrics), (place, Some(seat)));
            let certificate = self.door.certificate.as_ref().map(|certificate| Arc::clone(&*certificate.current()));
            return (Visit::new(timed, certificate), address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
