//! [`Engine`]: where the parts of the engine are joined. One engine a capture thread; siblings below know nothing of each other.

mod datagram;
mod leases;
mod lookup;
mod migration;
mod neighbours;
mod opening;
mod said;
mod segment;

use super::bytes::Reader;
use super::counters::{Counters, Table};
use super::event::{Anomaly, BlindSpot, Ends, Event, FlowState, Reason};
use super::flow::{Flow, FlowKey, FlowTable, Phase};
use super::frame::{Frame, Time};
use super::minutes::Minutes;
use super::packet::{self, Fragments, Packet, Step, Transport, Walk};
use lookup::Lookups;
use migration::Connections;
use neighbours::Told;
use opening::{Open, Openings};
use said::{Fact, Hellos};

/// Packet time between two tellings of a flow that changes.
pub const TELL_SECONDS: u64 = 5;
/// Silence that ends a TCP flow whose end was not seen.
const TCP_SILENCE: u64 = 900;
/// Silence that ends a UDP flow.
const UDP_SILENCE: u64 = 180;
/// Silence after which the rest of an opening is not waited for: twice what lies between two tries of a sender (RTO_MAX of Linux, 120 s; RFC 6298
/// §2.5 allows 60 and more).
const OPENING_SILENCE: u64 = 240;
/// Silence that ends a TCP flow without payload: a SYN nobody answered.
const EMPTY_SILENCE: u64 = 30;
/// Ports on which what cannot be read is TLS (IANA).
const TLS_PORTS: [u16; 7] = [443, 465, 853, 990, 993, 995, 8443];
/// Port on which encrypted UDP is QUIC (RFC 9114).
const HTTPS_PORT: u16 = 443;
/// A client's payload larger than this holds a body, or a first request with all its cookies: further ones have their headers compressed.
const LARGEST_REQUEST: u32 = 600;
/// Packet time that may jump back without being odd: capture threads and buffers reorder a little.
const BACKWARD: u64 = 5_000_000_000;

/// Bounds and identity of an engine.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Open flows at most.
    pub flows: usize,
    /// Openings being read at once.
    pub hellos: usize,
    /// Number of this engine, to keep flow numbers apart.
    pub engine: u16,
    /// Keys the hashes of its tables.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { flows: 1_000_000, hellos: 8192, engine: 0, seed: 0 }
    }
}

/// Turns frames into events.
///
/// Deterministic: the same frames with the same settings give the same events. It holds no clock; time is that of the frames and of
/// [`Engine::tick`]. Methods, in the order they are called:
/// - [`Engine::frame`] for every captured frame, [`Engine::tick`] when none came for a while;
/// - [`Engine::finish`] once at the end, which tells every open flow as closed;
/// - [`Engine::counters`] at any time.
pub struct Engine {
    now: Time,
    /// The minute of `now`.
    minute: u32,
    counters: Counters,
    table: FlowTable<Open>,
    fragments: Fragments,
    lookups: Lookups,
    told: Told,
    hellos: Hellos,
    /// What an opening has said and is not told yet.
    heard: Vec<Fact>,
    openings: Openings,
    connections: Connections,
    scratch: Vec<u8>,
    plain: Vec<u8>,
}

