//! Signatures: which name belongs to which GenAI service.
//!
//! Plain records go in, one immutable structure comes out; it is compiled once and shared behind an `Arc`.

mod fact;
mod word;

use std::sync::Arc;

use super::pattern::{HostPattern, PatternIndex};

pub use fact::{Fact, Risk, RiskKey};
pub use word::{Category, Role, Tenant, Use};

/// One GenAI service as the catalogue describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceRecord {
    /// Stable id, `vendor.service`, never used again for another.
    pub id: Arc<str>,
    /// Name for people.
    pub name: Arc<str>,
    /// Who makes it.
    pub vendor: Arc<str>,
    /// Country of the vendor, ISO 3166-1 alpha-2, or `unknown`.
    pub country: Arc<str>,
    /// One line on what it is.
    pub description: Arc<str>,
    /// What kind of tool.
    pub category: Category,
    /// Its hosts.
    pub hosts: Vec<HostRule>,
    /// What is known of its terms.
    pub risk: Risk,
}

/// One host of a service, and what a name under it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    /// Which names.
    pub pattern: HostPattern,
    /// What the host is for.
    pub role: Role,
    /// Whether the host is that tool, or more.
    pub use_: Use,
    /// Kind of account, where the name tells.
    pub tenant: Option<Tenant>,
}

impl HostRule {
    /// A rule with the defaults of a host that is only a name: role web, exclusive.
    pub fn new(pattern: HostPattern) -> Self {
        HostRule { pattern, role: Role::Web, use_: Use::Exclusive, tenant: None }
    }

    /// Whether a name under it is use of the tool, rather than its mere presence on a page or in another product.
    pub fn is_use(&self) -> bool {
        self.use_ == Use::Exclusive && !self.role.is_presence()
    }
}

/// The answer for a name.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// Position of the service in [`Signatures::services`].
    pub index: usize,
    /// The service.
    pub service: &'a ServiceRecord,
    /// The host that matched, as written without `=`.
    pub host: &'a str,
    /// What the host is for.
    pub role: Role,
    /// Whether the host is that tool, or more.
    pub use_: Use,
    /// Kind of account, where the name tells.
    pub tenant: Option<Tenant>,
    rule: &'a HostRule,
}

impl Match<'_> {
    /// Whether the name is use of the tool, rather than its mere presence.
    pub fn is_use(&self) -> bool {
        self.rule.is_use()
    }
}

/// All services, ready to be asked.
#[derive(Debug, Default)]
pub struct Signatures {
    services: Vec<ServiceRecord>,
    index: PatternIndex,
    /// By slot of the index: which service, which of its hosts.
    places: Vec<(u32, u32)>,
}

impl Signatures {
    /// Compiles records. Where two claim one host, the later has it: a site's records come after the shipped ones.
    pub fn new(services: Vec<ServiceRecord>) -> Self {
        let (mut index, mut places) = (PatternIndex::default(), Vec::new());
        for (s, service) in services.iter().enumerate() {
            for (h, rule) in service.hosts.iter().enumerate() {
                let (slot, place) = (index.insert(&rule.pattern), (s as u32, h as u32));
                match places.get_mut(slot) {
                    Some(old) => *old = place,
                    None => places.push(place),
                }
            }
        }
        Signatures { services, index, places }
    }

