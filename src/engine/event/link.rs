//! What the frames of a client tell of it besides its address.

/// What the frames of a client tell of it besides its address: what stands nearest to it in the capture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Link {
    /// MAC address of its end of the frame: its own, or that of the router in front of it.
    pub mac: Option<[u8; 6]>,
    /// Time to live, or hop limit, of the first packet it sent; 0 where none was seen.
    pub ttl: u8,
    /// VLANs its frames were seen in.
    pub vlans: Vlans,
}

impl Link {
    /// Values an operating system starts with: Unix and Apple, Windows, network equipment.
    const STARTS: [u8; 3] = [64, 128, 255];

    /// Whether no router passed its packets on: their time to live is a value systems start with. Then [`Link::mac`] is the client's own.
    pub fn is_next(&self) -> bool {
        Self::STARTS.contains(&self.ttl)
    }

    /// Whether routers passed its packets on, a few at most; or the client is itself one that passes on packets of others in its name.
    pub fn is_passed_on(&self) -> bool {
        (1..=3).any(|hops| self.ttl.checked_add(hops).is_some_and(|ttl| Self::STARTS.contains(&ttl)))
    }
}

/// A small set of VLAN ids: 802.1Q and 802.1ad, of either direction and any depth. Those beyond four are not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Vlans([u16; 4]);

impl Vlans {
    /// Adds ids; 0 is a tag without a VLAN (802.1p).
    pub fn extend(&mut self, ids: impl Iterator<Item = u16>) {
        for id in ids {
            if id != 0
                && !self.contains(id)
                && let Some(free) = self.0.iter_mut().find(|known| **known == 0)
            {
                *free = id;
            }
        }
    }

    /// Whether the set holds an id.
    pub fn contains(&self, id: u16) -> bool {
        id != 0 && self.0.contains(&id)
    }

    /// The ids, in order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().copied().filter(|id| *id != 0)
    }
}

impl FromIterator<u16> for Vlans {
    fn from_iter<I: IntoIterator<Item = u16>>(ids: I) -> Self {
        let mut vlans = Vlans::default();
        vlans.extend(ids.into_iter());
        vlans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_vlans_holds_each_once_and_no_untagged() {
        let vlans: Vlans = [10, 0, 20, 10, 30, 40, 50].into_iter().collect();
        assert_eq!(vlans.iter().collect::<Vec<_>>(), [10, 20, 30, 40]);
        assert!(vlans.contains(30) && !vlans.contains(50) && !Vlans::default().contains(0));
    }

    #[test]
    fn a_time_to_live_tells_whether_a_router_stands_between() {
        let of = |ttl| Link { ttl, ..Link::default() };
        for (ttl, is_next, is_passed_on) in [
            (0, false, false),
            (60, false, false),
            (61, false, true),
            (63, false, true),
            (64, true, false),
            (127, false, true),
            (255, true, false),
        ] {
            assert_eq!((of(ttl).is_next(), of(ttl).is_passed_on()), (is_next, is_passed_on), "{ttl}");
        }
    }
}
