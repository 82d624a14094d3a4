//! The edges: everything that touches files, interfaces, clocks, sockets or people. Edges never call one another; `run` joins them.

pub mod cli;
pub mod clock;
pub mod diagnostic;
pub mod failure;
#[cfg(test)]
mod fixture;
pub mod notice;
pub mod store;
