//! Where the search begins: what real programs said, from the project's own captures, and the project's own files.

use std::path::{Path, PathBuf};

use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::names::quic::{self, Keys, Kind};
use shadowtap::engine::packet::{Segment, Step, Transport, Walk};

use super::frame::LINKS;
use super::wire::{packet, tunnel};

/// An input for a target.
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// The input, steering bytes included.
    pub bytes: Vec<u8>,
}

/// Longest input that is kept of a capture: longer ones slow the search and say nothing more.
const LONGEST: usize = 2048;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|p| p.join("tests/captures").is_dir()).expect("the project's folder").into()
}

/// Steering bytes and an input.
fn steered(target: &'static str, way: u16, bytes: &[u8]) -> Seed {
    let at = (bytes.len() / 2) as u16;
    Seed { target, bytes: [&at.to_le_bytes()[..], &way.to_le_bytes(), bytes].concat() }
}

/// Every seed, in a fixed order.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for file in captures() {
        let bytes = std::fs::read(&file).expect("a capture of the project");
        of_capture(&bytes, &mut seeds);
        seeds.push(steered("captures", 3, &bytes[..bytes.len().min(1500)]));
    }
    of_files(&mut seeds);
    of_hand(&mut seeds);
    seeds.retain(|s| s.bytes.len() <= LONGEST + 4);
    seeds.sort_by(|a, b| (a.target, &a.bytes).cmp(&(b.target, &b.bytes)));
    seeds.dedup_by(|a, b| a.target == b.target && a.bytes == b.bytes);
    seeds
}

/// What operators and other programs write.
fn of_files(seeds: &mut Vec<Seed>) {
    let texts = |folder: &str| {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(root().join(folder)).expect("a folder of the project").map(|e| e.expect("an entry").path()).collect();
        files.retain(|f| f.is_file());
        files.sort();
        files.into_iter().map(|f| std::fs::read(f).expect("a file of the project")).collect::<Vec<_>>()
    };
    for (target, folder) in [
        ("config", "tests/fixtures"),
        ("config", "deploy/config"),
        ("signatures", "tests/fixtures/signatures"),
        ("signatures", "signatures"),
    ] {
        seeds.extend(texts(folder).into_iter().flat_map(|t| pieces(&t)).map(|bytes| Seed { target, bytes }));
    }
    for text in texts("tests/fixtures/identity") {
        seeds.push(Seed { target: "clients", bytes: [&[0], &text[..text.len().min(LONGEST)]].concat() });
    }
    for text in [POLICY, "default = \"unapproved\"\n"] {
        seeds.push(Seed { target: "policy", bytes: text.into() });
    }
}

const POLICY: &str = r#"default = "unreviewed"
[[rule]]
status = "approved"
service = "openai.*"
team = ["design"]
subnet = ["10.0.0.0/8"]
until = 2027-01-01
reason = "contract 17"
[[rule]]
status = "unapproved"
category = "chat"
evidence = "uploaded"
"#;

/// A text in pieces that stand for themselves: its front, and each part between empty lines.
fn pieces(text: &[u8]) -> Vec<Vec<u8>> {
    let whole = String::from_utf8_lossy(text);
    let parts = whole.split("\n\n").filter(|p| p.len() <= LONGEST).map(|p| p.as_bytes().to_vec());
    parts.chain((text.len() <= LONGEST).then(|| text.to_vec())).collect()
}

/// Openings that no capture of the project holds.
fn of_hand(seeds: &mut Vec<Seed>) {
    let hello = super::wire::hello::modern("seed.example").wire();
    let openings: [&[u8]; 10] = [
        b"GET / HTTP/1.1\r\nHost: seed.example\r\nUser-Agent: a/1\r\n\r\n",
        b"CONNECT seed.example:443 HTTP/1.1\r\nHost: seed.example\r\n\r\n",
        b"\x05\x01\x00\x05\x01\x00\x03\x0cseed.example\x01\xbb",
        b"\x05\x02\x00\x02\x01\x04user\x04pass\x05\x01\x00\x03\x0cseed.example\x01\xbb",
        b"\x04\x01\x01\xbb\0\0\0\x01me\0seed.example\0",
        b"EHLO a\r\nSTARTTLS\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x0e\x01\x04\0\0\0\x01\x41\x0cseed.example",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x03\xe8\x01\xbb",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    ];
    for opening in openings {
        for target in ["openings", "http", "socks"] {
            seeds.push(steered(target, 0, opening));
        }
        seeds.push(steered("openings", 0, &[opening, &hello].concat()));
    }
    seeds.push(Seed { target: "h2", bytes: b"\x41\x0cseed.example".to_vec() });
    for name in ["seed.example", "192.0.2.1", "[2001:db8::1]", "a_b.c-d.", "-a.b"] {
        seeds.push(Seed { target: "hostname", bytes: name.into() });
    }
    datagrams(seeds);
    // Operation lists begin anywhere: what matters is that there are many operations.
    for target in ["flows", "fragment", "ledger", "segments", "stream", "tunnel", "bundles"] {
        for seed in 0..8u32 {
            let step = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503)) >> 13) as u8;
            seeds.push(Seed { target, bytes: (0..256).map(step).collect() });
        }
    }
}

