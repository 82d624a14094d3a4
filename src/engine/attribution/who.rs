//! Who a client is: what the wire told of it joined with what the site knows; and whom the site leaves out.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Attribution, Judgement, bounds};
use crate::engine::event::{Binding, Event, Link, Observation, Source};
use crate::engine::frame::Time;
use crate::engine::identity::{Bindings, Excluded, Who};
use crate::engine::ledger::SightingKey;
use crate::engine::privacy::Privacy;
use crate::engine::sighting::{Identity, Sighting};

/// Who a client is, and its team.
pub(super) type Joined = (Identity, Arc<str>);

impl Attribution {
    /// What was left out so far: cumulative.
    pub fn excluded(&self) -> Excluded {
        self.excluded
    }

    /// Whether the site leaves out whoever an event is about; counts it where it does.
    pub(super) fn is_left_out(&mut self, event: &Event) -> bool {
        if self.judgement.exclude.is_empty() {
            return false;
        }
        match event {
            Event::Name(o) if self.is_out(o.ends.client, &o.link, o.time) => self.excluded.names = self.excluded.names.saturating_add(1),
            Event::Flow(s) if self.is_out(s.ends.client, &s.link, s.first_seen) => {
                self.excluded.flows = self.excluded.flows.saturating_add(u64::from(s.closed));
            }
            Event::Binding(b) => {
                let link = Link { vlans: b.vlans, ..Link::default() };
                return b.address.is_some_and(|net| self.judgement.exclude.holds(net.addr(), &link))
                    || self.judgement.exclude.holds(IpAddr::from([0, 0, 0, 0]), &link);
            }
            _ => return false,
        }
        true
    }

    /// By its address, by what its frames tell, or by the MAC address a lease or a neighbour told of it, else a file of the site.
    fn is_out(&self, address: IpAddr, link: &Link, at: Time) -> bool {
        let Judgement { exclude, directory, .. } = &self.judgement;
        let mac = || self.bindings.mac_of(address, at).or_else(|| directory.known(address, None, None, at).mac);
        exclude.holds(address, link) || (exclude.names_macs() && mac().is_some_and(|mac| exclude.holds_mac(mac)))
    }

    /// Takes what the wire tells of who has an address.
    pub(super) fn binding(&mut self, b: &Binding) {
        if b.address.is_some_and(|net| !self.is_inside(net.addr())) {
            return;
        }
        let is_out = b.mac.or(b.duid.and_then(|d| d.mac)).is_some_and(|mac| self.judgement.exclude.holds_mac(mac));
        if is_out {
            // Of whom is left out by MAC address only that one is kept, to know its addresses by.
            let bare = Binding { host: None, user: None, ..b.clone() };
            self.bindings.take(&bare);
        } else {
            self.bindings.take(b);
        }
        self.enrich();
    }

    /// Takes what an observation tells of who its client is.
    pub(super) fn meet(&mut self, o: &Observation) {
        let client = o.ends.client;
        if o.source.is_clients_own() {
            if o.source != Source::Dhcp {
                self.bindings.named(client, &o.name, o.source, &o.link, o.time);
            }
        } else {
            self.bindings.sees(client, &o.link, o.time);
        }
        if matches!(o.source, Source::HttpConnect | Source::Socks5 | Source::Socks4a) && self.is_inside(o.ends.server) {
            self.bindings.proxies(o.ends.server, o.time);
        }
        if o.proxied.is_some_and(|source| source.ip().to_canonical() != client.to_canonical()) {
            self.bindings.proxies(client, o.time);
        }
        self.enrich();
    }

    /// Adds what became known of clients to their open sightings.
    pub(super) fn enrich(&mut self) {
        if !self.bindings.has_changed() {
            return;
        }
        let (judgement, privacy, now) = (&self.judgement, &mut self.privacy, self.now);
        for who in self.bindings.changed(now) {
            self.ledger.enrich(who.client, who.tenure, |key, sighting| enriched(judgement, privacy, &who, key, sighting, now));
        }
    }
}

/// Who an open sighting is of, as far as it is remembered.
pub(super) fn who_of(bindings: &Bindings, key: &SightingKey, sighting: &Sighting) -> Who {
    let known = bindings.known(key.client, key.tenure);
    let identity = known.unwrap_or_else(|| Identity { site: None, ..(*sighting.identity).clone() });
    Who { client: key.client, tenure: key.tenure, identity }
}

/// Joins what the wire tells with what the site knows. The site's files come first: they are meant.
pub(super) fn joined(judgement: &Judgement, who: &Who, at: Time) -> Joined {
    let address = who.client.address();
    let Identity { host, user, mac, .. } = who.identity.clone();
    let mut known = judgement.directory.known(address, mac, host.as_deref(), at);
    // A lease file may tell the MAC address or host name by which other files know more.
    if (mac.is_none() && known.mac.is_some()) || (known.host.is_some() && known.host != host) {
        let more = judgement.directory.known(address, mac.or(known.mac), known.host.as_deref().or(host.as_deref()), at);
        known.user = known.user.or(more.user);
        known.team = known.team.or(more.team);
        known.site = known.site.or(more.site);
    }
    let team = known.team.unwrap_or_else(|| Arc::clone(judgement.teams.name_of(address)));
    let identity = Identity {
        host: known.host.or(host),
        user: known.user.or(user),
        site: known.site,
        mac: mac.or(known.mac),
        is_shared: who.identity.is_shared || known.shared || judgement.shared.iter().any(|net| net.contains(&address)),
        is_estimate: who.identity.is_estimate,
    };
    (identity, team)
}

/// Writes what is known now, and what privacy leaves of it, into an open sighting of the same owner; true where that changes it.
pub(super) fn enriched(
    judgement: &Judgement,
    privacy: &mut Privacy,
    who: &Who,
    key: &SightingKey,
    sighting: &mut Sighting,
    now: Time,
) -> bool {
    if key.team.is_some() {
        return false; // many clients stand behind it
    }
    let (new, team) = joined(judgement, who, now);
    let old = Arc::clone(&sighting.identity);
    // A name that is not said any more was the owner's all the same; a MAC address may have turned out to be a router's.
    let identity =
        Identity { host: new.host.or(old.host.clone()), user: new.user.or(old.user.clone()), site: new.site.or(old.site.clone()), ..new };
    let identity = privacy.identity(key.client, identity, now);
    let is_other_team = team != sighting.team && is_moved(judgement, key, sighting, team, now);
    let is_other = identity != old;
    if is_other {
        sighting.identity = identity;
    }
    is_other || is_other_team
}

/// Moves an open sighting to another team where it would stand there as it does; false where it would not.
fn is_moved(judgement: &Judgement, key: &SightingKey, sighting: &mut Sighting, team: Arc<str>, now: Time) -> bool {
    let old = std::mem::replace(&mut sighting.team, team);
    let stands = bounds::stands(judgement, key, sighting, now);
    if !stands {
        sighting.team = old;
    }
    stands
}

/// Whether new rules say that somebody else was the client.
pub(super) fn is_other_person(old: &Identity, new: &Identity) -> bool {
    let differs = |a: &Option<Arc<str>>, b: &Option<Arc<str>>| a.is_some() && b.is_some() && a != b;
    let is_other_mac = old.mac.is_some() && new.mac.is_some() && old.mac != new.mac;
    let is_same_mac = old.mac.is_some() && old.mac == new.mac;
    is_other_mac || differs(&old.user, &new.user) || (!is_same_mac && differs(&old.host, &new.host))
}
