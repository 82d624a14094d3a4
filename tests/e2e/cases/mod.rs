//! The cases, each a site of its own in the one network.

pub mod agents;
pub mod alerts;
pub mod dashboards;
pub mod day;
pub mod kills;
pub mod lifecycle;
pub mod office;
pub mod policy;
pub mod privacy;
pub mod reload;
pub mod streams;
pub mod traffic;
pub mod volume;

use crate::client::Client;
use crate::net::CLIENTS;
use crate::patience::eventually;
use crate::site::Site;

/// A case: what it shows, the programs it needs beyond the servers' own, and itself.
pub struct Case {
    pub name: &'static str,
    pub needs: &'static [&'static str],
    pub run: fn(&Client),
}

/// Every case, in the order in which they run.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let before = [traffic::CASES, agents::CASES, alerts::CASES, day::CASES, kills::CASES, lifecycle::CASES, office::CASES];
    before.into_iter().chain([policy::CASES, privacy::CASES, reload::CASES, streams::CASES, volume::CASES, dashboards::CASES]).flatten()
}

/// Who visits last, so that whatever came before has been seen: then what is not there will not come.
const SENTINEL: &str = CLIENTS[7];

/// Visits a service as the sentinel and waits until its alert has come.
fn wait_for_all_before(client: &Client, site: &Site) {
    client.net.be(SENTINEL);
    client.curl("www.perplexity.ai");
    site.alert(SENTINEL, "perplexity.perplexity");
    eventually("the sentinel's sighting", || (!site.of(SENTINEL, "perplexity.perplexity").is_empty()).then_some(()));
}
