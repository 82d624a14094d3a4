//! One rule, and whether it speaks about a question.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::super::frame::Time;
use super::super::pattern::{HostPattern, Specificity};
use super::super::signature::{Category, Match, Tenant};
use super::Status;

/// What is asked: one client's use of one service by one name.
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
    /// Group of the client.
    pub team: &'a str,
    /// Address of the client, where it is known.
    pub client: Option<IpAddr>,
}

impl<'a> Question<'a> {
    /// The question about a name that matched.
    pub fn new(matched: &Match<'a>, host: &'a str, team: &'a str, client: Option<IpAddr>) -> Self {
        let service = matched.service;
        Question { service: &service.id, vendor: &service.vendor, category: service.category, host, tenant: matched.tenant, team, client }
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
    /// Groups of clients.
    pub teams: Vec<Arc<str>>,
    /// Subnets of clients.
    pub subnets: Vec<IpNet>,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// Who answers for it.
    pub owner: Option<Arc<str>>,
    /// From when on it no longer applies.
    pub expires: Option<Time>,
    /// Service to use instead.
    pub alternative: Option<Arc<str>>,
}

/// How specific a rule is for a question; the greater wins. First what it is about (host, service, vendor's services, vendor, category,
/// anything), then whether it names an account kind, then whom it is about (subnet, team, anybody).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rank {
    about: About,
    host: Specificity,
    tenant: bool,
    subnet: bool,
    team: bool,
}

/// What a rule is about, by its most specific condition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum About {
    Anything,
    Category,
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
    /// Another team.
    Team,
    /// Another subnet.
    Subnet,
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
            Mismatch::Team => "team",
            Mismatch::Subnet => "subnet",
        }
    }
}

impl Rule {
    /// How specific it is for a question.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn rank(&self, question: &Question<'_>) -> Result<Rank, Mismatch> {
        let service = self.services.iter().filter(|s| s.matches(question.service)).map(About::of).max();
        let host = self.hosts.iter().filter(|h| h.matches(question.host)).map(HostPattern::specificity).max();
        holds(&self.services, service.is_some(), Mismatch::Service)?;
        holds(&self.vendors, self.vendors.iter().any(|v| **v == *question.vendor), Mismatch::Vendor)?;
        holds(&self.categories, self.categories.contains(&question.category), Mismatch::Category)?;
        holds(&self.hosts, host.is_some(), Mismatch::Host)?;
        holds(&self.tenants, question.tenant.is_some_and(|t| self.tenants.contains(&t)), Mismatch::Tenant)?;
        holds(&self.teams, self.teams.iter().any(|t| **t == *question.team), Mismatch::Team)?;
        let inside = |client: IpAddr| self.subnets.iter().any(|s| s.contains(&client.to_canonical()));
        holds(&self.subnets, question.client.is_some_and(inside), Mismatch::Subnet)?;
        Ok(Rank {
            about: host.map(|_| About::Host).or(service).unwrap_or_else(|| self.about_without_service()),
            host: host.unwrap_or_default(),
            tenant: !self.tenants.is_empty(),
            subnet: !self.subnets.is_empty(),
            team: !self.teams.is_empty(),
        })
    }

    /// Whether it has run out.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|end| now >= end)
    }

    fn about_without_service(&self) -> About {
        if !self.vendors.is_empty() {
            About::Vendor
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
