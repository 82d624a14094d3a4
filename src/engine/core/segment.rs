//! TCP: volumes of every segment, and the opening of the flow while it is being read.

use super::opening::Open;
use super::said::Fact;
use super::{Engine, Sink, TELL_SECONDS, TLS_PORTS, digest, is_missed, moved, state};
use crate::engine::counters::Table;
use crate::engine::event::{Anomaly, Event, Reason};
use crate::engine::flow::{Flow, Phase};
use crate::engine::names::opening::{Opening, Progress, Said};
use crate::engine::names::{http, tls, vpn};
use crate::engine::packet::{Packet, Segment};
use crate::engine::stream::{Inserted, distance};

/// Segments of a flow without SYN that are looked at for an opening.
const MAX_TRIES: u8 = 8;
/// DNS over TCP is found by content everywhere; on this port it is expected.
const DNS_PORT: u16 = 53;

impl Engine {
    /// Takes a segment of the flow at `at`. Most packets go no further than the first lines.
    #[inline]
    pub(super) fn segment(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let (now, minute) = (self.now, self.minute);
        let segment = &packet.segment;
        if segment.flags.syn() && self.is_new_connection(at, direction, segment) {
            return self.reopened(at, direction, packet, sink);
        }
        let Some(flow) = self.table.flow(at) else { return };
        if flow.must_be_roused() {
            return self.roused(at, |engine| engine.segment(at, direction, packet, sink));
        }
        flow.last_seen = now;
        flow.is_told = false;
        if flow.directions.get(direction).is_some_and(|d| d.packets == 0) {
            flow.meet(direction, packet);
        }
        match account(flow, direction, segment) {
            Some(0) => {}
            Some(fresh) => moved(flow, direction, (fresh, false), (now, minute)),
            None => self.counters.anomaly(Anomaly::Sequence),
        }
        if segment.flags.0 & 0b111 != 0 {
            self.control(at, direction, segment, sink);
        }
        if segment.wire > 0 {
            self.payload(at, direction, packet, sink);
        }
    }

    /// SYN on a flow that ended, or that had another beginning: the ports are used again.
    fn is_new_connection(&mut self, at: u32, direction: usize, segment: &Segment<'_>) -> bool {
        let Some(flow) = self.table.flow(at) else { return false };
        let Some(d) = flow.directions.get(direction) else { return false };
        !segment.flags.ack() && d.start().map_or(d.bytes > 0, |start| start != segment.seq.wrapping_add(1))
    }

    fn reopened(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let Some(old) = self.table.remove(at) else { return };
        let (key, vlan) = (old.key, old.vlan);
        self.close(old, sink);
        let at = self.open_flow(key, vlan, sink);
        self.segment(at, direction, packet, sink);
    }

