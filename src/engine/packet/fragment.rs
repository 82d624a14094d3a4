//! Reassembly of IP fragments: bounded, oldest out first, overlap is hostile (RFC 5722).

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Address, Encap};
use crate::engine::event::Anomaly;
use crate::engine::frame::Time;

/// Datagrams under reassembly at once.
pub const MAX_DATAGRAMS: usize = 1024;
/// Bytes held by all of them.
pub const MAX_BYTES: usize = 4 << 20;
/// Pieces of one datagram.
const MAX_PIECES: usize = 128;
/// How long a datagram may take (RFC 791 suggests 15 s, RFC 8200 says 60 s).
const LIFETIME: u64 = 30_000_000_000;
/// Largest datagram.
const MAX_LENGTH: u32 = 65_535;

/// What pieces of one datagram share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FragmentKey {
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// Identification.
    pub id: u32,
    /// Protocol of the whole.
    pub protocol: u8,
    /// VLAN and VNI.
    pub isolation: u64,
}

/// A piece of an IP datagram.
#[derive(Clone, Debug)]
pub struct Fragment<'a> {
    /// When it was captured.
    pub time: Time,
    /// To which datagram it belongs.
    pub key: FragmentKey,
    /// Where its bytes stand in the datagram's payload.
    pub offset: u32,
    /// Whether more follow.
    pub more: bool,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether the capture has all of them.
    pub is_whole: bool,
    /// VLANs and tunnels around it.
    pub encap: Encap,
    /// Source MAC address.
    pub mac: Option<[u8; 6]>,
    /// Destination MAC address.
    pub dst_mac: Option<[u8; 6]>,
    /// Time to live, or hop limit.
    pub ttl: u8,
    pub(super) depth: u8,
}

#[derive(Debug)]
struct Datagram {
    since: Time,
    pieces: Vec<(u32, Vec<u8>)>,
    total: Option<u32>,
}

/// The datagrams under reassembly.
#[derive(Debug)]
pub struct Fragments {
    open: HashMap<FragmentKey, Datagram, FixedState>,
    order: VecDeque<(Time, FragmentKey)>,
    bytes: usize,
    evicted: u64,
}

impl Fragments {
    /// None yet; `seed` keys the hash.
    pub fn new(seed: u64) -> Self {
        Fragments { open: HashMap::with_hasher(FixedState::with_seed(seed)), order: VecDeque::new(), bytes: 0, evicted: 0 }
    }

    /// Datagrams given up because of a bound.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Adds a piece; gives the whole payload when it was the last one missing.
    ///
    /// # Errors
    /// [`Anomaly::Fragment`] for overlap or excess: the whole datagram is dropped. [`Anomaly::Snapped`] where the capture cut the piece.
    pub fn insert(&mut self, fragment: &Fragment<'_>) -> Result<Option<Vec<u8>>, Anomaly> {
        if !fragment.is_whole {
            return Err(Anomaly::Snapped);
        }
        let length = u32::try_from(fragment.bytes.len()).map_err(|_| Anomaly::Fragment)?;
        let end = fragment.offset.saturating_add(length);
        if end > MAX_LENGTH || length == 0 || (fragment.more && length % 8 != 0) {
            return Err(Anomaly::Fragment);
        }
        self.make_room(fragment.time, fragment.bytes.len());
        let order = &mut self.order;
        let datagram = self.open.entry(fragment.key).or_insert_with(|| {
            order.push_back((fragment.time, fragment.key));
            Datagram { since: fragment.time, pieces: Vec::new(), total: None }
        });
        match datagram.add(fragment, end) {
            Ok(added) => self.bytes = self.bytes.saturating_add(added),
            Err(anomaly) => {
                self.remove(&fragment.key);
                return Err(anomaly);
            }
        }
        let is_complete = self.open.get(&fragment.key).is_some_and(Datagram::is_complete);
        Ok(is_complete.then(|| self.remove(&fragment.key)).flatten().map(Datagram::join))
    }

    fn remove(&mut self, key: &FragmentKey) -> Option<Datagram> {
        let datagram = self.open.remove(key)?;
        self.bytes = self.bytes.saturating_sub(datagram.pieces.iter().map(|(_, b)| b.len()).sum());
        Some(datagram)
    }

