//! `[retention]`: how long each kind of data is kept.

use std::time::Duration;

use crate::daemon::since;
use crate::daemon::toml_fields::{Fields, Located};

/// Shortest time: days are taken out whole.
const LEAST: Duration = Duration::from_secs(86_400);

/// How long each kind is kept; `None` is for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Single sightings, since their last moment, by whole days in UTC; default 90 days.
    pub sightings: Option<Duration>,
    /// Sums by day, team and service; default 1,095 days.
    pub daily: Option<Duration>,
    /// Alerts of which no delivery waits; default 365 days.
    pub alerts: Option<Duration>,
    /// What could be seen and what not, by hour; default 365 days.
    pub visibility: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |n: u64| Some(Duration::from_secs(n * 86_400));
        Retention { sightings: days(90), daily: days(1095), alerts: days(365), visibility: days(365) }
    }
}

impl Retention {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let default = Retention::default();
        let kept = |key: &'static str, default| fields.text(key).map_or(default, |written| time(fields, key, &written).unwrap_or(default));
        let read = Retention {
            sightings: kept("sightings", default.sightings),
            daily: kept("daily", default.daily),
            alerts: kept("alerts", default.alerts),
            visibility: kept("visibility", default.visibility),
        };
        let is_longer = |one: Option<Duration>, other: Option<Duration>| one.is_none_or(|one| other.is_some_and(|other| one > other));
        if read.daily.is_some() && is_longer(read.sightings, read.daily) {
            let line = ["daily", "sightings"].into_iter().find_map(|key| fields.text(key)).map_or(fields.line(), |t| t.line);
            let message = "retention.daily is shorter than retention.sightings: sums would go before what they sum up";
            fields.reading().error(line, message, "keep daily at least as long as sightings, or daily = \"forever\"");
        }
        read
    }
}

/// A time as it is written, `None` inside for ever; `None` outside where it is a mistake.
fn time(fields: &Fields<'_>, key: &str, written: &Located<&str>) -> Option<Option<Duration>> {
    if written.value == "forever" {
        return Some(None);
    }
    let refuse = |what: &str| {
        let message = format!("{} {:?} {what}", fields.named(key), written.value);
        fields.reading().error(written.line, message, "write a number and d or w, as in \"90d\", or \"forever\"");
    };
    match since::duration(written.value).map(Duration::from_nanos) {
        None => refuse("is no time to keep something"),
        Some(time) if time < LEAST => refuse("is less than a day"),
        Some(time) => return Some(Some(time)),
    }
    None
}
