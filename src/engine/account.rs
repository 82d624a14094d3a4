//! The account of one zone: what was seen of its encrypted flows, and whether silence about AI there means that there is none.
//!
//! "No AI use here" is supported where all of this holds:
//! 1. encrypted flows were seen at all;
//! 2. at least [`NEEDED_PERCENT`] of them were named;
//! 3. no flow of a protocol that hides whole conversations was seen (WireGuard, OpenVPN, IKE, Tor, MASQUE, iCloud Private Relay);
//! 4. no flow hid its name ([`Reason::EchReal`], [`Reason::NoSni`]) in a zone where look-ups were hidden too (DNS over HTTPS, TLS or QUIC,
//!    or behind a resolver): the DNS memory could not tell what it was.
//!
//! Encrypted DNS alone is no doubt: the flows that follow it are named by their hellos.

use std::collections::BTreeMap;

use super::event::{BlindSpot, Reason};
use super::visibility::{Count, Sight};

/// Share of encrypted flows that must be named, in percent.
pub const NEEDED_PERCENT: u64 = 95;

/// What was seen of one zone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Encrypted flows: named, and by reason why not; none that are 0.
    pub flows: BTreeMap<Reason, u64>,
    /// Flows or look-ups behind which use may hide, and the most different clients in one hour.
    pub blind_spots: BTreeMap<BlindSpot, Count>,
}

/// Why "no AI use here" would not be supported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// No encrypted flow was seen.
    Nothing,
    /// Too few of the encrypted flows were named.
    Unnamed,
    /// Whole conversations hide in a protocol.
    Hidden(BlindSpot, Count),
    /// Names and look-ups are hidden: so many flows without a name that a look-up in clear could have told.
    Unresolved(u64),
}

impl Account {
    /// Adds what was counted.
    pub fn add(&mut self, sight: Sight, count: Count) {
        if count.flows == 0 {
            return;
        }
        match sight {
            Sight::Flow(reason) => {
                let flows = self.flows.entry(reason).or_default();
                *flows = flows.saturating_add(count.flows);
            }
            Sight::Blind(spot) => {
                let known = self.blind_spots.entry(spot).or_default();
                known.flows = known.flows.saturating_add(count.flows);
                known.clients = known.clients.max(count.clients);
            }
        }
    }

    /// Encrypted flows, named or not.
    pub fn encrypted(&self) -> u64 {
        self.flows.values().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Encrypted flows with a name.
    pub fn named(&self) -> u64 {
        self.flows_of(Reason::Named)
    }

    /// Encrypted flows of a reason.
    pub fn flows_of(&self, reason: Reason) -> u64 {
        self.flows.get(&reason).copied().unwrap_or(0)
    }

    /// Everything that speaks against "no AI use here"; empty where it is supported.
    pub fn doubts(&self) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let encrypted = self.encrypted();
        if encrypted == 0 {
            doubts.push(Doubt::Nothing);
        } else if u128::from(self.named()).saturating_mul(100) < u128::from(encrypted).saturating_mul(NEEDED_PERCENT.into()) {
            doubts.push(Doubt::Unnamed);
        }
        let hiding = self.blind_spots.iter().filter(|(spot, _)| spot.hides_flows());
        doubts.extend(hiding.map(|(spot, count)| Doubt::Hidden(*spot, *count)));
        let without_name = self.flows_of(Reason::EchReal).saturating_add(self.flows_of(Reason::NoSni));
        if without_name > 0 && self.blind_spots.keys().any(|spot| !spot.hides_flows()) {
            doubts.push(Doubt::Unresolved(without_name));
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(sights: &[(Sight, u64)]) -> Account {
        let mut account = Account::default();
        for (sight, flows) in sights {
            account.add(*sight, Count { flows: *flows, clients: 1 });
        }
        account
    }

    const NAMED: Sight = Sight::Flow(Reason::Named);
    const ECH: Sight = Sight::Flow(Reason::EchReal);
    const SNAPPED: Sight = Sight::Flow(Reason::Snapped);
    const DOH: Sight = Sight::Blind(BlindSpot::Doh);
    const TOR: Sight = Sight::Blind(BlindSpot::Tor);

    #[test]
    fn the_share_decides_exactly_at_its_bound() {
        assert_eq!(account(&[(NAMED, 95), (SNAPPED, 5)]).doubts(), []);
        assert_eq!(account(&[(NAMED, 9499), (SNAPPED, 501)]).doubts(), [Doubt::Unnamed]);
        assert_eq!(account(&[(NAMED, u64::MAX)]).doubts(), []);
    }

    #[test]
    fn nothing_seen_supports_nothing() {
        assert_eq!(Account::default().doubts(), [Doubt::Nothing]);
        assert_eq!(account(&[(DOH, 3), (NAMED, 0)]).doubts(), [Doubt::Nothing]);
    }

    #[test]
    fn one_tunnel_is_enough_and_encrypted_dns_only_beside_hidden_names() {
        let count = Count { flows: 1, clients: 1 };
        assert_eq!(account(&[(NAMED, 1000), (TOR, 1)]).doubts(), [Doubt::Hidden(BlindSpot::Tor, count)]);
        assert_eq!(account(&[(NAMED, 1000), (DOH, 40)]).doubts(), []);
        assert_eq!(account(&[(NAMED, 1000), (ECH, 1)]).doubts(), []);
        assert_eq!(account(&[(NAMED, 1000), (DOH, 40), (SNAPPED, 1)]).doubts(), []);
        assert_eq!(account(&[(NAMED, 1000), (DOH, 40), (ECH, 2)]).doubts(), [Doubt::Unresolved(2)]);
        assert_eq!(account(&[(NAMED, 1), (ECH, 1), (DOH, 1), (TOR, 1)]).doubts().len(), 3);
    }
}