/// Datagrams that name clients.
fn datagrams(seeds: &mut Vec<Seed>) {
    let mut dhcp = vec![1, 1, 6, 0, 9, 9, 9, 9, 0, 0, 0, 0, 10, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 5];
    dhcp.resize(236, 0);
    dhcp.extend(b"\x63\x82\x53\x63\x35\x01\x03\x32\x04\x0a\0\0\x05\x0c\x04anna\x33\x04\0\0\x0e\x10\xff");
    seeds.push(steered("dhcp", 0, &dhcp));
    let address = [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[5], &[0, 0, 1, 0, 0, 0, 2, 0]].concat();
    let lease = [&[0, 3, 0, 40][..], &[0; 12], &[0, 5, 0, 24], &address].concat();
    let reply = [&[7, 1, 2, 3, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 5][..], &lease, b"\0\x27\0\x06\0\x04anna"].concat();
    seeds.push(steered("dhcp", 1, &reply));
    let relayed =
        [&[13, 0][..], &[0; 32], &[0, 9], &(reply.len() as u16).to_be_bytes(), &reply, &[0, 79, 0, 8, 0, 1, 2, 0, 0, 0, 0, 5]].concat();
    seeds.push(steered("dhcp", 1, &relayed));
    let mut radius =
        [&[4, 1, 0, 0][..], &[0; 16], b"\x01\x06anna\x08\x06\x0a\0\0\x05\x28\x06\0\0\0\x01\x2c\x04ab\x1f\x1302-00-00-00-00-05"].concat();
    radius[3] = radius.len() as u8;
    seeds.push(steered("radius", 0, &radius));
    let coded: Vec<u8> = b"ANNA-LAPTOP    \0".iter().flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]).collect();
    seeds.push(steered("announce", 0, &[&[0, 1, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32][..], &coded, &[0, 0, 0x20, 0, 1]].concat()));
    seeds.push(steered("announce", 1, &[&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 5, 10, 0, 0, 5][..], &[0; 6], &[10, 0, 0, 9]].concat()));
    seeds.push(steered(
        "announce",
        2,
        &[&[135, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[5, 1, 1, 2, 0, 0, 0, 0, 5]].concat(),
    ));
    seeds.push(steered("announce", 3, &[&[1, 0, 0, 0][..], &[7; 144]].concat()));
}

/// The captures of the project, in the order of their names.
fn captures() -> Vec<PathBuf> {
    let folders = [root().join("tests/captures"), root().join("tests/captures/agents")];
    let list = |folder: &PathBuf| std::fs::read_dir(folder).expect("captures").map(|e| e.expect("an entry").path()).collect::<Vec<_>>();
    let mut files: Vec<PathBuf> = folders.iter().flat_map(list).filter(|p| p.extension().is_some_and(|e| e == "pcap")).collect();
    files.sort();
    files
}

/// Frames of a classic pcap file of this machine's byte order.
fn frames(file: &[u8]) -> Vec<&[u8]> {
    let word = |at: usize| file.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().expect("four bytes")) as usize);
    let (mut at, mut out) = (24, Vec::new());
    while let Some(kept) = word(at + 8) {
        out.push(&file[at + 16..at + 16 + kept]);
        at += 16 + kept;
    }
    out
}

