//! Live capture from one interface, which may go away and come back.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use nix::poll::{PollFd, PollFlags, poll};

use super::absence::Absence;
use super::errand::{Errand, Errands};
use super::fanout::Share;
use super::interfaces::Interface;
use super::packet_socket;
use super::presence::present;
use super::socket::{self, BLOCK_MILLIS, Socket, reason};
use crate::daemon::failure::Failure;
use crate::daemon::{clock, config};
use crate::engine::frame::{Frame, LinkType, Time};

/// How often a silent interface is looked after.
const LOOK: Duration = Duration::from_secs(1);
/// Frames captured longer ago than this have been handed out when the capture is idle: a block's time, and as much again for the kernel.
const SETTLED_NANOS: u64 = 2 * BLOCK_MILLIS as u64 * 1_000_000;

/// Frames handed out in one call at most.
const BATCH: usize = 1024;
/// How long a ring that was just emptied is left alone, at most, and for each MiB of it: to be woken for every block costs more than its
/// frames (docs/live.md). 64 µs a MiB are 16 GB a second: a ring fills to a tenth of its room or less meanwhile.
const PAUSE: Duration = Duration::from_millis(4);
const PAUSE_A_MIB: Duration = Duration::from_micros(64);

/// What [`LiveCapture::read`] comes back with.
#[derive(Debug)]
pub enum Polled {
    /// Frames were handed out; there may be more.
    Frames,
    /// Nothing waits. The moment is by the wall clock, 200 ms back: every frame captured before it has been handed out, so it is a tick
    /// that overtakes none.
    Idle(Time),
    /// The interface went away, or why it stays away changed: in words for the log, once a change. It is looked for by itself.
    Gone(String),
}

/// What a capture counted since it was first opened, however often it was opened again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LiveTotals {
    /// Frames handed out. libpcap's own count of received frames (`ps_recv`) contains on Linux those dropped for want of room, and
    /// those that still wait; this one contains neither.
    pub received: u64,
    /// Frames the kernel's buffer had no room for.
    pub dropped_kernel: u64,
    /// Frames the interface or its driver dropped.
    pub dropped_interface: u64,
    /// Times the interface went away.
    pub absences: u64,
    /// Attempts to open it again that failed.
    pub failed_attempts: u64,
}

/// Live capture from one interface.
///
/// Call [`read`](Self::read) in a loop of one thread; it waits at most 100 ms, and returns at once while frames are waiting.
/// [`stats`](Self::stats) may be called between any two calls.
pub struct LiveCapture {
    interface: String,
    settings: config::Capture,
    socket: Socket,
    link: LinkType,
    is_drained: bool,
    /// Frames came since the last pause.
    is_busy: bool,
    is_broken: bool,
    trouble: Option<String>,
    absence: Option<Absence>,
    looked: Instant,
    totals: LiveTotals,
    /// Losses of the device as it counted them last, where it is no packet socket.
    last: u32,
    /// What the interface dropped by its own count, and when it was asked.
    dropped_by: u64,
    counted: Instant,
    errands: Errands,
    share: Share,
}

impl LiveCapture {
    /// Opens `interface` (`any`: all of them).
    ///
    /// # Errors
    /// [`Failure::Setting`] for an interface that does not exist (those that do are named) or a filter libpcap refuses,
    /// [`Failure::Permission`] for a missing right, [`Failure::Internal`] for an interface that is down and all else.
    pub fn open(interface: &str, settings: &config::Capture) -> Result<LiveCapture, Failure> {
        LiveCapture::open_share(interface, settings, Share::default())
    }

    /// Opens `interface` as often as the settings have threads. Each capture is for a thread of its own and gets a part of the frames; both
    /// directions of a flow come to the same one.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`Failure::Setting`] where the frames of `interface` cannot be shared.
    pub fn open_all(interface: &str, settings: &config::Capture) -> Result<Vec<LiveCapture>, Failure> {
        Share::of(settings.threads).map(|share| LiveCapture::open_share(interface, settings, share)).collect()
    }

