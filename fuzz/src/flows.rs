//! Operations on the flow table, against a map of what it should hold.

use std::collections::HashMap;

use arbitrary::{Arbitrary, Unstructured};
use shadowtap::engine::event::{FlowId, Transport};
use shadowtap::engine::flow::{FlowKey, FlowTable};
use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::packet::{Step, Walk};

use super::wire::packet::{framed, tcp, udp};

/// What may be done to the table; a number names a flow by its place among those there could be.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Operation {
    Open { flow: u8, seconds: u16 },
    Close { flow: u8 },
    Touch { flow: u8 },
    Arm { flow: u8, seconds: u16 },
    Move { from: u8, to: u8 },
    Wait { seconds: u16 },
}

const BOUND: usize = 24;
/// One less than the slots of the wheel.
const LONGEST: u64 = 1023;

struct Model {
    table: FlowTable<()>,
    /// Index, number and deadline in seconds of each open flow.
    open: HashMap<FlowKey, (u32, FlowId, Option<u64>)>,
    now: u64,
    opened: u64,
    closed: u64,
    evicted: u64,
}

/// Never more flows than the bound; each found by its key alone; numbers never reused; none is due early, none late; in = kept + out.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let engine = u.arbitrary().unwrap_or(0);
    let mut model =
        Model { table: FlowTable::new(BOUND, engine, 3), open: HashMap::new(), now: 1_700_000_000, opened: 0, closed: 0, evicted: 0 };
    let mut last = FlowId(u64::from(engine) << 48);
    for operation in u.arbitrary_iter::<Operation>().into_iter().flatten().flatten().take(256) {
        model.apply(operation, &mut last);
        model.check(operation);
    }
}

/// The key of one of 64 flows, some of TCP and some of UDP.
fn key(flow: u8) -> FlowKey {
    let flow = flow % 64;
    let (a, b) = (([10, 0, 0, flow / 8], 40_000 + u16::from(flow % 4)), ([192, 0, 2, 1], 443));
    let datagram = if flow % 8 < 4 { tcp(a.into(), b.into(), 1, 2, &[]) } else { udp(a.into(), b.into(), b"x") };
    let frame = framed(&datagram);
    let mut walk = Walk::of(&Frame { time: Time(1), link: LinkType(1), bytes: &frame, wire_len: frame.len() as u32 });
    let Ok(Step::Packet(packet)) = walk.decode(LinkType(1)) else { panic!("a packet by hand") };
    let (key, _) = FlowKey::of(&packet);
    assert_eq!(key.transport() == Transport::Tcp, flow % 8 < 4);
    key
}

impl Model {
    fn time(&self) -> Time {
        Time::new(self.now, 0)
    }

    fn deadline(&self, seconds: u16) -> Option<u64> {
        Some(self.now + u64::from(seconds).clamp(1, LONGEST))
    }

    fn apply(&mut self, operation: Operation, last: &mut FlowId) {
        match operation {
            Operation::Open { flow, seconds } => self.insert(key(flow), seconds, last),
            Operation::Close { flow } => {
                if let Some((at, id, _)) = self.open.remove(&key(flow)) {
                    assert_eq!(self.table.remove(at).map(|f| f.id), Some(id));
                    self.closed += 1;
                }
            }
            Operation::Touch { flow } => {
                let now = self.time();
                if let Some((at, ..)) = self.open.get(&key(flow)) {
                    self.table.flow(*at).expect("open").last_seen = now;
                }
            }
            Operation::Arm { flow, seconds } => {
                let (now, deadline) = (self.time(), self.deadline(seconds));
                if let Some((at, _, until)) = self.open.get_mut(&key(flow)) {
                    *until = deadline;
                    self.table.arm(*at, now, seconds.into());
                }
            }
            Operation::Move { from, to } => {
                let (from, to) = (key(from), key(to));
                if from != to
                    && from.transport() == to.transport()
                    && !self.open.contains_key(&to)
                    && let Some(entry) = self.open.remove(&from)
                {
                    self.table.rekey(entry.0, to, false);
                    self.open.insert(to, entry);
                }
            }
            Operation::Wait { seconds } => {
                self.now += u64::from(seconds);
                self.pass();
            }
        }
    }

    fn insert(&mut self, key: FlowKey, seconds: u16, last: &mut FlowId) {
        if self.open.contains_key(&key) {
            return;
        }
        if self.table.is_full() {
            let at = self.table.victim().expect("a full table has one");
            let victim = self.table.remove(at).expect("it is open");
            assert!(self.open.remove(&victim.key).is_some(), "a victim nobody opened");
            self.evicted += 1;
        }
        let (time, deadline) = (self.time(), self.deadline(seconds));
        let at = self.table.insert(key, 0, time, seconds.into());
        let id = self.table.flow(at).expect("just opened").id;
        assert!(id > *last, "{id:?} after {last:?}");
        *last = id;
        self.open.insert(key, (at, id, deadline));
        self.opened += 1;
    }

    /// Everything that is due now, and nothing else.
    fn pass(&mut self) {
        let (time, now) = (self.time(), self.now);
        while let Some(at) = self.table.due(time) {
            let key = self.table.flow(at).expect("a due flow is open").key;
            let entry = self.open.get_mut(&key).expect("a due flow is known");
            let until = entry.2.take().expect("it is due once");
            assert!(until <= now, "due {} s early", until - now);
        }
        let late = self.open.values().filter_map(|(_, _, until)| *until).find(|until| *until <= now);
        assert_eq!(late, None, "a deadline was missed at {now}");
    }

    fn check(&self, after: Operation) {
        assert!(self.table.len() <= BOUND, "{} flows after {after:?}", self.table.len());
        assert_eq!(self.table.len(), self.open.len(), "after {after:?}");
        assert_eq!(self.opened, self.table.len() as u64 + self.closed + self.evicted, "in = kept + out, after {after:?}");
        assert_eq!(self.table.is_empty(), self.table.any().is_none());
        for flow in 0..64 {
            let key = key(flow);
            assert_eq!(self.table.find(&key), self.open.get(&key).map(|e| e.0), "after {after:?}");
        }
    }
}
