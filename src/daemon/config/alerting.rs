//! `[alert]` but for the sinks: what is told, when, and to whom.

use std::sync::Arc;

use crate::daemon::notice::NoticeKind;
use crate::daemon::toml_fields::{Fields, Located, one_of};

/// Where the runbook is when nobody says otherwise: beside the other documents.
const DEFAULT_RUNBOOK: &str = "runbook.md";

/// What is told, when, and to whom.
#[derive(Clone, PartialEq, Debug)]
pub struct Alerting {
    /// Where the runbook is, as alerts name it; the kind is the anchor. Default `runbook.md`.
    pub runbook: Arc<str>,
    /// Kinds of alerts about the sensor itself; default none.
    pub sensor: Vec<NoticeKind>,
}

impl Default for Alerting {
    fn default() -> Self {
        Alerting { runbook: DEFAULT_RUNBOOK.into(), sensor: Vec::new() }
    }
}

impl Alerting {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let default = Alerting::default();
        Alerting { runbook: fields.text("runbook_url").map_or(default.runbook, |url| runbook(fields, &url)), sensor: sensor(fields) }
    }
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
    let kinds = NoticeKind::OF_THE_SENSOR;
    let read = |written: &Located<&str>| {
        let found = kinds.into_iter().find(|k| k.word() == written.value);
        if found.is_none() {
            let message = format!("alert.sensor has no value {:?}", written.value);
            fields.reading().error(written.line, message, one_of(written.value, &kinds.map(NoticeKind::word)));
        }
        found
    };
    fields.one_or_more("sensor").iter().filter_map(read).collect()
}
