//! The edges: everything that touches files, interfaces, clocks, sockets or people. Edges never call one another; `run` joins them.

pub mod alert;
pub mod alerts;
pub mod capture;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod diagnostic;
pub mod failure;
#[cfg(test)]
mod fixture;
pub mod letter;
pub mod log;
pub mod metrics;
pub mod name_json;
pub mod names;
pub mod nearest;
pub mod notice;
pub mod output;
pub mod pipeline;
pub mod policy;
pub mod progress;
pub mod reload;
pub mod replay;
pub mod report;
pub mod rights;
pub mod rules;
pub mod run;
pub mod sighting_json;
pub mod signatures;
pub mod store;
pub mod table;
pub mod toml_fields;
pub mod web;
