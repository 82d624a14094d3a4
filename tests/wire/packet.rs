//! IP datagrams and frames by hand.

use std::net::{IpAddr, SocketAddr};

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// Joins pieces of any length.
pub fn join(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

/// The bytes with their length in one byte before them.
pub fn vec8(bytes: &[u8]) -> Vec<u8> {
    join(&[&[bytes.len() as u8], bytes])
}

/// The bytes with their length in two bytes before them.
pub fn vec16(bytes: &[u8]) -> Vec<u8> {
    join(&[&(bytes.len() as u16).to_be_bytes(), bytes])
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address and port")
}

pub fn tcp(src: SocketAddr, dst: SocketAddr, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let head = [src.port().to_be_bytes(), dst.port().to_be_bytes()].concat();
    let segment = join(&[&head, &seq.to_be_bytes(), &[0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0], payload]);
    ip(src.ip(), dst.ip(), TCP, &segment)
}

pub fn udp(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    ip(src.ip(), dst.ip(), UDP, &udp_segment(src.port(), dst.port(), payload))
}

pub fn udp_segment(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&src.to_be_bytes(), &dst.to_be_bytes(), &(payload.len() as u16 + 8).to_be_bytes(), &[0, 0], payload])
}

/// An IP datagram of the addresses' version.
pub fn ip(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(s), IpAddr::V4(d)) => {
            let length = (payload.len() as u16 + 20).to_be_bytes();
            let checksum = [0, 0];
            join(&[&[0x45, 0], &length, &[0, 1, 0, 0, 64, protocol], &checksum, &s.octets(), &d.octets(), payload])
        }
        (IpAddr::V6(s), IpAddr::V6(d)) => {
            let length = (payload.len() as u16).to_be_bytes();
            join(&[&[0x60, 0, 0, 0], &length, &[protocol, 64], &s.octets(), &d.octets(), payload])
        }
        mixed => panic!("addresses of two versions: {mixed:?}"),
    }
}

pub fn ether_type(datagram: &[u8]) -> [u8; 2] {
    if datagram[0] >> 4 == 4 { [0x08, 0] } else { [0x86, 0xdd] }
}

/// An Ethernet frame of any EtherType.
pub fn ethernet(kind: [u8; 2], payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &kind, payload])
}

/// An IP datagram in an Ethernet frame.
pub fn framed(datagram: &[u8]) -> Vec<u8> {
    ethernet(ether_type(datagram), datagram)
}

/// One TCP connection, both ends' positions kept.
#[derive(Clone)]
pub struct Talk {
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub up: u32,
    pub down: u32,
}

impl Talk {
    pub fn new(client: &str, server: &str) -> Self {
        Talk { client: address(client), server: address(server), up: 1000, down: 7000 }
    }

    /// SYN and its answer; afterwards `up` and `down` are the positions of the first bytes.
    pub fn open(&mut self) -> [Vec<u8>; 2] {
        let syn = tcp(self.client, self.server, self.up, SYN, &[]);
        let answer = tcp(self.server, self.client, self.down, SYN | ACK, &[]);
        self.up = self.up.wrapping_add(1);
        self.down = self.down.wrapping_add(1);
        [syn, answer]
    }

    /// The client's next bytes.
    pub fn say(&mut self, bytes: &[u8]) -> Vec<u8> {
        let segment = self.client_at(0, bytes);
        self.up = self.up.wrapping_add(bytes.len() as u32);
        segment
    }

    /// The server's next bytes.
    pub fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let segment = tcp(self.server, self.client, self.down, ACK | PSH, bytes);
        self.down = self.down.wrapping_add(bytes.len() as u32);
        segment
    }

    /// Client bytes at an offset from the current position, which stays.
    pub fn client_at(&self, offset: usize, bytes: &[u8]) -> Vec<u8> {
        tcp(self.client, self.server, self.up.wrapping_add(offset as u32), ACK | PSH, bytes)
    }
}
