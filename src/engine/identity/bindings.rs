//! All that the wire tells of who has which address, joined: addresses, machines, sessions.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::client::{Client, embedded_mac, looks_static};
use super::device::{Device, Login, Name, Rank, better, is_virtual_router, note_name};
use super::held::{Change, Held, Session};
use super::slots::Slots;
use super::tenure::Tenure;
use crate::engine::event::{Binding, BindingKind, BindingSource, Duid, Link, Source};
use crate::engine::frame::Time;
use crate::engine::host::HostName;
use crate::engine::sighting::Identity;

/// Changes kept until they are asked for; more are told by what comes next.
const MAX_CHANGED: usize = 4096;

/// Who has an address, as far as the wire tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Who {
    /// Whom its sightings are counted by.
    pub client: Client,
    /// Number of its time at that address or prefix: another owner has another.
    pub tenure: u32,
    /// What is known of it; the place is for the site to tell.
    pub identity: Identity,
}

/// What knows a machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Key {
    Mac([u8; 6]),
    Duid(u64),
}

/// What the wire tells of who has which address. Bounded: what nobody asked for lately goes first.
#[derive(Debug)]
pub struct Bindings {
    addresses: Slots<IpNet, Held>,
    devices: Slots<Key, Device>,
    /// Lengths of the prefixes of IPv6 that one client has, a bit each.
    prefixes: u128,
    /// Addresses, each with a moment of the owner of whom something else is known; `None` is the present one.
    changed: Vec<(IpNet, Option<Time>)>,
}

impl Bindings {
    /// Knows nobody yet; at most `bound` addresses and as many machines. `seed` keys the hashes.
    pub fn new(bound: usize, seed: u64) -> Self {
        Bindings { addresses: Slots::new(bound, seed), devices: Slots::new(bound, seed), prefixes: 0, changed: Vec::new() }
    }

    /// Addresses and machines given up because a table was full.
    pub fn evicted(&self) -> (u64, u64) {
        (self.addresses.evicted(), self.devices.evicted())
    }

    /// Takes what a message told.
    pub fn take(&mut self, b: &Binding) {
        match (b.source, b.kind, b.mac) {
            (_, BindingKind::Routes, Some(mac)) => self.routes(mac),
            (BindingSource::Arp | BindingSource::Ndp, BindingKind::Holds, Some(mac)) => self.shown(b.address, mac, b.time, false),
            (BindingSource::Arp | BindingSource::Ndp, BindingKind::Probes, Some(mac)) => self.shown(b.address, mac, b.time, true),
            (BindingSource::Dhcp, _, Some(mac)) => self.dhcp(b, mac),
            (BindingSource::Dhcpv6, ..) => self.dhcpv6(b),
            (BindingSource::Radius, ..) => self.accounting(b),
            _ => {}
        }
    }

    /// Takes what a client's frames tell: the MAC address is its own where no router passed them on.
    pub fn sees(&mut self, address: IpAddr, link: &Link, at: Time) {
        if let Some(mac) = link.mac.filter(|_| link.is_next()) {
            self.shown(Some(address.into()), mac, at, false);
        }
    }

    /// Takes a new flow of a client: whether its own machine began it, or passed it on for another.
    pub fn passes(&mut self, address: IpAddr, link: &Link, at: Time) {
        let key = IpNet::from(address);
        let Some(held) = self.addresses.find(&key).filter(|h| at >= h.now.from) else { return };
        if held.now.mac.is_some() && held.now.mac == link.mac {
            let before = held.now.sharing.is_shared();
            held.now.sharing.note(link);
            if held.now.sharing.is_shared() != before {
                self.change(key);
            }
        }
    }

    /// An address speaks for others: a proxy.
    pub fn proxies(&mut self, address: IpAddr, at: Time) {
        let key = IpNet::from(address);
        let held = self.addresses.entry(key);
        held.settle(at);
        if !std::mem::replace(&mut held.now.sharing.is_proxy, true) {
            self.change(key);
        }
    }

    /// A client announces its own host name.
    pub fn named(&mut self, address: IpAddr, name: &HostName, source: Source, link: &Link, at: Time) {
        let text = name.as_str();
        let text = if source == Source::Mdns { text.strip_suffix(".local").unwrap_or(text) } else { text };
        if !name.is_host() || text == "localhost" {
            return;
        }
        let text: Arc<str> = text.into();
        self.sees(address, link, at);
        if let Some(mac) = link.mac.filter(|mac| link.is_next() && !self.is_router(*mac)) {
            return self.name_device(Key::Mac(mac), &text, Rank::Announced, at);
        }
        let key = IpNet::from(address);
        let held = self.addresses.entry(key);
        held.settle(at);
        held.now.used = held.now.used.or(Some(at));
        if note_name(&mut held.now.name, &text, Rank::Announced, at) {
            self.change(key);
        }
    }

