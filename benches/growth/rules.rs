//! Signatures, teams and rules, as many times as wanted.

use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use shadowtap::engine::attribution::Judgement;
use shadowtap::engine::group::Groups;
use shadowtap::engine::identity::{Directory, Exclusion};
use shadowtap::engine::ledger::Thresholds;
use shadowtap::engine::pattern::HostPattern;
use shadowtap::engine::policy::{Policy, Rule, ServicePattern, Status};
use shadowtap::engine::signature::{Category, HostRule, Risk, ServiceRecord, Signatures};

/// Services, teams and rules at once.
const ONCE: (usize, usize, usize) = (400, 100, 100);

/// How many services, teams and rules that is.
pub fn counts(times: usize) -> (usize, usize, usize) {
    (ONCE.0 * times, ONCE.1 * times, ONCE.2 * times)
}

/// What clients and names are judged by. The services that traffic goes to are the first.
pub fn judgement(times: usize) -> Judgement {
    let (services, teams, rules) = counts(times);
    let names: Vec<(Arc<str>, Vec<IpNet>)> = (0..teams).map(|n| (format!("team{n}").into(), vec![subnet(n)])).collect();
    let groups = Groups::new(names.iter().map(|(name, subnets)| (name, &subnets[..])));
    Judgement {
        signatures: Arc::new(Signatures::new((0..services).map(service).collect())),
        policy: Arc::new(Policy::new(Status::Unreviewed, (0..rules).map(rule).collect())),
        teams: Arc::new(groups),
        zones: Arc::new(Groups::default()),
        inside: [].into(),
        directory: Arc::new(Directory::default()),
        exclude: Exclusion::default(),
        shared: [].into(),
        thresholds: Thresholds::default(),
    }
}

fn service(n: usize) -> ServiceRecord {
    let host = HostPattern::parse(&format!("service{n}.example")).expect("a host");
    ServiceRecord {
        id: format!("vendor{n}.chat").into(),
        name: "Chat".into(),
        vendor: format!("Vendor {n}").into(),
        country: "unknown".into(),
        description: "".into(),
        category: Category::Chat,
        hosts: vec![HostRule::new(host)],
        risk: Risk::default(),
    }
}

/// A rule about a service and a team.
fn rule(n: usize) -> Rule {
    Rule {
        status: Status::Approved,
        services: vec![ServicePattern::Id(format!("vendor{n}.chat").into())],
        teams: vec![format!("team{n}").into()],
        ..Rule::default()
    }
}

/// A network of 16 addresses in 10.0.0.0/8.
fn subnet(n: usize) -> IpNet {
    let address = 0x0a00_0000 | (n as u32) << 4;
    Ipv4Net::new(address.into(), 28).expect("a length").into()
}
