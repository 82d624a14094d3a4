//! `[alert.health]`: from where on the sensor says that it is not well.

use crate::daemon::toml_fields::Fields;

/// Bounds of the sensor's health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    /// Per cent of packets lost over five minutes; default 1.
    pub loss_percent: u64,
    /// Per cent of a zone's encrypted flows that have a name, over the last whole hour; below is a blind spot. Default 50.
    pub visibility_percent: u64,
    /// Flows of a zone in that hour below which nothing can be said; default 500.
    pub visibility_flows: u64,
    /// Days since anybody looked after the catalogue; default 90.
    pub signatures_days: u64,
    /// Findings that wait for the store; default 10,000.
    pub store_queue: u64,
}

impl Default for Health {
    fn default() -> Self {
        Health { loss_percent: 1, visibility_percent: 50, visibility_flows: 500, signatures_days: 90, store_queue: 10_000 }
    }
}

impl Health {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let default = Health::default();
        Health {
            loss_percent: fields.number("loss_percent", default.loss_percent, 1..=100),
            visibility_percent: fields.number("visibility_percent", default.visibility_percent, 0..=100),
            visibility_flows: fields.number("visibility_flows", default.visibility_flows, 1..=1_000_000_000),
            signatures_days: fields.number("signatures_days", default.signatures_days, 1..=3650),
            store_queue: fields.number("store_queue", default.store_queue, 1..=10_000_000),
        }
    }
}
