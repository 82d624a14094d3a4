//! What was seen of each zone, in words people understand and as JSON: the same in `visibility`, `report` and `doctor`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::store::SightTotal;
use crate::engine::account::{Account, Doubt, NEEDED_PERCENT};
use crate::engine::event::{BlindSpot, Reason};
use crate::engine::visibility::{Count, Sight};

/// One zone's account as JSON.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ZoneSight {
    /// Zone of the clients.
    pub zone: String,
    /// Encrypted flows.
    pub encrypted: u64,
    /// Those with a name.
    pub named: u64,
    /// Their share, between 0 and 1; `null` where no encrypted flow was seen.
    pub named_share: Option<f64>,
    /// Those without, by reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Flows and look-ups behind which use may hide, by kind.
    pub blind_spots: BTreeMap<&'static str, Spot>,
    /// Whether "no AI use here" is supported by what was seen.
    pub supported: bool,
    /// Why, or why not.
    pub why: Vec<String>,
}

/// A kind of blind spot as JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Spot {
    /// Flows, or look-ups.
    pub flows: u64,
    /// Most different clients in one hour.
    pub clients: u64,
}

impl ZoneSight {
    /// What an account says.
    pub fn of(zone: &str, account: &Account) -> Self {
        let (encrypted, named) = (account.encrypted(), account.named());
        let unnamed = account.flows.iter().filter(|(reason, _)| **reason != Reason::Named);
        ZoneSight {
            zone: zone.to_owned(),
            encrypted,
            named,
            named_share: (encrypted > 0).then(|| named as f64 / encrypted as f64),
            reasons: unnamed.map(|(reason, flows)| (reason.word(), *flows)).collect(),
            blind_spots: account.blind_spots.iter().map(|(spot, c)| (spot.word(), Spot { flows: c.flows, clients: c.clients })).collect(),
            supported: account.doubts().is_empty(),
            why: why(account),
        }
    }

    /// The zone's sentence.
    pub fn sentence(&self) -> String {
        let verdict = if self.supported { "is supported" } else { "is not supported" };
        format!("{}: \"no AI use here\" {verdict}: {}.", self.zone, self.why.join("; "))
    }
}

/// Adds up what the store holds, zone by zone. Words of a later version are left out.
pub fn accounts(totals: &[SightTotal]) -> BTreeMap<String, Account> {
    let mut zones: BTreeMap<String, Account> = BTreeMap::new();
    for total in totals {
        let account = zones.entry(total.zone.clone()).or_default();
        if let Some(sight) = Sight::from_word(&total.sight) {
            account.add(sight, Count { flows: total.flows, clients: total.clients });
        }
    }
    zones
}

/// What each zone's account says, in the order of their names.
pub fn zone_sights(totals: &[SightTotal]) -> Vec<ZoneSight> {
    accounts(totals).iter().map(|(zone, account)| ZoneSight::of(zone, account)).collect()
}

/// Parts of the sentence: every doubt, or what supports it.
fn why(account: &Account) -> Vec<String> {
    let doubts = account.doubts();
    if doubts.is_empty() {
        return vec![named_share(account), "no flow of a VPN or relay was seen".into()];
    }
    doubts.iter().map(|doubt| doubt_text(doubt, account)).collect()
}

fn doubt_text(doubt: &Doubt, account: &Account) -> String {
    match doubt {
        Doubt::Nothing => "no encrypted flow was seen".into(),
        Doubt::Unnamed => format!("{}, {NEEDED_PERCENT} % are needed", named_share(account)),
        Doubt::Hidden(spot, count) => format!("{} of {} may hide anything", flows_of_clients(*count), spot_text(*spot)),
        Doubt::Unresolved(flows) => {
            format!("{} without a name in clear while look-ups are hidden too", counted(*flows, "flow"))
        }
    }
}

fn named_share(account: &Account) -> String {
    let (named, encrypted) = (account.named(), account.encrypted());
    format!("{} of {} named", percent(named, encrypted), counted(encrypted, "encrypted flow"))
}

fn flows_of_clients(count: Count) -> String {
    format!("{} of up to {}", counted(count.flows, "flow"), counted(count.clients, "client"))
}

/// A number and what it counts.
pub fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A share with one digit after the point, rounded down: what is not all is never 100 %.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "none".into();
    }
    let tenths = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A reason in words.
