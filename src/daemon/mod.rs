//! The edges: everything that touches files, interfaces, clocks, sockets or people. Edges never call one another; `run` joins them.

pub mod capture;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod diagnostic;
pub mod failure;
pub mod name_json;
pub mod names;
pub mod nearest;
pub mod output;
pub mod policy;
pub mod progress;
pub mod rules;
pub mod signatures;
pub mod toml_fields;
