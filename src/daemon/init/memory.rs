//! How much memory there is to take, and what of it tables and rings may have.

use std::fs::read_to_string;

use crate::daemon::config::Bounds;

/// From so much on the defaults stand: full tables take about a quarter of it.
const ENOUGH: u64 = 4 << 30;

/// Bytes this machine has, or the control group leaves.
pub(super) fn of_machine() -> Option<u64> {
    let total = of_meminfo(&read_to_string("/proc/meminfo").ok()?)?;
    let limit = read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some(limit.map_or(total, |limit: u64| limit.min(total)))
}

/// `MemTotal` of `/proc/meminfo`.
pub(super) fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Bounds for so many bytes: the defaults, or as much of them as the machine is smaller than one on which they stand.
pub(super) fn bounds(memory: u64) -> Bounds {
    let all = Bounds::default();
    if memory >= ENOUGH {
        return all;
    }
    let part = |bound: usize, least: usize| {
        let scaled = (bound as u128 * u128::from(memory) / u128::from(ENOUGH)) as usize;
        // Two digits are enough for a person.
        let step = 10_usize.pow(scaled.checked_ilog10().unwrap_or(0).saturating_sub(1));
        (scaled / step * step).max(least)
    };
    Bounds {
        flows: part(all.flows, 10_000),
        hellos: part(all.hellos, 512),
        dns_memory: part(all.dns_memory, 10_000),
        sightings: part(all.sightings, 10_000),
        bindings: part(all.bindings, 5_000),
    }
}

/// MiB of an interface's ring in the kernel: `ports` of them, of which the fastest has `speed` Mbit/s.
pub(super) fn ring_mib(memory: u64, ports: usize, speed: Option<u32>) -> u32 {
    // A tenth of a second of a full link.
    let wanted = match speed {
        Some(speed) if speed > 5000 => 256,
        _ => 64,
    };
    let most = (memory / 16 / (ports.max(1) as u64)) >> 20;
    wanted.min(u32::try_from(most).unwrap_or(wanted)).max(8)
}
