//! The engine: bytes and packet time in, events out. Pure: no IO, clock, threads, logs or locks.

// Bytes of the wire must not be able to stop it, and no number may overflow unless it is said what it then is.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod account;
pub mod agent;
pub mod attribution;
pub mod bytes;
pub mod core;
pub mod counters;
pub mod dns_memory;
pub mod event;
pub mod flow;
pub mod frame;
pub mod group;
pub mod host;
pub mod identity;
pub mod ledger;
pub mod mac;
pub mod minutes;
pub mod names;
pub mod packet;
pub mod pattern;
pub mod policy;
pub mod privacy;
mod recent;
pub mod sighting;
pub mod signature;
pub mod stream;
pub mod unmatched;
pub mod visibility;

pub use self::core::{Engine, Settings};