/// Where events go.
pub type Sink<'s> = &'s mut dyn FnMut(Event);

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Engine {
            now: Time::default(),
            minute: 0,
            counters: Counters::default(),
            table: FlowTable::new(settings.flows, settings.engine, settings.seed),
            fragments: Fragments::new(settings.seed),
            lookups: Lookups::new(settings.seed),
            told: Told::new(settings.seed),
            hellos: Hellos::new(settings.seed),
            heard: Vec::new(),
            openings: Openings::new(settings.hellos),
            connections: Connections::new(settings.flows / 4, settings.seed),
            scratch: Vec::new(),
            plain: Vec::new(),
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        if let Some(count) = counters.evictions.get_mut(Table::Fragments as usize) {
            *count = self.fragments.evicted();
        }
        counters
    }

    /// Flows open now.
    pub fn open_flows(&self) -> usize {
        self.table.len()
    }

    /// Packet time: the latest moment seen.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Takes one frame.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: Sink<'_>) {
        self.counters.packets = self.counters.packets.saturating_add(1);
        self.counters.bytes = self.counters.bytes.saturating_add(frame.wire_len.into());
        if frame.time.0.saturating_add(BACKWARD) < self.now.0 {
            self.counters.anomaly(Anomaly::Time);
        }
        if frame.bytes.len() < frame.wire_len as usize {
            self.counters.anomaly(Anomaly::Snapped);
        }
        self.tick(frame.time, sink);
        self.step(Walk::of(frame).decode(frame.link), 0, sink);
    }

    /// Lets time pass: tells flows that are due, ends silent ones. A moment in the past changes nothing.
    #[inline]
    pub fn tick(&mut self, now: Time, sink: Sink<'_>) {
        let is_new_second = now.seconds() > self.now.seconds();
        self.now = self.now.max(now);
        if is_new_second {
            self.minute = Minutes::of(self.now);
            while let Some(at) = self.table.due(self.now) {
                self.deadline(at, sink);
            }
        }
    }

    /// The clock that dates frames was set: packet time goes on at `to`, before or behind the present. Open flows keep their age, so that none
    /// ends and each is told in time. Costs a look at every open flow.
    pub fn set_clock(&mut self, to: Time) {
        self.table.move_clock(self.now, to, TELL_SECONDS);
        (self.now, self.minute) = (to, Minutes::of(to));
    }

    /// The end of the capture: tells every open flow as closed.
    pub fn finish(&mut self, sink: Sink<'_>) {
        // In the order they were opened, so that the same capture gives the same events.
        for at in self.table.by_number() {
            if let Some(flow) = self.table.remove(at) {
                self.close(flow, sink);
            }
        }
    }

    fn step(&mut self, step: Result<Step<'_>, Anomaly>, depth: u8, sink: Sink<'_>) {
        match step {
            Ok(Step::Packet(packet)) => self.packet(&packet, sink),
            Ok(Step::Neighbour(neighbour)) => self.neighbour(&neighbour, sink),
            Ok(Step::Other(_)) => {}
            Ok(Step::Fragment(fragment)) => match self.fragments.insert(&fragment) {
                Ok(Some(whole)) if depth < packet::MAX_DEPTH => {
                    self.step(Walk::resumed(&fragment, &whole).resume(&fragment.key), depth.saturating_add(1), sink)
                }
                Ok(_) => {}
                Err(anomaly) => self.counters.anomaly(anomaly),
            },
            Err(anomaly) => self.counters.anomaly(anomaly),
        }
    }

    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, sink: Sink<'_>) {
        let is_udp = packet.segment.transport == Transport::Udp;
        if is_udp && self.lookup(packet, sink) {
            return;
        }
        let (key, direction) = FlowKey::of(packet);
        let at = self.flow_of(key, direction, packet, sink);
        match is_udp {
            true => self.datagram(at, direction, packet, sink),
            false => self.segment(at, direction, packet, sink),
        }
    }

    /// The flow a packet belongs to, opened where there is none.
    #[inline]
    fn flow_of(&mut self, key: FlowKey, direction: usize, packet: &Packet<'_>, sink: Sink<'_>) -> u32 {
        let vlan = packet.encap.vlan();
        let Some(at) = self.table.find(&key) else {
            let migrated = if packet.segment.transport == Transport::Udp { self.migrated(key, direction, packet) } else { None };
            return migrated.unwrap_or_else(|| self.open_flow(key, vlan, sink));
        };
        match self.table.flow(at) {
            Some(flow) if flow.vlan != vlan => {
                let is_same = flow.is_same(direction, packet, digest(packet));
                // A flow of this VLAN's own comes first: what the packet says may fit another's by chance.
                let own = key.within(vlan);
                match self.table.find(&own) {
                    Some(at) => at,
                    None if is_same => {
                        also_in(self.table.flow(at), packet);
                        at
                    }
                    None => self.open_flow(own, vlan, sink),
                }
            }
            _ => at,
        }
    }

    fn open_flow(&mut self, key: FlowKey, vlan: u64, sink: Sink<'_>) -> u32 {
        if self.table.is_full()
            && let Some(mut victim) = self.table.victim().and_then(|at| self.table.remove(at))
        {
            self.counters.eviction(Table::Flows);
            if let Some(open) = &mut victim.open {
                open.trouble = open.trouble.or(Some(Reason::Bound));
            }
            self.close(victim, sink);
        }
        self.counters.flows = self.counters.flows.saturating_add(1);
        self.table.insert(key, vlan, self.now, TELL_SECONDS)
    }

    /// Has a flow that rested told in time again, and goes on with its packet.
    fn roused(&mut self, at: u32, go_on: impl FnOnce(&mut Self)) {
        let now = self.now;
        if let Some(flow) = self.table.flow(at) {
            flow.is_resting = false;
            self.table.arm(at, now, TELL_SECONDS);
            go_on(self);
        }
    }

    /// A flow's deadline has passed: it is told, ended, or left for later.
    fn deadline(&mut self, at: u32, sink: Sink<'_>) {
        let now = self.now;
        let Some(flow) = self.table.flow(at) else { return };
        let silent = now.since(flow.last_seen) / 1_000_000_000;
        let limit = silence(flow);
        if flow.is_closed || silent >= limit {
            if let Some(flow) = self.table.remove(at) {
                self.close(flow, sink);
            }
            return;
        }
        // One of which nothing came since it was told rests: a packet rouses it.
        flow.is_resting = flow.reason.is_none() || flow.is_told;
        let mut wait = if flow.is_resting { limit.saturating_sub(silent) } else { TELL_SECONDS };
        if !flow.is_resting {
            flow.is_told = true;
            sink(Event::Flow(state(flow, false)));
        }
        let is_awaited = flow.phase == Phase::Opening && flow.open.is_some();
        if let Some(open) = &mut flow.open {
            open.settle();
        }
        if is_awaited && silent < OPENING_SILENCE {
            wait = wait.min(OPENING_SILENCE.saturating_sub(silent));
        }
        self.table.arm(at, now, wait);
        if is_awaited && silent >= OPENING_SILENCE {
            self.settle_unread(at, sink);
        }
    }

    /// The rest of an opening does not come any more.
    fn settle_unread(&mut self, at: u32, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        if let Some(reason) = flow.open.as_ref().and_then(|open| open.reason_unread(flow)) {
            self.settle(at, reason, sink);
        }
        self.give_up_opening(at);
    }

    fn close(&mut self, mut flow: Flow<Open>, sink: Sink<'_>) {
        if let Some(open) = flow.open.take() {
            if flow.reason.is_none() {
                flow.reason = open.reason_unread(&flow);
                flow.is_encrypted |= flow.reason.is_some();
            }
            self.openings.give_back(open);
        }
        if flow.reason.is_none() && is_missed(&flow) {
            (flow.reason, flow.is_encrypted) = (Some(Reason::Midstream), true);
        }
        if flow.reason.is_some() {
            sink(Event::Flow(state(&flow, true)));
        }
    }

    /// Notes what became of an encrypted or named flow, once; tells it.
    fn settle(&mut self, at: u32, reason: Reason, sink: Sink<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        flow.is_encrypted |= reason != Reason::Named;
        let is_better = flow.reason.is_none_or(|r| r != Reason::Named && (reason == Reason::Named || r == Reason::Midstream));
        if is_better {
            flow.reason = Some(reason);
            flow.is_told = true;
            sink(Event::Flow(state(flow, false)));
        }
    }

    /// Notes that other use may hide in a flow: nothing in it will be named.
    fn hides(&mut self, at: u32, spot: BlindSpot, sink: Sink<'_>) {
        if let Some(flow) = self.table.flow(at) {
            flow.blind_spot = Some(spot);
        }
        self.settle(at, Reason::Tunnel, sink);
        self.done(at, Phase::Done);
    }

    /// The opening is read: what it held is given back.
    fn done(&mut self, at: u32, phase: Phase) {
        let Some(flow) = self.table.flow(at) else { return };
        flow.phase = phase;
        if let Some(open) = flow.open.take() {
            self.openings.give_back(open);
        }
    }
}

