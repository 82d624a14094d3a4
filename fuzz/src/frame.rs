//! Frames of every link type, to the innermost packet.

use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::packet::{Layer, MAX_DEPTH, Packet, Step, Walk};

use super::verdict::{cut, steered};

/// Link types that are read, and one that is not.
pub const LINKS: [i32; 26] =
    [1, 0, 7, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 129, 138, 166, 192, 204, 228, 229, 239, 258, 276, 147];

/// Payloads lie in the frame and lengths on its wire; a cut frame is read as the whole one, as far as it goes.
pub fn run(data: &[u8]) {
    let Some(([at, link], bytes)) = steered(data) else { return };
    let link = LinkType(LINKS[link % LINKS.len()]);
    let mut walk = walk(bytes, link, bytes.len());
    let whole = walk.decode(link);
    if let Ok(Step::Packet(packet)) = &whole {
        inside(packet, bytes);
    }
    let part = cut(bytes, at);
    let mut walk = self::walk(part, link, bytes.len());
    let early = walk.decode(link);
    match (&early, &whole) {
        (Ok(Step::Packet(early)), Ok(Step::Packet(whole))) => same_front(early, whole),
        // Cut before what shows that it is a tunnel, the datagram stands for itself.
        (Ok(Step::Packet(early)), _) => inside(early, part),
        (Ok(Step::Neighbour(early)), Ok(Step::Neighbour(whole))) if layers(early.encap) == layers(whole.encap) => {
            assert!(whole.message.starts_with(early.message), "another message");
            assert_eq!((early.ends, early.mac, early.ttl), (whole.ends, whole.mac, whole.ttl));
        }
        _ => {}
    }
}

fn walk(bytes: &[u8], link: LinkType, wire: usize) -> Walk<'_> {
    Walk::of(&Frame { time: Time(1), link, bytes, wire_len: wire as u32 })
}

fn layers(encap: &shadowtap::engine::packet::Encap) -> Vec<Layer> {
    encap.layers().collect()
}

/// What holds for every packet of a frame.
pub fn inside(packet: &Packet<'_>, frame: &[u8]) {
    let s = &packet.segment;
    let range = frame.as_ptr_range();
    assert!(
        s.payload.is_empty() || (range.start <= s.payload.as_ptr() && s.payload.as_ptr_range().end <= range.end),
        "a payload elsewhere"
    );
    assert!(s.payload.len() <= s.wire as usize, "{} bytes kept of {}", s.payload.len(), s.wire);
    let layers = packet.encap.layers().count();
    assert!(layers <= usize::from(MAX_DEPTH), "{layers} layers");
    assert_eq!(packet.encap.vlans().count() < layers, packet.encap.tunnel().is_some());
    assert!(packet.encap.vlans().all(|v| v < 4096));
}

/// A cut frame: the same packet with less of its payload, or one further outside.
fn same_front(early: &Packet<'_>, whole: &Packet<'_>) {
    let (outer, all) = (layers(early.encap), layers(whole.encap));
    if outer != all {
        return;
    }
    let (a, b) = (&early.segment, &whole.segment);
    assert_eq!((early.src, early.dst, a.transport), (whole.src, whole.dst, b.transport));
    assert_eq!((a.src_port, a.dst_port, a.seq, a.flags), (b.src_port, b.dst_port, b.seq, b.flags));
    assert_eq!((early.mac, early.dst_mac, early.ttl), (whole.mac, whole.dst_mac, whole.ttl));
    // A keep-alive's zero bytes are no payload; of a cut one it is not known.
    if a.wire == b.wire {
        assert!(b.payload.starts_with(a.payload), "another payload");
    } else {
        assert!(b.wire.max(a.wire) <= 6, "{} bytes on the wire, then {}", a.wire, b.wire);
    }
}
