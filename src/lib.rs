//! shadowtap: a passive monitor of GenAI use on a network.
//!
//! The house has two floors. [`engine`] is pure: bytes and packet time in, events out; no IO, clock, threads, logs or locks.
//! `daemon` is every edge: capture, configuration, store, metrics, alerts, command line. It exists behind the feature `daemon`,
//! so `cargo check --lib --no-default-features` proves the wall between the two.
//!
//! What flows, one noun per door: `Frame` → `Packet` → segment → `Observation` → detection (plus service) → finding (plus
//! client, team, policy status) → `Sighting` → row, counter, alert.

#![deny(unsafe_code)] // but for daemon::store::beside

#[cfg(feature = "daemon")]
pub mod daemon;
pub mod engine;
