//! An alert that is due: the word the store, which decides it, and the delivery, which words it, both speak.

use crate::daemon::hex;
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};

/// Why an alert is due. The store keeps the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum NoticeKind {
    /// This client was never told about with this service.
    FirstUse,
    /// It was told under another policy status, and not under this one, or not since this one was lifted.
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
    /// The first use by anybody of a service about which nobody decided yet.
    NewService,
    /// A client or a team sent far more to a service today than on other days.
    UnusualVolume,
    /// Too few of a zone's encrypted flows have a name.
    BlindSpot,
    /// Packets were lost before they were read.
    PacketsLost,
    /// The store cannot be written.
    StoreBehind,
    /// The catalogue was looked after too long ago.
    SignaturesStale,
    /// What nobody decided about yet, a day after the store began.
    Inventory,
    /// What was held back, and what is new, since the last one.
    Digest,
    /// The store was damaged: it was set aside, and a new one begun.
    StoreDamaged,
}

impl NoticeKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [NoticeKind; 16] = [
        NoticeKind::FirstUse,
        NoticeKind::StatusChanged,
        NoticeKind::Uploaded,
        NoticeKind::UpdateRefused,
        NoticeKind::ReloadRefused,
        NoticeKind::CaptureLost,
        NoticeKind::PolicyExpiring,
        NoticeKind::NewService,
        NoticeKind::UnusualVolume,
        NoticeKind::BlindSpot,
        NoticeKind::PacketsLost,
        NoticeKind::StoreBehind,
        NoticeKind::SignaturesStale,
        NoticeKind::Inventory,
        NoticeKind::Digest,
        NoticeKind::StoreDamaged,
    ];
    /// Those about use of a service, by a client or a team.
    pub const OF_SIGHTINGS: [NoticeKind; 5] =
        [NoticeKind::FirstUse, NoticeKind::StatusChanged, NoticeKind::Uploaded, NoticeKind::NewService, NoticeKind::UnusualVolume];
    /// Those about the sensor itself: each is a condition that begins and ends.
    pub const OF_THE_SENSOR: [NoticeKind; 9] = [
        NoticeKind::UpdateRefused,
        NoticeKind::ReloadRefused,
        NoticeKind::CaptureLost,
        NoticeKind::PolicyExpiring,
        NoticeKind::BlindSpot,
        NoticeKind::PacketsLost,
        NoticeKind::StoreBehind,
        NoticeKind::StoreDamaged,
        NoticeKind::SignaturesStale,
    ];
    /// Those that sum up.
    pub const OF_DIGESTS: [NoticeKind; 2] = [NoticeKind::Inventory, NoticeKind::Digest];
    /// Every word, in the order of their numbers.
    pub const WORDS: [&str; 16] = {
        let mut words = [""; 16];
        let mut n = 0;
        while n < words.len() {
            words[n] = Self::ALL[n].word();
            n += 1;
        }
        words
    };

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
            NoticeKind::NewService => "new_service",
            NoticeKind::UnusualVolume => "unusual_volume",
            NoticeKind::BlindSpot => "blind_spot",
            NoticeKind::PacketsLost => "packets_lost",
            NoticeKind::StoreBehind => "store_behind",
            NoticeKind::SignaturesStale => "signatures_stale",
            NoticeKind::Inventory => "inventory",
            NoticeKind::Digest => "digest",
            NoticeKind::StoreDamaged => "store_damaged",
        }
    }

    /// The kind a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.word() == word)
    }

    /// Whether it is about use of a service.
    pub fn is_of_sightings(self) -> bool {
        Self::OF_SIGHTINGS.contains(&self)
    }

    /// Whether another event of the same matter is news: a rule that ran out is more than one that is about to.
    pub const fn gets_worse(self) -> bool {
        matches!(self, NoticeKind::PolicyExpiring)
    }

    /// How much an alert of the sensor matters. Where nothing is seen or kept, nothing else is told.
    pub const fn sensor_severity(self) -> Severity {
        match self {
            NoticeKind::CaptureLost | NoticeKind::StoreBehind | NoticeKind::StoreDamaged => Severity::High,
            NoticeKind::SignaturesStale | NoticeKind::Inventory | NoticeKind::Digest => Severity::Low,
            _ => Severity::Medium,
        }
    }
}

/// How much an alert matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Severity {
    /// To be looked at some day.
    Low,
    /// To be looked at today.
    Medium,
    /// To be looked at now.
    High,
}

impl Severity {
    /// Every one, in order.
    pub const ALL: [Severity; 3] = [Severity::Low, Severity::Medium, Severity::High];
    /// Every word, in order.
    pub const WORDS: [&str; 3] = ["low", "medium", "high"];

    /// The word used in payloads and configuration.
    pub const fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// The severity a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// How much a sighting's alert matters.
    pub fn of(s: &Sighting) -> Self {
        match (s.status, s.evidence) {
            (Status::Unapproved, Evidence::Uploaded) => Severity::High,
            (Status::Unapproved, _) | (_, Evidence::Uploaded) => Severity::Medium,
            _ => Severity::Low,
        }
    }
}

