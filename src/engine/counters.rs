//! What the engine counts besides what it says.

use super::event::{Anomaly, Source};

/// Tables that evict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Table {
    /// Open flows.
    Flows,
    /// Openings being read.
    Hellos,
    /// Datagrams under reassembly.
    Fragments,
    /// Addresses remembered under the names that were asked.
    DnsMemory,
    /// Open sightings.
    Sightings,
    /// Flows whose names and bytes are followed for sightings.
    Attributions,
    /// Connection ids of QUIC servers.
    Connections,
    /// Addresses of which it is known who has them.
    Bindings,
    /// Machines known by MAC address or DUID.
    Machines,
}

impl Table {
    /// Every table, in the order of their numbers.
    pub const ALL: [Table; 9] = [
        Table::Flows,
        Table::Hellos,
        Table::Fragments,
        Table::DnsMemory,
        Table::Sightings,
        Table::Attributions,
        Table::Connections,
        Table::Bindings,
        Table::Machines,
    ];

    /// The word used in labels.
    pub const fn word(self) -> &'static str {
        match self {
            Table::Flows => "flows",
            Table::Hellos => "hellos",
            Table::Fragments => "fragments",
            Table::DnsMemory => "dns_memory",
            Table::Sightings => "sightings",
            Table::Attributions => "attributions",
            Table::Connections => "connections",
            Table::Bindings => "bindings",
            Table::Machines => "machines",
        }
    }
}

/// Cumulative counts of one engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames given to it.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Flows opened.
    pub flows: u64,
    /// QUIC Initials whose protection was tried: the dear part of QUIC, done only where a name can still come of it.
    pub initials: u64,
    /// Names said, by source.
    pub observations: [u64; Source::ALL.len()],
    /// Odd traffic by kind.
    pub anomalies: [u64; Anomaly::COUNT],
    /// Entries given up because a table was full.
    pub evictions: [u64; Table::ALL.len()],
}

impl Counters {
    /// One more anomaly.
    pub fn anomaly(&mut self, kind: Anomaly) {
        bump(self.anomalies.get_mut(kind as usize));
    }

    /// One more observation.
    pub fn observation(&mut self, source: Source) {
        bump(self.observations.get_mut(source as usize));
    }

    /// One more eviction.
    pub fn eviction(&mut self, table: Table) {
        bump(self.evictions.get_mut(table as usize));
    }

    /// All observations.
    pub fn all_observations(&self) -> u64 {
        self.observations.iter().sum()
    }
}

fn bump(count: Option<&mut u64>) {
    if let Some(count) = count {
        *count = count.saturating_add(1);
    }
}
