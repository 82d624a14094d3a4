//! A sighting as JSON: the one form `replay` and `report` print.

use serde::{Serialize, Serializer};

use super::{clock, mac};
use crate::engine::frame::Time;
use crate::engine::sighting::{Identity, Sighting};

/// A sighting as it is printed; the order of the fields is the order of the keys.
#[derive(Serialize)]
pub struct SightingJson<'a> {
    client: &'a str,
    #[serde(flatten)]
    identity: IdentityJson<'a>,
    team: &'a str,
    service: &'a str,
    vendor: &'a str,
    category: &'a str,
    status: &'static str,
    evidence: &'static str,
    presence_only: bool,
    agent: &'static str,
    #[serde(serialize_with = "moment")]
    first_seen: Time,
    #[serde(serialize_with = "moment")]
    last_seen: Time,
    connections: u32,
    bytes_up: u64,
    bytes_down: u64,
    active_minutes: u32,
    turns: [u32; 2],
    sources: Vec<&'static str>,
    names: Vec<&'a str>,
}

/// Who a client is besides its address; what is not known is left out.
#[derive(Serialize, Default)]
pub struct IdentityJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    shared: bool,
    #[serde(skip_serializing_if = "is_false")]
    estimate: bool,
}

impl<'a> From<&'a Identity> for IdentityJson<'a> {
    fn from(identity: &'a Identity) -> Self {
        IdentityJson {
            host: identity.host.as_deref(),
            user: identity.user.as_deref(),
            site: identity.site.as_deref(),
            mac: identity.mac.map(mac::text),
            shared: identity.is_shared,
            estimate: identity.is_estimate,
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl<'a> From<&'a Sighting> for SightingJson<'a> {
    fn from(s: &'a Sighting) -> Self {
        SightingJson {
            client: &s.client,
            identity: IdentityJson::from(&*s.identity),
            team: &s.team,
            service: &s.service,
            vendor: &s.vendor,
            category: &s.category,
            status: s.status.word(),
            evidence: s.evidence.word(),
            presence_only: s.presence_only,
            agent: s.agent.word(),
            first_seen: s.first_seen,
            last_seen: s.last_seen,
            connections: s.connections,
            bytes_up: s.bytes_up,
            bytes_down: s.bytes_down,
            active_minutes: s.active_minutes,
            turns: [s.turns.low, s.turns.high],
            sources: s.sources.iter().map(|source| source.word()).collect(),
            names: s.names.iter().map(|name| &**name).collect(),
        }
    }
}

/// A moment as RFC 3339 in UTC, for `serialize_with`.
pub(super) fn moment<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::rfc3339(*time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::sighting;

    #[test]
    fn prints_the_fields_of_the_design_in_their_order() {
        assert_eq!(
            serde_json::to_string(&SightingJson::from(&sighting())).unwrap(),
            "{\"client\":\"10.0.0.5\",\"host\":\"ws-14\",\"mac\":\"02:00:00:00:00:05\",\"team\":\"design\",\"service\":\"openai.chatgpt\",\"vendor\":\"OpenAI\",\"category\":\"chat\",\
             \"status\":\"unreviewed\",\"evidence\":\"engaged\",\"presence_only\":false,\"agent\":\"browser\",\
             \"first_seen\":\"2026-11-23T07:00:00.123456Z\",\"last_seen\":\"2026-11-23T07:01:00.123456Z\",\"connections\":3,\
             \"bytes_up\":12000,\"bytes_down\":340000,\"active_minutes\":2,\"turns\":[4,6],\"sources\":[\"tls_sni\",\"dns_query\"],\"names\":[\"chatgpt.com\",\"ab.chatgpt.com\"]}"
        );
    }
}
