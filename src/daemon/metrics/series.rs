//! A hard cap on series: whoever comes late is counted under `other`, so that no network can make `/metrics` explode.

use std::collections::HashSet;
use std::sync::Arc;

use crate::engine::policy::Status;

/// The bucket of those that came late.
pub(super) const OTHER: &str = "other";

/// Combinations of service, status and team admitted so far.
pub(super) struct Cap {
    admitted: HashSet<(Arc<str>, Status, Arc<str>)>,
    most: usize,
}

impl Cap {
    pub fn new(most: usize) -> Self {
        Cap { admitted: HashSet::new(), most }
    }

    /// Whether this combination has a series of its own; once it has, it keeps it.
    pub fn admits(&mut self, service: &Arc<str>, status: Status, team: &Arc<str>) -> bool {
        let combination = (Arc::clone(service), status, Arc::clone(team));
        self.admitted.contains(&combination) || (self.admitted.len() < self.most && self.admitted.insert(combination))
    }
}
