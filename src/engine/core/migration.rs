//! Connection ids QUIC servers chose. A client whose address or port changes goes on under the same id (RFC 9000 §9), and its bytes go on
//! counting for the flow that has the name. A client that migrates of its own will takes another id, told in private: nobody can follow it.

use super::Engine;
use crate::engine::counters::Table;
use crate::engine::event::FlowId;
use crate::engine::flow::FlowKey;
use crate::engine::frame::Time;
use crate::engine::names::quic;
use crate::engine::packet::{Address, Packet};
use crate::engine::recent::Recent;

/// Ids shorter than this tell too little.
const MIN_ID: usize = 4;

/// A server and an id it chose: VNI, address, port, length and bytes of the id.
type Key = (u64, Address, u16, u8, [u8; quic::MAX_CID]);

/// Flows by the ids their servers chose. Bounded, oldest out first; those of flows that ended go before it grows.
pub(super) struct Connections {
    flows: Recent<Key, (u32, FlowId)>,
    /// Lengths in use, a bit each.
    lengths: u32,
    bound: usize,
}

impl Connections {
    pub(super) fn new(bound: usize, seed: u64) -> Self {
        Connections { flows: Recent::new(seed), lengths: 0, bound: bound.max(1) }
    }

    /// Lets go of ids of flows that are not open any more, from time to time.
    fn forget(&mut self, now: Time, mut is_open: impl FnMut(u32, FlowId) -> bool) {
        self.flows.sweep(now, |_, (at, id)| !is_open(*at, *id));
    }

    /// Learns an id; gives what was pushed out.
    fn learn(&mut self, key: Key, at: u32, id: FlowId) -> Option<(u32, FlowId)> {
        if let Some(known) = self.flows.get_mut(&key) {
            *known = (at, id);
            return None;
        }
        self.lengths |= 1u32.checked_shl(key.3.into()).unwrap_or(0);
        self.flows.renew(key, |_| (at, id));
        if self.flows.len() <= self.bound { None } else { self.flows.pop_oldest().map(|(_, oldest)| oldest) }
    }

    /// The flow whose server chose the id in a short header.
    fn find(&self, packet: &Packet<'_>) -> Option<(u32, FlowId)> {
        let (first, rest) = packet.segment.payload.split_first()?;
        if first & 0xc0 != 0x40 || self.flows.len() == 0 {
            return None;
        }
        let is_used = |length: &usize| self.lengths.checked_shr(*length as u32).is_some_and(|bits| bits & 1 != 0);
        let found = |length: usize| self.flows.get(&key(packet, packet.dst, packet.segment.dst_port, rest.get(..length)?)?);
        (MIN_ID..=quic::MAX_CID).rev().filter(is_used).find_map(found).copied()
    }
}

fn key(packet: &Packet<'_>, server: Address, port: u16, id: &[u8]) -> Option<Key> {
    let mut bytes = [0; quic::MAX_CID];
    bytes.get_mut(..id.len())?.copy_from_slice(id);
    Some((packet.encap.vni(), server, port, id.len() as u8, bytes))
}

impl Engine {
    /// Learns the id of a server's long header, in a flow whose client is known.
    pub(super) fn learn_connection(&mut self, at: u32, direction: usize, packet: &Packet<'_>) {
        let Some(flow) = self.table.flow(at) else { return };
        let id = flow.id;
        if flow.client.is_none_or(|c| usize::from(c) == direction) || flow.reason.is_none() || !quic::may_open(packet.segment.payload) {
            return;
        }
        let header = quic::packets(packet.segment.payload).next();
        let Some(header) = header.filter(|h| matches!(h.kind, quic::Kind::Initial | quic::Kind::Other) && h.scid.len() >= MIN_ID) else {
            return;
        };
        let Some(key) = key(packet, packet.src, packet.segment.src_port, header.scid) else { return };
        let table = &mut self.table;
        self.connections.forget(self.now, |at, id| table.flow(at).is_some_and(|f| f.id == id));
        if let Some((at, id)) = self.connections.learn(key, at, id)
            && self.table.flow(at).is_some_and(|f| f.id == id)
        {
            self.counters.eviction(Table::Connections);
        }
    }

    /// The flow a datagram between unknown ends goes on with, which gets their key.
    pub(super) fn migrated(&mut self, key: FlowKey, direction: usize, packet: &Packet<'_>) -> Option<u32> {
        let (at, id) = self.connections.find(packet)?;
        let client = self.table.flow(at).filter(|f| f.id == id)?.client?;
        self.table.rekey(at, key, usize::from(client) != direction);
        Some(at)
    }
}
