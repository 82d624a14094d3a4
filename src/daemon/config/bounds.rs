//! `[bounds]`: how much is kept in memory.

use crate::daemon::toml_fields::Fields;

/// How many of each are kept; beyond, the oldest goes, and is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Flows, over all capture threads; default 1,000,000.
    pub flows: usize,
    /// Hellos being put together; default 8192.
    pub hellos: usize,
    /// Addresses remembered from DNS answers; default 500,000.
    pub dns_memory: usize,
    /// Open sightings; default 500,000.
    pub sightings: usize,
    /// Addresses of which it is known who has them, and as many machines; default 100,000.
    pub bindings: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { flows: 1_000_000, hellos: 8192, dns_memory: 500_000, sightings: 500_000, bindings: 100_000 }
    }
}

impl Bounds {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let default = Bounds::default();
        let number = |key, default: usize, least| {
            let value = fields.number(key, default as u64, least..=100_000_000);
            usize::try_from(value).unwrap_or(default)
        };
        Bounds {
            flows: number("flows", default.flows, 1000),
            hellos: number("hellos", default.hellos, 16),
            dns_memory: number("dns_memory", default.dns_memory, 100),
            sightings: number("sightings", default.sightings, 100),
            bindings: number("bindings", default.bindings, 100),
        }
    }
}