    /// SYN, FIN and RST.
    fn control(&mut self, at: u32, direction: usize, segment: &Segment<'_>, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        if segment.flags.syn() {
            flow.client = flow.client.or(Some(if segment.flags.ack() { 1 ^ direction as u8 } else { direction as u8 }));
        }
        let is_reset = segment.flags.rst() && flow.directions.get(direction).is_some_and(|d| d.is_near(segment.seq));
        let has_ended = is_reset || flow.directions.iter().all(|d| d.has_end);
        if has_ended && !flow.is_closed {
            flow.is_closed = true;
            if flow.reason.is_some() && !flow.is_told {
                flow.is_told = true;
                sink(Event::Flow(state(flow, false)));
            }
            let now = self.now;
            self.table.arm(at, now, TELL_SECONDS);
        }
    }

    #[inline]
    fn payload(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        match flow.phase {
            Phase::Done => {}
            Phase::Opening => self.read_opening(at, direction, packet, sink),
            Phase::Http => self.next_request(at, direction, packet, sink),
            Phase::Dns => self.dns_stream(at, direction, packet, sink),
        }
    }

    /// A request in clear on a connection that had one: it may name another host.
    fn next_request(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let payload = packet.segment.payload;
        let Some(flow) = self.table.flow(at) else { return };
        if flow.client.is_some_and(|c| usize::from(c) != direction) || !http::may_open(payload) {
            return;
        }
        flow.phase = Phase::Opening;
        flow.tries = 0;
        self.begin(at, direction, packet, true, sink);
    }

    fn read_opening(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let segment = &packet.segment;
        let Some(flow) = self.table.flow(at) else { return };
        if flow.client.is_some_and(|c| usize::from(c) != direction) {
            return self.server_speaks(at, direction, packet, sink);
        }
        let start = flow.directions.get(direction).and_then(|d| d.start());
        if flow.opening_digest == 0 && start.is_none_or(|start| start == segment.seq) {
            flow.opening_digest = digest(packet);
        }
        if flow.open.as_ref().is_some_and(|o| o.has_begun.get(direction) == Some(&true)) {
            return self.go_on(at, direction, packet, sink);
        }
        let is_start = match start {
            // A request after the first begins where it stands.
            Some(start) => flow.is_http || segment.seq.wrapping_add(u32::from(segment.flags.syn())) == start,
            None => Opening::may_start(segment.payload) || is_dns(segment),
        };
        if is_start {
            return self.begin(at, direction, packet, start.is_some(), sink);
        }
        if start.is_none() {
            self.note_midstream(at, segment.payload, sink);
        }
        self.hold(at, direction, packet, start, sink);
    }

    /// The server's bytes while the client's opening is awaited: a record of its own tells that the client's hello was missed, with the
    /// whole of the client's direction or alone.
    fn server_speaks(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        let is_clear = flow.key.end(direction).1 == DNS_PORT;
        if is_clear || !tls::is_record(packet.segment.payload) {
            return;
        }
        if let Some(open) = &mut flow.open {
            open.is_answered = true;
            return;
        }
        match flow.directions.get(1 ^ direction) {
            Some(client) if client.packets > 0 && client.bytes == 0 => self.settle(at, Reason::Loss, sink),
            Some(client) if client.packets == 0 => self.settle(at, Reason::OneSided, sink),
            _ => {}
        }
    }

    /// TLS whose hello stood before the first packet of the capture.
    fn note_midstream(&mut self, at: u32, payload: &[u8], sink: Sink<'_>) {
        if tls::is_record(payload) && !tls::may_open(payload) {
            self.settle(at, Reason::Midstream, sink);
        }
    }

    /// The opening begins in this segment: read in place, kept only where it goes on in another.
    fn begin(&mut self, at: u32, direction: usize, packet: &Packet<'_>, is_anchored: bool, sink: Sink<'_>) {
        let segment = &packet.segment;
        let mut opening = Opening::default();
        let (hellos, scratch, heard) = (&mut self.hellos, &mut self.scratch, &mut self.heard);
        heard.clear();
        let progress = opening.advance(segment.payload, is_dns(segment), scratch, &mut |said| heard.extend(Fact::of(said, hellos)));
        let is_unfinished = matches!(progress, Progress::NeedMore(_));
        if is_unfinished && (segment.payload.len() as u32) < segment.wire {
            self.heard.extend(tls::partial(segment.payload).and_then(|hello| Fact::of(Said::Hello(hello), &mut self.hellos)));
            self.facts(at, direction, packet, sink);
            if is_cut_hello(segment) {
                self.settle(at, Reason::Snapped, sink);
            }
            return self.done(at, Phase::Done);
        }
        if is_unfinished || matches!(progress, Progress::Dns(_)) {
            let Some(open) = self.open(at) else { return };
            let seq = segment.seq.wrapping_add(u32::from(segment.flags.syn()));
            if let (Some(stream), Some(slot), Some(begun)) =
                (open.streams.get_mut(direction), open.openings.get_mut(direction), open.has_begun.get_mut(direction))
            {
                if is_anchored {
                    stream.reset(seq, true);
                } else {
                    stream.anchor(seq);
                }
                stream.insert(seq, segment.payload);
                *slot = opening;
                *begun = true;
            }
        }
        self.facts(at, direction, packet, sink);
        self.progressed(at, direction, progress, packet, sink);
        if is_unfinished {
            // What came before its beginning may be the rest of it.
            self.read_on(at, direction, packet, sink);
        } else if progress == Progress::Not && !is_anchored && self.table.flow(at).is_some_and(|f| f.phase == Phase::Opening) {
            // It only looked like a beginning: it may still be the middle of one.
            self.hold(at, direction, packet, None, sink);
        }
    }

    /// More of an opening that has begun.
    fn go_on(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let segment = &packet.segment;
        let Some(open) = self.table.flow(at).and_then(|f| f.open.as_mut()) else { return };
        let Some(stream) = open.streams.get_mut(direction) else { return };
        let seq = segment.seq.wrapping_add(u32::from(segment.flags.syn()));
        if (segment.payload.len() as u32) < segment.wire {
            open.trouble = open.trouble.or(Some(Reason::Snapped));
        }
        match stream.insert(seq, segment.payload) {
            Inserted::Kept => return,
            Inserted::Full => {
                self.counters.anomaly(Anomaly::HelloBound);
                let is_loss = self.has_gap(at, direction);
                self.settle_if_encrypted(at, if is_loss { Reason::Loss } else { Reason::Bound }, sink);
                return self.give_up_opening(at);
            }
            Inserted::Conflict => self.counters.anomaly(Anomaly::Overlap),
            Inserted::Grew => {}
        }
        self.read_on(at, direction, packet, sink);
    }

    /// Reads the bytes of an opening that are in order, where they are enough to say more.
    fn read_on(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let Some(open) = self.table.flow(at).and_then(|f| f.open.as_mut()) else { return };
        let (Some(stream), Some(opening), Some(need)) =
            (open.streams.get(direction), open.openings.get_mut(direction), open.need.get(direction))
        else {
            return;
        };
        if stream.ready().len() < *need {
            return;
        }
        let (hellos, scratch, heard) = (&mut self.hellos, &mut self.scratch, &mut self.heard);
        heard.clear();
        let progress = opening.advance(stream.ready(), is_dns(&packet.segment), scratch, &mut |said| heard.extend(Fact::of(said, hellos)));
        self.facts(at, direction, packet, sink);
        self.progressed(at, direction, progress, packet, sink);
    }

    /// The opening will not be read: requests in clear may follow all the same.
    pub(super) fn give_up_opening(&mut self, at: u32) {
        let is_http = self.table.flow(at).is_some_and(|f| f.is_http);
        self.done(at, if is_http { Phase::Http } else { Phase::Done });
    }

    /// A segment that is no beginning while the beginning is awaited: kept, for it may be the middle of a hello that came first.
    fn hold(&mut self, at: u32, direction: usize, packet: &Packet<'_>, start: Option<u32>, sink: Sink<'_>) {
        let segment = &packet.segment;
        let Some(flow) = self.table.flow(at) else { return };
        flow.tries = flow.tries.saturating_add(1);
        let is_behind = start.is_some_and(|start| distance(start, segment.seq) > 0);
        if (start.is_none() && flow.tries > MAX_TRIES) || (start.is_some() && !is_behind) {
            if start.is_none() {
                self.settle_if_joined(at, sink);
                self.done(at, Phase::Done);
            }
            return;
        }
        let Some(open) = self.open(at) else { return };
        let Some(stream) = open.streams.get_mut(direction) else { return };
        if let (Some(start), Some(begun)) = (start, open.has_begun.get_mut(direction)) {
            stream.reset(start, true);
            *begun = true;
        } else if stream.ready().is_empty() {
            stream.reset(segment.seq, false);
        }
        match stream.insert(segment.seq, segment.payload) {
            Inserted::Full => {
                self.settle_if_encrypted(at, Reason::Loss, sink);
                return self.done(at, Phase::Done);
            }
            Inserted::Conflict => self.counters.anomaly(Anomaly::Overlap),
            _ => {}
        }
        if start.is_none() {
            self.begin_held(at, direction, packet, sink);
        }
    }

    /// Where the SYN was never seen, what was held may have become a beginning.
    fn begin_held(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let Some(open) = self.table.flow(at).and_then(|f| f.open.as_mut()) else { return };
        let (Some(stream), Some(begun)) = (open.streams.get_mut(direction), open.has_begun.get_mut(direction)) else { return };
        if Opening::may_start(stream.ready()) {
            stream.anchor_here();
            *begun = true;
            self.read_on(at, direction, packet, sink);
        }
    }

    fn has_gap(&mut self, at: u32, direction: usize) -> bool {
        let open = self.table.flow(at).and_then(|f| f.open.as_ref());
        open.and_then(|o| o.streams.get(direction)).is_some_and(|s| s.has_gap())
    }

    /// Settles a connection whose beginning stood before the capture, where its port says that it is encrypted.
    fn settle_if_joined(&mut self, at: u32, sink: Sink<'_>) {
        if self.table.flow(at).is_some_and(|f| is_missed(f)) {
            self.settle(at, Reason::Midstream, sink);
        }
    }

    /// Settles only what began as TLS.
    fn settle_if_encrypted(&mut self, at: u32, reason: Reason, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        let is_encrypted = flow.open.as_ref().is_some_and(|o| o.reason_unread(flow).is_some());
        if is_encrypted {
            self.settle(at, reason, sink);
        }
    }

    fn progressed(&mut self, at: u32, direction: usize, progress: Progress, packet: &Packet<'_>, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        match progress {
            Progress::NeedMore(n) => {
                if let Some(need) = flow.open.as_mut().and_then(|o| o.need.get_mut(direction)) {
                    *need = n;
                }
            }
            Progress::Encrypted => self.done(at, Phase::Done),
            Progress::Http => {
                flow.is_http = true;
                flow.client = Some(direction as u8);
                self.done(at, Phase::Http);
            }
            Progress::Dns(offset) => {
                flow.phase = Phase::Dns;
                if let Some(stream) = flow.open.as_mut().and_then(|o| o.streams.get_mut(direction)) {
                    stream.consume(offset);
                }
                self.dns_messages(at, direction, packet, sink);
            }
            Progress::Not if flow.is_http => self.give_up_opening(at),
            Progress::Not => self.not_an_opening(at, direction, packet.segment.payload, sink),
            Progress::Malformed => {
                let is_too_long = tls::is_too_long(packet.segment.payload);
                self.counters.anomaly(if is_too_long { Anomaly::HelloBound } else { Anomaly::Tls });
                self.settle(at, if is_too_long { Reason::Bound } else { Reason::Undecodable }, sink);
                self.done(at, Phase::Done);
            }
        }
    }

    /// Nothing we read. Where the direction's beginning was seen that is final; else another segment may still be one.
    fn not_an_opening(&mut self, at: u32, direction: usize, payload: &[u8], sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        let is_final = flow.directions.get(direction).is_some_and(|d| d.has_start);
        let spot = flow.open.as_ref().and_then(|o| o.streams.get(direction)).and_then(|s| vpn::of_stream(s.ready()));
        if let Some(spot) = spot.or_else(|| vpn::of_stream(payload)) {
            return self.hides(at, spot, sink);
        }
        let Some(flow) = self.table.flow(at) else { return };
        let began_as_tls = flow.open.as_ref().and_then(|o| o.streams.get(direction)).is_some_and(|s| tls::is_record(s.ready()));
        if began_as_tls {
            self.settle(at, Reason::Midstream, sink);
        }
        if is_final {
            self.done(at, Phase::Done);
        } else if let Some(begun) = self.table.flow(at).and_then(|f| f.open.as_mut()).and_then(|o| o.has_begun.get_mut(direction)) {
            *begun = false;
        }
    }

    /// The flow's opening state, taken from the pool where it has none yet; others give theirs up where the bound is reached.
    pub(super) fn open(&mut self, at: u32) -> Option<&mut Box<Open>> {
        let id = self.table.flow(at)?.id;
        if self.table.flow(at)?.open.is_none() {
            let table = &mut self.table;
            self.openings.forget(|at, id| table.flow(at).is_some_and(|f| f.id == id && f.open.is_some()));
            let open = self.openings.take(at, id);
            self.table.flow(at)?.open = Some(open);
            while self.openings.is_over() {
                let Some((other, other_id)) = self.openings.next_evicted() else { break };
                let Some(flow) = self.table.flow(other).filter(|f| f.id == other_id && other != at) else { continue };
                let Some(open) = flow.open.take() else { continue };
                flow.reason = flow.reason.or_else(|| open.reason_unread(flow).map(|_| Reason::Bound));
                flow.is_encrypted |= flow.reason == Some(Reason::Bound);
                flow.phase = Phase::Done;
                self.openings.give_back(open);
                self.counters.eviction(Table::Hellos);
            }
        }
        self.table.flow(at)?.open.as_mut()
    }
}

