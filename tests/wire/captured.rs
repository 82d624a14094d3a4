//! What real programs said, from the project's own captures.

use std::collections::BTreeMap;

use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::packet::{self, Step, Transport, Walk};

/// A frame of a capture.
pub struct Captured {
    pub time: Time,
    pub link: i32,
    pub bytes: Vec<u8>,
}

/// Frames of a classic pcap file in this folder's neighbour: little-endian, microseconds, nothing cut.
pub fn frames(name: &str) -> Vec<Captured> {
    let path = format!("{}/tests/captures/{name}.pcap", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(word(0), 0xa1b2_c3d4, "{path} is a classic capture");
    let link = word(20) as i32;
    let (mut at, mut out) = (24, Vec::new());
    while at < file.len() {
        let (kept, wire) = (word(at + 8), word(at + 12));
        assert_eq!(kept, wire, "{path} has no cut frame");
        let bytes = file[at + 16..at + 16 + kept as usize].to_vec();
        out.push(Captured { time: Time::new(word(at).into(), word(at + 4) * 1000), link, bytes });
        at += 16 + kept as usize;
    }
    out
}

/// What clients sent to a port: TCP streams in the order of their first packet, without a byte twice.
pub fn client_streams(name: &str, port: u16) -> Vec<Vec<u8>> {
    streams(name, |client, server| (server == port).then_some(client))
}

/// What servers sent from a port.
pub fn server_streams(name: &str, port: u16) -> Vec<Vec<u8>> {
    streams(name, |server, client| (server == port).then_some(client))
}

/// TCP streams by the client's port, which `client` tells from source and destination port.
fn streams(name: &str, client: impl Fn(u16, u16) -> Option<u16>) -> Vec<Vec<u8>> {
    let mut streams: Vec<(u16, BTreeMap<u32, Vec<u8>>)> = Vec::new();
    each(name, |p| {
        let s = &p.segment;
        let client = client(s.src_port, s.dst_port).filter(|_| s.transport == Transport::Tcp && !s.payload.is_empty());
        let Some(client) = client else { return };
        if !streams.iter().any(|(p, _)| *p == client) {
            streams.push((client, BTreeMap::new()));
        }
        let (_, pieces) = streams.iter_mut().find(|(p, _)| *p == client).expect("just added");
        pieces.entry(s.seq).or_insert_with(|| s.payload.to_vec());
    });
    streams.into_iter().map(|(_, pieces)| pieces.into_values().flatten().collect()).collect()
}

/// The hello at the front of the first connection to port 443: its records, to the last byte.
pub fn hello_records(name: &str) -> Vec<u8> {
    let stream = client_streams(name, 443).into_iter().next().expect("a connection");
    let mut end = 0;
    let mut have = 0;
    let length = 4 + usize::from(stream[6]) * 65536 + usize::from(stream[7]) * 256 + usize::from(stream[8]);
    while have < length {
        let size = usize::from(stream[end + 3]) * 256 + usize::from(stream[end + 4]);
        (have, end) = (have + size, end + 5 + size);
    }
    stream[..end].to_vec()
}

/// Payloads of the first client's datagrams to a port, in order.
pub fn client_datagrams(name: &str, port: u16) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut client = None;
    each(name, |p| {
        let s = &p.segment;
        if s.transport == Transport::Udp && s.dst_port == port && *client.get_or_insert(s.src_port) == s.src_port {
            out.push(s.payload.to_vec());
        }
    });
    out
}

fn each(name: &str, mut take: impl FnMut(&packet::Packet<'_>)) {
    for frame in frames(name) {
        let frame = Frame { time: frame.time, link: LinkType(frame.link), bytes: &frame.bytes, wire_len: frame.bytes.len() as u32 };
        if let Ok(Step::Packet(p)) = Walk::of(&frame).decode(frame.link) {
            take(&p);
        }
    }
}
