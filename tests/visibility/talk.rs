//! One conversation as frames on a wire, and what may happen to them on the way to the sensor.

use std::net::{IpAddr, SocketAddr};

use shadowtap::engine::frame::{Frame, LinkType, Time};

use crate::draw::Draw;
use crate::hello::{Hello, record};

/// Whose bytes.
pub const CLIENT: usize = 0;
/// Whose bytes.
pub const SERVER: usize = 1;

/// A captured frame.
#[derive(Clone, Debug)]
pub struct Shot {
    /// When.
    pub time: Time,
    /// What was captured.
    pub bytes: Vec<u8>,
    /// Bytes on the wire.
    pub wire: u32,
}

impl Shot {
    /// As the engine takes it.
    pub fn frame(&self) -> Frame<'_> {
        Frame { time: self.time, link: LinkType(1), bytes: &self.bytes, wire_len: self.wire }
    }
}

/// What becomes of a segment on its way to the sensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is captured.
    Seen,
    /// It is not.
    Lost,
    /// So many bytes of its payload are.
    Cut(usize),
}

/// One conversation being played.
pub struct Talk<'d> {
    /// Numbers.
    pub draw: &'d mut Draw,
    /// Frames so far.
    pub shots: Vec<Shot>,
    ends: [SocketAddr; 2],
    now: u64,
    seq: [u32; 2],
    muted: Option<usize>,
}

const SYN: u8 = 2;
const ACK: u8 = 16;
const PUSH: u8 = 24;
const FIN: u8 = 17;

impl<'d> Talk<'d> {
    /// Nothing said yet.
    pub fn new(client: SocketAddr, server: SocketAddr, start: Time, draw: &'d mut Draw) -> Self {
        let seq = [draw.next() as u32, draw.next() as u32];
        Talk { draw, shots: Vec::new(), ends: [client, server], now: start.0, seq, muted: None }
    }

    /// The server's port.
    pub fn port(&mut self, port: u16) -> &mut Self {
        self.ends[SERVER].set_port(port);
        self
    }

    /// The server's address and port.
    pub fn server(&mut self, server: &str) -> &mut Self {
        let server: SocketAddr = server.parse().expect("address and port");
        if server.is_ipv4() == self.ends[CLIENT].is_ipv4() {
            self.ends[SERVER] = server;
        } else {
            self.ends[SERVER] = SocketAddr::new("2606:4700:4700::1111".parse().expect("an address"), server.port());
        }
        self
    }

    /// Frames of this side do not reach the sensor.
    pub fn mute(&mut self, side: usize) -> &mut Self {
        self.muted = Some(side);
        self
    }

    /// Time passes.
    pub fn pause(&mut self, millis: u64) -> &mut Self {
        self.now += millis * 1_000_000;
        self
    }

    /// The three packets that open a connection.
    pub fn connect(&mut self) -> &mut Self {
        self.tcp(CLIENT, SYN, &[], Fate::Seen);
        self.seq[CLIENT] = self.seq[CLIENT].wrapping_add(1);
        self.tcp(SERVER, SYN | ACK, &[], Fate::Seen);
        self.seq[SERVER] = self.seq[SERVER].wrapping_add(1);
        self.tcp(CLIENT, ACK, &[], Fate::Seen);
        self
    }

    /// Bytes in one segment.
    pub fn say(&mut self, side: usize, bytes: &[u8]) -> &mut Self {
        self.tell(side, bytes, Fate::Seen)
    }

    /// Bytes in one segment, with what becomes of it.
    pub fn tell(&mut self, side: usize, bytes: &[u8], fate: Fate) -> &mut Self {
        self.tcp(side, PUSH, bytes, fate);
        self.seq[side] = self.seq[side].wrapping_add(bytes.len() as u32);
        self
    }

