//! UDP flows: QUIC and DTLS hellos, DNS on unexpected ports, volumes.

use super::opening::Open;
use super::said::Fact;
use super::{Engine, HTTPS_PORT, Sink, digest, moved};
use crate::engine::bytes::Verdict;
use crate::engine::event::{Anomaly, Reason, Source};
use crate::engine::flow::Phase;
use crate::engine::names::{dns, quic, tls, vpn};
use crate::engine::packet::Packet;
use crate::engine::stream::Inserted;

/// Datagrams of a flow that are looked at without success.
const MAX_TRIES: u8 = 12;
/// Least size of a datagram that opens a QUIC connection (RFC 9000 §14.1).
const MIN_INITIAL: u32 = 1200;

impl Engine {
    /// Takes a datagram of the flow at `at`.
    #[inline]
    pub(super) fn datagram(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let (now, minute) = (self.now, self.minute);
        let Some(flow) = self.table.flow(at) else { return };
        if flow.must_be_roused() {
            return self.roused(at, |engine| engine.datagram(at, direction, packet, sink));
        }
        flow.last_seen = now;
        flow.is_told = false;
        let phase = flow.phase;
        if flow.directions.get(direction).is_some_and(|d| d.packets == 0) {
            flow.meet(direction, packet);
        }
        if let Some(d) = flow.directions.get_mut(direction) {
            d.packets = d.packets.saturating_add(1);
            if !d.datagram(packet.segment.payload, packet.segment.wire) {
                return self.counters.anomaly(Anomaly::Duplicate);
            }
            // Long headers of QUIC are its handshake, which is padded.
            let is_handshake = packet.segment.payload.first().is_some_and(|b| b & 0x80 != 0);
            moved(flow, direction, (packet.segment.wire.into(), is_handshake), (now, minute));
        }
        match phase {
            Phase::Done if packet.segment.payload.first().is_some_and(|b| b & 0x80 != 0) => self.learn_connection(at, direction, packet),
            Phase::Done | Phase::Http => {}
            Phase::Dns => {
                self.dns_message(packet.segment.payload, packet, sink);
            }
            Phase::Opening => self.read_datagram(at, direction, packet, sink),
        }
    }

    fn read_datagram(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let payload = packet.segment.payload;
        let Some(flow) = self.table.flow(at) else { return };
        if flow.client.is_some_and(|c| usize::from(c) != direction) {
            return;
        }
        flow.tries = flow.tries.saturating_add(1);
        if quic::may_open(payload) {
            self.quic(at, direction, packet, sink);
        } else if matches!(payload, [22, 0xfe, 0xff | 0xfd, ..]) {
            self.dtls(at, direction, packet, sink);
        } else if let Some((spot, is_from_client)) = vpn::of_datagram(payload, packet.segment.src_port, packet.segment.dst_port) {
            flow.client = Some(if is_from_client { direction as u8 } else { 1 ^ direction as u8 });
            return self.hides(at, spot, sink);
        } else if dns::looks_like_query(payload) {
            flow.phase = Phase::Dns;
            self.dns_message(payload, packet, sink);
            return;
        } else if is_short_header(packet) {
            // Behind long headers that told no name their reason stands; else the beginning was not seen.
            let reason = flow.open.as_ref().and_then(|o| o.reason_unread(flow)).unwrap_or(Reason::Midstream);
            self.settle(at, reason, sink);
        } else if matches!(payload, [23, 0xfe, 0xff | 0xfd, ..]) {
            self.settle(at, Reason::Midstream, sink);
        } else if is_unknown_version(packet) {
            self.settle(at, Reason::Undecodable, sink);
        }
        if self.table.flow(at).is_some_and(|flow| flow.phase == Phase::Opening && flow.tries >= MAX_TRIES) {
            self.give_up(at, sink);
        }
    }

    fn give_up(&mut self, at: u32, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        let reason = flow.open.as_ref().and_then(|o| o.reason_unread(flow));
        if let Some(reason) = reason {
            self.settle(at, reason, sink);
        }
        self.done(at, Phase::Done);
    }

