//! Frames of numbered flows, each with ends and a name of its own.

use super::hello::{self, Shape};
use super::rng::Rng;

const CLIENTS: u32 = 50_000;
const NAMES: u32 = 20_000;
const SYN: u8 = 2;
const ACK: u8 = 16;
const PSH: u8 = 8;
const FIN: u8 = 1;
const HEADERS: usize = 54;

/// A packet of a flow, in the order they come.
#[derive(Clone, Copy)]
pub enum Turn {
    /// The client begins.
    Syn,
    /// The server answers.
    SynAck,
    /// The client says its hello.
    Hello,
    /// A full segment of the server: the first, the second.
    Data(u32),
    /// An end of the client, or of the server.
    Fin(bool),
}

/// Frames, one at a time in one buffer.
pub struct Traffic {
    frame: Vec<u8>,
    /// A hello with a name of a fixed length, which is written into it.
    hello: Vec<u8>,
    name_at: usize,
}

impl Traffic {
    pub fn new() -> Self {
        let name = name(0);
        let hello = hello::record(&mut Rng::new(1), Shape::Go, Some(&name));
        let name_at = hello.windows(name.len()).position(|w| w == name.as_bytes()).expect("the name");
        Traffic { frame: Vec::new(), hello, name_at }
    }

    /// The frame of a flow's turn.
    pub fn frame(&mut self, flow: u32, turn: Turn) -> &[u8] {
        let hello = self.hello.len() as u32;
        match turn {
            Turn::Syn => self.tcp(flow, true, 999, SYN, 0),
            Turn::SynAck => self.tcp(flow, false, 4999, SYN | ACK, 0),
            Turn::Hello => {
                let name = name(flow);
                self.hello[self.name_at..self.name_at + name.len()].copy_from_slice(name.as_bytes());
                self.tcp(flow, true, 1000, PSH | ACK, 0);
                self.frame.extend_from_slice(&self.hello);
                self.lengths();
            }
            Turn::Data(n) => self.tcp(flow, false, 5000u32.wrapping_add(n.wrapping_mul(1400)), PSH | ACK, 1400),
            Turn::Fin(true) => self.tcp(flow, true, 1000 + hello, FIN | ACK, 0),
            Turn::Fin(false) => self.tcp(flow, false, 6400, FIN | ACK, 0),
        }
        &self.frame
    }

    fn tcp(&mut self, flow: u32, is_up: bool, seq: u32, flags: u8, payload: usize) {
        let client = (0x0a00_0000 + flow % CLIENTS).to_be_bytes();
        let server = (0xc633_6400 + flow / CLIENTS % 4096).to_be_bytes();
        let port = (1024 + (flow / CLIENTS) % 60_000) as u16;
        let (src, dst, src_port, dst_port) = if is_up { (client, server, port, 443u16) } else { (server, client, 443, port) };
        let [hi, lo] = (flow % CLIENTS).to_be_bytes()[2..] else { return };
        let (own, router) = ([2, 0, 0, 1, hi, lo], [2, 0, 0, 2, 0, 1]);
        let (to, from) = if is_up { (router, own) } else { (own, router) };
        self.frame.clear();
        self.frame.extend([&to[..], &from, &[8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0], &src, &dst].concat());
        self.frame.extend(
            [&src_port.to_be_bytes()[..], &dst_port.to_be_bytes(), &seq.to_be_bytes(), &[0; 4], &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]]
                .concat(),
        );
        self.frame.resize(HEADERS + payload, 0xd7);
        self.lengths();
    }

    fn lengths(&mut self) {
        let length = (self.frame.len() - 14) as u16;
        self.frame[16..18].copy_from_slice(&length.to_be_bytes());
    }
}

/// Name of a flow's server: one in ten is a service's.
fn name(flow: u32) -> String {
    if flow % 10 == 3 {
        format!("a{:05}.service{:03}.example", flow % NAMES, flow / 10 % 400)
    } else {
        format!("h{:05}.website{:03}.example", flow % NAMES, flow % 997)
    }
}

/// Every flow once, far from the one before.
pub fn shuffled(flows: u32) -> impl Iterator<Item = u32> {
    const STRIDE: u64 = 7_368_787;
    (0..u64::from(flows)).map(move |n| (n * STRIDE % u64::from(flows)) as u32)
}
