//! One pass over frames: what a span port shows, in figures. The engine says what it could name; the rest is counted here, so that the
//! engine's path stays as short as it is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::copies::Copies;
use crate::engine::account::Account;
use crate::engine::attribution::{Attribution, Bounds, Judgement};
use crate::engine::counters::Counters;
use crate::engine::event::{Event, Source};
use crate::engine::flow::FlowKey;
use crate::engine::frame::{Frame, LinkType, Time};
use crate::engine::identity::Exclusion;
use crate::engine::ledger::Thresholds;
use crate::engine::packet::{Layer, Packet, Step, Transport, Walk};
use crate::engine::visibility::Count;
use crate::engine::{Engine, Settings};

/// Largest frame of an ordinary Ethernet, two VLAN tags included.
pub(super) const LARGEST_FRAME: u32 = 1522;
/// Flows and clients told apart.
const MAX_KNOWN: usize = 100_000;

/// What was seen so far.
pub(super) struct Survey {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) copies: u64,
    pub(super) oversized: u64,
    pub(super) largest: u32,
    pub(super) snapped: u64,
    pub(super) queries: u64,
    pub(super) answers: u64,
    /// VLANs and kinds of tunnels, and how many packets stood in each.
    pub(super) layers: BTreeMap<String, u64>,
    pub(super) clients: HashSet<IpAddr>,
    pub(super) parties: Parties,
    /// How long an interface was looked at.
    pub(super) watched: Option<Duration>,
    first: Option<Time>,
    last: Time,
    recent: Copies,
    flows: HashMap<FlowKey, Sides>,
    engine: Engine,
    attribution: Attribution,
}

/// What was seen of a TCP flow.
#[derive(Clone, Copy, Default)]
struct Sides {
    has: [bool; 2],
    has_payload: bool,
}

/// Whose packets these are.
#[derive(Debug, Default)]
pub(super) struct Parties {
    /// Packets to one receiver.
    pub(super) unicast: u64,
    /// Those neither from nor to this machine.
    pub(super) between_others: u64,
    own: HashSet<IpAddr>,
    /// For IPv4 and IPv6: addresses that stand in every packet so far.
    common: [Option<Vec<IpAddr>>; 2],
}

impl Survey {
    /// Nothing seen yet; `own` are this machine's addresses where it captures itself.
    pub(super) fn new(own: HashSet<IpAddr>) -> Self {
        let judgement = Judgement {
            signatures: Arc::default(),
            policy: Arc::default(),
            teams: Arc::default(),
            zones: Arc::default(),
            inside: Arc::new([]),
            directory: Arc::default(),
            exclude: Exclusion::default(),
            shared: Arc::new([]),
            thresholds: Thresholds::default(),
        };
        Survey {
            frames: 0,
            bytes: 0,
            copies: 0,
            oversized: 0,
            largest: 0,
            snapped: 0,
            queries: 0,
            answers: 0,
            layers: BTreeMap::new(),
            clients: HashSet::new(),
            parties: Parties { own, ..Parties::default() },
            watched: None,
            first: None,
            last: Time(0),
            recent: Copies::default(),
            flows: HashMap::new(),
            engine: Engine::new(Settings::default()),
            attribution: Attribution::new(judgement, Bounds::default()),
        }
    }

    /// Takes a frame.
    pub(super) fn frame(&mut self, frame: &Frame<'_>) {
        self.frames += 1;
        self.bytes += u64::from(frame.wire_len);
        self.first = self.first.or(Some(frame.time));
        self.last = self.last.max(frame.time);
        self.largest = self.largest.max(frame.wire_len);
        self.oversized += u64::from(frame.wire_len > LARGEST_FRAME);
        self.snapped += u64::from(frame.bytes.len() < frame.wire_len as usize);
        if let Ok(Step::Packet(packet)) = Walk::of(frame).decode(frame.link) {
            self.packet(frame, &packet);
        }
        self.feed(|engine, sink| engine.frame(frame, sink));
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, now: Time) {
        self.feed(|engine, sink| engine.tick(now, sink));
        let now = self.engine.now();
        self.attribution.tick(now);
    }