    fn make_room(&mut self, now: Time, incoming: usize) {
        while let Some((since, key)) = self.order.front().copied() {
            let is_old = now.since(since) > LIFETIME;
            let is_full = self.open.len() >= MAX_DATAGRAMS || self.bytes.saturating_add(incoming) > MAX_BYTES;
            // Entries of finished datagrams stay in `order` until they come to the front.
            let is_stale = self.open.get(&key).is_none_or(|d| d.since != since);
            if !(is_old || is_full || is_stale || self.order.len() > 2 * MAX_DATAGRAMS) {
                return;
            }
            self.order.pop_front();
            if !is_stale && self.remove(&key).is_some() {
                self.evicted = self.evicted.saturating_add(1);
            }
        }
    }
}

impl Datagram {
    /// Adds a piece and says how many bytes it took; a repeated one takes none.
    fn add(&mut self, fragment: &Fragment<'_>, end: u32) -> Result<usize, Anomaly> {
        let at = self.pieces.partition_point(|(offset, _)| *offset < fragment.offset);
        if let Some((offset, bytes)) = self.pieces.get(at) {
            if *offset == fragment.offset && bytes == fragment.bytes {
                return Ok(0);
            }
            if *offset < end {
                return Err(Anomaly::Fragment);
            }
        }
        let before = at.checked_sub(1).and_then(|i| self.pieces.get(i));
        if before.is_some_and(|(offset, bytes)| (*offset as usize).saturating_add(bytes.len()) > fragment.offset as usize) {
            return Err(Anomaly::Fragment);
        }
        if self.pieces.len() >= MAX_PIECES || self.total.is_some_and(|t| end > t) {
            return Err(Anomaly::Fragment);
        }
        if !fragment.more {
            let last = self.pieces.last().map_or(0, |(offset, bytes)| (*offset as usize).saturating_add(bytes.len()));
            if self.total.is_some_and(|t| t != end) || last > end as usize {
                return Err(Anomaly::Fragment);
            }
            self.total = Some(end);
        }
        self.pieces.insert(at, (fragment.offset, fragment.bytes.to_vec()));
        Ok(fragment.bytes.len())
    }

    fn is_complete(&self) -> bool {
        // No two pieces overlap, so their lengths add up to the total exactly when nothing is missing.
        self.total.is_some_and(|total| self.pieces.iter().map(|(_, b)| b.len()).sum::<usize>() == total as usize)
    }

    fn join(self) -> Vec<u8> {
        self.pieces.into_iter().flat_map(|(_, bytes)| bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(offset: u32, more: bool, bytes: &[u8]) -> Fragment<'_> {
        let key = FragmentKey { src: Address(1), dst: Address(2), id: 7, protocol: 17, isolation: 0 };
        let encap = Encap::default();
        Fragment { time: Time(1), key, offset, more, bytes, is_whole: true, encap, mac: None, dst_mac: None, ttl: 64, depth: 0 }
    }

    #[test]
    fn joins_pieces_in_any_order_and_repeated() {
        let mut table = Fragments::new(1);
        let (a, b, c) = ([1u8; 16], [2u8; 8], [3u8; 5]);
        assert_eq!(table.insert(&piece(24, false, &c)), Ok(None));
        assert_eq!(table.insert(&piece(0, true, &a)), Ok(None));
        assert_eq!(table.insert(&piece(0, true, &a)), Ok(None));
        let whole = table.insert(&piece(16, true, &b)).unwrap().unwrap();
        assert_eq!(whole, [&a[..], &b, &c].concat());
        assert_eq!(table.bytes, 0);
        assert!(table.open.is_empty());
    }

    #[test]
    fn drops_the_whole_datagram_on_overlap() {
        let mut table = Fragments::new(1);
        assert_eq!(table.insert(&piece(0, true, &[1; 16])), Ok(None));
        assert_eq!(table.insert(&piece(8, true, &[2; 16])), Err(Anomaly::Fragment));
        assert!(table.open.is_empty());
    }

    #[test]
    fn a_flood_of_first_pieces_stays_inside_its_bounds() {
        let mut table = Fragments::new(1);
        for id in 0..100_000u32 {
            let mut f = piece(0, true, &[0; 1480]);
            f.key.id = id;
            assert_eq!(table.insert(&f), Ok(None));
        }
        assert!(table.open.len() <= MAX_DATAGRAMS && table.bytes <= MAX_BYTES && table.order.len() <= 2 * MAX_DATAGRAMS + 1);
        assert!(table.evicted > 90_000);
    }
}
