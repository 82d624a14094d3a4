//! Frames shown twice: a mirror of both sides of a router, or of both directions of a port.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::engine::frame::{Frame, LinkType, Time};

/// How far apart two copies of one packet may be.
const WITHIN: u64 = 50_000_000;
/// Frames remembered.
const REMEMBERED: usize = 512;
const ETHERNET: LinkType = LinkType(1);

/// The last frames, by what a router leaves as it is.
#[derive(Default)]
pub(super) struct Copies {
    recent: VecDeque<(Time, u64)>,
    hasher: FixedState,
}

impl Copies {
    /// Whether the same packet was shown a moment ago.
    pub(super) fn is_copy(&mut self, frame: &Frame<'_>) -> bool {
        let digest = self.hasher.hash_one(kept_by_routers(frame));
        while self.recent.front().is_some_and(|(time, _)| frame.time.since(*time) > WITHIN) || self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        let is_copy = self.recent.iter().any(|(_, known)| *known == digest);
        self.recent.push_back((frame.time, digest));
        is_copy
    }
}

/// The packet without link header, VLAN tags, and what routers change: time to live and checksum of the header.
fn kept_by_routers(frame: &Frame<'_>) -> Vec<u8> {
    let mut rest = frame.bytes;
    if frame.link == ETHERNET {
        rest = rest.get(12..).unwrap_or_default();
        while let [0x81 | 0x88, 0x00 | 0xa8, _, _, inner @ ..] = rest {
            rest = inner;
        }
        rest = rest.get(2..).unwrap_or_default();
    }
    let mut packet = rest.to_vec();
    let changed: &[usize] = match packet.first().map(|b| b >> 4) {
        Some(4) => &[8, 10, 11],
        Some(6) => &[7],
        _ => &[],
    };
    for at in changed {
        if let Some(byte) = packet.get_mut(*at) {
            *byte = 0;
        }
    }
    packet
}