    /// The service a name belongs to; the name is lower case, without the final dot. The most specific host wins: exact before
    /// suffix, more literal labels before wildcards, longer before shorter.
    pub fn match_name(&self, name: &str) -> Option<Match<'_>> {
        let (s, h) = *self.places.get(self.index.best(name)?)?;
        let service = self.services.get(s as usize)?;
        let rule = service.hosts.get(h as usize)?;
        let HostRule { role, use_, tenant, .. } = *rule;
        Some(Match { index: s as usize, service, host: rule.pattern.text(), role, use_, tenant, rule })
    }

    /// Every service, in the order of the records.
    pub fn services(&self) -> impl ExactSizeIterator<Item = &ServiceRecord> {
        self.services.iter()
    }

    /// The service with an id.
    pub fn service(&self, id: &str) -> Option<&ServiceRecord> {
        self.services.iter().find(|s| *s.id == *id)
    }

    /// The service at a position, see [`Match::index`].
    pub fn at(&self, index: usize) -> Option<&ServiceRecord> {
        self.services.get(index)
    }

    /// How many hosts all services have.
    pub fn host_count(&self) -> usize {
        self.services.iter().map(|s| s.hosts.len()).sum()
    }

    /// How many vendors stand behind the services.
    pub fn vendor_count(&self) -> usize {
        let mut vendors: Vec<_> = self.services.iter().map(|s| &*s.vendor).collect();
        vendors.sort_unstable();
        vendors.dedup();
        vendors.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(id: &str, hosts: &[(&str, Role, Use)]) -> ServiceRecord {
        let host = |(text, role, use_): &(&str, Role, Use)| HostRule {
            role: *role,
            use_: *use_,
            ..HostRule::new(HostPattern::parse(text).unwrap())
        };
        ServiceRecord {
            id: id.into(),
            name: id.into(),
            vendor: id.split('.').next().unwrap().into(),
            country: "".into(),
            description: "".into(),
            category: Category::Chat,
            hosts: hosts.iter().map(host).collect(),
            risk: Risk::default(),
        }
    }

    fn sample() -> Signatures {
        Signatures::new(vec![
            service("openai.chatgpt", &[("chatgpt.com", Role::Web, Use::Exclusive), ("=files.oai.com", Role::Upload, Use::Exclusive)]),
            service("openai.platform", &[("oai.com", Role::Cdn, Use::Exclusive), ("openai.com", Role::Web, Use::Shared)]),
            service("amazon.bedrock", &[("bedrock.*.amazonaws.com", Role::Api, Use::Exclusive)]),
        ])
    }

    #[test]
    fn names_the_service_host_role_and_use() {
        let signatures = sample();
        let m = signatures.match_name("ab.chatgpt.com").unwrap();
        assert_eq!((&*m.service.id, m.host, m.role, m.use_, m.index), ("openai.chatgpt", "chatgpt.com", Role::Web, Use::Exclusive, 0));
        let m = signatures.match_name("files.oai.com").unwrap();
        assert_eq!((m.host, m.role), ("files.oai.com", Role::Upload));
        assert_eq!(signatures.match_name("x.files.oai.com").unwrap().host, "oai.com");
        assert_eq!(signatures.match_name("bedrock.eu-west-1.amazonaws.com").unwrap().host, "bedrock.*.amazonaws.com");
    }

    #[test]
    fn leaves_neighbours_alone() {
        for name in ["notchatgpt.com", "chatgpt.com.example.net", "amazonaws.com", "s3.eu-west-1.amazonaws.com", "com", ""] {
            assert!(sample().match_name(name).is_none(), "{name}");
        }
    }

    #[test]
    fn presence_is_not_use() {
        let signatures = sample();
        for (name, is_use) in [("chatgpt.com", true), ("files.oai.com", true), ("a.oai.com", false), ("openai.com", false)] {
            assert_eq!(signatures.match_name(name).unwrap().is_use(), is_use, "{name}");
        }
    }

    #[test]
    fn the_later_record_has_a_host_that_two_claim() {
        let hosts = [("a.com", Role::Web, Use::Exclusive)];
        let signatures = Signatures::new(vec![service("v.shipped", &hosts), service("v.own", &hosts)]);
        assert_eq!(&*signatures.match_name("a.com").unwrap().service.id, "v.own");
    }

    #[test]
    fn counts_services_vendors_and_hosts() {
        let signatures = sample();
        assert_eq!((signatures.services().len(), signatures.vendor_count(), signatures.host_count()), (3, 2, 5));
        assert!(signatures.service("openai.platform").is_some() && signatures.service("openai").is_none());
    }
}