    /// Initial packets of a datagram: opened with the keys that opened earlier ones, else with those of their own connection id.
    fn quic(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let payload = packet.segment.payload;
        if payload.len() < packet.segment.wire as usize {
            return self.settle(at, Reason::Snapped, sink);
        }
        let mut plain = std::mem::take(&mut self.plain);
        let mut has_initial = false;
        for initial in quic::packets(payload).filter(|p| p.kind == quic::Kind::Initial) {
            has_initial = true;
            let Some(frames) = self.initial(at, &initial, &mut plain) else {
                continue;
            };
            if let Some(flow) = self.table.flow(at) {
                if flow.opening_digest == 0 {
                    flow.opening_digest = digest(packet);
                }
                flow.client = Some(direction as u8);
                flow.tries = 1;
            }
            if self.crypto(at, direction, frames, packet, sink) {
                break;
            }
        }
        self.plain = plain;
        // A long header that no key of a client opens: the server's side, or a hello that is hidden from us.
        if quic::packets(payload).any(|p| p.kind != quic::Kind::VersionNegotiation) {
            self.note_quic(at, direction, has_initial, packet);
        }
    }

    fn initial<'p>(&mut self, at: u32, initial: &quic::Packet<'_>, plain: &'p mut Vec<u8>) -> Option<&'p [u8]> {
        self.counters.initials = self.counters.initials.saturating_add(1);
        let known = self.table.flow(at)?.open.as_ref().and_then(|o| o.keys.as_ref());
        let is_open = known.is_some_and(|keys| keys.open(initial, plain).map(|p| p.len()).is_some());
        if !is_open {
            let keys = quic::Keys::derive(initial.version, initial.dcid)?;
            keys.open(initial, plain)?;
            let open = self.open(at)?;
            // The first Initial; or after a Retry or another version, where the hello begins again.
            open.keys = Some(keys);
            if let Some(stream) = open.streams.first_mut() {
                stream.reset(0, true);
            }
        }
        // The tag stands behind the frames (AES-GCM, 16 bytes).
        let end = plain.len().checked_sub(16)?;
        plain.get(initial.plain_at(plain)?..end)
    }

    /// CRYPTO data of an Initial; true where the hello is complete.
    fn crypto(&mut self, at: u32, direction: usize, frames: &[u8], packet: &Packet<'_>, sink: Sink<'_>) -> bool {
        let Some(open) = self.table.flow(at).and_then(|f| f.open.as_mut()) else { return true };
        let Some(stream) = open.streams.first_mut() else { return true };
        let mut outcome = Inserted::Kept;
        let read = quic::crypto_frames(frames, |offset, bytes| {
            let inserted = u32::try_from(offset).map_or(Inserted::Full, |offset| stream.insert(offset, bytes));
            outcome = if matches!(outcome, Inserted::Full | Inserted::Conflict) { outcome } else { inserted };
        });
        if read.is_err() {
            self.counters.anomaly(Anomaly::Quic);
        }
        match outcome {
            Inserted::Full => {
                self.counters.anomaly(Anomaly::HelloBound);
                self.settle(at, Reason::Bound, sink);
                self.done(at, Phase::Done);
                return true;
            }
            Inserted::Conflict => self.counters.anomaly(Anomaly::Overlap),
            _ => {}
        }
        self.crypto_hello(at, direction, packet, sink)
    }

    fn crypto_hello(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) -> bool {
        let Some(open) = self.table.flow(at).and_then(|f| f.open.as_ref()) else { return true };
        let Some(stream) = open.streams.first() else { return true };
        match tls::message(stream.ready()) {
            Verdict::NeedMore(_) => return false,
            Verdict::Found(hello) => {
                self.heard.push(Fact::hello(&hello, Source::QuicSni, &mut self.hellos));
                self.facts(at, direction, packet, sink);
            }
            Verdict::Not | Verdict::Malformed(_) => {
                self.counters.anomaly(Anomaly::Quic);
                self.settle(at, Reason::Undecodable, sink);
            }
        }
        self.done(at, Phase::Done);
        true
    }

