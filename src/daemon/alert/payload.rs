//! The payload of an alert: versioned JSON, as `docs/alert.schema.json` describes it.

use serde::Serialize;

use crate::daemon::notice::{Notice, NoticeKind, Repeats, State};
use crate::daemon::sighting_json::moment;
use crate::daemon::who;
use crate::engine::frame::Time;
use crate::engine::group::OTHER;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};

/// Name and version of the form; a change that could break a receiver makes it `/2`.
pub const SCHEMA: &str = "shadowtap.alert/1";

/// What signatures, policy and configuration know of the matter, in words.
#[derive(Clone, Debug, Default)]
pub struct Words<'a> {
    /// The service's name, as people know it.
    pub service_name: &'a str,
    /// Why its status is what it is.
    pub reason: Option<&'a str>,
    /// What to use instead.
    pub alternative: Option<&'a str>,
    /// The same as people know it, where the catalogue does.
    pub alternative_name: Option<&'a str>,
    /// Where the rule that decided stands, and its conditions; `None` where the default holds.
    pub rule: Option<String>,
    /// Where the runbook is; the kind is its anchor.
    pub runbook: &'a str,
}

#[derive(Serialize)]
struct Payload<'a> {
    schema: &'static str,
    id: &'a str,
    incident: String,
    state: &'static str,
    kind: &'static str,
    #[serde(serialize_with = "moment")]
    created: Time,
    severity: &'static str,
    client: &'a str,
    host: Option<&'a str>,
    user: Option<&'a str>,
    site: Option<&'a str>,
    team: &'a str,
    service: Service<'a>,
    status: &'static str,
    evidence: &'static str,
    agent: &'static str,
    #[serde(serialize_with = "moment")]
    first_seen: Time,
    #[serde(serialize_with = "moment")]
    last_seen: Time,
    connections: u32,
    bytes_up: u64,
    bytes_down: u64,
    sources: Vec<&'static str>,
    names: Vec<&'a str>,
    rule: Option<&'a str>,
    reason: Option<&'a str>,
    alternative: Option<&'a str>,
    repeats: u64,
    repeats_why: Option<&'a str>,
    message: String,
    tell_user: String,
    decide: String,
    runbook: String,
}

#[derive(Serialize)]
struct Service<'a> {
    id: &'a str,
    name: &'a str,
    vendor: &'a str,
    category: &'a str,
}

/// The payload of this alert.
pub fn render(notice: &Notice<'_>, words: &Words<'_>) -> String {
    let s = notice.sighting;
    let payload = Payload {
        schema: SCHEMA,
        id: &notice.id,
        incident: notice.incident(),
        state: State::Open.word(),
        kind: notice.kind.word(),
        created: notice.created,
        severity: notice.severity().word(),
        client: &s.client,
        host: s.identity.host.as_deref(),
        user: s.identity.user.as_deref(),
        site: s.identity.site.as_deref(),
        team: &s.team,
        service: Service { id: &s.service, name: words.service_name, vendor: &s.vendor, category: &s.category },
        status: s.status.word(),
        evidence: s.evidence.word(),
        agent: s.agent.word(),
        first_seen: s.first_seen,
        last_seen: s.last_seen,
        connections: s.connections,
        bytes_up: s.bytes_up,
        bytes_down: s.bytes_down,
        sources: s.sources.iter().map(|source| source.word()).collect(),
        names: s.names.iter().map(|name| &**name).collect(),
        rule: words.rule.as_deref(),
        reason: words.reason,
        alternative: words.alternative,
        repeats: notice.repeats.count,
        repeats_why: Some(&*notice.repeats.why).filter(|why| !why.is_empty()),
        message: message(notice, words),
        tell_user: tell_user(s, words),
        decide: decide(s),
        runbook: runbook(words.runbook, notice.kind),
    };
    // Serialising text and numbers into a String cannot fail.
    serde_json::to_string(&payload).unwrap_or_default()
}

/// Where the runbook speaks of a kind.
pub fn runbook(base: &str, kind: NoticeKind) -> String {
    format!("{base}#{}", kind.word())
}

/// What a sentence about an alert ends with where others like it were not sent.
pub fn and_more(repeats: &Repeats) -> String {
    if repeats.count == 0 { String::new() } else { format!(" And {} more like it: {}.", repeats.count, repeats.why) }
}

/// One sentence a person can act on.
fn message(notice: &Notice<'_>, words: &Words<'_>) -> String {
    let s = notice.sighting;
    let did = match (notice.kind, s.evidence) {
        (NoticeKind::UnusualVolume, _) => "sent far more today than on other days to",
        (NoticeKind::Uploaded, _) | (_, Evidence::Uploaded) => "sent data to",
        (_, Evidence::Engaged) => "uses",
        _ => "contacted",
    };
    let standing = match s.status {
        Status::Unapproved => ", which is not approved",
        Status::Unreviewed => ", about which nobody decided yet",
        _ => "",
    };
    let mut text = format!("{} {did} {}{standing}", who::named(s), words.service_name);
    if let Some(reason) = words.reason {
        text.push_str(&format!(" ({reason})"));
    }
    text.push('.');
    if let Some(alternative) = words.alternative {
        text.push_str(&format!(" Use instead: {alternative}."));
    }
    text.push_str(&and_more(&notice.repeats));
    text
}