    /// The end: what the engine could name of it, and what not.
    pub(super) fn finish(&mut self) -> Account {
        self.feed(|engine, sink| engine.finish(sink));
        self.attribution.finish();
        let mut account = Account::default();
        for increment in self.attribution.visibility().drain() {
            account.add(increment.sight, Count { ..increment.more });
        }
        account
    }

    /// How long it looked, in seconds; of a capture packet time from the first frame to the last.
    pub(super) fn seconds(&self) -> f64 {
        let recorded = self.first.map_or(0.0, |first| self.last.since(first) as f64 / 1e9);
        self.watched.map_or(recorded, |watched| watched.as_secs_f64())
    }

    /// TCP flows with payload, and those of them seen in both directions.
    pub(super) fn conversations(&self) -> (u64, u64) {
        let with_payload = self.flows.values().filter(|s| s.has_payload);
        with_payload.fold((0, 0), |(all, both), s| (all + 1, both + u64::from(s.has == [true; 2])))
    }

    /// What the engine counted.
    pub(super) fn counters(&self) -> Counters {
        self.engine.counters()
    }

    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) {
        for layer in packet.encap.layers() {
            *self.layers.entry(layer_name(layer)).or_default() += 1;
        }
        let s = &packet.segment;
        if s.wire > 0 || s.flags.syn() {
            self.copies += u64::from(self.recent.is_copy(frame));
        }
        let is_to_many = frame.link == LinkType(1) && frame.bytes.first().is_some_and(|b| b & 1 != 0);
        if !is_to_many {
            self.parties.add(packet.src.ip(), packet.dst.ip());
        }
        if s.transport == Transport::Tcp {
            let (key, direction) = FlowKey::of(packet);
            if self.flows.len() < MAX_KNOWN || self.flows.contains_key(&key) {
                let sides = self.flows.entry(key).or_default();
                sides.has[direction] = true;
                sides.has_payload |= s.wire > 0;
            }
        }
    }

    fn feed(&mut self, feed: impl FnOnce(&mut Engine, &mut dyn FnMut(Event))) {
        let (attribution, clients) = (&mut self.attribution, &mut self.clients);
        let (queries, answers) = (&mut self.queries, &mut self.answers);
        feed(&mut self.engine, &mut |event| {
            let client = match &event {
                Event::Name(o) => {
                    *queries += u64::from(o.source == Source::DnsQuery);
                    *answers += u64::from(o.source == Source::DnsAnswer);
                    o.ends.client
                }
                Event::Flow(state) => state.ends.client,
                Event::Binding(_) => return,
            };
            if clients.len() < MAX_KNOWN {
                clients.insert(client);
            }
            attribution.event(&event);
        });
    }
}

impl Parties {
    fn add(&mut self, src: IpAddr, dst: IpAddr) {
        if src.is_unspecified() || dst.is_multicast() {
            return;
        }
        self.unicast += 1;
        self.between_others += u64::from(!self.own.contains(&src) && !self.own.contains(&dst));
        let common = &mut self.common[usize::from(src.is_ipv6())];
        common.get_or_insert_with(|| vec![src, dst]).retain(|known| *known == src || *known == dst);
    }

    /// Whether every packet is of one host: this machine, or where that is not known one that stands in all of them.
    pub(super) fn is_one_host(&self) -> bool {
        if self.unicast == 0 {
            return false;
        }
        if !self.own.is_empty() {
            return self.between_others == 0;
        }
        self.common.iter().flatten().all(|common| !common.is_empty())
    }
}

/// A VLAN by its id, a tunnel by its kind.
fn layer_name(layer: Layer) -> String {
    let text = layer.to_string();
    match layer {
        Layer::Vlan(_) => text.replace(':', " "),
        _ => text.split(':').next().unwrap_or_default().to_owned(),
    }
}