/// A flow is seen in one more VLAN.
fn also_in(flow: Option<&mut Flow<Open>>, packet: &Packet<'_>) {
    if let Some(flow) = flow {
        flow.vlans.extend(packet.encap.vlans());
    }
}

/// What tells a flow's beginning from another's: of QUIC the connection id the client chose, else the payload.
fn digest(packet: &Packet<'_>) -> u32 {
    let payload = packet.segment.payload;
    let told = match packet.segment.transport {
        Transport::Udp => payload.get(5..).and_then(|b| Reader::new(b).vec8()).unwrap_or_default(),
        Transport::Tcp => payload,
    };
    let sum = told.iter().fold(0x811c_9dc5u32, |sum, b| (sum ^ u32::from(*b)).wrapping_mul(0x0100_0193));
    sum.max(1)
}

/// Whether one end's port is one of TLS.
fn is_on_tls_port<O>(flow: &Flow<O>) -> bool {
    (0..2).any(|end| TLS_PORTS.contains(&flow.key.end(end).1))
}

/// Bytes on a port of TLS whose beginning was not seen and that told nothing of themselves: pieces of records.
fn is_missed(flow: &Flow<Open>) -> bool {
    let has_payload = flow.directions.iter().any(|d| d.bytes > 0);
    let has_start = flow.directions.iter().any(|d| d.has_start);
    flow.key.transport() == Transport::Tcp && is_on_tls_port(flow) && has_payload && !has_start && !flow.is_http && flow.phase != Phase::Dns
}

