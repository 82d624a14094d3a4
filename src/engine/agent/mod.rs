//! What kind of program speaks: [`classify`] weighs what one flow tells, [`Portrait`] what all flows of a sighting told so far.
//!
//! `docs/agent.md` states the rules, and what each of them cannot tell. Where clues contradict each other the answer is `unknown`.

mod library;
mod rhythm;
mod table;
pub mod told;

pub use library::{Family, Library};
pub use rhythm::Rhythm;
pub use table::{BadLine, Closeness, Match, Mistake, Table};

use super::event::{Detail, Observation, Source};
use super::frame::Time;
use super::sighting::Agent;
use super::signature::{Category, Role};

/// What one flow tells of the program that speaks in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clues {
    /// Its TLS library.
    pub library: Option<Match>,
    /// Whether it speaks HTTP/3.
    pub is_http3: bool,
    /// What it says of itself in clear.
    pub told: Option<Agent>,
}

impl Clues {
    /// Those of an observation.
    pub fn of(o: &Observation, table: &Table) -> Self {
        match &o.detail {
            Detail::Hello(hello) => Clues {
                library: hello.ja4.as_deref().and_then(|ja4| table.library(ja4)),
                is_http3: o.source == Source::QuicSni && hello.alpn.iter().any(|protocol| &**protocol == "h3"),
                told: None,
            },
            Detail::Request { agent } => Clues { told: Some(*agent), ..Clues::default() },
            _ => Clues::default(),
        }
    }

    /// These and those of an outer layer of the same flow: what was told to a proxy is true of the hello behind it.
    pub fn behind(self, outer: Clues) -> Clues {
        Clues { library: self.library.or(outer.library), is_http3: self.is_http3 || outer.is_http3, told: self.told.or(outer.told) }
    }
}

/// Where a flow goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// What the host is for.
    pub role: Role,
    /// What the service is.
    pub category: Category,
}

/// How much a verdict weighs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Default)]
pub enum Weight {
    /// Nothing tells.
    #[default]
    None,
    /// Transport alone, or ciphers alone.
    Hint,
    /// The whole fingerprint.
    Fingerprint,
    /// The program said so itself.
    Told,
}

/// A kind of program and how much speaks for it. The greater of two is the weightier; of equal weight the one that [`rank`]s higher.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// What kind.
    pub agent: Agent,
    /// How sure.
    pub weight: Weight,
}

impl Verdict {
    const UNKNOWN: Verdict = Verdict { agent: Agent::Unknown, weight: Weight::None };

    /// The greater of the two, whichever came first: the order of flows changes nothing.
    pub fn max(self, other: Verdict) -> Verdict {
        let key = |v: &Verdict| (v.weight, rank(v.agent));
        if key(&other) > key(&self) { other } else { self }
    }
}

/// Which of two equally sure kinds a sighting is said to be: a person's program before a machine's, the narrower word before the wider.
const fn rank(agent: Agent) -> u8 {
    match agent {
        Agent::Unknown => 0,
        Agent::Sdk => 1,
        Agent::Cli => 2,
        Agent::Server => 3,
        Agent::Browser => 4,
        Agent::DesktopApp => 5,
    }
}

/// What kind of program a flow's clues speak for at the host it goes to.
pub fn classify(clues: &Clues, place: Place) -> Verdict {
    let family = clues.library.map(|known| known.library.family());
    match (clues.told, clues.library) {
        (Some(told), _) if family.is_some_and(|family| family != family_of(told)) => Verdict::UNKNOWN,
        (Some(told), _) => Verdict { agent: told, weight: Weight::Told },
        (None, Some(known)) => of_library(known, place),
        // What speaks HTTP/3 to a host of pages shows pages; libraries of programs hardly speak it.
        (None, None) if clues.is_http3 && shows_pages(place.role) => Verdict { agent: Agent::Browser, weight: Weight::Hint },
        (None, None) => Verdict::UNKNOWN,
    }
}

fn of_library(known: Match, place: Place) -> Verdict {
    let agent = match known.library.family() {
        Family::Pages if shows_pages(place.role) => Agent::Browser,
        Family::Programs if !takes_requests(place.role) => Agent::Unknown,
        Family::Programs if place.category == Category::Code && known.library.carries_tools() => Agent::Cli,
        Family::Programs => Agent::Sdk,
        // A page's script and an application built upon a browser look alike at an API.
        Family::Pages => Agent::Unknown,
    };
    let weight = match known.closeness {
        _ if agent == Agent::Unknown => Weight::None,
        Closeness::Whole => Weight::Fingerprint,
        Closeness::Ciphers => Weight::Hint,
    };
    Verdict { agent, weight }
}

const fn family_of(agent: Agent) -> Family {
    match agent {
        Agent::Browser | Agent::DesktopApp => Family::Pages,
        _ => Family::Programs,
    }
}

const fn shows_pages(role: Role) -> bool {
    matches!(role, Role::Web | Role::Cdn | Role::Auth)
}

const fn takes_requests(role: Role) -> bool {
    matches!(role, Role::Api | Role::Upload | Role::Voice)
}

/// All that is known of the program of one sighting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Portrait {
    verdict: Verdict,
    rhythm: Rhythm,
}

impl Portrait {
    /// That of a sighting whose flows are forgotten: what was known of it holds as a whole fingerprint would.
    pub fn known(agent: Agent) -> Self {
        let weight = if agent == Agent::Unknown { Weight::None } else { Weight::Fingerprint };
        Portrait { verdict: Verdict { agent, weight }, rhythm: Rhythm::default() }
    }

    /// One more flow to a host that is the tool itself.
    pub fn connected(&mut self, now: Time) {
        self.rhythm.beat(now);
    }

    /// What a flow speaks for.
    pub fn add(&mut self, verdict: Verdict) {
        self.verdict = self.verdict.max(verdict);
    }

    /// The kind of program, as it looks now.
    pub fn agent(&self) -> Agent {
        match self.verdict.agent {
            Agent::Sdk | Agent::Cli if self.rhythm.is_machine() => Agent::Server,
            agent => agent,
        }
    }
}

#[cfg(test)]
mod tests;
