//! The edges: everything that touches files, interfaces, clocks, sockets or people. Edges never call one another; `run` joins them.

pub mod capture;
pub mod cli;
pub mod diagnostic;
pub mod failure;
pub mod name_json;
pub mod names;
pub mod progress;