    /// Bytes in up to three segments, perhaps out of order, perhaps one of them twice.
    pub fn pieces(&mut self, side: usize, bytes: &[u8]) -> &mut Self {
        let (a, b) = (self.draw.between(6, bytes.len()), self.draw.between(6, bytes.len()));
        let (a, b) = (a.min(b), a.max(b));
        let start = self.seq[side];
        let mut order = vec![(0, a), (a, b), (b, bytes.len())];
        if self.draw.one_in(3) {
            let at = self.draw.between(0, 1);
            order.swap(at, at + 1);
        }
        if self.draw.one_in(4) {
            order.push(order[self.draw.between(0, 2)]);
        }
        for (from, to) in order.into_iter().filter(|(from, to)| from < to) {
            self.seq[side] = start.wrapping_add(from as u32);
            self.tcp(side, PUSH, &bytes[from..to], Fate::Seen);
        }
        self.seq[side] = start.wrapping_add(bytes.len() as u32);
        self
    }

    /// The client's hello in one record.
    pub fn hello(&mut self, hello: Hello) -> &mut Self {
        let message = hello.message(self.draw);
        self.pieces(CLIENT, &record(22, &message))
    }

    /// What follows a hello: the server's answer, records of both.
    pub fn answer(&mut self) -> &mut Self {
        let size = self.draw.between(60, 900);
        let hello = [&[2, 0][..], &self.draw.bytes(size)].concat();
        self.say(SERVER, &record(22, &hello));
        self.say(CLIENT, &record(20, &[1]));
        self.records()
    }

    /// Encrypted records of both.
    pub fn records(&mut self) -> &mut Self {
        for _ in 0..self.draw.between(1, 4) {
            let (side, size) = (self.draw.between(0, 1), self.draw.between(30, 1200));
            let body = self.draw.bytes(size);
            self.say(side, &record(23, &body));
        }
        self
    }

    /// The end.
    pub fn bye(&mut self) -> &mut Self {
        self.tcp(CLIENT, FIN, &[], Fate::Seen);
        self.tcp(SERVER, FIN, &[], Fate::Seen);
        self
    }

    /// A datagram.
    pub fn datagram(&mut self, side: usize, payload: &[u8]) -> &mut Self {
        self.drop_off(side, payload, Fate::Seen)
    }

    /// A datagram, with what becomes of it.
    pub fn drop_off(&mut self, side: usize, payload: &[u8], fate: Fate) -> &mut Self {
        let [from, to] = [self.ends[side].port(), self.ends[1 - side].port()].map(u16::to_be_bytes);
        let length = (payload.len() as u16 + 8).to_be_bytes();
        let packet = [&from[..], &to, &length, &[0, 0], payload].concat();
        self.shoot(side, 17, &packet, 8, fate);
        self
    }

    fn tcp(&mut self, side: usize, flags: u8, payload: &[u8], fate: Fate) {
        let [from, to] = [self.ends[side].port(), self.ends[1 - side].port()].map(u16::to_be_bytes);
        let (seq, ack) = (self.seq[side].to_be_bytes(), self.seq[1 - side].to_be_bytes());
        let packet = [&from[..], &to, &seq, &ack, &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0], payload].concat();
        self.shoot(side, 6, &packet, 20, fate);
    }

    fn shoot(&mut self, side: usize, protocol: u8, packet: &[u8], header: usize, fate: Fate) {
        self.now += 1_000_000 + self.draw.below(40_000_000);
        if fate == Fate::Lost || self.muted == Some(side) {
            return;
        }
        let mut bytes = ip(self.ends[side].ip(), self.ends[1 - side].ip(), protocol, packet);
        let wire = bytes.len() as u32;
        if let Fate::Cut(keep) = fate {
            let before = bytes.len() - packet.len() + header;
            bytes.truncate(before + keep);
        }
        self.shots.push(Shot { time: Time(self.now), bytes, wire });
    }
}

/// An Ethernet frame with an IP packet.
fn ip(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let length = (payload.len() as u16 + 20).to_be_bytes();
            frame.extend([8, 0, 0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0]);
            frame.extend(from.octets());
            frame.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let length = (payload.len() as u16).to_be_bytes();
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, length[0], length[1], protocol, 64]);
            frame.extend(from.octets());
            frame.extend(to.octets());
        }
        _ => unreachable!("both ends are of one family"),
    }
    frame.extend(payload);
    frame
}