/// What one can send to whoever used it, as it stands: what, why, what instead.
fn tell_user(s: &Sighting, words: &Words<'_>) -> String {
    let did = if s.evidence == Evidence::Uploaded { "sent data to" } else { "used" };
    let standing = match s.status {
        Status::Unapproved => "which is not approved here",
        Status::Unreviewed => "about which nobody here has decided yet",
        _ => "which is allowed here, but not for any amount of data",
    };
    let reason = words.reason.map_or(String::new(), |reason| format!(" ({reason})"));
    let instead = match (words.alternative_name.or(words.alternative), s.status) {
        (Some(alternative), _) => format!("Please use {alternative} instead."),
        (None, Status::Unapproved) => "Please stop, and tell us what you need it for.".to_owned(),
        (None, _) => "Please tell us what you need it for, and send it nothing confidential.".to_owned(),
    };
    format!("You {did} {}, {standing}{reason}. {instead}", words.service_name)
}

/// The command that decides about the service for this team. Which status it names is for a person to say.
fn decide(s: &Sighting) -> String {
    let team = if &*s.team == OTHER { String::new() } else { format!(" --team {}", quoted(&s.team)) };
    format!("shadowtap policy set {} approved{team} --reason \"WHY\"", s.service)
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) && !word.starts_with('-') && !word.is_empty();
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::{SEVEN, sighting};
    use crate::daemon::notice::Severity;
    use serde_json::Value;

    fn rendered(kind: NoticeKind, sighting: &Sighting, words: &Words<'_>) -> Value {
        let repeats = Repeats { count: 41, why: "the rate limit of team design".into() };
        let repeats = if kind == NoticeKind::Uploaded { repeats } else { Repeats::default() };
        let notice = Notice { id: "0".repeat(32), kind, created: SEVEN, sighting, repeats };
        serde_json::from_str(&render(&notice, words)).unwrap()
    }

    #[test]
    fn says_who_did_what_and_what_to_use_instead() {
        let banned = Sighting { status: Status::Unapproved, evidence: Evidence::Uploaded, ..sighting() };
        let rule = Some("policy.toml:3: unapproved (service openai.*)".to_owned());
        let words = Words {
            service_name: "ChatGPT",
            reason: Some("customer data"),
            alternative: Some("microsoft.copilot"),
            alternative_name: Some("Copilot Chat"),
            rule,
            runbook: "https://wiki.example/runbook",
        };
        let alert = rendered(NoticeKind::FirstUse, &banned, &words);
        assert_eq!(
            alert["message"],
            "ws-14 (10.0.0.5, design) sent data to ChatGPT, which is not approved (customer data). Use instead: microsoft.copilot."
        );
        assert_eq!(
            alert["tell_user"],
            "You sent data to ChatGPT, which is not approved here (customer data). Please use Copilot Chat instead."
        );
        assert_eq!(alert["rule"], "policy.toml:3: unapproved (service openai.*)");
        assert_eq!(alert["decide"], "shadowtap policy set openai.chatgpt approved --team design --reason \"WHY\"");
        assert_eq!(alert["runbook"], "https://wiki.example/runbook#first_use");
        assert_eq!((&alert["severity"], &alert["state"]), (&"high".into(), &"open".into()));
        let plain = rendered(NoticeKind::FirstUse, &sighting(), &Words { service_name: "ChatGPT", ..Words::default() });
        assert_eq!(plain["message"], "ws-14 (10.0.0.5, design) uses ChatGPT, about which nobody decided yet.");
        assert_eq!((&plain["client"], &plain["host"], &plain["user"]), (&"10.0.0.5".into(), &"ws-14".into(), &Value::Null));
        assert_eq!((&plain["severity"], &plain["reason"], &plain["rule"]), (&Value::from("low"), &Value::Null, &Value::Null));
        assert_eq!((&plain["repeats"], &plain["repeats_why"]), (&0.into(), &Value::Null));
    }

    #[test]
    fn says_how_many_like_it_were_not_sent() {
        let alert = rendered(NoticeKind::Uploaded, &sighting(), &Words { service_name: "ChatGPT", ..Words::default() });
        assert_eq!((&alert["repeats"], &alert["repeats_why"]), (&41.into(), &"the rate limit of team design".into()));
        assert!(alert["message"].as_str().unwrap().ends_with(" And 41 more like it: the rate limit of team design."), "{alert}");
    }

    #[test]
    fn a_team_is_one_word_of_the_command() {
        let of = |team: &str| decide(&Sighting { team: team.into(), ..sighting() });
        assert_eq!(of("R&D 'lab'"), "shadowtap policy set openai.chatgpt approved --team 'R&D '\\''lab'\\''' --reason \"WHY\"");
        assert_eq!(of("other"), "shadowtap policy set openai.chatgpt approved --reason \"WHY\"");
    }

    #[test]
    fn published_schema_lists_exactly_its_fields_and_words() {
        let schema: Value = serde_json::from_str(include_str!("../../../docs/alert.schema.json")).unwrap();
        let alert = rendered(NoticeKind::Uploaded, &sighting(), &Words::default());
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let required = |value: &Value| {
            let mut names: Vec<_> = value["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(keys(&alert)), required(&schema));
        assert_eq!(sorted(keys(&alert)), sorted(keys(&schema["properties"])));
        assert_eq!(sorted(keys(&alert["service"])), required(&schema["properties"]["service"]));
        let words = |field: &str| schema["properties"][field]["enum"].as_array().unwrap().clone();
        assert_eq!(words("kind"), NoticeKind::OF_SIGHTINGS.map(|k| Value::from(k.word())));
        assert_eq!(words("evidence"), Evidence::ALL.iter().map(|e| Value::from(e.word())).collect::<Vec<_>>());
        assert_eq!(words("status"), Status::ALL.map(|s| Value::from(s.word())));
        assert_eq!(words("severity"), Severity::WORDS.map(Value::from));
        assert_eq!(words("state"), [State::Open, State::Resolved].map(|s| Value::from(s.word())));
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
    }
}
