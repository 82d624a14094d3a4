//! The flow table: conversations keyed by addresses, ports, protocol and VLAN/VNI, their volumes, and when they are due.
//!
//! A VNI keeps flows apart always. A VLAN id does where what the packets say contradicts ([`Flow::is_same`]): mirrors tag the two
//! directions of one conversation differently, and routers show a packet once in each of two VLANs.
//!
//! Bounded: when full, the longest silent of a window of [`WINDOW`] neighbours goes first, so that a flood of new flows costs a constant
//! each and throws out itself before flows that go on. Deadlines stand in a wheel of one slot a second.

use std::hash::BuildHasher;
use std::net::SocketAddr;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::event::{BlindSpot, FlowId, Reason, Source, Transport};
use super::frame::Time;
use super::host::HostName;
use super::packet::{Address, Packet};

/// Flows looked at to find the one that goes when the table is full.
const WINDOW: usize = 32;
/// Slots of the wheel, one a second; the longest deadline is one less.
const SLOTS: usize = 1024;
const NONE: u32 = u32::MAX;
/// A forward jump in sequence space that counts at once: a window's worth of segments lost.
const NEAR: i32 = 1 << 22;
/// A forward jump above this is no gap but nonsense, whatever follows.
const MAX_GAP: i32 = 1 << 30;
/// How far before the first segment seen an earlier one may still arrive.
const MAX_EARLY: i32 = 1 << 20;

/// What makes two packets one conversation; the lower end first, so both directions are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowKey {
    low: Address,
    high: Address,
    ports: u32,
    transport: Transport,
    isolation: u64,
}

impl FlowKey {
    /// Key of a packet's flow, and its direction: 0 where the lower end sent it.
    #[inline]
    pub fn of(packet: &Packet<'_>) -> (FlowKey, usize) {
        let s = &packet.segment;
        let is_low = (packet.src, s.src_port) <= (packet.dst, s.dst_port);
        let ports = |a: u16, b: u16| u32::from(a) << 16 | u32::from(b);
        let (low, high, ports) = match is_low {
            true => (packet.src, packet.dst, ports(s.src_port, s.dst_port)),
            false => (packet.dst, packet.src, ports(s.dst_port, s.src_port)),
        };
        (FlowKey { low, high, ports, transport: s.transport, isolation: packet.encap.vni() }, usize::from(!is_low))
    }

    /// The key of a flow that shares all but its VLAN with another.
    pub fn within(self, vlan: u64) -> FlowKey {
        FlowKey { isolation: self.isolation ^ vlan.rotate_left(17), ..self }
    }

    /// Transport of the flow.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Address and port of an end: 0 is the lower.
    pub fn end(&self, direction: usize) -> (Address, u16) {
        match direction {
            0 => (self.low, (self.ports >> 16) as u16),
            _ => (self.high, self.ports as u16),
        }
    }
}

/// One direction's volume.
#[derive(Clone, Copy, Default, Debug)]
pub struct Direction {
    /// Payload bytes: TCP sequence space covered, UDP payload.
    pub bytes: u64,
    /// Packets seen.
    pub packets: u32,
    /// TCP: where the next new byte is expected. UDP: digest of the last datagram.
    next: u32,
    /// TCP: first byte counted.
    low: u32,
    /// TCP: end of a segment far ahead that nothing followed yet; 0 for none.
    jump: u32,
    /// TCP: SYN seen; `low` is then the first byte of the stream.
    pub has_start: bool,
    /// TCP: FIN seen.
    pub has_end: bool,
}

impl Direction {
    /// First sequence number of the stream, where SYN was seen.
    pub fn start(&self) -> Option<u32> {
        self.has_start.then_some(self.low)
    }

    /// Notes a SYN: the stream begins behind it.
    pub fn begin(&mut self, seq: u32) {
        self.low = seq.wrapping_add(1);
        self.next = self.low;
        self.has_start = true;
    }

    /// Counts `length` bytes at `seq` of TCP sequence space once; false where they stand nowhere near the stream.
    ///
    /// A jump ahead counts at once up to [`NEAR`]; a larger one, as a capture that lost much shows it, when the next segment goes on
    /// behind it. A stray segment alone moves nothing.
    #[inline]
    pub fn cover(&mut self, seq: u32, length: u32) -> bool {
        let end = seq.wrapping_add(length);
        if self.bytes == 0 && !self.has_start {
            (self.low, self.next, self.bytes) = (seq, end, length.into());
            return true;
        }
        let ahead = end.wrapping_sub(self.next) as i32;
        if ahead > 0 {
            if ahead > NEAR && !self.is_confirmed(seq, ahead) {
                self.jump = end;
                return false;
            }
            self.bytes = self.bytes.saturating_add(ahead as u64);
            self.next = end;
            return true;
        }
        let early = self.low.wrapping_sub(seq) as i32;
        if early > 0 && early < MAX_EARLY && !self.has_start && self.bytes < MAX_EARLY as u64 {
            self.bytes = self.bytes.saturating_add(early as u64);
            self.low = seq;
        }
        true
    }

