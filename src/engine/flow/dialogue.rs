//! Exchanges of prompt and answer in one encrypted flow, told by the times, directions and sizes of its payloads.
//!
//! A streamed answer is an upstream burst after quiet, then a long tail of small pieces down. What is not counted: a page (its answers come
//! in bulk, and end with the last request), a post that is answered by a line, keep-alives, pushed events. An answer in one piece after a
//! long wait is counted apart ([`Exchanges::waited`]): of an API it is an answer made all at once, of a page it may be a long poll.
//!
//! Every value here was measured with real programs; `docs/volume.md` has the errors.

use crate::engine::event::Exchanges;
use crate::engine::frame::Time;

/// Milliseconds, about: 2^20 ns. It wraps after 52 days; differences do not care.
const TICK_BITS: u32 = 20;
/// Ticks of a second.
const SECOND: u32 = 954;

/// Least upstream payload that may carry a request: an HTTP/2 WINDOW_UPDATE or PING in a TLS record has 39 to 48 bytes.
const LEAST_UP_TCP: u32 = 56;
/// The same of a datagram: QUIC acknowledges in datagrams of 25 to 70 bytes.
const LEAST_UP_UDP: u32 = 80;
/// Least downstream datagram that may carry an answer.
const LEAST_DOWN_UDP: u32 = 48;
/// A datagram larger than this is no piece by itself: servers probe for the path's MTU with such (RFC 9000 §14.3), and a piece of an answer that
/// is so large has a rest behind it.
const LARGEST_DOWN_UDP: u32 = 1280;
/// Least bytes of a burst that may be a prompt: HTTP/2 and QUIC compress the headers of a second request to a few dozen.
const LEAST_PROMPT: u16 = 96;
/// A burst that is a prompt, for its size, though it comes soon after an answer: an agent sends its whole conversation again.
const LARGE_PROMPT: u16 = 4096;
/// Payloads closer than this are one piece.
const PIECE: u32 = SECOND / 60;
/// Silence after which a burst is a new one, at least.
const QUIET: u32 = SECOND / 2;
/// The same for a [`LARGE_PROMPT`].
const SHORT_QUIET: u32 = SECOND / 8;
/// Silence longer than this is no part of a tail.
const PAUSE: u32 = SECOND * 5 / 2;
/// Length and pieces of a tail, at least.
const TAIL: u16 = (SECOND * 3 / 4) as u16;
const PIECES: u8 = 4;
/// A tail so long, while nothing is asked, needs no more pieces than that, whatever was asked before.
const LONG_TAIL: u16 = (SECOND * 5 / 4) as u16;
/// Requests that count against the pieces of a tail, at most: each may be answered by one.
const MAX_DEBT: u8 = 4;
/// Bytes a piece of a low-rate tail has on average, at most.
const SMALL_PIECE: u32 = 1400;
/// Bytes a tick of a tail has, at most, where its pieces are larger.
const LOW_RATE: u32 = 24;
/// From this wait on an answer in one piece counts as waited for.
const LONG_WAIT: u32 = SECOND * 3 / 5;
/// Bytes of such an answer, at least.
const LEAST_ANSWER: u32 = 256;

/// Where a flow stands in an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    /// Nothing was asked.
    #[default]
    Idle,
    /// Something was asked; what comes down may be an answer.
    Asked,
    /// The same, and its first piece let wait for itself.
    Awaited,
    /// An answer is counted, and goes on.
    Answered,
}

/// What is kept of a flow to tell its exchanges: 24 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dialogue {
    last_up: u32,
    last_down: u32,
    burst: u16,
    volume: u32,
    tail: u16,
    streamed: u16,
    waited: u16,
    pieces: u8,
    debt: u8,
    /// Usual distance of two pieces, in 8 ticks.
    pace: u8,
    phase: Phase,
}

