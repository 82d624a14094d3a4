//! Tunnels in tunnels: a packet of ours inside whatever the input chooses comes out as it went in.

use std::net::SocketAddr;

use arbitrary::{Arbitrary, Unstructured};
use shadowtap::engine::event::{Anomaly, Transport};
use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::packet::{MAX_DEPTH, Step, Walk};

use super::frame::inside;
use super::wire::packet::{address, ethernet, framed, join, tcp, udp};
use super::wire::tunnel as t;

/// One layer around a datagram.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Layer {
    Gre,
    GreWithFields,
    GreBridged,
    Erspan,
    Ipip(bool),
    Vxlan(u32),
    Geneve(u32, u8),
    Gtp(u32),
    GtpExtended(u32),
    L2tp,
    Tzsp,
    Capwap,
    MplsOverUdp,
    Etherip,
}

/// What carries the outermost datagram.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Carrier {
    Ethernet,
    Vlan(u16),
    Vlans(u16, u16),
    Mpls(u16),
    Pppoe(u16),
    Raw,
    Wifi(bool, bool),
    Nflog,
    Pktap,
    Cooked,
    Loopback,
}

/// A packet behind up to twelve layers is found as it is behind up to [`MAX_DEPTH`], and is refused behind more; with bytes changed, what
/// is found still lies in the frame.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Some((layers, carrier, size)) = arrangement(&mut u) else { return };
    let payload = vec![0x17; size];
    let (src, dst) = (address("10.1.2.3:50123"), address("198.51.100.9:443"));
    let datagram = if size % 2 == 0 { tcp(src, dst, 7, 24, &payload) } else { udp(src, dst, &payload) };
    let (link, frame, depth) = wrap(&layers, carrier, datagram);
    found(link, &frame, depth, (src, dst, &payload));
    let changes: Vec<(u16, u8)> = u.arbitrary().unwrap_or_default();
    let mut changed = frame;
    for (at, byte) in changes.into_iter().take(16) {
        let length = changed.len();
        changed[usize::from(at) % length] = byte;
    }
    let mut walk = walk(&changed, link);
    if let Ok(Step::Packet(packet)) = walk.decode(LinkType(link)) {
        inside(&packet, &changed);
    }
}

fn arrangement(u: &mut Unstructured<'_>) -> Option<(Vec<Layer>, Carrier, usize)> {
    let count = u.int_in_range(0..=12).ok()?;
    let layers = (0..count).map(|_| u.arbitrary()).collect::<Result<_, _>>().ok()?;
    Some((layers, u.arbitrary().ok()?, u.int_in_range(7..=300).ok()?))
}

fn walk(bytes: &[u8], link: i32) -> Walk<'_> {
    Walk::of(&Frame { time: Time(1), link: LinkType(link), bytes, wire_len: bytes.len() as u32 })
}

fn found(link: i32, frame: &[u8], depth: usize, (src, dst, payload): (SocketAddr, SocketAddr, &[u8])) {
    let mut walk = walk(frame, link);
    let step = walk.decode(LinkType(link));
    if depth > usize::from(MAX_DEPTH) {
        assert!(matches!(step, Err(Anomaly::Nesting)), "{depth} layers give {step:?}");
        return;
    }
    let Ok(Step::Packet(p)) = step else { panic!("{depth} layers give {step:?}") };
    let s = &p.segment;
    assert_eq!((p.src.ip(), s.src_port, p.dst.ip(), s.dst_port), (src.ip(), src.port(), dst.ip(), dst.port()));
    assert_eq!((s.payload, s.wire as usize), (payload, payload.len()));
    assert_eq!(s.transport == Transport::Tcp, payload.len() % 2 == 0);
    assert_eq!(p.encap.layers().count(), depth, "{:?}", p.encap);
    inside(&p, frame);
}

/// Link type, frame, and how many layers it has.
fn wrap(layers: &[Layer], carrier: Carrier, datagram: Vec<u8>) -> (i32, Vec<u8>, usize) {
    let inner = layers.iter().rev().fold(datagram, |d, l| layer(*l, &d));
    let kind = super::wire::packet::ether_type(&inner);
    let (link, frame, own) = match carrier {
        Carrier::Ethernet => (1, framed(&inner), 0),
        Carrier::Vlan(id) => (1, t::vlans(&[(0x8100, id & 0xfff)], &inner), 1),
        Carrier::Vlans(a, b) => (1, t::vlans(&[(0x88a8, a & 0xfff), (0x8100, b & 0xfff)], &inner), 2),
        Carrier::Mpls(label) => (1, ethernet([0x88, 0x47], &join(&[&t::labels(&[label.into()]), &inner])), 1),
        Carrier::Pppoe(session) => (1, t::pppoe(session, &inner), 1),
        Carrier::Raw => (101, inner, 0),
        Carrier::Wifi(qos, four) => (127, t::wifi(qos, four, &inner), 0),
        Carrier::Nflog => (239, t::nflog(&inner), 0),
        Carrier::Pktap => (258, t::pktap(1, &framed(&inner)), 1),
        Carrier::Cooked => (113, join(&[&[0; 14], &kind, &inner]), 0),
        Carrier::Loopback => (0, join(&[&if kind[0] == 8 { 2u32 } else { 10 }.to_le_bytes(), &inner]), 0),
    };
    (link, frame, layers.len() + own)
}

fn layer(layer: Layer, d: &[u8]) -> Vec<u8> {
    let kind = u16::from_be_bytes(super::wire::packet::ether_type(d));
    match layer {
        Layer::Gre => t::gre(0, &[], kind, d, true),
        Layer::GreWithFields => t::gre(0xb000, &[0; 12], kind, d, true),
        Layer::GreBridged => t::gre(0, &[], 0x6558, &framed(d), true),
        Layer::Erspan => t::gre(0x1000, &[0; 4], 0x88be, &join(&[&[0x10, 0, 0, 5, 0, 0, 0, 0], &framed(d)]), true),
        Layer::Ipip(is_v6) => t::ip_in(is_v6, d, true),
        Layer::Vxlan(vni) => t::vxlan(vni & 0xff_ffff, d, true),
        Layer::Geneve(vni, options) => t::geneve(vni & 0xff_ffff, &vec![0; usize::from(options % 8) * 4], d, true),
        Layer::Gtp(teid) => t::gtp(0x30, teid, &[], d, true),
        Layer::GtpExtended(teid) => t::gtp(0x34, teid, &[0, 0, 0, 0x85, 1, 0, 0, 0], d, true),
        Layer::L2tp => t::over_udp(1701, &[0, 2, 0, 1, 0, 2], &t::ppp(d), true),
        Layer::Tzsp => t::over_udp(37008, &[1, 0, 0, 1, 1], &framed(d), true),
        Layer::Capwap => t::over_udp(5247, &[0, 0x10, 0, 0, 0, 0, 0, 0], &framed(d), true),
        Layer::MplsOverUdp => t::over_udp(6635, &t::labels(&[16]), d, true),
        Layer::Etherip => {
            let (src, dst) = (address("192.0.2.1:1"), address("192.0.2.2:1"));
            super::wire::packet::ip(src.ip(), dst.ip(), 97, &join(&[&[0x30, 0], &framed(d)]))
        }
    }
}