    /// Whether a segment far ahead goes on where the one before it ended.
    fn is_confirmed(&self, seq: u32, ahead: i32) -> bool {
        let behind = seq.wrapping_sub(self.jump) as i32;
        ahead <= MAX_GAP && self.jump != 0 && (0..NEAR).contains(&behind)
    }

    /// Whether a sequence number stands where the next byte may: for a reset, which carries none.
    pub fn is_near(&self, seq: u32) -> bool {
        self.packets == 0 || (self.bytes == 0 && !self.has_start) || (self.next.wrapping_sub(seq) as i32).abs() <= NEAR
    }

    /// Counts a UDP payload; false where it repeats the one before to the bit (a mirror that shows packets twice).
    #[inline]
    pub fn datagram(&mut self, payload: &[u8], wire: u32) -> bool {
        let tail = payload.last_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b));
        let mixed = tail.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(wire);
        let digest = (mixed >> 32) as u32 ^ mixed as u32;
        let is_repeated = self.packets > 1 && digest == self.next && payload.len() > 20;
        self.next = digest;
        if !is_repeated {
            self.bytes = self.bytes.saturating_add(wire.into());
        }
        !is_repeated
    }
}

/// How far a flow's reading has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Its opening is being read.
    Opening,
    /// HTTP/1 in clear: each request may name a host.
    Http,
    /// DNS messages.
    Dns,
    /// Only volumes count.
    Done,
}

/// One conversation.
#[derive(Debug)]
pub struct Flow<O> {
    /// Its key.
    pub key: FlowKey,
    /// Its number.
    pub id: FlowId,
    /// First packet.
    pub first_seen: Time,
    /// Last packet.
    pub last_seen: Time,
    /// Volumes: of the lower end, of the higher end.
    pub directions: [Direction; 2],
    /// VLAN of its first packet, see [`super::packet::Encap::vlan`].
    pub vlan: u64,
    /// Digest of the client's first payload: tells two flows of one key in two VLANs from copies of one.
    pub opening_digest: u32,
    /// Which direction is the client's, where known.
    pub client: Option<u8>,
    /// How far it is read.
    pub phase: Phase,
    /// Datagrams or segments looked at without success.
    pub tries: u8,
    /// Its name and how it was seen, the innermost where it has several.
    pub name: Option<(HostName, Source)>,
    /// Named, or why not; `None` for what is neither encrypted nor named.
    pub reason: Option<Reason>,
    /// A hello or a record of an encrypted protocol was seen.
    pub is_encrypted: bool,
    /// What hides in it, told by its first packet.
    pub blind_spot: Option<BlindSpot>,
    /// Whom the client speaks for, where a PROXY header told.
    pub proxied: Option<Box<SocketAddr>>,
    /// Requests in clear were seen: reading goes back to them.
    pub is_http: bool,
    /// Both directions ended, or a reset.
    pub is_closed: bool,
    /// It was told since its last change.
    pub is_told: bool,
    /// What is held while its opening is read.
    pub open: Option<Box<O>>,
    slot: u16,
    is_armed: bool,
    previous: u32,
    following: u32,
}

impl<O> Flow<O> {
    /// Whether a packet of this key from another VLAN belongs to this flow: a copy of one of its packets, or its other direction.
    /// `digest` is that of the packet's payload.
    pub fn is_same(&self, direction: usize, packet: &Packet<'_>, digest: u32) -> bool {
        let s = &packet.segment;
        let Some(d) = self.directions.get(direction) else { return false };
        let is_opening = self.opening_digest == 0 || self.opening_digest == digest;
        if s.transport == Transport::Udp {
            // A long header of QUIC at the beginning of either; later datagrams tell nothing.
            return s.payload.first().is_none_or(|b| b & 0x80 == 0) || self.client != Some(direction as u8) || is_opening;
        }
        if s.flags.syn() {
            return d.bytes == 0 && d.start().is_none_or(|start| start == s.seq.wrapping_add(1));
        }
        if s.wire > 0 && d.start() == Some(s.seq) && self.client == Some(direction as u8) {
            return is_opening;
        }
        d.packets == 0 || d.next.wrapping_sub(s.seq).cast_signed().abs() < MAX_EARLY
    }
}