/// Whether a matter goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum State {
    /// It began, or got worse.
    #[default]
    Open,
    /// It is over: somebody acknowledged it, the policy allows it now, or the sensor is well again.
    Resolved,
}

impl State {
    /// The word used in payloads.
    pub const fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Resolved => "resolved",
        }
    }
}

/// What was like an alert and was not sent, since the last one that was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Repeats {
    /// How many.
    pub count: u64,
    /// Why they were not sent; empty where there are none.
    pub why: String,
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
    /// What was not sent before it.
    pub repeats: Repeats,
}

impl Notice<'_> {
    /// Key of the matter: the same for all alerts about this client's use of this service.
    pub fn incident(&self) -> String {
        incident(&["use", &self.sighting.client, &self.sighting.service])
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        let own = Severity::of(self.sighting);
        if self.kind == NoticeKind::UnusualVolume { own.max(Severity::Medium) } else { own }
    }
}

/// One alert about the sensor itself, as it comes into being.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SensorNotice {
    /// 32 hexadecimal digits. Equal for the same event told twice, so that it is stored once.
    pub id: String,
    /// What happened.
    pub kind: NoticeKind,
    /// What it happened to: an interface, a zone, a rule; empty where there is but one.
    pub subject: String,
    /// Whether it goes on.
    pub state: State,
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
        let id = digits(&[kind.word(), event], 16);
        SensorNotice { id, kind, subject: String::new(), state: State::Open, created, message, remedy }
    }

    /// The notice that something of that kind is over, and how.
    pub fn over(kind: NoticeKind, subject: &str, now: Time, how: String) -> Self {
        let open = SensorNotice::new(kind, &format!("over {} {subject}", now.0), now, how, "nothing is left to do");
        SensorNotice { state: State::Resolved, ..open.of(subject) }
    }

    /// The same of one among several that it can happen to.
    pub fn of(self, subject: &str) -> Self {
        SensorNotice { subject: subject.to_owned(), ..self }
    }

    /// Key of the matter: the same when it begins and when it is over, and the next time.
    pub fn incident(&self) -> String {
        incident(&["sensor", self.kind.word(), &self.subject])
    }
}

/// Id of an alert about an event that these parts tell from all others: 32 hexadecimal digits.
pub fn event_id(parts: &[&str]) -> String {
    digits(parts, 16)
}

/// Key of a matter, which says nothing of whom it is about: 32 hexadecimal digits.
pub fn incident(parts: &[&str]) -> String {
    digits(parts, 16)
}

fn digits(parts: &[&str], bytes: usize) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, parts.join("\0").as_bytes());
    hex::text(digest.as_ref().get(..bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::{SEVEN, sighting};

    #[test]
    fn every_kind_is_of_sightings_or_of_the_sensor_or_sums_up_and_has_its_number() {
        let all = || NoticeKind::OF_SIGHTINGS.into_iter().chain(NoticeKind::OF_THE_SENSOR).chain(NoticeKind::OF_DIGESTS);
        assert_eq!(all().count(), NoticeKind::ALL.len());
        assert!(NoticeKind::ALL.iter().all(|kind| all().any(|k| k == *kind)));
        assert!(NoticeKind::ALL.iter().enumerate().all(|(n, kind)| *kind as usize == n));
        assert!(NoticeKind::WORDS.iter().all(|word| NoticeKind::from_word(word).map(NoticeKind::word) == Some(word)));
    }

    #[test]
    fn the_same_event_has_the_same_id() {
        let notice = |kind, event, second| SensorNotice::new(kind, event, Time::new(second, 0), String::new(), "").id;
        assert_eq!(notice(NoticeKind::UpdateRefused, "3", 1), notice(NoticeKind::UpdateRefused, "3", 2));
        assert_ne!(notice(NoticeKind::UpdateRefused, "3", 1), notice(NoticeKind::UpdateRefused, "4", 1));
        assert_ne!(notice(NoticeKind::UpdateRefused, "3", 1), notice(NoticeKind::CaptureLost, "3", 1));
        assert_eq!(notice(NoticeKind::UpdateRefused, "3", 1).len(), 32);
    }

    #[test]
    fn an_incident_is_one_client_and_one_service_and_names_neither() {
        let of = |kind, client: &str, service: &str| {
            let s = Sighting { client: client.into(), service: service.into(), ..sighting() };
            Notice { id: String::new(), kind, created: SEVEN, sighting: &s, repeats: Repeats::default() }.incident()
        };
        let one = of(NoticeKind::FirstUse, "10.0.0.5", "openai.chatgpt");
        assert_eq!(one, of(NoticeKind::Uploaded, "10.0.0.5", "openai.chatgpt"));
        assert_ne!(one, of(NoticeKind::FirstUse, "10.0.0.6", "openai.chatgpt"));
        assert_ne!(one, of(NoticeKind::FirstUse, "10.0.0.5", "openai.api"));
        assert!(one.len() == 32 && one.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