impl Dialogue {
    /// Notes a payload of the client.
    #[inline]
    pub fn up(&mut self, now: Time, bytes: u32, is_udp: bool) {
        if bytes < if is_udp { LEAST_UP_UDP } else { LEAST_UP_TCP } {
            return;
        }
        let tick = tick(now);
        let (since_up, since_down) = (tick.wrapping_sub(self.last_up), tick.wrapping_sub(self.last_down));
        let size = u16::try_from(bytes).unwrap_or(u16::MAX);
        let is_new = since_up >= SHORT_QUIET;
        let burst = if is_new { size } else { self.burst.saturating_add(size) };
        self.last_up = tick;
        match self.phase {
            Phase::Idle => self.ask(burst),
            Phase::Answered => {
                let is_large = burst >= LARGE_PROMPT && since_down >= SHORT_QUIET.max(self.pace().saturating_mul(3));
                match is_large || since_down >= self.quiet() {
                    true => self.ask(burst),
                    false => self.burst = burst,
                }
            }
            Phase::Asked | Phase::Awaited => {
                let is_quiet = since_up >= QUIET && since_down >= QUIET;
                if is_quiet && self.pieces > 0 {
                    self.waited = self.waited.saturating_add(self.pending());
                    return self.ask(size);
                }
                // More of one prompt; or something beside, before the answer begins.
                self.burst = if self.pieces == 0 { self.burst.max(burst) } else { self.burst.saturating_add(size) };
                self.debt = self.debt.saturating_add(1).min(MAX_DEBT);
                // What is asked in between is answered by a piece or two.
                self.pieces = self.pieces.saturating_sub(2);
                if self.pieces == 0 {
                    (self.tail, self.volume, self.phase) = (0, 0, Phase::Asked);
                }
            }
        }
    }

    /// Notes a payload of the server.
    #[inline]
    pub fn down(&mut self, now: Time, bytes: u32, is_udp: bool) {
        if is_udp && bytes < LEAST_DOWN_UDP {
            return;
        }
        let tick = tick(now);
        let gap = tick.wrapping_sub(self.last_down);
        if gap < PIECE || (is_udp && bytes > LARGEST_DOWN_UDP) {
            self.volume = self.volume.saturating_add(bytes);
            return;
        }
        self.last_down = tick;
        match self.phase {
            Phase::Idle => {}
            // The answer was over; this is something else.
            Phase::Answered if gap > PAUSE => self.phase = Phase::Idle,
            Phase::Answered => self.keep_pace(gap),
            Phase::Asked | Phase::Awaited => self.piece(tick, gap, bytes),
        }
    }

    /// Exchanges so far. [`Exchanges::all`] never falls.
    pub fn exchanges(&self) -> Exchanges {
        let waited = self.waited.saturating_add(self.pending());
        Exchanges { streamed: self.streamed, all: self.streamed.saturating_add(waited) }
    }

    /// A burst after quiet: what comes down from now on may be its answer.
    fn ask(&mut self, burst: u16) {
        (self.phase, self.burst, self.debt) = (Phase::Asked, burst, 1);
        (self.pieces, self.tail, self.volume) = (0, 0, 0);
    }

    /// One more piece of what may be an answer.
    fn piece(&mut self, tick: u32, gap: u32, bytes: u32) {
        if self.pieces == 0 {
            (self.tail, self.volume, self.pieces) = (0, bytes, 1);
            if tick.wrapping_sub(self.last_up) >= LONG_WAIT {
                self.phase = Phase::Awaited;
            }
            return;
        }
        if gap > PAUSE {
            (self.tail, self.volume, self.pieces) = (0, bytes, 1);
            return;
        }
        self.keep_pace(gap);
        self.tail = self.tail.saturating_add(u16::try_from(gap).unwrap_or(u16::MAX));
        self.volume = self.volume.saturating_add(bytes);
        self.pieces = self.pieces.saturating_add(1);
        if self.is_answer() {
            self.phase = Phase::Answered;
            self.streamed = self.streamed.saturating_add(1);
        }
    }

    fn is_answer(&self) -> bool {
        let needed = if self.tail >= LONG_TAIL { PIECES } else { PIECES.saturating_add(self.debt) };
        let is_low = self.volume <= u32::from(self.pieces) * SMALL_PIECE || self.volume <= u32::from(self.tail) * LOW_RATE;
        self.burst >= LEAST_PROMPT && self.tail >= TAIL && self.pieces >= needed && is_low
    }

    /// 1 where the exchange that is open now is an answer in one piece that was waited for, as far as it goes.
    fn pending(&self) -> u16 {
        u16::from(self.phase == Phase::Awaited && self.burst >= LEAST_PROMPT && self.volume >= LEAST_ANSWER)
    }

    fn keep_pace(&mut self, gap: u32) {
        self.pace = u8::try_from(u32::from(self.pace).saturating_mul(3).saturating_add(gap / 8) / 4).unwrap_or(u8::MAX);
    }

    fn pace(&self) -> u32 {
        u32::from(self.pace) * 8
    }

    /// Silence that ends an answer: half a second, longer where its pieces came slowly.
    fn quiet(&self) -> u32 {
        QUIET.max(self.pace().saturating_mul(3) / 2)
    }
}

fn tick(now: Time) -> u32 {
    (now.0 >> TICK_BITS) as u32
}

const _: () = assert!(size_of::<Dialogue>() <= 24);
