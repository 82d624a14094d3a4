//! `[sighting]` as it is written.

use super::{Sighting, WrittenThreshold};
use crate::daemon::toml_fields::Fields;
use crate::engine::ledger::SpecialLimits;
use crate::engine::policy::ServicePattern;

/// The most that a number of bytes may be.
const MOST: u64 = 1 << 50;

impl Sighting {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let default = Sighting::default();
        let bytes = |key, default| fields.number(key, default, 0..=MOST);
        Sighting {
            session_minutes: fields.number("session_minutes", default.session_minutes, 1..=1440),
            engaged_bytes_up: bytes("engaged_bytes_up", default.engaged_bytes_up),
            engaged_bytes_posted: bytes("engaged_bytes_posted", default.engaged_bytes_posted),
            engaged_bytes_down: bytes("engaged_bytes_down", default.engaged_bytes_down),
            upload_bytes: bytes("upload_bytes", default.upload_bytes),
            upload_bytes_upload_host: bytes("upload_bytes_upload_host", default.upload_bytes_upload_host),
            thresholds: thresholds(fields),
        }
    }
}

fn thresholds(fields: &Fields<'_>) -> Vec<WrittenThreshold> {
    let mut written: Vec<WrittenThreshold> = Vec::new();
    for table in fields.tables("threshold") {
        let threshold = WrittenThreshold { line: table.line(), limits: threshold(&table) };
        let (service, team) = (&threshold.limits.service, &threshold.limits.team);
        if let Some(first) = written.iter().find(|w| w.limits.service == *service && w.limits.team == *team) {
            let message = format!("sighting.threshold is for the same service and team as the one of line {}", first.line);
            table.reading().error(threshold.line, message, "join the two");
        }
        written.push(threshold);
    }
    written
}

/// One table. Values that would change nothing are told.
fn threshold(table: &Fields<'_>) -> SpecialLimits {
    let bytes = |key| table.has(key).then(|| table.number(key, 0, 0..=MOST));
    let limits = SpecialLimits {
        service: table.text("service").map(|s| ServicePattern::parse(s.value)),
        team: table.text("team").map(|t| t.value.into()),
        engaged_up: bytes("engaged_bytes_up"),
        engaged_posted: bytes("engaged_bytes_posted"),
        engaged_down: bytes("engaged_bytes_down"),
        upload: bytes("upload_bytes"),
        upload_host: bytes("upload_bytes_upload_host"),
    };
    if limits.service.is_none() && limits.team.is_none() {
        let hint = "add service = \"openai.*\" or team = \"…\"; what holds for all stands in [sighting]";
        table.reading().error(table.line(), "sighting.threshold names neither a service nor a team", hint);
    }
    let values = [limits.engaged_up, limits.engaged_posted, limits.engaged_down, limits.upload, limits.upload_host];
    if values.iter().all(Option::is_none) {
        let hint = "add upload_bytes, upload_bytes_upload_host, engaged_bytes_up, engaged_bytes_posted or engaged_bytes_down";
        table.reading().error(table.line(), "sighting.threshold sets no value", hint);
    }
    limits
}
