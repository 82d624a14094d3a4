//! Incidents that the policy has settled: whoever was told that a service is not allowed is told when it is.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::shared::Shared;
use crate::daemon::clock;
use crate::daemon::rejudge::rejudge;
use crate::daemon::rules::Rules;
use crate::daemon::store::{Store, StoreError};
use crate::engine::frame::Time;
use crate::engine::policy::Status;
use crate::engine::sighting::{Agent, Evidence, Identity, Sighting, Sources, Turns, UseBytes};

/// What a settled incident's receivers hear.
const HOW: &str = "The policy allows it now.";

/// What came of asking about an incident's alerts.
#[derive(Default)]
struct Asked {
    /// Whether one of them is not allowed yet.
    is_open: bool,
    /// Client, service and status of those that are.
    allowed: Vec<(i64, i64, u8)>,
}

/// Asks the policy in force about every open alert, and ends the incidents it allows.
pub(super) async fn settle(store: Store, shared: Arc<Shared>) {
    match ended(&store, &shared.rules()).await {
        Ok(0) => {}
        Ok(letters) => {
            tracing::info!(letters, "incidents are over: the policy allows what was alerted on");
            shared.alerted.notify_one();
        }
        Err(error) => tracing::warn!(%error, "open incidents could not be asked about; they are at the next change of the policy"),
    }
}

async fn ended(store: &Store, rules: &Rules) -> Result<usize, StoreError> {
    let mut incidents: HashMap<String, Asked> = HashMap::new();
    let mut after = 0;
    loop {
        let page = store.open_incidents(after).await?;
        let Some(last) = page.last() else { break };
        after = last.alert;
        for open in page {
            let Some((sighting, told)) = told(&open.payload).filter(|(_, told)| is_alarming(*told)) else { continue };
            let decisions = rejudge(&rules.signatures, &rules.policy, &sighting, sighting.last_seen);
            let is_allowed = !decisions.is_empty() && decisions.iter().all(|d| !is_alarming(d.decision.status));
            let asked = incidents.entry(open.incident).or_default();
            match is_allowed {
                true => asked.allowed.push((open.pair.0, open.pair.1, told as u8)),
                false => asked.is_open = true,
            }
        }
    }
    let lapsed: Vec<_> = incidents.values().flat_map(|asked| asked.allowed.iter().copied()).collect();
    let over: Vec<String> =
        incidents.into_iter().filter(|(_, asked)| !asked.is_open && !asked.allowed.is_empty()).map(|(incident, _)| incident).collect();
    if lapsed.is_empty() {
        return Ok(0);
    }
    store.end_incidents(&over, &lapsed, clock::now(), HOW).await
}

fn is_alarming(status: Status) -> bool {
    matches!(status, Status::Unreviewed | Status::Unapproved)
}

/// What an alert told of a sighting, as far as a policy asks; and the status.
fn told(payload: &str) -> Option<(Sighting, Status)> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    let number = |field: &str| payload[field].as_u64().unwrap_or(0);
    let moment = |field| text(field).and_then(clock::parse_rfc3339).unwrap_or(Time(0));
    let status = Status::from_word(text("/status")?)?;
    let names = payload["names"].as_array()?.iter().filter_map(Value::as_str);
    let sighting = Sighting {
        client: text("/client")?.into(),
        identity: Identity::default().into(),
        team: text("/team")?.into(),
        service: text("/service/id")?.into(),
        vendor: text("/service/vendor").unwrap_or_default().into(),
        category: text("/service/category").unwrap_or_default().into(),
        status,
        evidence: text("/evidence").and_then(Evidence::from_word)?,
        presence_only: false,
        agent: Agent::Unknown,
        first_seen: moment("/first_seen"),
        last_seen: moment("/last_seen"),
        connections: 0,
        bytes_up: number("bytes_up"),
        bytes_down: 0,
        use_bytes: UseBytes { up: 0, down: 0, upload: 0 },
        active_minutes: 0,
        turns: Turns { low: 0, high: 0 },
        sources: Sources::default(),
        names: names.map(Into::into).collect(),
        closed: true,
    };
    Some((sighting, status))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::config::Config;
    use crate::daemon::dispatch::Dispatch;
    use crate::daemon::fixture::{finding, sighting};
    use crate::daemon::notice::Notice;
    use crate::daemon::run::writer::word;
    use crate::daemon::store::Telling;

    fn rules(text: &str) -> Rules {
        Rules::survey(&Config::parse(Path::new("p.toml"), text).0).0
    }

    #[tokio::test]
    async fn an_incident_ends_when_the_policy_allows_what_was_told_and_begins_anew_when_it_does_not() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let banning = rules("[[policy.rule]]\nstatus = \"unapproved\"\nservice = \"openai.*\"\n");
        let allowing = rules("[[policy.rule]]\nstatus = \"tolerated\"\nservice = \"openai.chatgpt\"\nteam = \"design\"\n");
        let banned = Sighting { status: Status::Unapproved, ..sighting() };
        let tell = async |sighting: &Sighting| {
            let render = |notice: &Notice<'_>| word(notice, &banning, "runbook.md");
            let telling = Telling { dispatch: &Dispatch::at_once(&["soc"]), render: &render };
            store.commit(&vec![finding(sighting.clone())].into(), Some(&telling)).await.unwrap().alerts
        };
        let of_another_team = Sighting { team: "lab".into(), client: "10.0.0.9".into(), ..banned.clone() };
        assert_eq!((tell(&banned).await, tell(&of_another_team).await), (1, 1));
        assert_eq!(ended(&store, &banning).await.unwrap(), 0, "nothing changed");
        assert_eq!(ended(&store, &allowing).await.unwrap(), 1, "for one team alone");
        assert_eq!(ended(&store, &allowing).await.unwrap(), 0, "once");
        assert_eq!((tell(&banned).await, tell(&of_another_team).await), (1, 0), "banned again");
    }
}
