//! `[alert]` but for the sinks: what is told, when, and to whom ([docs/alerts.md](../../../docs/alerts.md)).

mod health;
mod quiet;
mod route;
#[cfg(test)]
mod tests;
mod volume;

use std::sync::Arc;

use crate::daemon::notice::NoticeKind;
use crate::daemon::toml_fields::{Fields, Located, one_of};

pub use health::Health;
pub use quiet::{Digest, Every, Quiet};
pub use route::Route;
pub use volume::Volume;

/// Where the runbook is when nobody says otherwise: beside the other documents.
const DEFAULT_RUNBOOK: &str = "runbook.md";

/// What is told, when, and to whom.
#[derive(Clone, PartialEq, Debug)]
pub struct Alerting {
    /// Where the runbook is, as alerts name it; the kind is the anchor. Default `runbook.md`.
    pub runbook: Arc<str>,
    /// Kinds of alerts about the sensor itself; default all.
    pub sensor: Vec<NoticeKind>,
    /// Hours after the birth of a store in which use of what nobody decided about is told at their end, in one; default 24.
    pub inventory_hours: u64,
    /// `[alert.limit]`: how many alerts of one kind a team may cause.
    pub limit: Limit,
    /// `[alert.quiet]`
    pub quiet: Option<Quiet>,
    /// `[alert.digest]`
    pub digest: Digest,
    /// `[alert.volume]`
    pub volume: Volume,
    /// `[alert.health]`
    pub health: Health,
    /// `[[alert.route]]`, in order.
    pub routes: Vec<Route>,
}

/// A leaky bucket: so many at once, and so many an hour in the long run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// At once; default 20.
    pub burst: u64,
    /// In an hour, in the long run; default 20.
    pub per_hour: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Limit { burst: 20, per_hour: 20 }
    }
}

impl Default for Alerting {
    fn default() -> Self {
        Alerting {
            runbook: DEFAULT_RUNBOOK.into(),
            sensor: NoticeKind::OF_THE_SENSOR.to_vec(),
            inventory_hours: 24,
            limit: Limit::default(),
            quiet: None,
            digest: Digest::default(),
            volume: Volume::default(),
            health: Health::default(),
            routes: Vec::new(),
        }
    }
}

impl Alerting {
    /// Reads it. `sinks` are the names of those that alerts can go to.
    pub(super) fn read(fields: &Fields<'_>, sinks: &[String]) -> Self {
        let default = Alerting::default();
        Alerting {
            runbook: fields.text("runbook_url").map_or(default.runbook, |url| runbook(fields, &url)),
            sensor: if fields.has("sensor") { sensor(fields) } else { default.sensor },
            inventory_hours: fields.number("inventory_hours", default.inventory_hours, 0..=744),
            limit: fields.table("limit").map(|t| limit(&t)).unwrap_or_default(),
            quiet: fields.table("quiet").and_then(|t| Quiet::read(&t)),
            digest: fields.table("digest").map(|t| Digest::read(&t)).unwrap_or_default(),
            volume: fields.table("volume").map(|t| Volume::read(&t)).unwrap_or_default(),
            health: fields.table("health").map(|t| Health::read(&t)).unwrap_or_default(),
            routes: route::read(fields, sinks),
        }
    }
}

fn limit(fields: &Fields<'_>) -> Limit {
    let default = Limit::default();
    Limit { burst: fields.number("burst", default.burst, 1..=100_000), per_hour: fields.number("per_hour", default.per_hour, 1..=100_000) }
}

/// An address, or a path a reader knows; the anchor is ours.
fn runbook(fields: &Fields<'_>, written: &Located<&str>) -> Arc<str> {
    if written.value.contains(['#', ' ']) || written.value.is_empty() {
        let message = format!("alert.runbook_url {:?} cannot be followed by an anchor", written.value);
        fields.reading().error(written.line, message, "write https://wiki.example/shadowtap/runbook, without # and spaces");
    }
    written.value.into()
}

/// Kinds of alerts about the sensor that are asked for.
fn sensor(fields: &Fields<'_>) -> Vec<NoticeKind> {
    kinds(fields, "sensor", &NoticeKind::OF_THE_SENSOR)
}

/// The kinds that a list names, of those it can.
fn kinds(fields: &Fields<'_>, key: &'static str, known: &[NoticeKind]) -> Vec<NoticeKind> {
    let read = |written: &Located<&str>| {
        let found = known.iter().copied().find(|k| k.word() == written.value);
        if found.is_none() {
            let message = format!("{} has no value {:?}", fields.named(key), written.value);
            let words: Vec<&str> = known.iter().map(|k| k.word()).collect();
            fields.reading().error(written.line, message, one_of(written.value, &words));
        }
        found
    };
    fields.one_or_more(key).iter().filter_map(read).collect()
}
