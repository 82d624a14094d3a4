//! What a policy decides about a name and why, in a form that is told to people and programs alike.

use std::fmt;
use std::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::daemon::clock;
use crate::daemon::config::WrittenRule;
use crate::daemon::rule_text::conditions;
use crate::daemon::rules::Rules;
use crate::engine::frame::Time;
use crate::engine::group::OTHER;
use crate::engine::policy::{Considered, Question, Verdict};
use crate::engine::sighting::Evidence;
use crate::engine::signature::Match;

/// Whose use is judged, how far it has come, and when.
pub(super) struct Judged<'a> {
    /// Address of the client.
    pub client: Option<IpAddr>,
    /// Its team; `None`: that of its address.
    pub team: Option<&'a str>,
    /// Evidence so far.
    pub evidence: Evidence,
    /// Bytes sent so far.
    pub bytes_up: u64,
    /// The moment.
    pub at: Time,
}

/// What is decided about a name.
pub(super) struct Explanation<'a> {
    pub name: &'a str,
    pub found: Option<Found<'a>>,
}

/// What is decided about a service's name.
#[derive(Serialize)]
pub(super) struct Found<'a> {
    pub service: &'a str,
    pub host: &'a str,
    pub role: &'static str,
    #[serde(rename = "use")]
    pub use_: &'static str,
    pub presence_only: bool,
    pub team: &'a str,
    pub evidence: &'static str,
    pub bytes_up: u64,
    pub at: String,
    pub status: &'static str,
    pub rule: Option<Place>,
    pub reason: Option<String>,
    pub owner: Option<String>,
    /// The day from which on the rule does not hold.
    pub expires: Option<String>,
    pub alternative: Option<String>,
    pub considered: Vec<Rule>,
}

/// One rule, and what became of it.
#[derive(Serialize)]
pub(super) struct Rule {
    #[serde(flatten)]
    pub place: Place,
    pub status: &'static str,
    pub conditions: String,
    /// `won`, `less_specific`, `later`, `not_stricter`, `expired` or `mismatch`.
    pub verdict: &'static str,
    /// Of a mismatch, the first condition that does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<&'static str>,
    /// The rule that wins over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Place>,
}

/// Where a rule stands.
#[derive(Serialize)]
pub(super) struct Place {
    pub file: String,
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl From<&WrittenRule> for Place {
    fn from(written: &WrittenRule) -> Self {
        Place { file: written.file.display().to_string(), line: written.line }
    }
}

impl Serialize for Explanation<'_> {
    /// `"service": null` where the name belongs to none.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named<'a> {
            name: &'a str,
            #[serde(flatten)]
            found: &'a Found<'a>,
        }
        match &self.found {
            Some(found) => Named { name: self.name, found }.serialize(serializer),
            None => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("name", self.name)?;
                map.serialize_entry("service", &None::<()>)?;
                map.end()
            }
        }
    }
}

impl<'a> Explanation<'a> {
    /// What the rules decide about a name.
    pub fn new(rules: &'a Rules, name: &'a str, judged: &Judged<'a>) -> Self {
        let found = rules.signatures.match_name(name).map(|matched| Found::new(rules, name, &matched, judged));
        Explanation { name, found }
    }
}

impl<'a> Found<'a> {
    fn new(rules: &'a Rules, name: &'a str, matched: &Match<'a>, judged: &Judged<'a>) -> Self {
        let team = judged.team.unwrap_or_else(|| judged.client.map_or(OTHER, |c| rules.teams.name_of(c)));
        let question = Question::new(matched, name, team, judged.client).after(judged.evidence, judged.bytes_up);
        let decision = rules.policy.judge(&question, judged.at);
        let place = |rule: usize| rules.written.get(rule).map(Place::from);
        let considered = rules.policy.explain(&question, judged.at);
        Found {
            service: &matched.service.id,
            host: matched.host,
            role: matched.role.word(),
            use_: matched.use_.word(),
            presence_only: !matched.is_use(),
            team,
            evidence: judged.evidence.word(),
            bytes_up: judged.bytes_up,
            at: clock::rfc3339(judged.at),
            status: decision.status.word(),
            rule: decision.rule.and_then(place),
            reason: decision.reason.map(Into::into),
            owner: decision.owner.map(Into::into),
            expires: decision.expires.map(|end| clock::day_of(end).to_string()),
            alternative: decision.alternative.map(Into::into),
            considered: considered.iter().filter_map(|c| Rule::new(c, &rules.written)).collect(),
        }
    }
}

impl Rule {
    fn new(considered: &Considered, written: &[WrittenRule]) -> Option<Self> {
        let own = written.get(considered.rule)?;
        let (verdict, condition, by) = match considered.verdict {
            Verdict::Won => ("won", None, None),
            Verdict::LessSpecific(by) => ("less_specific", None, Some(by)),
            Verdict::Later(by) => ("later", None, Some(by)),
            Verdict::NotStricter(by) => ("not_stricter", None, by),
            Verdict::Expired => ("expired", None, None),
            Verdict::Mismatch(what) => ("mismatch", Some(what.word()), None),
        };
        let by = by.and_then(|by| written.get(by)).map(Place::from);
        Some(Rule { place: own.into(), status: own.rule.status.word(), conditions: conditions(&own.rule), verdict, condition, by })
    }
}
