//! What privacy leaves of a client before anything of it is kept: the door every sighting passes on its way into the ledger, and so into
//! store, alerts, logs and metrics. Decision 0013 says why it is as it is.

pub mod crowd;
pub mod pseudonym;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::frame::Time;
use super::identity::Client;
use super::ledger::{Heading, SightingKey, Thresholds};
use super::sighting::Identity;
pub use crowd::Crowd;
pub use pseudonym::{Pseudonyms, Unsealed};

/// Whom clients are counted by, where they are many enough to hide among: who has two addresses is one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Person {
    /// By name.
    User(Arc<str>),
    /// By machine.
    Machine([u8; 6]),
    /// By address or prefix, where no more is known.
    Client(Client),
}

impl Person {
    /// Who a client is, as far as it is known.
    pub fn of(client: Client, identity: &Identity) -> Self {
        match identity {
            Identity { is_shared: true, .. } => Person::Client(client),
            Identity { user: Some(user), .. } => Person::User(Arc::clone(user)),
            Identity { mac, .. } => mac.map_or(Person::Client(client), Person::Machine),
        }
    }

    /// Who is at an address, by its machine where that is known.
    pub fn at(address: IpAddr, mac: Option<[u8; 6]>) -> Self {
        mac.map_or_else(|| Person::Client(address.into()), Person::Machine)
    }
}

/// How much of a client is kept.
#[derive(Debug, Default)]
pub enum Privacy {
    /// Everything known of it.
    #[default]
    Full,
    /// A pseudonym, its team and its site; who it is goes out to be sealed.
    Pseudonymous(Pseudonyms),
    /// Its team, where enough others of that team used the service too.
    TeamOnly(Crowd),
}

impl Privacy {
    /// Whether sightings name their client.
    pub fn is_full(&self) -> bool {
        matches!(self, Privacy::Full)
    }

    /// Notes that somebody is there.
    pub fn notice(&mut self, now: Time, person: impl FnOnce() -> Person) {
        if let Privacy::TeamOnly(crowd) = self {
            crowd.notice(now, person);
        }
    }

    /// Lets time pass; true where every open sighting is to end, as at midnight where sightings stand for days.
    pub fn tick(&mut self, now: Time) -> bool {
        match self {
            Privacy::TeamOnly(crowd) => crowd.tick(now),
            _ => false,
        }
    }

    /// The key under which the ledger keeps a client's use; `None` where too few clients were seen to hide among, and nothing is kept.
    pub fn key(&mut self, key: SightingKey, person: &Person, team: &Arc<str>) -> Option<SightingKey> {
        let Privacy::TeamOnly(crowd) = self else { return Some(key) };
        let shown = crowd.team(person, team, &key.service, key.status)?;
        Some(SightingKey { client: IpAddr::V4(Ipv4Addr::UNSPECIFIED).into(), tenure: 0, team: Some(shown), ..key })
    }

    /// What is written into a new sighting.
    pub fn heading(&mut self, key: &SightingKey, heading: Heading, at: Time) -> Heading {
        match self {
            Privacy::Full => heading,
            Privacy::Pseudonymous(pseudonyms) => {
                let client = pseudonyms.client(&heading.client, &heading.identity, at);
                Heading { client, identity: bare(&heading.identity), ..heading }
            }
            Privacy::TeamOnly(crowd) => {
                let team = key.team.clone().unwrap_or(heading.team);
                Heading { client: Arc::clone(&team), identity: Arc::default(), team, moment: Some(crowd.moment(key.status)), ..heading }
            }
        }
    }

    /// What is written of an identity that became known later.
    pub fn identity(&mut self, client: Client, identity: Identity, at: Time) -> Arc<Identity> {
        match self {
            Privacy::Full => Arc::new(identity),
            Privacy::Pseudonymous(pseudonyms) => {
                let bare = bare(&identity);
                pseudonyms.client(&client.to_string().into(), &Arc::new(identity), at);
                bare
            }
            Privacy::TeamOnly(_) => Arc::default(),
        }
    }

    /// What is written for a client.
    pub fn written(&self, client: &str) -> Option<Arc<str>> {
        match self {
            Privacy::Full => Some(client.into()),
            Privacy::Pseudonymous(pseudonyms) => Some(pseudonyms.of(client)),
            Privacy::TeamOnly(_) => None,
        }
    }

    /// Forgets what is remembered of clients of whom `is_meant` says so by what is written for them.
    pub fn forget(&mut self, is_meant: &dyn Fn(&str) -> bool) {
        if let Privacy::Pseudonymous(pseudonyms) = self {
            pseudonyms.forget(is_meant);
        }
    }

    /// When sessions end: those of a team go on until their day does.
    pub fn thresholds(&self, thresholds: Thresholds) -> Thresholds {
        match self {
            Privacy::TeamOnly(_) => Thresholds { session_seconds: 2 * crowd::DAY, ..thresholds },
            _ => thresholds,
        }
    }

    /// A sighting that stood for a day ended before it: what opens in its place is another one.
    pub fn begin_anew(&mut self) {
        if let Privacy::TeamOnly(crowd) = self {
            crowd.begin_anew();
        }
    }

    /// Who stands behind pseudonyms, since last asked: to be sealed at once.
    pub fn drain(&mut self) -> Vec<Unsealed> {
        match self {
            Privacy::Pseudonymous(pseudonyms) => pseudonyms.drain(),
            _ => Vec::new(),
        }
    }

    /// Entries that were not kept because too few clients were seen to hide among: cumulative.
    pub fn withheld(&self) -> u64 {
        match self {
            Privacy::TeamOnly(crowd) => crowd.withheld(),
            _ => 0,
        }
    }
}

/// What stays of an identity in the open: its site, and what is uncertain about it.
fn bare(identity: &Identity) -> Arc<Identity> {
    let Identity { site, is_shared, is_estimate, .. } = identity;
    Arc::new(Identity { site: site.clone(), is_shared: *is_shared, is_estimate: *is_estimate, ..Identity::default() })
}