    /// Who had an address at a moment; from now on it counts as used then.
    pub fn who(&mut self, address: IpAddr, at: Time) -> Who {
        let held = self.addresses.entry(address.into());
        held.settle(at);
        if at >= held.now.from {
            held.now.used = held.now.used.or(Some(at));
        }
        self.describe(address, at)
    }

    /// The MAC address of who had an address at a moment, where it is known.
    pub fn mac_of(&self, address: IpAddr, at: Time) -> Option<[u8; 6]> {
        self.addresses.peek(&address.into()).filter(|held| !held.at(at).is_over(at)).and_then(|held| self.own_mac(held.at(at)))
    }

    /// What is known of one of a client's owners; `None` where it is forgotten.
    pub fn known(&self, client: Client, tenure: u32) -> Option<Identity> {
        let tenure = self.addresses.peek(&client.net())?.by_id(tenure)?;
        let mut identity = self.facts(tenure);
        self.complete(&mut identity, client);
        Some(identity)
    }

    /// Whether something else is known of a client than before, since last asked.
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Clients of whom something else is known than before, since last asked.
    pub fn changed(&mut self, now: Time) -> Vec<Who> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        changed.into_iter().map(|(net, at)| self.look(net, at.unwrap_or(now))).collect()
    }

    /// Takes up who a client of an earlier run was.
    pub fn restore(&mut self, client: Client, identity: &Identity) {
        let held = self.addresses.entry(client.net());
        held.now.mac = held.now.mac.or(identity.mac);
        held.now.is_seen = held.now.mac.is_some();
        held.now.user = held.now.user.take().or(identity.user.clone());
        if let (IpAddr::V6(address), true, Some(mac)) = (client.address(), client.is_address(), identity.mac) {
            self.devices.entry(Key::Mac(mac)).representative(address, Time(0));
        }
        if let IpNet::V6(net) = client.net()
            && !client.is_address()
            && identity.user.is_some()
        {
            self.prefixes |= 1 << net.prefix_len();
        }
    }

    fn look(&mut self, net: IpNet, at: Time) -> Who {
        if net.prefix_len() == net.max_prefix_len() {
            return self.describe(net.addr(), at);
        }
        let (client, tenure) = (Client::from(net), self.addresses.peek(&net).map_or(0, |held| held.at(at).id));
        let identity = self.known(client, tenure).unwrap_or_default();
        Who { client, tenure, identity }
    }

    fn describe(&mut self, address: IpAddr, at: Time) -> Who {
        let tenure = self.addresses.peek(&address.into()).map(|held| held.at(at));
        if address.is_ipv4() {
            let (client, identity) = (address.into(), tenure.map(|tenure| self.facts(tenure)).unwrap_or_default());
            return Who { client, tenure: tenure.map_or(0, |tenure| tenure.id), identity };
        }
        let tenure = tenure.cloned().unwrap_or_default();
        let mut identity = self.facts(&tenure);
        let (client, id) = self.sixth(address, &tenure, &mut identity, at);
        self.complete(&mut identity, client);
        Who { client, tenure: id, identity }
    }

    /// Whom an address of IPv6 is counted by: its machine, itself, or the prefix it stands in.
    fn sixth(&mut self, address: IpAddr, tenure: &Tenure, identity: &mut Identity, at: Time) -> (Client, u32) {
        let IpAddr::V6(six) = address else { return (address.into(), tenure.id) };
        let prefix = self.prefix_of(address);
        if let Some(held) = prefix.and_then(|net| self.addresses.peek(&net)) {
            identity.user = identity.user.take().or(held.at(at).user.clone());
        }
        if let Some(mac) = identity.mac {
            return self.machine(mac, six, tenure, at);
        }
        if looks_static(six) || tenure.duid.is_some() || tenure.user.is_some() {
            return (address.into(), tenure.id);
        }
        if let Some((net, held)) = prefix.and_then(|net| Some((net, self.addresses.peek(&net)?))) {
            return (net.into(), held.at(at).id);
        }
        (Client::prefix_of(six), 0)
    }

    /// The address that stands for a machine's, and its time there.
    fn machine(&mut self, mac: [u8; 6], address: std::net::Ipv6Addr, tenure: &Tenure, at: Time) -> (Client, u32) {
        let device = self.devices.entry(Key::Mac(mac));
        let first = device.representative(address, at);
        if first == address {
            return (IpAddr::V6(first).into(), tenure.id);
        }
        if let Some(tenure) = self.addresses.peek(&IpAddr::V6(first).into()).and_then(|held| held.of_mac(mac)) {
            return (IpAddr::V6(first).into(), tenure.id);
        }
        // It was forgotten, or is another's now.
        device.loses(first.into());
        device.representative(address, at);
        (IpAddr::V6(address).into(), tenure.id)
    }

    /// What follows from a client's form.
    fn complete(&self, identity: &mut Identity, client: Client) {
        let IpAddr::V6(address) = client.address() else { return };
        identity.is_estimate = !client.is_address() && identity.user.is_none();
        if identity.mac.is_none() && client.is_address() {
            identity.mac = embedded_mac(address).filter(|mac| !self.is_router(*mac));
            let name = identity.mac.and_then(|mac| self.devices.peek(&Key::Mac(mac))).and_then(|d| d.name.as_ref());
            identity.host = identity.host.take().or(name.map(|n| Arc::clone(&n.text)));
        }
    }

    fn facts(&self, tenure: &Tenure) -> Identity {
        let mac = self.own_mac(tenure);
        let by_mac = mac.and_then(|mac| self.devices.peek(&Key::Mac(mac)));
        let by_duid = tenure.duid.and_then(|duid| self.devices.peek(&Key::Duid(duid)));
        let name = better(by_mac.and_then(name_of), better(by_duid.and_then(name_of), tenure.name.as_ref()));
        Identity {
            host: name.map(|n| Arc::clone(&n.text)),
            user: tenure.user.clone(),
            site: None,
            mac,
            is_shared: tenure.sharing.is_shared(),
            is_estimate: false,
        }
    }

    /// The owner's own MAC address: never one that turned out to be a router's, nor one of two that have the address at a time, unless a
    /// server lent it the address.
    fn own_mac(&self, tenure: &Tenure) -> Option<[u8; 6]> {
        let by_duid = || tenure.duid.and_then(|duid| self.devices.peek(&Key::Duid(duid))?.mac.filter(|mac| !self.is_router(*mac)));
        tenure.mac.filter(|mac| tenure.is_lent || (tenure.contested.is_none() && !self.is_router(*mac))).or_else(by_duid)
    }

    fn is_router(&self, mac: [u8; 6]) -> bool {
        is_virtual_router(mac) || self.devices.peek(&Key::Mac(mac)).is_some_and(|d| d.is_router)
    }

    /// The prefix one client has that holds an address.
    fn prefix_of(&self, address: IpAddr) -> Option<IpNet> {
        let lengths = (0..128u8).rev().filter(|length| self.prefixes & (1 << length) != 0);
        lengths.filter_map(|length| Some(IpNet::new(address, length).ok()?.trunc())).find(|net| self.addresses.peek(net).is_some())
    }

    /// A MAC address is seen with an address, or asks whether it may take it.
    fn shown(&mut self, address: Option<IpNet>, mac: [u8; 6], at: Time, is_probe: bool) {
        let Some(key) = address.filter(|net| !is_link_local(net.addr())) else { return };
        if is_virtual_router(mac) {
            return;
        }
        let held = self.addresses.peek(&key).map(|held| &held.now);
        if held.is_some_and(|now| now.is_known(mac, at)) {
            return;
        }
        let is_lent = held.is_some_and(|now| now.is_lent && now.is_of(mac));
        let device = self.devices.entry(Key::Mac(mac));
        if !is_lent && (device.is_router || device.fronts(key.addr(), at)) {
            return self.tell_addresses(Key::Mac(mac));
        }
        let held = self.addresses.entry(key);
        let before = held.now.mac;
        let change = if is_probe { held.probed(mac, at) } else { held.shows(mac, at) };
        self.settled(key, change, before, mac, at);
    }

    /// What follows where an address has, or may have, another owner.
    fn settled(&mut self, key: IpNet, change: Change, before: Option<[u8; 6]>, mac: [u8; 6], at: Time) {
        if change == Change::None {
            return;
        }
        if let Some(old) = before.filter(|old| change == Change::Owner && *old != mac)
            && let Some(device) = self.devices.find(&Key::Mac(old))
        {
            device.loses(key.addr());
        }
        let device = self.devices.entry(Key::Mac(mac));
        device.has(key.addr());
        if let IpAddr::V6(address) = key.addr() {
            device.representative(address, at);
        }
        if let (Some(login), Some(held)) = (device.login.clone(), self.addresses.find(&key))
            && held.now.user.is_none()
        {
            held.logged_on(Session { user: Some(&login.user), id: login.session, mac: Some(mac) }, at, false, at);
        }
        self.change(key);
    }

    fn dhcp(&mut self, b: &Binding, mac: [u8; 6]) {
        if let Some(host) = &b.host {
            let rank = if b.is_host_assigned { Rank::Given } else { Rank::Asked };
            self.name_device(Key::Mac(mac), host, rank, b.time);
        }
        match (b.kind, b.address) {
            (BindingKind::Holds | BindingKind::Begins, Some(key)) => {
                let held = self.addresses.entry(key);
                let before = held.now.mac;
                // A client that renews says nothing of the end.
                let until = b.until.or(held.now.until.filter(|_| !b.is_host_assigned && held.now.is_of(mac)));
                let change = held.lent(mac, (b.time, until), b.kind == BindingKind::Begins);
                self.settled(key, change, before, mac, b.time);
            }
            (BindingKind::Ends, Some(key)) => self.returned(key, mac, b.time),
            (BindingKind::Ends, None) => {
                let addresses = self.devices.find(&Key::Mac(mac)).map(|d| d.addresses.clone()).unwrap_or_default();
                addresses.into_iter().filter(IpAddr::is_ipv4).for_each(|address| self.returned(address.into(), mac, b.time));
            }
            _ => {}
        }
    }

    fn returned(&mut self, key: IpNet, mac: [u8; 6], at: Time) {
        if let Some(held) = self.addresses.find(&key) {
            held.returned(mac, at);
        }
    }

    fn dhcpv6(&mut self, b: &Binding) {
        let Some(Duid { digest, mac: hint }) = b.duid else { return };
        let key = Key::Duid(digest);
        let device = self.devices.entry(key);
        device.mac = b.mac.or(device.mac).or(hint);
        let mac = b.mac;
        if let Some(host) = &b.host {
            self.name_device(key, host, if b.is_host_assigned { Rank::Given } else { Rank::Asked }, b.time);
        }
        let Some(address) = b.address else { return };
        let held = self.addresses.entry(address);
        match b.kind {
            BindingKind::Ends => held.returned_by(digest, b.time),
            BindingKind::Holds if held.lent_to(digest, mac, (b.time, b.until)) != Change::None => {
                self.devices.entry(key).has(address.addr());
                self.change(address);
            }
            _ => {}
        }
    }

    fn accounting(&mut self, b: &Binding) {
        let session = Session { user: b.user.as_ref(), id: b.session, mac: b.mac };
        match (b.address, b.mac) {
            (Some(key), _) => self.session(key, session, b),
            (None, Some(mac)) => {
                let device = self.devices.entry(Key::Mac(mac));
                let is_end = b.kind == BindingKind::Ends;
                device.login = b.user.clone().filter(|_| !is_end).map(|user| Login { user, session: b.session });
                let addresses = device.addresses.clone();
                for address in addresses {
                    let is_its = self.addresses.peek(&address.into()).is_some_and(|held| held.now.is_of(mac));
                    if is_its {
                        self.session(address.into(), session, b);
                    }
                }
            }
            (None, None) => {}
        }
    }

    fn session(&mut self, key: IpNet, session: Session<'_>, b: &Binding) {
        if let IpNet::V6(net) = key
            && net.prefix_len() < 128
        {
            self.prefixes |= 1 << net.prefix_len();
        }
        let held = self.addresses.entry(key);
        let before = held.now.mac;
        let since = held.now.from;
        let change = match b.kind {
            BindingKind::Ends => held.logged_off(session, b.from, b.until.unwrap_or(b.time)),
            kind => held.logged_on(session, b.from, kind == BindingKind::Begins, b.time),
        };
        let mac = held.now.mac;
        if b.kind == BindingKind::Ends && change == Change::Owner && self.changed.len() < MAX_CHANGED {
            self.changed.push((key, Some(since)));
        }
        match mac {
            Some(mac) => self.settled(key, change, before, mac, b.time),
            None if change != Change::None => self.change(key),
            None => {}
        }
    }

    /// A MAC address turns out to be a router's.
    fn routes(&mut self, mac: [u8; 6]) {
        let device = self.devices.entry(Key::Mac(mac));
        if !device.is_router {
            device.routes();
            self.tell_addresses(Key::Mac(mac));
        }
    }

    fn name_device(&mut self, key: Key, text: &Arc<str>, rank: Rank, at: Time) {
        let device = self.devices.entry(key);
        if note_name(&mut device.name, text, rank, at) {
            self.tell_addresses(key);
        }
    }

    /// What is known of a machine changed: of each of its addresses too.
    fn tell_addresses(&mut self, key: Key) {
        let Some(device) = self.devices.find(&key) else { return };
        let mut addresses = device.addresses.clone();
        if device.is_router {
            // Told once; nothing is kept of what stands behind a router.
            device.addresses = Vec::new();
        }
        addresses.drain(..).for_each(|address| self.change(address.into()));
    }

    fn change(&mut self, key: IpNet) {
        if self.changed.len() < MAX_CHANGED {
            self.changed.push((key, None));
        }
    }
}

fn name_of(device: &Device) -> Option<&Name> {
    device.name.as_ref()
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(a) if a.is_unicast_link_local())
}
