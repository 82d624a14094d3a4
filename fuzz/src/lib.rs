//! What every fuzz target asserts: plain functions of bytes, so that libFuzzer and the tests of the product run the same.

pub mod announce;
#[cfg(feature = "daemon")]
pub mod bundles;
#[cfg(feature = "daemon")]
pub mod captures;
#[cfg(feature = "daemon")]
pub mod clients;
pub mod dhcp;
pub mod dns;
pub mod flows;
pub mod fragment;
pub mod frame;
pub mod h2;
pub mod hostname;
pub mod http;
pub mod ledger;
pub mod list;
pub mod openings;
pub mod quic;
pub mod radius;
pub mod seeds;
pub mod segments;
pub mod socks;
pub mod stream;
#[cfg(feature = "daemon")]
pub mod texts;
pub mod tls;
pub mod tunnel;
pub mod verdict;
mod wire;