    fn open_share(interface: &str, settings: &config::Capture, mut share: Share) -> Result<LiveCapture, Failure> {
        let socket = socket::open(interface, settings)?;
        share.join(&socket).map_err(|why| {
            let remedy = "this takes a network interface and Linux 4.12; set threads = 1 in [capture]";
            Failure::Setting(format!("the frames of {interface} cannot be shared among threads: {why}; {remedy}"))
        })?;
        Ok(LiveCapture {
            interface: interface.to_owned(),
            settings: settings.clone(),
            link: LinkType(socket.handle.get_datalink().0),
            socket,
            is_drained: false,
            is_busy: false,
            is_broken: false,
            trouble: None,
            absence: None,
            looked: Instant::now(),
            totals: LiveTotals::default(),
            last: 0,
            dropped_by: packet_socket::dropped_by(interface),
            counted: Instant::now(),
            errands: Errands::Own,
            share,
        })
    }

    /// Gives frames that wait to `take`, each where the kernel put it, or says that there are none.
    pub fn read(&mut self, mut take: impl FnMut(&Frame<'_>)) -> Polled {
        if self.is_drained
            && let Some(polled) = self.wait()
        {
            return polled;
        }
        let (nanos, link, since, received) = (self.socket.nanos_per_tick, self.link, self.share.since(), &mut self.totals.received);
        let handed_out = self.socket.handle.dispatch(Some(BATCH), |packet| {
            let header = packet.header;
            let time = Time::new(
                u64::try_from(header.ts.tv_sec).unwrap_or_default(),
                u32::try_from(header.ts.tv_usec).unwrap_or_default().saturating_mul(nanos),
            );
            if time >= since {
                *received += 1;
                take(&Frame { time, link, bytes: packet.data, wire_len: header.len.max(header.caplen) });
            }
        });
        match handed_out {
            Ok(0) => self.is_drained = true,
            Ok(_) => {
                self.is_busy = true;
                return Polled::Frames;
            }
            Err(error) => {
                self.is_drained = true;
                self.trouble = Some(reason(&error));
            }
        }
        idle()
    }

    /// Leaves to another thread, which runs [`errand::run`](super::errand::run), whatever takes more than reading the open handle: from now
    /// on this capture opens no file and no socket.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn send_errands(&mut self, to: Sender<Errand>) -> std::io::Result<()> {
        let socket = Arc::new(self.socket.handle.as_fd().try_clone_to_owned()?);
        self.errands = Errands::Sent { to, socket };
        Ok(())
    }

    /// What was counted since the capture was first opened.
    pub fn stats(&mut self) -> LiveTotals {
        self.totals.dropped_kernel = self.totals.dropped_kernel.saturating_add(self.socket.dropped(&mut self.last));
        let now = Instant::now();
        let is_due = matches!(self.errands, Errands::Own) || now.duration_since(self.counted) >= LOOK;
        // The interface's own count is the same for all that share it.
        if is_due
            && self.share.is_first()
            && self.settings.promiscuous
            && let Some(dropped) = self.errands.dropped_by(&self.interface)
        {
            self.counted = now;
            // One that was made again counts from 0.
            let more = dropped.checked_sub(self.dropped_by).unwrap_or(dropped);
            self.dropped_by = dropped;
            self.totals.dropped_interface = self.totals.dropped_interface.saturating_add(more);
        }
        self.totals
    }

    /// Whether the interface is away now.
    pub fn is_absent(&self) -> bool {
        self.absence.is_some()
    }

