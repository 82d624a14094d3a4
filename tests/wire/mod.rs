//! What the tests of the wire share: packets built by hand, real programs' captures, and an engine that is watched.
#![allow(dead_code)] // each test file uses its part

pub mod captured;
pub mod dice;
pub mod hello;
#[cfg(feature = "daemon")]
pub mod judged;
pub mod packet;
#[cfg(all(target_os = "linux", feature = "daemon"))]
pub mod pair;
pub mod quic;
pub mod tunnel;
pub mod watch;