fn of_capture(file: &[u8], seeds: &mut Vec<Seed>) {
    let link = i32::from_le_bytes(file[20..24].try_into().expect("four bytes"));
    let number = LINKS.iter().position(|l| *l == link).expect("a link type that is read") as u16;
    for (i, bytes) in frames(file).into_iter().enumerate() {
        if i < 40 {
            seeds.push(steered("frame", number, bytes));
        }
        let frame = Frame { time: Time(1), link: LinkType(link), bytes, wire_len: bytes.len() as u32 };
        let mut walk = Walk::of(&frame);
        if let Ok(Step::Packet(p)) = walk.decode(frame.link) {
            of_segment(&p.segment, seeds);
        }
        if i < 3 && link == 1 && bytes.len() < 400 {
            wrapped(&bytes[14..], seeds);
        }
    }
}

fn of_segment(segment: &Segment<'_>, seeds: &mut Vec<Seed>) {
    let payload = segment.payload;
    let is_dns = segment.dst_port == 53 || segment.src_port == 53;
    match segment.transport {
        Transport::Udp if is_dns => seeds.push(steered("dns", 0, payload)),
        Transport::Udp if quic::may_open(payload) => initial(payload, seeds),
        Transport::Tcp if payload.first() == Some(&22) => {
            seeds.push(steered("tls", 0, payload));
            if payload.get(5) == Some(&1) {
                seeds.push(steered("tls", 2, &payload[5..]));
            }
        }
        _ => {}
    }
}

fn initial(datagram: &[u8], seeds: &mut Vec<Seed>) {
    seeds.extend([steered("quic", 0, datagram), steered("quic", 1, datagram)]);
    let Some(packet) = quic::packets(datagram).find(|p| p.kind == Kind::Initial) else { return };
    let Some(keys) = Keys::derive(packet.version, packet.dcid) else { return };
    let mut scratch = Vec::new();
    if let Some(plain) = keys.open(&packet, &mut scratch) {
        let padding = plain.iter().rev().take_while(|b| **b == 0).count();
        let frames = &plain[..plain.len() - padding];
        seeds.extend([steered("quic", 3, frames), steered("quic", 5, frames)]);
    }
}

/// A datagram inside every encapsulation.
fn wrapped(datagram: &[u8], seeds: &mut Vec<Seed>) {
    use packet::{ethernet, framed, join};
    use tunnel as t;
    let mut add = |link: i32, bytes: Vec<u8>| {
        let number = LINKS.iter().position(|l| *l == link).expect("a link type that is read") as u16;
        seeds.push(steered("frame", number, &bytes));
    };
    let kind = u16::from_be_bytes(packet::ether_type(datagram));
    for bytes in [
        t::vlans(&[(0x88a8, 100), (0x8100, 10)], datagram),
        ethernet([0x88, 0x47], &join(&[&t::labels(&[16, 17]), datagram])),
        t::pppoe(7, datagram),
        framed(&t::gre(0, &[], kind, datagram, true)),
        framed(&t::gre(0x3000, &[0; 8], 0x88be, &join(&[&[0x10, 0, 0, 5, 0, 0, 0, 0], &framed(datagram)]), true)),
        framed(&t::ip_in(true, datagram, true)),
        framed(&t::vxlan(42, datagram, true)),
        framed(&t::geneve(43, &[0, 0, 0, 1, 0, 0, 0, 0], datagram, true)),
        framed(&t::gtp(0x30, 7, &[], datagram, true)),
        framed(&t::gtp(0x34, 7, &[0, 0, 0, 0x85, 1, 0, 0, 0], datagram, true)),
        framed(&t::over_udp(1701, &[0, 2, 0, 1, 0, 2], &t::ppp(datagram), true)),
        framed(&t::over_udp(37008, &[1, 0, 0, 1, 1], &framed(datagram), true)),
        framed(&t::over_udp(5247, &[0, 0x10, 0, 0, 0, 0, 0, 0], &framed(datagram), true)),
    ] {
        add(1, bytes);
    }
    add(105, t::wifi(true, false, datagram));
    add(239, t::nflog(datagram));
    add(258, t::pktap(1, &framed(datagram)));
    add(101, datagram.to_vec());
    add(113, join(&[&[0; 14], &packet::ether_type(datagram), datagram]));
    add(0, join(&[&2u32.to_le_bytes(), datagram]));
    t::fragments(datagram, 9, 64).into_iter().for_each(|piece| add(1, framed(&piece)));
}
