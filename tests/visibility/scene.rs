//! A drawn network: clients in zones, conversations of every kind, and the truth about each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use shadowtap::engine::frame::Time;
use shadowtap::engine::group::Groups;
use shadowtap::engine::visibility::{Count, Sight};

use crate::draw::Draw;
use crate::kinds::{Kind, TCP, UDP};
use crate::talk::{Shot, Talk};

/// Beginning of the first hour: 2026-11-23T07:00:00Z.
pub const HOUR: u64 = 1_795_417_200;
/// Zones and their subnets; what is in none is `other`.
pub const ZONES: [(&str, &[&str]); 3] =
    [("office", &["10.1.0.0/16", "2001:db8:1::/48"]), ("lab", &["10.2.0.0/16"]), ("guests", &["10.3.0.0/16", "2001:db8:3::/48"])];

/// What must be counted: by hour, zone and sight.
pub type Truth = BTreeMap<(u64, String, Sight), Count>;

/// What happened, and what must be said of it.
pub struct Scene {
    /// Frames in the order of their time.
    pub shots: Vec<Shot>,
    /// What must be counted.
    pub truth: Truth,
}

impl Scene {
    /// Draws so many conversations over three hours, every kind at least once.
    pub fn draw(flows: usize, draw: &mut Draw) -> Scene {
        let mut seen: BTreeMap<(u64, String, Sight), (u64, BTreeSet<IpAddr>)> = BTreeMap::new();
        let mut shots = Vec::new();
        for n in 0..flows {
            let kind = pick(n, draw);
            let (zone, client) = client(n, draw);
            // What is known only once a flow has fallen silent must fall into the same hour.
            let (hour, second) = (draw.below(3), draw.below(3200));
            let start = Time::new(HOUR + hour * 3600 + second, draw.below(1_000_000_000) as u32);
            let mut talk = Talk::new(client, server(client, draw), start, draw);
            (kind.play)(&mut talk);
            shots.extend(talk.shots);
            for sight in kind.sights {
                let known = seen.entry((HOUR + hour * 3600, zone.to_owned(), *sight)).or_default();
                known.0 += 1;
                known.1.insert(client.ip());
            }
        }
        shots.sort_by_key(|s| s.time);
        let count = |(flows, clients): (u64, BTreeSet<IpAddr>)| Count { flows, clients: clients.len() as u64 };
        Scene { shots, truth: seen.into_iter().map(|(key, known)| (key, count(known))).collect() }
    }

    /// The truth over all hours: flows added up; of what hides others the clients of the busiest hour too.
    pub fn totals(&self) -> BTreeMap<(String, Sight), Count> {
        let mut totals: BTreeMap<_, Count> = BTreeMap::new();
        for ((_, zone, sight), count) in &self.truth {
            let total = totals.entry((zone.clone(), *sight)).or_default();
            total.flows += count.flows;
            if matches!(sight, Sight::Blind(_)) {
                total.clients = total.clients.max(count.clients);
            }
        }
        totals
    }
}

fn pick(n: usize, draw: &mut Draw) -> &'static Kind {
    let all = TCP.len() + UDP.len();
    let at = if n < all { n } else { draw.below(all as u64) as usize };
    TCP.iter().chain(UDP).nth(at).expect("within all")
}

/// The zones as the engine knows them.
pub fn zones() -> Groups {
    let nets = |subnets: &[&str]| subnets.iter().map(|s| s.parse().expect("a subnet")).collect::<Vec<IpNet>>();
    let zones: Vec<(Arc<str>, Vec<IpNet>)> = ZONES.iter().map(|(name, subnets)| ((*name).into(), nets(subnets))).collect();
    Groups::new(zones.iter().map(|(name, nets)| (name, &nets[..])))
}

/// Few clients, many ports: no two conversations share both.
fn client(n: usize, draw: &mut Draw) -> (&'static str, SocketAddr) {
    let (zone, host) = (draw.below(4) as u8, 1 + draw.below(5) as u8);
    let name = ZONES.get(usize::from(zone)).map_or("other", |(name, _)| name);
    let has_six = zone != 1 && draw.one_in(3);
    let address = match (zone, has_six) {
        (zone, true) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, u16::from(zone) + 1, 0, 0, 0, 0, host.into())),
        (zone, false) => IpAddr::from([10, zone + 1, 0, host]),
    };
    (name, SocketAddr::new(address, 40_000 + n as u16))
}

fn server(client: SocketAddr, draw: &mut Draw) -> SocketAddr {
    let host = draw.between(1, 200) as u8;
    let address = match client {
        SocketAddr::V4(_) => IpAddr::from([198, 51, 100, host]),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, host.into())),
    };
    SocketAddr::new(address, 443)
}
