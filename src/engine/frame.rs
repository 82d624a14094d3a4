//! One captured link-layer packet, and packet time.

use std::fmt;

/// A moment of packet time: nanoseconds since 1970-01-01T00:00:00Z. The engine reads no clock; every moment comes from a frame or a tick.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The moment `seconds` and `nanos` after the epoch.
    pub const fn new(seconds: u64, nanos: u32) -> Self {
        Time(seconds.saturating_mul(1_000_000_000).saturating_add(nanos as u64))
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Whole microseconds since the epoch; fits `i64` until the year 2262 and beyond.
    pub const fn micros(self) -> i64 {
        (self.0 / 1_000) as i64
    }

    /// The moment with that many microseconds since the epoch; negative values become the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Time((if micros < 0 { 0 } else { micros as u64 }).saturating_mul(1_000))
    }

    /// Nanoseconds from `earlier` to `self`, 0 where `earlier` is later.
    pub const fn since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment by a clock that was set: as far from `to` as it was from `from`.
    pub const fn moved(self, from: Time, to: Time) -> Self {
        Time(self.0.saturating_add(to.since(from)).saturating_sub(from.since(to)))
    }

    /// This moment plus whole microseconds.
    pub const fn plus_micros(self, micros: u64) -> Self {
        Time(self.0.saturating_add(micros.saturating_mul(1_000)))
    }

    /// This moment plus whole seconds.
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Time(self.0.saturating_add(seconds.saturating_mul(1_000_000_000)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds(), self.0 % 1_000_000_000)
    }
}

/// A link type as libpcap numbers it (<https://www.tcpdump.org/linktypes.html>). Unknown numbers stay numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct LinkType(pub i32);

/// One captured link-layer packet.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was captured.
    pub time: Time,
    /// How its first bytes are to be read.
    pub link: LinkType,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Bytes it had on the wire; at least `bytes.len()`.
    pub wire_len: u32,
}
