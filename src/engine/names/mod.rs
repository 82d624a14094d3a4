//! Decoders of names: each takes bytes and answers with a [`Verdict`](super::bytes::Verdict); none keeps a flow, none knows another.
//! [`opening`] peels the layers a client may speak before its hello and hands the rest to them.

use std::hash::BuildHasher;

pub mod announce;
pub mod dhcp;
pub mod dhcpv6;
pub mod dns;
pub mod hpack;
pub mod http;
pub mod ja4;
pub mod labels;
pub mod neighbour;
pub mod opening;
pub mod prints;
pub mod quic;
pub mod radius;
pub mod socks;
pub mod tls;
pub mod vpn;

/// A number that stands for bytes an id is made of: equal for equal bytes, in every engine and every run.
fn digest(bytes: &[u8]) -> u64 {
    foldhash::quality::FixedState::with_seed(0).hash_one(bytes)
}
