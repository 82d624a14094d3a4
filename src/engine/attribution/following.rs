//! Flows: their bytes go to the sighting of their name, they count as named or by why they are not, and so does what hides in them.

use super::Attribution;
use super::flows::{FlowRecord, Fresh, Named};
use crate::engine::agent::{Clues, classify};
use crate::engine::event::{FlowState, Reason, Source, Transport};
use crate::engine::ledger::Entry;
use crate::engine::names::vpn;
use crate::engine::signature::Role;
use crate::engine::visibility::Sight;

impl Attribution {
    /// A flow's state: its bytes count for the sighting of its name; one without a name waits for the DNS memory.
    pub(super) fn flow(&mut self, state: &FlowState) {
        if !self.is_inside(state.ends.client) {
            return;
        }
        self.bindings.sees(state.ends.client, &state.link, state.last_seen);
        self.notice(state.ends.client, state.last_seen);
        let told = self.flows.take(state, self.now);
        if told.has_begun {
            self.bindings.passes(state.ends.client, &state.link, state.first_seen);
        }
        self.enrich();
        if told.may_hide {
            self.blind_spot(state);
        }
        if told.is_counted {
            self.count(state.ends.client, Sight::Flow(Reason::Named), state.last_seen);
        }
        if let Some((named, fresh)) = told.fresh {
            self.bytes(&named, fresh, state);
        }
        if state.closed && self.flows.close(state.id).is_some() {
            self.ask(state);
            self.flows.close(state.id);
        }
    }

    /// Counts a flow behind which use may hide, told by its first packet, its server's name or its server's address.
    fn blind_spot(&mut self, state: &FlowState) {
        let name = self.flows.name_of(state.id);
        let is_udp = state.transport == Transport::Udp;
        let by_name = name.and_then(|n| vpn::of_name(n.as_str()));
        let (server, port) = (state.ends.server, state.ends.server_port);
        let spot = state.blind_spot.or_else(|| vpn::of_port(port, is_udp)).or(by_name).or_else(|| vpn::of_address(server, port));
        if let Some(spot) = spot {
            self.flows.hides(state.id);
            self.count(state.ends.client, Sight::Blind(spot), state.last_seen);
        }
    }

    /// Bytes of a flow that has a name. The first are a contact too.
    fn bytes(&mut self, named: &Named, fresh: Fresh, state: &FlowState) {
        let name = Some(&named.name).filter(|n| n.is_host());
        let detection = name.and_then(|name| self.detect(named.client, name.as_str(), state.first_seen, self.now));
        let at = state.last_seen;
        let (Some(name), Some(detection)) = (name, detection) else {
            if let Some(name) = name {
                self.unmatched(named.client, name, at);
            }
            return self.flows.ordinary(state.id);
        };
        let Some(detection) = self.admit(detection) else { return };
        // The first state is a contact; so are bytes once the session they continued is over.
        let key = &detection.key;
        let is_counted = named.counted.as_ref().is_some_and(|(service, status)| *service == key.service && *status == key.status);
        let goes_on = !fresh.is_nothing() && !self.ledger.is_open(key);
        if !is_counted || goes_on {
            self.enter(&detection, &Entry::Contact { is_use: detection.is_use }, state.conversation(), at);
            self.ledger.note(&detection.key, named.source, &name.text(), classify(&named.clues, detection.place));
            self.flows.counted(state.id, &detection.key.service, detection.key.status);
        }
        if !fresh.is_nothing() {
            let (is_use, is_upload, is_page) = (detection.is_use, detection.is_upload, detection.place.role == Role::Web);
            let (turns, minutes) = (detection.turns(fresh.exchanges), state.minutes);
            let Fresh { up, down, posted, .. } = fresh;
            let posted = if is_page { posted.into() } else { up };
            let entry = Entry::Bytes { is_use, is_upload, is_page, up, down, posted, turns, minutes };
            self.enter(&detection, &entry, state.conversation(), at);
        }
        self.tighten(&detection.key, name.as_str(), state.conversation());
    }

    /// A flow that stayed nameless: the client's own look-ups may name it, if they leave one name only.
    pub(super) fn ask(&mut self, state: &FlowState) {
        if self.flows.is_named(state.id) {
            return;
        }
        if self.flows.is_first_count(state.id) {
            self.count(state.ends.client, Sight::Flow(state.reason), state.last_seen);
        }
        let mut names = self.memory.names(state.ends.client, state.ends.server, self.now);
        let (Some(name), None) = (names.next().cloned(), names.next()) else { return };
        drop(names);
        let record = FlowRecord::named(state.ends.client, name, Source::DnsMemory, Clues::default());
        self.flows.name(state.id, record);
        if let Some((named, fresh)) = self.flows.advance(state) {
            self.bytes(&named, fresh, state);
        }
    }
}