pub const fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::Named => "named",
        Reason::EchReal => "name hidden by Encrypted ClientHello",
        Reason::NoSni => "hello without a server name",
        Reason::Midstream => "flows older than the sensor",
        Reason::OneSided => "only the server's direction was seen",
        Reason::Undecodable => "bytes that could not be understood",
        Reason::Snapped => "hello cut off by the capture",
        Reason::Bound => "a bound was reached",
        Reason::Loss => "packets of the hello were lost",
        Reason::Tunnel => "inside a VPN",
    }
}

/// What an operator can do about a reason.
pub const fn reason_remedy(reason: Reason) -> &'static str {
    match reason {
        Reason::Named => "",
        Reason::EchReal => "let clients ask your own DNS in clear; drop ech= from HTTPS records there",
        Reason::NoSni => "let clients ask your own DNS in clear: look-ups then name them",
        Reason::Midstream => "none needed: they end by themselves; few are normal after a start",
        Reason::OneSided => "the mirror shows one direction: mirror both (rx and tx) of the port",
        Reason::Undecodable => "see shadowtap_anomalies_total; a new protocol or a damaged mirror",
        Reason::Snapped => "raise [capture] snapshot_length, or that of the mirror",
        Reason::Bound => "raise [bounds] hellos and flows; see shadowtap_table_evictions_total",
        Reason::Loss => "kernel dropped packets: raise [capture] buffer_mib; or the mirror is overbooked",
        Reason::Tunnel => "decide whether this VPN is allowed; capture behind its other end",
    }
}

/// A blind spot in words.
pub const fn spot_text(spot: BlindSpot) -> &'static str {
    match spot {
        BlindSpot::Doh => "DNS over HTTPS",
        BlindSpot::Dot => "DNS over TLS",
        BlindSpot::Doq => "DNS over QUIC",
        BlindSpot::Wireguard => "WireGuard",
        BlindSpot::Openvpn => "OpenVPN",
        BlindSpot::Ike => "IPsec (IKE)",
        BlindSpot::Tor => "Tor",
        BlindSpot::Masque => "a MASQUE relay",
        BlindSpot::PrivateRelay => "iCloud Private Relay",
        BlindSpot::BehindResolver => "look-ups by a resolver for others",
    }
}

/// What an operator can do about a blind spot.
pub const fn spot_remedy(spot: BlindSpot) -> &'static str {
    match spot {
        BlindSpot::Doh => "announce your own resolver and the canary use-application-dns.net",
        BlindSpot::Dot | BlindSpot::Doq => "block port 853 but to your own resolver",
        BlindSpot::Wireguard | BlindSpot::Openvpn | BlindSpot::Ike => "decide whether this VPN is allowed; capture behind its other end",
        BlindSpot::Tor => "decide whether it is allowed",
        BlindSpot::Masque => "decide whether it is allowed; a managed client can exclude your network",
        BlindSpot::PrivateRelay => "answer mask.icloud.com with NXDOMAIN: devices then go direct",
        BlindSpot::BehindResolver => "capture between clients and the resolver as well",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(zone: &str, sight: &str, flows: u64, clients: u64) -> SightTotal {
        SightTotal { zone: zone.into(), sight: sight.into(), flows, clients }
    }

    #[test]
    fn each_zone_has_its_sentence() {
        let totals = [
            total("design", "named", 98, 4),
            total("design", "midstream", 2, 1),
            total("lab", "doh", 3, 1),
            total("lab", "named", 1, 1),
            total("lab", "no_sni", 1, 1),
            total("lab", "wireguard", 1, 1),
            total("later", "word_of_a_later_version", 1, 1),
        ];
        let sentences: Vec<_> = zone_sights(&totals).iter().map(ZoneSight::sentence).collect();
        assert_eq!(
            sentences,
            [
                "design: \"no AI use here\" is supported: 98.0 % of 100 encrypted flows named; no flow of a VPN or relay was seen.",
                "lab: \"no AI use here\" is not supported: 50.0 % of 2 encrypted flows named, 95 % are needed; 1 flow of up to 1 client of \
                 WireGuard may hide anything; 1 flow without a name in clear while look-ups are hidden too.",
                "later: \"no AI use here\" is not supported: no encrypted flow was seen.",
            ]
        );
    }

    #[test]
    fn what_is_not_all_is_never_a_hundred() {
        assert_eq!((&*percent(99_999, 100_000), &*percent(1, 1), &*percent(0, 0)), ("99.9 %", "100.0 %", "none"));
    }
}
