//! An alert that is due: the word the store, which decides it, and the delivery, which words it, both speak.

use crate::engine::frame::Time;
use crate::engine::sighting::Sighting;

/// Why an alert is due.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum NoticeKind {
    /// This client was never told about with this service.
    FirstUse,
    /// It was told under another policy status, and never under this one.
    StatusChanged,
    /// The evidence rose to `uploaded` since it was told under this status.
    Uploaded,
    /// An update of the catalogue was refused.
    UpdateRefused,
    /// Files that changed were refused; what was in force before stays in force.
    ReloadRefused,
    /// An interface cannot be captured any more.
    CaptureLost,
    /// A rule of the policy is about to run out, or has.
    PolicyExpiring,
}

impl NoticeKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [NoticeKind; 7] = [
        NoticeKind::FirstUse,
        NoticeKind::StatusChanged,
        NoticeKind::Uploaded,
        NoticeKind::UpdateRefused,
        NoticeKind::ReloadRefused,
        NoticeKind::CaptureLost,
        NoticeKind::PolicyExpiring,
    ];
    /// Those about a client's use of a service.
    pub const OF_SIGHTINGS: [NoticeKind; 3] = [NoticeKind::FirstUse, NoticeKind::StatusChanged, NoticeKind::Uploaded];
    /// Those about the sensor itself.
    pub const OF_THE_SENSOR: [NoticeKind; 4] =
        [NoticeKind::UpdateRefused, NoticeKind::ReloadRefused, NoticeKind::CaptureLost, NoticeKind::PolicyExpiring];

    /// The word used in payloads, tables and output.
    pub const fn word(self) -> &'static str {
        match self {
            NoticeKind::FirstUse => "first_use",
            NoticeKind::StatusChanged => "status_changed",
            NoticeKind::Uploaded => "uploaded",
            NoticeKind::UpdateRefused => "update_refused",
            NoticeKind::ReloadRefused => "reload_refused",
            NoticeKind::CaptureLost => "capture_lost",
            NoticeKind::PolicyExpiring => "policy_expiring",
        }
    }
}

/// One alert, as it comes into being.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// 32 hexadecimal digits, the same on every delivery attempt: what a receiver drops repeats by.
    pub id: String,
    /// Why.
    pub kind: NoticeKind,
    /// When it came into being, by the wall clock.
    pub created: Time,
    /// The sighting that caused it, as it stood then.
    pub sighting: &'a Sighting,
}

/// One alert about the sensor itself, as it comes into being.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SensorNotice {
    /// 32 hexadecimal digits. Equal for the same event told twice, so that it is stored once.
    pub id: String,
    /// What happened.
    pub kind: NoticeKind,
    /// When it came into being, by the wall clock.
    pub created: Time,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl SensorNotice {
    /// The notice of an event. `event` tells it from others of its kind: a count, a moment.
    pub fn new(kind: NoticeKind, event: &str, created: Time, message: String, remedy: &'static str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, format!("{}\0{event}", kind.word()).as_bytes());
        let id = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        SensorNotice { id, kind, created, message, remedy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_of_sightings_or_of_the_sensor_in_the_order_of_their_numbers() {
        let both: Vec<_> = NoticeKind::OF_SIGHTINGS.into_iter().chain(NoticeKind::OF_THE_SENSOR).collect();
        assert_eq!(both, NoticeKind::ALL);
        assert!(NoticeKind::ALL.iter().enumerate().all(|(n, kind)| *kind as usize == n));
    }

    #[test]
    fn the_same_event_has_the_same_id() {
        let notice = |kind, event, second| SensorNotice::new(kind, event, Time::new(second, 0), String::new(), "").id;
        assert_eq!(notice(NoticeKind::UpdateRefused, "3", 1), notice(NoticeKind::UpdateRefused, "3", 2));
        assert_ne!(notice(NoticeKind::UpdateRefused, "3", 1), notice(NoticeKind::UpdateRefused, "4", 1));
        assert_ne!(notice(NoticeKind::UpdateRefused, "3", 1), notice(NoticeKind::CaptureLost, "3", 1));
        assert_eq!(notice(NoticeKind::UpdateRefused, "3", 1).len(), 32);
    }
}
