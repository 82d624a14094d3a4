//! The engine: bytes and packet time in, events out. Pure: no IO, clock, threads, logs or locks.

pub mod event;
pub mod frame;
pub mod group;
pub mod host;
pub mod packet;
pub mod pattern;
pub mod policy;
pub mod sighting;
pub mod signature;
