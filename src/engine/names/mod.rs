//! Decoders of names: each takes bytes and answers with a [`Verdict`](super::bytes::Verdict); none keeps a flow, none knows another.
//! [`opening`] peels the layers a client may speak before its hello and hands the rest to them.

pub mod announce;
pub mod dns;
pub mod hpack;
pub mod http;
pub mod ja4;
pub mod opening;
pub mod quic;
pub mod socks;
pub mod tls;
pub mod vpn;