    /// The interface's name as it was opened.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Waits for frames; `None` where there may be some.
    fn wait(&mut self) -> Option<Polled> {
        let now = Instant::now();
        if let Some(why) = self.trouble.take() {
            self.is_broken = true;
            let why = self.present().err().unwrap_or_else(|| format!("{}: {why}", self.interface));
            return Some(self.away(now, why));
        }
        if self.absence.is_some() {
            return self.look_again(now);
        }
        if std::mem::take(&mut self.is_busy) {
            sleep(PAUSE.min(PAUSE_A_MIB.saturating_mul(self.settings.buffer_mib)));
            self.is_drained = false;
            return None;
        }
        let mut fds = [PollFd::new(self.socket.handle.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, BLOCK_MILLIS).is_ok_and(|ready| ready > 0) {
            self.is_drained = false;
            return None;
        }
        if now.duration_since(self.looked) < LOOK {
            return Some(idle());
        }
        self.looked = now;
        // A list that cannot be had, for want of a descriptor, says nothing of the interface: the open socket is read on.
        let Ok(all) = self.errands.interfaces() else { return Some(idle()) };
        match self.present_among(&all) {
            Ok(Some(interface)) if !self.reads(&interface) => {
                Some(self.away(now, format!("{} was deleted and made again", self.interface)))
            }
            Ok(_) => Some(idle()),
            Err(why) => Some(self.away(now, why)),
        }
    }

    fn away(&mut self, now: Instant, why: String) -> Polled {
        if let Some(absence) = &mut self.absence {
            return absence.failed(now, why).map_or_else(idle, Polled::Gone);
        }
        self.totals.absences += 1;
        self.absence = Some(Absence::begin(now, why.clone()));
        Polled::Gone(why)
    }

    /// One more attempt, where it is due; `None` once the interface is back.
    fn look_again(&mut self, now: Instant) -> Option<Polled> {
        let left = self.absence.as_ref().map_or(Duration::ZERO, |a| a.left(now));
        if !left.is_zero() {
            sleep(left.min(Duration::from_millis(BLOCK_MILLIS.into())));
            return Some(idle());
        }
        if let Err(why) = self.resume() {
            self.totals.failed_attempts += 1;
            return Some(self.away(now, why));
        }
        if let Some(absence) = self.absence.take() {
            tracing::info!(interface = self.interface, away = ?absence.lasted(now), attempts = absence.attempts(), "interface is back");
        }
        (self.is_drained, self.is_broken) = (false, false);
        None
    }

    fn resume(&mut self) -> Result<(), String> {
        match self.present()? {
            Some(interface) if self.reads(&interface) && !self.is_broken => Ok(()),
            interface => self.reopen(interface.as_ref()),
        }
    }

    fn reopen(&mut self, present: Option<&Interface>) -> Result<(), String> {
        self.stats();
        let name = present.map_or(&self.interface, |i| &i.name);
        let opened = match &self.errands {
            Errands::Own => socket::open(name, &self.settings),
            Errands::Sent { .. } => {
                Err(Failure::Permission(format!("{name} cannot be opened again by a daemon without rights; restart it")))
            }
        };
        match (opened, present.and_then(|i| i.link.as_ref())) {
            (Ok(socket), _) => {
                self.share.join(&socket).map_err(|why| format!("{} cannot be shared among threads again: {why}", self.interface))?;
                self.link = LinkType(socket.handle.get_datalink().0);
                self.socket = socket;
                self.last = 0;
                Ok(())
            }
            (Err(Failure::Permission(_)), _) if self.share.is_part() => Err(format!(
                "{} cannot be opened again: where threads share it, that takes the right CAP_NET_RAW; restart shadowtap",
                self.interface
            )),
            (Err(Failure::Permission(_)), Some(link)) => {
                let promiscuous = self.settings.promiscuous;
                let bound = self.socket.rebind(link, promiscuous, &self.errands);
                bound.map_err(|why| format!("{} cannot be opened again: {why}", self.interface))
            }
            (Err(failure), _) => Err(failure.to_string()),
        }
    }

    /// Whether the open handle listens to `interface`.
    fn reads(&self, interface: &Interface) -> bool {
        self.socket.link.map(|l| l.ifindex()) == interface.index()
    }

    /// The interface to go on with; `None` for `any` and devices that are no network interface.
    fn present(&self) -> Result<Option<Interface>, String> {
        if self.socket.link.is_none() {
            return Ok(None);
        }
        self.present_among(&self.errands.interfaces().map_err(|e| format!("the interfaces cannot be listed: {e}"))?)
    }

    fn present_among(&self, all: &[Interface]) -> Result<Option<Interface>, String> {
        let Some(link) = &self.socket.link else { return Ok(None) };
        present(link.ifindex(), &self.interface, all).map(|i| Some(i.clone()))
    }
}

fn idle() -> Polled {
    Polled::Idle(Time(clock::now().0.saturating_sub(SETTLED_NANOS)))
}
