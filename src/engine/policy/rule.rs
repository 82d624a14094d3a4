//! One rule, and whether it speaks about a question.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::super::frame::Time;
use super::super::pattern::{HostPattern, Specificity};
use super::super::sighting::Evidence;
use super::super::signature::{Category, Match, Risk, ServiceRecord, Tenant};
use super::Status;
use super::fact::FactCondition;
use super::window::Window;

/// What is asked: one client's use of one service by one name, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Service id.
    pub service: &'a str,
    /// Its vendor.
    pub vendor: &'a str,
    /// Its category.
    pub category: Category,
    /// The name seen.
    pub host: &'a str,
    /// Kind of account, where the name tells.
    pub tenant: Option<Tenant>,
    /// What is known of its terms.
    pub risk: &'a Risk,
    /// Group of the client.
    pub team: &'a str,
    /// Address of the client, where it is known.
    pub client: Option<IpAddr>,
    /// How strong the evidence of the sighting is.
    pub evidence: Evidence,
    /// Payload bytes the client sent in it.
    pub bytes_up: u64,
}

impl<'a> Question<'a> {
    /// The question about a name that matched, of which nothing but a look-up was seen.
    pub fn new(matched: &Match<'a>, host: &'a str, team: &'a str, client: Option<IpAddr>) -> Self {
        Question { host, tenant: matched.tenant, client, ..Question::of_service(matched.service, team) }
    }

    /// The question about a service by no name in particular.
    pub fn of_service(service: &'a ServiceRecord, team: &'a str) -> Self {
        Question {
            service: &service.id,
            vendor: &service.vendor,
            category: service.category,
            host: "",
            tenant: None,
            risk: &service.risk,
            team,
            client: None,
            evidence: Evidence::Resolved,
            bytes_up: 0,
        }
    }

    /// The same where the sighting has come so far.
    pub fn after(self, evidence: Evidence, bytes_up: u64) -> Self {
        Question { evidence, bytes_up, ..self }
    }
}

/// One service, or every service with a vendor's prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServicePattern {
    /// `openai.chatgpt`
    Id(Arc<str>),
    /// `openai.*`, kept as `openai`.
    Prefix(Arc<str>),
}

impl ServicePattern {
    /// Reads `vendor.service` or `vendor.*`.
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix(".*") {
            Some(prefix) => ServicePattern::Prefix(prefix.into()),
            None => ServicePattern::Id(text.into()),
        }
    }

    /// Whether it names a service.
    pub fn matches(&self, id: &str) -> bool {
        match self {
            ServicePattern::Id(own) => **own == *id,
            ServicePattern::Prefix(prefix) => prefix_of(id) == Some(prefix),
        }
    }
}

impl fmt::Display for ServicePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServicePattern::Id(id) => f.write_str(id),
            ServicePattern::Prefix(prefix) => write!(f, "{prefix}.*"),
        }
    }
}

/// The vendor's part of a service id.
pub(super) fn prefix_of(id: &str) -> Option<&str> {
    id.split_once('.').map(|(prefix, _)| prefix)
}

/// One rule. Conditions of several kinds must all hold; of several values of one kind, one must. An empty list is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// What it decides.
    pub status: Status,
    /// Services.
    pub services: Vec<ServicePattern>,
    /// Vendors, by name.
    pub vendors: Vec<Arc<str>>,
    /// Categories.
    pub categories: Vec<Category>,
    /// Names seen.
    pub hosts: Vec<HostPattern>,
    /// Kinds of account.
    pub tenants: Vec<Tenant>,
    /// Facts of the service's terms; each must hold.
    pub facts: Vec<FactCondition>,
    /// Groups of clients.
    pub teams: Vec<Arc<str>>,
    /// Subnets of clients.
    pub subnets: Vec<IpNet>,
    /// Days and hours.
    pub window: Option<Window>,
    /// Evidence of the sighting, at least.
    pub evidence: Option<Evidence>,
    /// Payload bytes the client sent in the sighting, at least.
    pub volume_up: Option<u64>,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// Who answers for it.
    pub owner: Option<Arc<str>>,
    /// From when on it no longer applies.
    pub expires: Option<Time>,
    /// Service to use instead.
    pub alternative: Option<Arc<str>>,
}

/// How specific a rule is for a question; the greater wins. First what it is about (host, service, vendor's services, vendor, facts,
/// category, anything) and the narrower host, then whether it names an account kind, how many facts, and a category, then whom it is about
/// (subnet, team, anybody), then when, then from which evidence and from how many bytes on. `docs/policy.md` explains the order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rank {
    about: About,
    host: Specificity,
    tenant: bool,
    facts: usize,
    category: bool,
    subnet: bool,
    team: bool,
    window: bool,
    evidence: Option<Evidence>,
    volume_up: Option<u64>,
}

