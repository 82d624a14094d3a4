//! What is kept only for a time: the words for its kinds, in the configuration, the log and the metrics.

/// A kind of data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kept {
    /// Single sightings.
    Sightings,
    /// Sums of days.
    Daily,
    /// Alerts of which no delivery waits, with their deliveries.
    Alerts,
    /// What could be seen, by hour.
    Visibility,
    /// Domains that belong to no service.
    Unmatched,
    /// Clients that nothing refers to any more, with what they were told.
    Clients,
    /// Identities that nothing refers to any more.
    Identities,
    /// Host names that nothing refers to any more.
    Names,
}

impl Kept {
    /// All of them.
    pub const ALL: [Kept; 8] =
        [Kept::Sightings, Kept::Daily, Kept::Alerts, Kept::Visibility, Kept::Unmatched, Kept::Clients, Kept::Identities, Kept::Names];

    /// The word used in output.
    pub const fn word(self) -> &'static str {
        match self {
            Kept::Sightings => "sightings",
            Kept::Daily => "daily",
            Kept::Alerts => "alerts",
            Kept::Visibility => "visibility",
            Kept::Unmatched => "unmatched",
            Kept::Clients => "clients",
            Kept::Identities => "identities",
            Kept::Names => "names",
        }
    }
}