/// Whether a first segment that the capture cut short is a hello: by what is left of it, or by its port where nothing is.
fn is_cut_hello(segment: &Segment<'_>) -> bool {
    tls::may_open(segment.payload) || (segment.payload.is_empty() && TLS_PORTS.contains(&segment.dst_port))
}

fn is_dns(segment: &Segment<'_>) -> bool {
    segment.dst_port == DNS_PORT || segment.src_port == DNS_PORT
}

/// Counts a segment's bytes and marks; how many are new, `None` where its sequence number stands nowhere near the stream.
#[inline]
fn account(flow: &mut Flow<Open>, direction: usize, segment: &Segment<'_>) -> Option<u64> {
    let d = flow.directions.get_mut(direction)?;
    d.packets = d.packets.saturating_add(1);
    let mut seq = segment.seq;
    if segment.flags.syn() {
        if !d.has_start && d.bytes == 0 {
            d.begin(seq);
        }
        seq = seq.wrapping_add(1);
    }
    d.has_end |= segment.flags.fin();
    // A reset may carry text and any sequence number; it is no part of the stream.
    if segment.wire == 0 || segment.flags.rst() {
        return Some(0);
    }
    let before = d.bytes;
    d.cover(seq, segment.wire).then(|| d.bytes.wrapping_sub(before))
}
