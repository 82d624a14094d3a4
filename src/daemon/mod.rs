//! The edges: everything that touches files, interfaces, clocks, sockets or people. Edges never call one another; `run` joins them.

pub mod alert;
pub mod alerts;
pub mod cli;
pub mod clock;
pub mod delivery;
pub mod diagnostic;
pub mod failure;
#[cfg(test)]
mod fixture;
pub mod letter;
pub mod log;
pub mod metrics;
pub mod notice;
pub mod report;
pub mod sighting_json;
pub mod store;
pub mod table;
pub mod web;
