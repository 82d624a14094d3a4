//! What an alert that sums up says: the word the store, which counts, and the delivery, which words it, both speak.

use serde::Serialize;

use super::notice::NoticeKind;
use crate::engine::frame::Time;

/// Entries of a list, most; `more` counts the others.
pub const MOST: usize = 100;

/// What is summed up.
#[derive(Clone, Debug)]
pub struct Summary {
    /// 32 hexadecimal digits.
    pub id: String,
    /// `inventory` or `digest`.
    pub kind: NoticeKind,
    /// When it came into being, by the wall clock.
    pub created: Time,
    /// From when.
    pub since: Time,
    /// One sentence.
    pub message: String,
    /// Of an inventory: what nobody decided about yet.
    pub services: Vec<ServiceUse>,
    /// Of a digest: what became of alerts.
    pub alerts: Vec<AlertCount>,
    /// Entries that had no room.
    pub more: u64,
}

/// Use of one service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ServiceUse {
    /// Its id.
    pub id: String,
    /// As people know it.
    pub name: String,
    /// Who makes it.
    pub vendor: String,
    /// What it is.
    pub category: String,
    /// Who uses it.
    pub teams: Vec<String>,
    /// Different clients.
    pub clients: u64,
    /// Sightings.
    pub sightings: u64,
    /// Bytes sent to it.
    pub bytes_up: u64,
}

/// Alerts of one kind, team and service, and what became of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AlertCount {
    /// `sent`, `held` (for this digest), `suppressed` (rate) or `silenced`.
    pub fate: &'static str,
    /// Their kind.
    pub kind: &'static str,
    /// Team; empty where they are about the sensor.
    pub team: String,
    /// Id of the service; empty where they are about the sensor.
    pub service: String,
    /// The highest among them.
    pub severity: &'static str,
    /// Why they were not sent by themselves; none where they were.
    pub why: Option<String>,
    /// How many.
    pub count: u64,
}
