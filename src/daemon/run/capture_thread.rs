//! One thread a capture (an interface has one or several), with an engine of its own: frames are parsed where they were captured; what they say goes to the ledger. A full
//! channel counts and drops; it never makes the capture wait, and a dropped flow state heals with the next.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError, bounded};

use super::clocks::{Clocks, is_far};
use super::confined::List;
use super::ledger_thread::Message;
use super::shared::Shared;
use crate::daemon::capture::errand;
use crate::daemon::capture::live::{LiveCapture, LiveTotals, Polled};
use crate::daemon::config::Config;
use crate::daemon::metrics::{CaptureTotals, Metrics, Running};
use crate::daemon::{failure::Failure, pipeline};
use crate::engine::Engine;
use crate::engine::counters::{Counters, Table};
use crate::engine::event::{Anomaly, Event, Source};

/// How often counts are published.
const PUBLISH: Duration = Duration::from_millis(250);
/// How long after the word to stop the kernel may still hand out what it captured before: a block's time and some.
const SETTLE: Duration = Duration::from_millis(250);

/// Parsing begins when this is dropped.
pub(super) struct Gate {
    _shut: Sender<()>,
}

/// Starts a thread for each capture, with its list of calls, and one that does errands for them. They wait behind the gate.
pub(super) fn spawn_all(
    captures: Vec<LiveCapture>,
    config: &Config,
    events: &Sender<Message>,
    shared: &Arc<Shared>,
    list: &List,
) -> Result<(Vec<JoinHandle<()>>, Gate), Failure> {
    let count = captures.len();
    let mut threads = Vec::with_capacity(count.saturating_add(1));
    let (errands, asked) = errand::queue();
    threads.push(std::thread::Builder::new().name("interfaces".into()).spawn(move || errand::run(&asked))?);
    let (shut, gate) = bounded::<()>(0);
    for (number, mut capture) in captures.into_iter().enumerate() {
        capture.send_errands(errands.clone())?;
        let engine = Engine::new(pipeline::settings(config, number as u16, count, rand::random()));
        let mut thread = CaptureThread {
            number,
            capture,
            engine,
            events: events.clone(),
            shared: Arc::clone(shared),
            dropped: 0,
            second: 0,
            published: Published::default(),
            clocks: Clocks::new(),
        };
        let name = format!("capture-{number}");
        let (list, gate) = (list.clone(), gate.clone());
        let run = move || {
            list.put_on();
            // Nothing is sent: it ends when the gate is dropped.
            let _ = gate.recv();
            thread.run();
        };
        threads.push(std::thread::Builder::new().name(name).spawn(run)?);
    }
    Ok((threads, Gate { _shut: shut }))
}

struct CaptureThread {
    number: usize,
    capture: LiveCapture,
    engine: Engine,
    events: Sender<Message>,
    shared: Arc<Shared>,
    dropped: u64,
    second: u64,
    published: Published,
    clocks: Clocks,
}

impl CaptureThread {
    fn run(&mut self) {
        let mut last = Instant::now();
        while !self.shared.is_stopping() {
            self.read();
            if last.elapsed() >= PUBLISH {
                last = Instant::now();
                self.publish();
            }
        }
        self.settle();
        // No packet waits any more: the last states may.
        let events = &self.events;
        self.engine.finish(&mut |event| {
            let _ = events.send(Message::Event(event));
        });
        self.publish();
    }

    /// Takes what the kernel captured before it was time to stop and had not handed out yet.
    fn settle(&mut self) {
        let stopped = Instant::now();
        loop {
            let is_idle = self.read();
            let waited = stopped.elapsed();
            if (is_idle && waited >= SETTLE) || waited >= 4 * SETTLE {
                return;
            }
        }
    }

    /// Takes some of what the capture has; true where that was nothing.
    fn read(&mut self) -> bool {
        let (engine, events, dropped) = (&mut self.engine, &self.events, &mut self.dropped);
        let mut sink = |event: Event| send(events, Message::Event(event), dropped);
        let clocks = &mut self.clocks;
        let read = self.capture.read(|frame| {
            if is_far(frame.time, engine.now()) && clocks.take_set() {
                engine.set_clock(frame.time);
            }
            engine.frame(frame, &mut sink);
        });
        let is_idle = match read {
            Polled::Frames => false,
            Polled::Idle(now) => {
                engine.tick(now, &mut sink);
                true
            }
            Polled::Gone(why) => {
                tracing::warn!("{why}");
                self.shared.capture_trouble(self.number, Some(why));
                return true;
            }
        };
        let now = engine.now();
        if now.seconds() != self.second {
            self.second = now.seconds();
            send(events, Message::Tick(now), dropped);
        }
        is_idle
    }

    fn publish(&mut self) {
        self.clocks.look();
        self.shared.pulse.capture(self.number);
        let totals = self.capture.stats();
        let is_back = !self.capture.is_absent();
        if is_back {
            self.shared.capture_trouble(self.number, None);
        }
        self.published.publish(&self.shared.metrics, self.capture.interface(), totals, &self.engine.counters(), self.dropped);
    }
}

#[inline]
fn send(events: &Sender<Message>, message: Message, dropped: &mut u64) {
    if let Err(TrySendError::Full(_)) = events.try_send(message) {
        *dropped += 1;
    }
}

/// What was published already, so that counters grow by what is new.
#[derive(Default)]
struct Published {
    capture: [Running; 3],
    observations: [Running; Source::ALL.len()],
    anomalies: [Running; Anomaly::COUNT],
    evictions: [Running; Table::ALL.len()],
    dropped: Running,
}

impl Published {
    fn publish(&mut self, metrics: &Metrics, interface: &str, totals: LiveTotals, counters: &Counters, dropped: u64) {
        let LiveTotals { received, dropped_kernel, dropped_interface, .. } = totals;
        let [packets, kernel, card] = &mut self.capture;
        let added = CaptureTotals {
            packets: packets.advance(received),
            dropped_kernel: kernel.advance(dropped_kernel),
            dropped_interface: card.advance(dropped_interface),
        };
        metrics.capture(interface, added);
        for ((source, running), count) in Source::ALL.into_iter().zip(&mut self.observations).zip(counters.observations) {
            metrics.observations(source, running.advance(count));
        }
        for ((kind, running), count) in Anomaly::ALL.into_iter().zip(&mut self.anomalies).zip(counters.anomalies) {
            metrics.anomalies(kind, running.advance(count));
        }
        for ((table, running), count) in Table::ALL.into_iter().zip(&mut self.evictions).zip(counters.evictions) {
            metrics.evictions(table.word(), running.advance(count));
        }
        metrics.events_dropped(self.dropped.advance(dropped));
    }
}
