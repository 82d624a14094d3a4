//! From how much on something counts as use and as an upload, in general and for a service or a team. `docs/volume.md` has the
//! measurements behind the values.

use std::sync::Arc;

use crate::engine::policy::ServicePattern;

/// What counts as use and upload, and when a session ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Thresholds {
    /// Seconds of silence that end a session.
    pub session_seconds: u64,
    /// What holds where no special limit is named.
    pub general: Limits,
    /// For a service or a team, see [`Thresholds::of`].
    pub special: Arc<[SpecialLimits]>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { session_seconds: 900, general: Limits::default(), special: [].into() }
    }
}

/// What evidence is judged by: bytes from which on it rises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes up in one go from which on a contact is engaged, though no exchange was told.
    pub engaged_up: u64,
    /// The same of bodies alone, which no page sends of itself; to hosts that serve no pages all bytes of the session.
    pub engaged_posted: u64,
    /// Bytes down that either needs too.
    pub engaged_down: u64,
    /// Bytes sent in one go that are an upload.
    pub upload: u64,
    /// The same to hosts whose role is upload.
    pub upload_host: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { engaged_up: 65_536, engaged_posted: 8192, engaged_down: 16_384, upload: 1_000_000, upload_host: 262_144 }
    }
}

/// Limits of some services, some team, or both. What is not named falls to less specific ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SpecialLimits {
    /// Which services; every one where none is named.
    pub service: Option<ServicePattern>,
    /// Which team; every one where none is named.
    pub team: Option<Arc<str>>,
    /// See [`Limits::engaged_up`].
    pub engaged_up: Option<u64>,
    /// See [`Limits::engaged_posted`].
    pub engaged_posted: Option<u64>,
    /// See [`Limits::engaged_down`].
    pub engaged_down: Option<u64>,
    /// See [`Limits::upload`].
    pub upload: Option<u64>,
    /// See [`Limits::upload_host`].
    pub upload_host: Option<u64>,
}

impl SpecialLimits {
    fn applies(&self, service: &str, team: &str) -> bool {
        self.service.as_ref().is_none_or(|s| s.matches(service)) && self.team.as_deref().is_none_or(|t| t == team)
    }

    /// One service before all of a vendor before any; of these, with a team before without.
    fn specificity(&self) -> u8 {
        let service: u8 = match self.service {
            Some(ServicePattern::Id(_)) => 4,
            Some(ServicePattern::Prefix(_)) => 2,
            None => 0,
        };
        service.saturating_add(self.team.is_some().into())
    }
}

impl Thresholds {
    /// The limits of a service for a team. Each value is that of the most specific limits that name it, of equal ones the first.
    pub fn of(&self, service: &str, team: &str) -> Limits {
        let value = |named: fn(&SpecialLimits) -> Option<u64>, general: u64| {
            let applying = self.special.iter().rev().filter(|s| s.applies(service, team) && named(s).is_some());
            applying.max_by_key(|s| s.specificity()).and_then(named).unwrap_or(general)
        };
        Limits {
            engaged_up: value(|s| s.engaged_up, self.general.engaged_up),
            engaged_posted: value(|s| s.engaged_posted, self.general.engaged_posted),
            engaged_down: value(|s| s.engaged_down, self.general.engaged_down),
            upload: value(|s| s.upload, self.general.upload),
            upload_host: value(|s| s.upload_host, self.general.upload_host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn special(service: Option<&str>, team: Option<&str>, upload: u64) -> SpecialLimits {
        let service = service.map(ServicePattern::parse);
        SpecialLimits { service, team: team.map(Into::into), upload: Some(upload), ..SpecialLimits::default() }
    }

    #[test]
    fn the_most_specific_limits_that_name_a_value_give_it() {
        let engaged = SpecialLimits { engaged_up: Some(9), ..special(Some("openai.chatgpt"), Some("design"), 5) };
        let special = [
            special(None, Some("design"), 1),
            special(Some("openai.*"), None, 2),
            special(Some("openai.*"), Some("design"), 3),
            special(Some("openai.chatgpt"), None, 4),
            SpecialLimits { upload: None, ..engaged },
            special(Some("openai.chatgpt"), None, 6),
        ];
        let thresholds = Thresholds { special: special.into(), ..Thresholds::default() };
        let upload = |service, team| thresholds.of(service, team).upload;
        assert_eq!(upload("anthropic.claude", "other"), Limits::default().upload);
        assert_eq!(upload("anthropic.claude", "design"), 1);
        assert_eq!((upload("openai.api", "other"), upload("openai.api", "design")), (2, 3));
        assert_eq!(
            (upload("openai.chatgpt", "other"), upload("openai.chatgpt", "design")),
            (4, 4),
            "the first of two, and it names no other"
        );
        assert_eq!(thresholds.of("openai.chatgpt", "design").engaged_up, 9);
        assert_eq!(thresholds.of("openai.chatgpt", "other").engaged_up, Limits::default().engaged_up);
    }
}
