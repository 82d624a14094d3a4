//! Every target by name, for those who run all of them.

/// A target's body.
pub type Body = fn(&[u8]);

/// Name and body of every target.
pub const TARGETS: &[(&str, Body)] = &[
    ("announce", super::announce::run),
    ("dhcp", super::dhcp::run),
    ("dns", super::dns::run),
    ("flows", super::flows::run),
    ("fragment", super::fragment::run),
    ("frame", super::frame::run),
    ("h2", super::h2::run),
    ("hostname", super::hostname::run),
    ("http", super::http::run),
    ("ledger", super::ledger::run),
    ("openings", super::openings::run),
    ("quic", super::quic::run),
    ("radius", super::radius::run),
    ("segments", super::segments::run),
    ("socks", super::socks::run),
    ("stream", super::stream::run),
    ("tls", super::tls::run),
    ("tunnel", super::tunnel::run),
    #[cfg(feature = "daemon")]
    ("bundles", super::bundles::run),
    #[cfg(feature = "daemon")]
    ("captures", super::captures::run),
    #[cfg(feature = "daemon")]
    ("clients", super::clients::run),
    #[cfg(feature = "daemon")]
    ("config", super::texts::config),
    #[cfg(feature = "daemon")]
    ("policy", super::texts::policy),
    #[cfg(feature = "daemon")]
    ("signatures", super::texts::signatures),
];
