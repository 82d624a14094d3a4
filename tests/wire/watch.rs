//! An engine that is watched: frames in, what it said kept.

use std::collections::BTreeMap;

use shadowtap::engine::event::{Anomaly, Event, FlowId, FlowState, Observation};
use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::{Engine, Settings};

use super::packet::framed;

/// Ethernet.
pub const ETHERNET: i32 = 1;

pub struct Watch {
    pub engine: Engine,
    pub now: Time,
    pub events: Vec<Event>,
}

impl Watch {
    pub fn new() -> Self {
        Watch {
            engine: Engine::new(Settings { flows: 64, hellos: 16, engine: 0, seed: 7 }),
            now: Time::new(1_700_000_000, 0),
            events: Vec::new(),
        }
    }

    /// Takes a frame of a link type, a millisecond after the last.
    pub fn frame(&mut self, link: i32, bytes: &[u8]) {
        self.cut_frame(link, bytes, bytes.len());
    }

    /// The same, of which the capture kept only the first bytes.
    pub fn cut_frame(&mut self, link: i32, bytes: &[u8], kept: usize) {
        self.now = Time(self.now.0 + 1_000_000);
        let frame = Frame { time: self.now, link: LinkType(link), bytes: &bytes[..kept.min(bytes.len())], wire_len: bytes.len() as u32 };
        let events = &mut self.events;
        self.engine.frame(&frame, &mut |event| events.push(event));
    }

    /// Takes an IP datagram in an Ethernet frame.
    pub fn ip(&mut self, datagram: &[u8]) {
        self.frame(ETHERNET, &framed(datagram));
    }

    pub fn ips<'a>(&mut self, datagrams: impl IntoIterator<Item = &'a Vec<u8>>) {
        for datagram in datagrams {
            self.ip(datagram);
        }
    }

    /// Lets packet time pass.
    pub fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus_seconds(seconds);
        let events = &mut self.events;
        self.engine.tick(self.now, &mut |event| events.push(event));
    }

    pub fn observations(&self) -> Vec<&Observation> {
        self.events.iter().filter_map(|e| if let Event::Name(o) = e { Some(&**o) } else { None }).collect()
    }

    /// The one observation there is.
    pub fn only(&self) -> &Observation {
        let all = self.observations();
        assert_eq!(all.len(), 1, "one observation: {:?}", self.names());
        all[0]
    }

    /// Source and name of every observation.
    pub fn names(&self) -> Vec<(&'static str, &str)> {
        self.observations().into_iter().map(|o| (o.source.word(), o.name.as_str())).collect()
    }

    pub fn anomalies(&self, kind: Anomaly) -> u64 {
        self.engine.counters().anomalies[kind as usize]
    }

    /// Every anomaly that was counted, by word.
    pub fn odd(&self) -> Vec<(&'static str, u64)> {
        let counts = self.engine.counters().anomalies;
        Anomaly::ALL.into_iter().map(|a| (a.word(), counts[a as usize])).filter(|(_, n)| *n > 0).collect()
    }

    /// Ends the capture and gives the last state of every flow that was told, oldest first.
    pub fn flows(&mut self) -> Vec<FlowState> {
        let events = &mut self.events;
        self.engine.finish(&mut |event| events.push(event));
        let mut last: BTreeMap<FlowId, FlowState> = BTreeMap::new();
        for event in &self.events {
            if let Event::Flow(state) = event {
                last.insert(state.id, *state);
            }
        }
        last.into_values().collect()
    }

    /// Bytes up and down of every flow that was told.
    pub fn volumes(&mut self) -> Vec<(u64, u64)> {
        self.flows().iter().map(|f| (f.bytes_up, f.bytes_down)).collect()
    }
}