/// The flows.
#[derive(Debug)]
pub struct FlowTable<O> {
    index: HashTable<u32>,
    flows: Vec<Option<Flow<O>>>,
    free: Vec<u32>,
    hasher: FixedState,
    wheel: Vec<u32>,
    second: u64,
    hand: usize,
    bound: usize,
    next_id: u64,
}

impl<O> FlowTable<O> {
    /// An empty table of at most `bound` flows; `engine` makes their numbers unique, `seed` keys the hash.
    pub fn new(bound: usize, engine: u16, seed: u64) -> Self {
        FlowTable {
            index: HashTable::new(),
            flows: Vec::new(),
            free: Vec::new(),
            hasher: FixedState::with_seed(seed),
            wheel: vec![NONE; SLOTS],
            second: 0,
            hand: 0,
            bound: bound.clamp(1, u32::MAX as usize - 1),
            next_id: u64::from(engine) << 48 | 1,
        }
    }

    /// Number of open flows.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Whether another flow needs a [`Self::victim`] first.
    pub fn is_full(&self) -> bool {
        self.index.len() >= self.bound
    }

    /// The flow at an index.
    #[inline]
    pub fn flow(&mut self, at: u32) -> Option<&mut Flow<O>> {
        self.flows.get_mut(at as usize)?.as_mut()
    }

    /// Index of the flow with this key.
    #[inline]
    pub fn find(&self, key: &FlowKey) -> Option<u32> {
        let flows = &self.flows;
        let is_it = |at: &u32| flows.get(*at as usize).and_then(Option::as_ref).is_some_and(|f| f.key == *key);
        self.index.find(self.hasher.hash_one(key), is_it).copied()
    }