/// What a rule is about, by its most specific condition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum About {
    Anything,
    Category,
    Facts,
    Vendor,
    Prefix,
    Service,
    Host,
}

/// The first condition that does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mismatch {
    /// Another service.
    Service,
    /// Another vendor.
    Vendor,
    /// Another category.
    Category,
    /// Another name.
    Host,
    /// Another kind of account, or the name does not tell.
    Tenant,
    /// A fact has another value.
    Facts,
    /// Another team.
    Team,
    /// Another subnet.
    Subnet,
    /// Another time.
    Window,
    /// Weaker evidence.
    Evidence,
    /// Fewer bytes.
    Volume,
}

impl Mismatch {
    /// The word used in explanations.
    pub const fn word(self) -> &'static str {
        match self {
            Mismatch::Service => "service",
            Mismatch::Vendor => "vendor",
            Mismatch::Category => "category",
            Mismatch::Host => "host",
            Mismatch::Tenant => "tenant",
            Mismatch::Facts => "risk",
            Mismatch::Team => "team",
            Mismatch::Subnet => "subnet",
            Mismatch::Window => "when",
            Mismatch::Evidence => "evidence",
            Mismatch::Volume => "volume_up",
        }
    }
}

impl Rule {
    /// How specific it is for a question at a moment.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn rank(&self, question: &Question<'_>, now: Time) -> Result<Rank, Mismatch> {
        let service = self.services.iter().filter(|s| s.matches(question.service)).map(About::of).max();
        let host = self.hosts.iter().filter(|h| h.matches(question.host)).map(HostPattern::specificity).max();
        holds(&self.services, service.is_some(), Mismatch::Service)?;
        holds(&self.vendors, self.vendors.iter().any(|v| **v == *question.vendor), Mismatch::Vendor)?;
        holds(&self.categories, self.categories.contains(&question.category), Mismatch::Category)?;
        holds(&self.hosts, host.is_some(), Mismatch::Host)?;
        holds(&self.tenants, question.tenant.is_some_and(|t| self.tenants.contains(&t)), Mismatch::Tenant)?;
        holds(&self.facts, self.facts.iter().all(|f| f.holds(question.risk)), Mismatch::Facts)?;
        holds(&self.teams, self.teams.iter().any(|t| **t == *question.team), Mismatch::Team)?;
        let inside = |client: IpAddr| self.subnets.iter().any(|s| s.contains(&client.to_canonical()));
        holds(&self.subnets, question.client.is_some_and(inside), Mismatch::Subnet)?;
        self.occasion(question, now)?;
        Ok(Rank {
            about: host.map(|_| About::Host).or(service).unwrap_or_else(|| self.about_without_service()),
            host: host.unwrap_or_default(),
            tenant: !self.tenants.is_empty(),
            facts: self.facts.len(),
            category: !self.categories.is_empty(),
            subnet: !self.subnets.is_empty(),
            team: !self.teams.is_empty(),
            window: self.window.is_some(),
            evidence: self.evidence,
            volume_up: self.volume_up,
        })
    }

    /// Whether the conditions hold that may change while a sighting goes on.
    fn occasion(&self, question: &Question<'_>, now: Time) -> Result<(), Mismatch> {
        match () {
            () if self.window.as_ref().is_some_and(|w| !w.holds(now)) => Err(Mismatch::Window),
            () if self.evidence.is_some_and(|least| question.evidence < least) => Err(Mismatch::Evidence),
            () if self.volume_up.is_some_and(|least| question.bytes_up < least) => Err(Mismatch::Volume),
            () => Ok(()),
        }
    }

    /// Whether it asks how far a sighting has come.
    pub fn has_bound(&self) -> bool {
        self.evidence.is_some() || self.volume_up.is_some()
    }

    /// Whether it has run out.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|end| now >= end)
    }

    fn about_without_service(&self) -> About {
        if !self.vendors.is_empty() {
            About::Vendor
        } else if !self.facts.is_empty() {
            About::Facts
        } else if !self.categories.is_empty() {
            About::Category
        } else {
            About::Anything
        }
    }
}

impl About {
    fn of(pattern: &ServicePattern) -> Self {
        match pattern {
            ServicePattern::Id(_) => About::Service,
            ServicePattern::Prefix(_) => About::Prefix,
        }
    }
}

fn holds<T>(condition: &[T], met: bool, or: Mismatch) -> Result<(), Mismatch> {
    if condition.is_empty() || met { Ok(()) } else { Err(or) }
}
