//! What the two ends of a flow send, step by step.

use super::rng::Rng;
use super::wire::{ACK, Ends, FIN, PSH, RST, SYN};

/// Largest TCP payload of a segment with timestamps.
pub const MSS: usize = 1448;
const MILLISECOND: u64 = 1_000_000;

/// Bytes to be sent.
pub enum Payload {
    /// These.
    Bytes(Vec<u8>),
    /// Noise of some length that begins with a few bytes of our choice.
    Noise(Vec<u8>, usize),
}

impl Payload {
    pub fn len(&self) -> usize {
        match self {
            Payload::Bytes(bytes) => bytes.len(),
            Payload::Noise(_, length) => *length,
        }
    }
}

/// How a step travels.
pub enum Header {
    /// Sequence and acknowledgement numbers relative to each end's first; flags.
    Tcp(u32, u32, u8),
    Udp,
    /// An echo of this number.
    Icmp(u16),
    /// An ARP question.
    Arp,
}

/// One packet to be sent.
pub struct Step {
    /// Nanoseconds since the step before.
    pub after: u64,
    pub from: usize,
    pub header: Header,
    pub payload: Payload,
}

/// A flow being written.
pub struct Script {
    pub ends: Ends,
    pub steps: Vec<Step>,
    /// Payload bytes of each end, repeated ones counted once over TCP.
    pub bytes: [u64; 2],
    /// First sequence numbers.
    pub first: [u32; 2],
    sent: [u32; 2],
    unacknowledged: u8,
}

impl Script {
    pub fn new(rng: &mut Rng, ends: Ends) -> Self {
        Script { ends, steps: Vec::new(), bytes: [0; 2], first: [rng.u64() as u32, rng.u64() as u32], sent: [0; 2], unacknowledged: 0 }
    }

    /// SYN, SYN and ACK, ACK.
    pub fn connect(&mut self, rng: &mut Rng) {
        self.control(rng, 0, SYN);
        self.sent[0] += 1;
        self.control(rng, 1, SYN | ACK);
        self.sent[1] += 1;
        self.control(rng, 0, ACK);
    }

    /// A packet without payload.
    pub fn control(&mut self, rng: &mut Rng, from: usize, flags: u8) {
        let header = Header::Tcp(self.sent[from], self.sent[1 - from], flags);
        self.step(rng.between(1, 15) * MILLISECOND, from, header, Payload::Bytes(Vec::new()));
    }

    /// One segment.
    pub fn segment(&mut self, rng: &mut Rng, from: usize, payload: Payload) {
        let header = Header::Tcp(self.sent[from], self.sent[1 - from], ACK | PSH);
        self.sent[from] = self.sent[from].wrapping_add(payload.len() as u32);
        self.bytes[from] += payload.len() as u64;
        self.step(rng.between(1, 400) * 10_000, from, header, payload);
    }

    /// Bytes in as many segments as they need.
    pub fn stream(&mut self, rng: &mut Rng, from: usize, bytes: &[u8]) {
        for part in bytes.chunks(MSS) {
            self.segment(rng, from, Payload::Bytes(part.to_vec()));
        }
    }

    /// A message of application data: records of noise, acknowledged every segment or every other, some segments twice.
    pub fn bulk(&mut self, rng: &mut Rng, from: usize, mut length: usize) {
        let mut head = vec![23, 3, 3, 0x40, 0x18];
        while length > 0 {
            let size = length.min(MSS);
            length -= size;
            let before = self.sent[from];
            self.segment(rng, from, Payload::Noise(std::mem::take(&mut head), size));
            if rng.below(300) == 0 {
                let header = Header::Tcp(before, self.sent[1 - from], ACK | PSH);
                self.step(MILLISECOND, from, header, Payload::Noise(Vec::new(), size));
            }
            self.unacknowledged += 1;
            if self.unacknowledged >= 2 || rng.percent(60) {
                self.unacknowledged = 0;
                self.control(rng, 1 - from, ACK);
            }
        }
    }

    /// FIN of both ends, or a reset, or an end that is not seen.
    pub fn disconnect(&mut self, rng: &mut Rng) {
        match rng.below(10) {
            0 => self.control(rng, 1, RST | ACK),
            1 => {}
            _ => {
                self.control(rng, 0, FIN | ACK);
                self.sent[0] += 1;
                self.control(rng, 1, FIN | ACK);
                self.sent[1] += 1;
                self.control(rng, 0, ACK);
            }
        }
    }

    /// One datagram.
    pub fn datagram(&mut self, rng: &mut Rng, from: usize, payload: Payload) {
        self.bytes[from] += payload.len() as u64;
        self.step(rng.between(1, 600) * 10_000, from, Header::Udp, payload);
    }

    pub fn step(&mut self, after: u64, from: usize, header: Header, payload: Payload) {
        self.steps.push(Step { after, from, header, payload });
    }
}
