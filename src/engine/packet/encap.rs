//! VLANs and tunnels around a packet.

use std::fmt;

use super::MAX_DEPTH;

/// One layer of encapsulation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layer {
    /// 802.1Q or 802.1ad tag, with its VLAN id.
    Vlan(u16),
    /// VXLAN (RFC 7348), with its VNI.
    Vxlan(u32),
    /// GENEVE (RFC 8926), with its VNI.
    Geneve(u32),
    /// GRE (RFC 2784), without what it carries.
    Gre,
    /// ERSPAN, with its session.
    Erspan(u16),
    /// GTP-U, with its tunnel endpoint.
    Gtp(u32),
    /// MPLS, with the innermost label.
    Mpls(u32),
    /// PPPoE, with its session.
    Pppoe(u16),
    /// IP in IP (RFC 2003, RFC 2473, 6in4 RFC 4213).
    Ipip,
    /// Teredo (RFC 4380).
    Teredo,
    /// Any other.
    Other(Rare),
}

/// A layer seen seldom, without an id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rare {
    /// AYIYA.
    Ayiya,
    /// CAPWAP (RFC 5415).
    Capwap,
    /// Cisco metadata.
    Cmd,
    /// 802.1BR E-Tag.
    Etag,
    /// EtherIP (RFC 3378).
    Etherip,
    /// L2TP (RFC 2661).
    L2tp,
    /// Network Service Header (RFC 8300).
    Nsh,
    /// Provider backbone bridge (802.1ah).
    Pbb,
    /// Apple's PKTAP.
    Pktap,
    /// Per-packet information.
    Ppi,
    /// TaZmen Sniffer Protocol.
    Tzsp,
    /// Cisco VN-Tag.
    Vntag,
    /// WCCP redirection.
    Wccp,
}

impl Rare {
    const fn word(self) -> &'static str {
        match self {
            Rare::Ayiya => "ayiya",
            Rare::Capwap => "capwap",
            Rare::Cmd => "cmd",
            Rare::Etag => "etag",
            Rare::Etherip => "etherip",
            Rare::L2tp => "l2tp",
            Rare::Nsh => "nsh",
            Rare::Pbb => "pbb",
            Rare::Pktap => "pktap",
            Rare::Ppi => "ppi",
            Rare::Tzsp => "tzsp",
            Rare::Vntag => "vntag",
            Rare::Wccp => "wccp",
        }
    }
}

impl Layer {
    /// The VNI that keeps flows of equal addresses apart. Ids that differ by direction (TEID, label, session) do not count.
    const fn vni(self) -> Option<u64> {
        match self {
            Layer::Vxlan(vni) => Some(2 << 32 | vni as u64),
            Layer::Geneve(vni) => Some(3 << 32 | vni as u64),
            _ => None,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Vlan(id) => write!(f, "vlan:{id}"),
            Layer::Vxlan(vni) => write!(f, "vxlan:{vni}"),
            Layer::Geneve(vni) => write!(f, "geneve:{vni}"),
            Layer::Gre => f.write_str("gre"),
            Layer::Erspan(session) => write!(f, "erspan:{session}"),
            Layer::Gtp(teid) => write!(f, "gtp:{teid}"),
            Layer::Mpls(label) => write!(f, "mpls:{label}"),
            Layer::Pppoe(session) => write!(f, "pppoe:{session}"),
            Layer::Ipip => f.write_str("ipip"),
            Layer::Teredo => f.write_str("teredo"),
            Layer::Other(rare) => f.write_str(rare.word()),
        }
    }
}

/// The layers around a packet, outermost first, at most [`MAX_DEPTH`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Encap {
    layers: [Option<Layer>; MAX_DEPTH as usize],
    len: u8,
    vni: u64,
    vlan: u64,
}

impl Encap {
    /// Adds the next layer inward; one past the bound is dropped (the walk stops there anyway).
    pub(super) fn push(&mut self, layer: Layer) {
        if let Some(slot) = self.layers.get_mut(self.len as usize) {
            *slot = Some(layer);
            self.len = self.len.saturating_add(1);
        }
        if let Some(id) = layer.vni() {
            self.vni = mix(self.vni, id);
        }
        if let Layer::Vlan(id) = layer {
            self.vlan = mix(self.vlan, u64::from(id) << 1 | 1);
        }
    }

    /// A number that differs where a VNI differs; 0 without any.
    #[inline]
    pub const fn vni(&self) -> u64 {
        self.vni
    }

    /// A number that differs where a VLAN id differs; 0 without any.
    #[inline]
    pub const fn vlan(&self) -> u64 {
        self.vlan
    }

    /// The layers, outermost first.
    pub fn layers(&self) -> impl Iterator<Item = Layer> + '_ {
        self.layers.iter().take(self.len as usize).flatten().copied()
    }

    /// VLAN ids, outermost first.
    pub fn vlans(&self) -> impl Iterator<Item = u16> + '_ {
        self.layers().filter_map(|l| if let Layer::Vlan(id) = l { Some(id) } else { None })
    }

    /// Tunnels as text, outermost first, joined by `/` (`gre/vxlan:42`); `None` without any.
    pub fn tunnel(&self) -> Option<String> {
        let tunnels: Vec<String> = self.layers().filter(|l| !matches!(l, Layer::Vlan(_))).map(|l| l.to_string()).collect();
        if tunnels.is_empty() { None } else { Some(tunnels.join("/")) }
    }
}

/// One step of FNV-1a over ids: exact for one layer, and nobody gains by colliding two.
const fn mix(sum: u64, id: u64) -> u64 {
    (sum ^ id).wrapping_mul(0x0000_0100_0000_01b3)
}
