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
}

impl NoticeKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [NoticeKind; 3] = [NoticeKind::FirstUse, NoticeKind::StatusChanged, NoticeKind::Uploaded];

    /// The word used in payloads, tables and output.
    pub const fn word(self) -> &'static str {
        match self {
            NoticeKind::FirstUse => "first_use",
            NoticeKind::StatusChanged => "status_changed",
            NoticeKind::Uploaded => "uploaded",
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
