//! What is held while a flow's opening is read, and the pool it comes from.

use std::collections::VecDeque;

use super::is_on_tls_port;
use crate::engine::event::{FlowId, Reason};
use crate::engine::flow::Flow;
use crate::engine::names::opening::Opening;
use crate::engine::names::{quic, tls};
use crate::engine::stream::Stream;

/// Buffers kept for reuse.
const SPARE: usize = 64;

/// State of an opening being read.
#[derive(Default)]
pub(super) struct Open {
    /// First bytes of each direction; CRYPTO data or DTLS fragments of the client in the first.
    pub(super) streams: [Stream; 2],
    /// Whether each stream has begun.
    pub(super) has_begun: [bool; 2],
    /// How far each direction is read.
    pub(super) openings: [Opening; 2],
    /// Bytes of each direction needed before reading on.
    pub(super) need: [usize; 2],
    /// QUIC: keys that opened a packet of this client.
    pub(super) keys: Option<quic::Keys>,
    /// DTLS: number and length of the message under reassembly.
    pub(super) message: Option<(u16, u32)>,
    /// The server answered with a record, so the hello was whole for it.
    pub(super) is_answered: bool,
    /// A bound was reached, or the capture cut bytes off.
    pub(super) trouble: Option<Reason>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("need", &self.need).field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

impl Open {
    /// Why a flow that ends while its opening is still being read has no name; `None` where it does not look encrypted at all.
    pub(super) fn reason_unread(&self, flow: &Flow<Open>) -> Option<Reason> {
        let has_gap = self.streams.iter().any(Stream::has_gap);
        let is_tls = self.streams.iter().any(|s| tls::is_record(s.ready())) || self.is_answered;
        let is_datagrams = self.keys.is_some() || self.message.is_some();
        let may_be_tls = has_gap && is_on_tls_port(flow) && flow.directions.iter().any(|d| d.has_start);
        if !is_tls && !is_datagrams && !may_be_tls {
            return None;
        }
        // A hello that was answered, or whose beginning was opened, has a rest that was not captured.
        let is_lost = has_gap || self.is_answered || self.keys.is_some();
        Some(self.trouble.unwrap_or(if is_lost { Reason::Loss } else { Reason::Undecodable }))
    }

    /// What it waits for did not come soon: it holds no more room than it needs.
    pub(super) fn settle(&mut self) {
        self.streams.iter_mut().for_each(Stream::shrink);
    }

    fn clear(&mut self) {
        for stream in &mut self.streams {
            stream.reset(0, false);
        }
        self.has_begun = [false; 2];
        self.openings = Default::default();
        self.need = [0; 2];
        self.keys = None;
        self.message = None;
        self.is_answered = false;
        self.trouble = None;
    }
}

/// The pool of [`Open`]s: at most a bound are out at once; oldest out first.
pub(super) struct Openings {
    bound: usize,
    out: usize,
    order: VecDeque<(u32, FlowId)>,
    // Boxed as flows hold them: taking one from here allocates nothing.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Open>>,
}

impl Openings {
    pub(super) fn new(bound: usize) -> Self {
        Openings { bound: bound.max(1), out: 0, order: VecDeque::new(), spare: Vec::new() }
    }

    /// One for the flow at `at`. Afterwards others give theirs up while [`Self::is_over`].
    pub(super) fn take(&mut self, at: u32, id: FlowId) -> Box<Open> {
        self.order.push_back((at, id));
        self.out = self.out.saturating_add(1);
        self.spare.pop().unwrap_or_default()
    }

    /// Clears the queue of flows whose opening is read, where these are most of it.
    pub(super) fn forget(&mut self, mut is_open: impl FnMut(u32, FlowId) -> bool) {
        if self.order.len() > self.out.max(1024).saturating_mul(2) {
            self.order.retain(|(at, id)| is_open(*at, *id));
        }
    }

    /// Takes one back for reuse.
    pub(super) fn give_back(&mut self, mut open: Box<Open>) {
        self.out = self.out.saturating_sub(1);
        if self.spare.len() < SPARE {
            open.clear();
            self.spare.push(open);
        }
    }

    /// Whether more are out than the bound allows.
    pub(super) fn is_over(&self) -> bool {
        self.out > self.bound
    }

    /// The next flow that must give its own up.
    pub(super) fn next_evicted(&mut self) -> Option<(u32, FlowId)> {
        self.order.pop_front()
    }
}
