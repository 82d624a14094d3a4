//! Packets by hand, as the tests of the product make them.
#![allow(missing_docs, dead_code)] // each target uses its part

#[path = "../../tests/wire/hello.rs"]
pub mod hello;
#[path = "../../tests/wire/packet.rs"]
pub mod packet;
#[path = "../../tests/wire/tunnel.rs"]
pub mod tunnel;