    /// Adds a flow that is not there yet; its first deadline is in `seconds`.
    pub fn insert(&mut self, key: FlowKey, vlan: u64, now: Time, seconds: u64) -> u32 {
        let id = FlowId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let flow = Flow {
            key,
            id,
            first_seen: now,
            last_seen: now,
            directions: [Direction::default(); 2],
            vlan,
            opening_digest: 0,
            client: None,
            phase: Phase::Opening,
            tries: 0,
            name: None,
            reason: None,
            is_encrypted: false,
            blind_spot: None,
            proxied: None,
            is_http: false,
            is_closed: false,
            is_told: true,
            open: None,
            slot: 0,
            is_armed: false,
            previous: NONE,
            following: NONE,
        };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.flows.get_mut(at as usize) {
                    *place = Some(flow);
                }
                at
            }
            None => {
                self.flows.push(Some(flow));
                (self.flows.len() - 1) as u32
            }
        };
        let (flows, hasher) = (&self.flows, &self.hasher);
        let rehash = |at: &u32| flows.get(*at as usize).and_then(Option::as_ref).map_or(0, |f| hasher.hash_one(f.key));
        self.index.insert_unique(hasher.hash_one(key), at, rehash);
        self.arm(at, now, seconds);
        at
    }

    /// Takes a flow out.
    pub fn remove(&mut self, at: u32) -> Option<Flow<O>> {
        self.disarm(at);
        let flow = self.flows.get_mut(at as usize)?.take()?;
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(flow.key), |i| *i == at) {
            entry.remove();
        }
        self.free.push(at);
        Some(flow)
    }

    /// Gives a flow another key: its client went on from another address or port. `is_turned` where its ends change places by that.
    pub fn rekey(&mut self, at: u32, key: FlowKey, is_turned: bool) {
        let Some(flow) = self.flow(at) else { return };
        let old = std::mem::replace(&mut flow.key, key);
        if is_turned {
            flow.directions.swap(0, 1);
            flow.client = flow.client.map(|c| 1 - c);
        }
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(old), |i| *i == at) {
            entry.remove();
        }
        let (flows, hasher) = (&self.flows, &self.hasher);
        let rehash = |at: &u32| flows.get(*at as usize).and_then(Option::as_ref).map_or(0, |f| hasher.hash_one(f.key));
        self.index.insert_unique(hasher.hash_one(key), at, rehash);
    }

    /// The flow to give up for a new one: the longest silent of the next [`WINDOW`].
    pub fn victim(&mut self) -> Option<u32> {
        let total = self.flows.len();
        let mut oldest: Option<(Time, u32)> = None;
        for _ in 0..WINDOW.min(total) {
            self.hand = (self.hand + 1) % total.max(1);
            if let Some(Some(flow)) = self.flows.get(self.hand)
                && oldest.is_none_or(|(time, _)| flow.last_seen < time)
            {
                oldest = Some((flow.last_seen, self.hand as u32));
            }
        }
        oldest.map(|(_, at)| at).or_else(|| self.any())
    }

    /// Index of any flow; for the end, when all are closed.
    pub fn any(&self) -> Option<u32> {
        self.index.iter().next().copied()
    }

    /// Sets a flow's next deadline, `seconds` from now.
    pub fn arm(&mut self, at: u32, now: Time, seconds: u64) {
        self.disarm(at);
        if self.second == 0 {
            self.second = now.seconds();
        }
        let second = now.seconds().max(self.second).saturating_add(seconds.clamp(1, SLOTS as u64 - 1));
        let slot = (second % SLOTS as u64) as usize;
        let head = self.wheel.get(slot).copied().unwrap_or(NONE);
        if let Some(flow) = self.flow(at) {
            (flow.slot, flow.is_armed, flow.previous, flow.following) = (slot as u16, true, NONE, head);
        }
        if let Some(next) = self.flow(head) {
            next.previous = at;
        }
        if let Some(place) = self.wheel.get_mut(slot) {
            *place = at;
        }
    }

    fn disarm(&mut self, at: u32) {
        let Some(flow) = self.flow(at).filter(|f| f.is_armed) else { return };
        flow.is_armed = false;
        let (slot, previous, following) = (flow.slot, flow.previous, flow.following);
        match self.flow(previous) {
            Some(before) => before.following = following,
            None => {
                if let Some(place) = self.wheel.get_mut(slot as usize) {
                    *place = following;
                }
            }
        }
        if let Some(after) = self.flow(following) {
            after.previous = previous;
        }
    }

    /// Next flow whose deadline has passed; it is disarmed and must be armed again or removed.
    pub fn due(&mut self, now: Time) -> Option<u32> {
        let now = now.seconds();
        // The first moment, or a gap longer than the wheel: every slot is looked at once.
        self.second = self.second.max(now.saturating_sub(SLOTS as u64 - 1));
        loop {
            let slot = (self.second % SLOTS as u64) as usize;
            let head = self.wheel.get(slot).copied().unwrap_or(NONE);
            if head != NONE {
                self.disarm(head);
                return Some(head);
            }
            if self.second >= now {
                return None;
            }
            self.second += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> FlowKey {
        FlowKey { low: Address(n.into()), high: Address(u128::MAX), ports: 1, transport: Transport::Tcp, isolation: 0 }
    }

    #[test]
    fn deadlines_come_in_their_second_and_once() {
        let mut table: FlowTable<()> = FlowTable::new(10, 0, 1);
        let start = Time::new(1_000_000, 0);
        let a = table.insert(key(1), 0, start, 5);
        let b = table.insert(key(2), 0, start, 900);
        assert_eq!(table.due(start.plus_seconds(4)), None);
        assert_eq!(table.due(start.plus_seconds(5)), Some(a));
        assert_eq!(table.due(start.plus_seconds(5)), None);
        table.arm(a, start.plus_seconds(5), 5);
        let rest = [table.due(start.plus_seconds(100_000)), table.due(start.plus_seconds(100_000))];
        assert!(rest.contains(&Some(a)) && rest.contains(&Some(b)));
        assert_eq!(table.due(start.plus_seconds(100_000)), None);
    }

    #[test]
    fn a_flood_stays_inside_the_bound_and_spares_flows_that_go_on() {
        let mut table: FlowTable<()> = FlowTable::new(1000, 0, 1);
        let active = table.insert(key(0), 0, Time(1), 5);
        for n in 1..100_000u32 {
            let now = Time(u64::from(n) * 1000);
            table.flow(active).unwrap().last_seen = now;
            if table.is_full() {
                let victim = table.victim().unwrap();
                table.remove(victim);
            }
            table.insert(key(n), 0, now, 5);
        }
        assert_eq!(table.len(), 1000);
        assert_eq!(table.find(&key(0)), Some(active));
        assert!(table.flows.len() <= 1000);
    }

    #[test]
    fn sequence_space_is_counted_once_through_wrap_repetition_and_nonsense() {
        let mut d = Direction::default();
        d.begin(u32::MAX - 10);
        assert!(d.cover(u32::MAX - 9, 100));
        assert!(d.cover(u32::MAX - 9, 100));
        assert!(d.cover(40, 100), "overlaps half");
        assert_eq!(d.bytes, 150);
        assert!(!d.cover(1 << 29, 10), "far ahead and alone");
        assert!(d.cover(140, 10), "the stream goes on where it was");
        assert_eq!(d.bytes, 160);
        assert!(!d.cover(100_000_000, 10));
        assert!(d.cover(100_000_010, 10), "and behind a jump that goes on");
        assert_eq!(d.bytes, 160 + 100_000_020 - 150);
        let mut late = Direction::default();
        assert!(late.cover(1000, 10) && late.cover(900, 100));
        assert_eq!(late.bytes, 110);
    }
}
