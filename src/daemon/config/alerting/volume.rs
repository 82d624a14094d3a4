//! `[alert.volume]`: what is an unusual amount of data.

use crate::daemon::toml_fields::Fields;

/// A client or a team that sent more than this to a service today sent an unusual amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Volume {
    /// Whether it is looked for; default yes.
    pub enabled: bool,
    /// Never below so many bytes for a client; default 100 MB.
    pub floor: u64,
    /// Never below so many bytes for a team; default 1 GB.
    pub team_floor: u64,
    /// So many times the median of the days before; default 10.
    pub times: u64,
    /// Days before that are looked at; default 14.
    pub days: u64,
}

/// Days with data before which nothing is usual yet.
pub const LEAST_DAYS: usize = 5;

impl Default for Volume {
    fn default() -> Self {
        Volume { enabled: true, floor: 100_000_000, team_floor: 1_000_000_000, times: 10, days: 14 }
    }
}

impl Volume {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let default = Volume::default();
        Volume {
            enabled: fields.flag("enabled", default.enabled),
            floor: fields.bytes("floor").map_or(default.floor, |b| b.value),
            team_floor: fields.bytes("team_floor").map_or(default.team_floor, |b| b.value),
            times: fields.number("times", default.times, 2..=1000),
            days: fields.number("days", default.days, LEAST_DAYS as u64..=60),
        }
    }

    /// From how many bytes on a day is unusual, after these days; `None` where they are too few to say. A day on which nothing was sent is a
    /// day.
    pub fn bound(&self, floor: u64, mut before: Vec<u64>) -> Option<u64> {
        if before.len() < LEAST_DAYS {
            return None;
        }
        before.sort_unstable();
        let median = before.get(before.len() / 2).copied().unwrap_or(0);
        Some(floor.max(median.saturating_mul(self.times)))
    }
}
