//! A sighting: one client's use of one service in one session, as the ledger keeps it and every edge reads it.

use std::sync::Arc;

use super::event::{Conversation, Source};
use super::frame::Time;
use super::policy::Status;

/// How strong the evidence of use is; only ever rising within a sighting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Evidence {
    /// DNS alone: a prefetch or look-up.
    #[default]
    Resolved,
    /// A handshake with the service.
    Contacted,
    /// Real two-way use.
    Engaged,
    /// More than the threshold was sent.
    Uploaded,
}

impl Evidence {
    /// Every level, rising.
    pub const ALL: [Evidence; 4] = [Evidence::Resolved, Evidence::Contacted, Evidence::Engaged, Evidence::Uploaded];

    /// The word used in output, tables and labels.
    pub const fn word(self) -> &'static str {
        match self {
            Evidence::Resolved => "resolved",
            Evidence::Contacted => "contacted",
            Evidence::Engaged => "engaged",
            Evidence::Uploaded => "uploaded",
        }
    }

    /// The level a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.word() == word)
    }
}

/// What kind of program spoke.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum Agent {
    /// Nothing tells.
    #[default]
    Unknown,
    /// A web browser.
    Browser,
    /// A program that uses an API library.
    Sdk,
    /// A command-line tool.
    Cli,
    /// A desktop application.
    DesktopApp,
    /// A server.
    Server,
}

impl Agent {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Agent; 6] = [Agent::Unknown, Agent::Browser, Agent::Sdk, Agent::Cli, Agent::DesktopApp, Agent::Server];

    /// The word used in output and tables.
    pub const fn word(self) -> &'static str {
        match self {
            Agent::Unknown => "unknown",
            Agent::Browser => "browser",
            Agent::Sdk => "sdk",
            Agent::Cli => "cli",
            Agent::DesktopApp => "desktop_app",
            Agent::Server => "server",
        }
    }
}

/// A small set of [`Source`]s: one bit each, in the order of their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Sources(pub u16);

impl Sources {
    /// Adds one.
    pub fn insert(&mut self, source: Source) {
        self.0 |= 1 << source as u16;
    }

    /// Those in the set, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Source> {
        Source::ALL.into_iter().filter(move |s| self.0 & (1 << *s as u16) != 0)
    }
}

/// Bytes exchanged with hosts that are the tool itself: what evidence is judged by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UseBytes {
    /// Sent to use hosts.
    pub up: u64,
    /// Got from use hosts.
    pub down: u64,
    /// Sent to hosts whose role is upload.
    pub upload: u64,
}

/// Who a client is besides its address, as far as the wire and the site's own files tell.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Identity {
    /// Host name.
    pub host: Option<Arc<str>>,
    /// Person or account.
    pub user: Option<Arc<str>>,
    /// Place, as the site names it.
    pub site: Option<Arc<str>>,
    /// Link-layer address of the client itself, never of a router.
    pub mac: Option<[u8; 6]>,
    /// Many stand behind this address: a NAT or a proxy.
    pub is_shared: bool,
    /// That it is one client is an estimate: temporary addresses counted by their /64.
    pub is_estimate: bool,
}

impl Identity {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Identity::default()
    }
}

/// How many exchanges of prompt and answer there were, about: a range, both ends inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Turns {
    /// At least so many.
    pub low: u32,
    /// At most so many.
    pub high: u32,
}

impl Turns {
    /// The range around so many that were told: exact up to 3, else 15 % either way, as the errors of `docs/volume.md` are.
    pub const fn about(count: u32) -> Self {
        let either_way = (count as u64).saturating_mul(3).saturating_add(10) / 20;
        let either_way = either_way as u32;
        Turns { low: count.saturating_sub(either_way), high: count.saturating_add(either_way) }
    }

    /// How many were told: the middle of the range.
    pub const fn count(self) -> u32 {
        self.low.midpoint(self.high)
    }
}

/// One client's use of one service in one session (silence of the session length ends it), with everything as it was then.
/// Cumulative: a later copy with the same `client`, `service` and `first_seen` replaces an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Who: an address, or what privacy makes of it.
    pub client: Arc<str>,
    /// What else is known of who that is, as it was then.
    pub identity: Arc<Identity>,
    /// Group of the client, `other` where none is configured.
    pub team: Arc<str>,
    /// Service id, as `openai.chatgpt`.
    pub service: Arc<str>,
    /// Vendor of the service.
    pub vendor: Arc<str>,
    /// Category of the service.
    pub category: Arc<str>,
    /// Policy status as it was.
    pub status: Status,
    /// How strong.
    pub evidence: Evidence,
    /// Only hosts that are presence (cdn, telemetry, auth) or whose use is not exclusive: present, not used.
    pub presence_only: bool,
    /// What kind of program.
    pub agent: Agent,
    /// First observation.
    pub first_seen: Time,
    /// Last observation or byte.
    pub last_seen: Time,
    /// Flows counted.
    pub connections: u32,
    /// Payload bytes sent by the client.
    pub bytes_up: u64,
    /// Payload bytes sent to the client.
    pub bytes_down: u64,
    /// Of these, what evidence is judged by.
    pub use_bytes: UseBytes,
    /// Minutes of the session in which bytes moved.
    pub active_minutes: u32,
    /// Prompts and answers, about.
    pub turns: Turns,
    /// How it was seen.
    pub sources: Sources,
    /// Names seen, in order of first appearance, at most [`Sighting::MAX_NAMES`].
    pub names: Vec<Arc<str>>,
    /// Whether the session has ended.
    pub closed: bool,
}

impl Sighting {
    /// Names kept of one sighting; further ones are not listed.
    pub const MAX_NAMES: usize = 16;

    /// Whether an alert is due: nobody approved it, a handshake at least, and the tool itself rather than its mere presence.
    pub fn is_alert_due(&self) -> bool {
        self.would_alert(self.status, self.evidence)
    }

    /// Whether one would be due if it had another status, or had come so far only.
    pub fn would_alert(&self, status: Status, evidence: Evidence) -> bool {
        matches!(status, Status::Unreviewed | Status::Unapproved) && evidence >= Evidence::Contacted && !self.presence_only
    }
}

/// What one change of the ledger asks the edges to do with a sighting.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The sighting as it stands now.
    pub sighting: Sighting,
    /// Evidence levels it reached with this change, lowest first and both inclusive; that at which it is where it became stricter; `None`
    /// where it did neither.
    pub reached: Option<(Evidence, Evidence)>,
    /// Whether it must be stored at once, because an alert became due with this change.
    pub due: bool,
    /// Whether nothing was told of it before.
    pub is_new: bool,
    /// The flow or look-up that opened it, or raised it last; `None` where privacy lets nothing of it be told, and after a restart until it is
    /// raised.
    pub by: Option<Conversation>,
}