fn silence(flow: &Flow<Open>) -> u64 {
    let has_payload = flow.directions.iter().any(|d| d.bytes > 0);
    match flow.key.transport() {
        Transport::Udp => UDP_SILENCE,
        Transport::Tcp if !has_payload => EMPTY_SILENCE,
        Transport::Tcp => TCP_SILENCE,
    }
}

/// Notes that new bytes moved in a direction. Exchanges are looked for where the flow is told about, behind its hello.
#[inline]
fn moved(flow: &mut Flow<Open>, direction: usize, (bytes, is_handshake): (u64, bool), (now, minute): (Time, u32)) {
    flow.minutes.note(minute);
    if flow.reason.is_none() || is_handshake {
        return;
    }
    let is_udp = flow.key.transport() == Transport::Udp;
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    match client_of(flow) == direction {
        true => {
            flow.dialogue.up(now, bytes, is_udp);
            flow.posted = flow.posted.saturating_add(if bytes > LARGEST_REQUEST { bytes } else { 0 });
        }
        false => flow.dialogue.down(now, bytes, is_udp),
    }
}

/// Direction of a flow's client: known, or the end with the higher port.
fn client_of<O>(flow: &Flow<O>) -> usize {
    match flow.client {
        Some(direction) => direction.into(),
        None => usize::from(flow.key.end(1).1 > flow.key.end(0).1),
    }
}

fn ends_of<O>(flow: &Flow<O>) -> Ends {
    let client = client_of(flow);
    let ((client, client_port), (server, server_port)) = (flow.key.end(client), flow.key.end(1 ^ client));
    Ends { client: client.ip(), client_port, server: server.ip(), server_port }
}

fn state(flow: &Flow<Open>, closed: bool) -> FlowState {
    let client = client_of(flow);
    let bytes = |d: usize| flow.directions.get(d).map_or(0, |d| d.bytes);
    FlowState {
        id: flow.id,
        first_seen: flow.first_seen,
        last_seen: flow.last_seen,
        transport: flow.key.transport(),
        ends: ends_of(flow),
        bytes_up: bytes(client),
        bytes_down: bytes(1 ^ client),
        exchanges: flow.dialogue.exchanges(),
        minutes: flow.minutes,
        posted: flow.posted,
        name: flow.name.clone().map(|name| (name, flow.source)),
        reason: flow.reason.unwrap_or(Reason::Named),
        is_encrypted: flow.is_encrypted,
        blind_spot: flow.blind_spot,
        link: flow.link(client),
        closed,
    }
}
