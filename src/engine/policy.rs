//! Policy: which service is allowed for whom, as people decided.

mod decide;
mod fact;
mod rule;
#[cfg(test)]
mod tests;
mod window;

pub use decide::{Considered, Decision, Policy, Verdict};
pub use fact::{FactCondition, UNKNOWN};
pub use rule::{Mismatch, Question, Rank, Rule, ServicePattern};
pub use window::{Days, Hours, Window, Zone};

/// Whether a service is allowed, as a person decided.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// Nobody decided yet.
    #[default]
    Unreviewed,
    /// Allowed.
    Approved,
    /// Not wanted, not fought.
    Tolerated,
    /// Somebody is looking at it.
    InReview,
    /// Not allowed.
    Unapproved,
}

impl Status {
    /// Every status, in the order of their numbers.
    pub const ALL: [Status; 5] = [Status::Unreviewed, Status::Approved, Status::Tolerated, Status::InReview, Status::Unapproved];

    /// The word used in configuration, output, tables and labels.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Unreviewed => "unreviewed",
            Status::Approved => "approved",
            Status::Tolerated => "tolerated",
            Status::InReview => "in_review",
            Status::Unapproved => "unapproved",
        }
    }

    /// How strict: what alerts is stricter than what does not, and a decision against a service stricter than none.
    const fn strictness(self) -> u8 {
        match self {
            Status::Approved => 0,
            Status::Tolerated => 1,
            Status::InReview => 2,
            Status::Unreviewed => 3,
            Status::Unapproved => 4,
        }
    }

    /// Whether it is stricter than another: approved, tolerated, in review, unreviewed, unapproved.
    pub const fn is_stricter_than(self, other: Status) -> bool {
        self.strictness() > other.strictness()
    }

    /// The status a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }
}
