//! Mixes of traffic.

use super::rng::Rng;

/// How much is said in a flow.
#[derive(Clone, Copy)]
pub struct Size {
    /// Exchanges at most.
    pub rounds: u64,
    up: (u64, u64),
    down: (u64, u64),
}

impl Size {
    /// Bytes of one exchange, up and down: mostly small, now and then a long upload or download.
    pub fn message(&self, rng: &mut Rng) -> (usize, usize) {
        let stretch =
            |rng: &mut Rng, (low, high): (u64, u64)| if rng.percent(20) { rng.between(low, high) } else { rng.between(low, low * 4) };
        (stretch(rng, self.up) as usize, stretch(rng, self.down) as usize)
    }
}

/// A mix.
pub struct Profile {
    pub name: &'static str,
    pub size: Size,
    /// Weights of: look-up alone, TLS, QUIC, HTTP, other TCP, calls, noise, TLS midstream, QUIC midstream.
    pub weights: [u64; 9],
    /// Packets a second.
    pub rate: u64,
}

impl Profile {
    pub fn named(name: &str) -> Option<Profile> {
        Some(match name {
            "office" => Profile {
                name: "office",
                size: Size { rounds: 6, up: (300, 24_000), down: (1_200, 90_000) },
                weights: [20, 45, 12, 4, 2, 2, 12, 2, 1],
                rate: 5_000,
            },
            "handshakes" => Profile {
                name: "handshakes",
                size: Size { rounds: 1, up: (200, 1_200), down: (600, 5_500) },
                weights: [15, 62, 15, 2, 1, 0, 4, 1, 0],
                rate: 5_000,
            },
            "bulk" => Profile {
                name: "bulk",
                size: Size { rounds: 60, up: (1_500, 90_000), down: (20_000, 240_000) },
                weights: [0, 0, 0, 0, 0, 0, 0, 3, 1],
                rate: 5_000,
            },
            _ => return None,
        })
    }

    /// Index of a kind of flow, by weight.
    pub fn kind(&self, rng: &mut Rng) -> usize {
        let mut left = rng.below(self.weights.iter().sum());
        for (kind, weight) in self.weights.iter().enumerate() {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return kind,
            }
        }
        0
    }
}