    fn note_quic(&mut self, at: u32, direction: usize, has_initial: bool, packet: &Packet<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        let is_alone = flow.directions.get(1 ^ direction).is_none_or(|d| d.packets == 0);
        let is_from_client = packet.segment.src_port > packet.segment.dst_port;
        let reason = match (is_from_client, is_alone) {
            (true, true) if has_initial => Reason::Undecodable,
            (true, true) => Reason::Midstream,
            // The server spoke first: what it answered was not captured.
            (true, false) => Reason::Loss,
            (false, true) => Reason::OneSided,
            (false, false) => Reason::Undecodable,
        };
        if flow.phase == Phase::Opening
            && flow.reason.is_none()
            && let Some(open) = self.open(at)
            && open.keys.is_none()
        {
            open.trouble = open.trouble.filter(|known| *known != Reason::OneSided).or(Some(reason));
            open.message = open.message.or(Some((u16::MAX, 0)));
        }
    }

    /// Fragments of a DTLS hello; a second hello, with a cookie, starts the reassembly anew.
    fn dtls(&mut self, at: u32, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) {
        let payload = packet.segment.payload;
        // Type of the handshake message behind the record's header: 1 is the client's hello; 2 and 3 are the server's.
        match payload.get(13) {
            None | Some(1) if payload.len() < packet.segment.wire as usize => return self.settle(at, Reason::Snapped, sink),
            Some(2 | 3) => return self.dtls_answer(at, direction, sink),
            _ => {}
        }
        let Some(open) = self.open(at) else { return };
        let mut outcome = Inserted::Kept;
        let verdict = tls::dtls_fragments(payload, |f| {
            let taken = dtls_fragment(open, &f);
            outcome = if outcome == Inserted::Full { outcome } else { taken };
        });
        match verdict {
            Verdict::Malformed(_) => {
                self.counters.anomaly(Anomaly::Tls);
                return self.settle(at, Reason::Undecodable, sink);
            }
            Verdict::Found(()) if outcome != Inserted::Full => {}
            _ => return,
        }
        let Some(open) = self.table.flow(at).and_then(|f| f.open.as_ref()) else { return };
        let (Some(stream), Some((_, length))) = (open.streams.first(), open.message) else { return };
        if stream.ready().len() < length as usize {
            return;
        }
        match tls::dtls_hello(stream.ready()) {
            Some(hello) => {
                self.heard.push(Fact::hello(&hello, Source::DtlsSni, &mut self.hellos));
                self.facts(at, direction, packet, sink);
            }
            None => self.settle(at, Reason::Undecodable, sink),
        }
        self.done(at, Phase::Done);
    }

    /// The server answers a hello that was not read: with the whole of the client's direction it was not captured, or alone.
    fn dtls_answer(&mut self, at: u32, direction: usize, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        let is_alone = flow.directions.get(1 ^ direction).is_none_or(|d| d.packets == 0);
        if flow.reason.is_none() && flow.open.is_none() {
            self.settle(at, if is_alone { Reason::OneSided } else { Reason::Loss }, sink);
        }
    }
}

fn dtls_fragment(open: &mut Open, f: &tls::DtlsFragment<'_>) -> Inserted {
    if f.length as usize > tls::MAX_HELLO {
        return Inserted::Full;
    }
    let Some(stream) = open.streams.first_mut() else { return Inserted::Full };
    if open.message != Some((f.message, f.length)) {
        open.message = Some((f.message, f.length));
        stream.reset(0, true);
    }
    stream.insert(f.offset, f.bytes)
}

/// A long header on the port of HTTP/3, of a version that is not known.
fn is_unknown_version(packet: &Packet<'_>) -> bool {
    let s = &packet.segment;
    s.dst_port == HTTPS_PORT && s.wire >= MIN_INITIAL && s.payload.first().is_some_and(|b| b & 0xc0 == 0xc0)
}

/// A short header of QUIC on the port of HTTP/3: a connection whose beginning was not seen.
fn is_short_header(packet: &Packet<'_>) -> bool {
    let s = &packet.segment;
    (s.dst_port == HTTPS_PORT || s.src_port == HTTPS_PORT) && s.payload.first().is_some_and(|b| b & 0xc0 == 0x40) && s.payload.len() > 20
}
