//! `[[alert.route]]`: which alerts go to which sinks.

use super::kinds;
use crate::daemon::notice::{NoticeKind, Severity};
use crate::daemon::toml_fields::{Fields, Located, one_of};

/// Which alerts go to which sinks. Conditions of several kinds must all hold; an empty one is none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Route {
    /// Teams; alerts about the sensor have none.
    pub teams: Vec<String>,
    /// At least that severity.
    pub severity: Option<Severity>,
    /// Kinds.
    pub kinds: Vec<NoticeKind>,
    /// Where to.
    pub sinks: Vec<String>,
    /// Whether the routes behind it are asked too.
    pub goes_on: bool,
    /// Where it stands.
    pub line: usize,
}

impl Route {
    /// Whether it takes an alert.
    pub fn takes(&self, team: &str, severity: Severity, kind: NoticeKind) -> bool {
        (self.teams.is_empty() || self.teams.iter().any(|t| t == team))
            && self.severity.is_none_or(|least| severity >= least)
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }

    /// Whether it takes whatever the other does.
    fn covers(&self, other: &Route) -> bool {
        fn holds<T: PartialEq>(own: &[T], other: &[T]) -> bool {
            own.is_empty() || (!other.is_empty() && other.iter().all(|o| own.contains(o)))
        }
        let least = |route: &Route| route.severity.unwrap_or(Severity::Low);
        holds(&self.teams, &other.teams) && least(self) <= least(other) && holds(&self.kinds, &other.kinds)
    }
}

/// Reads all routes and says what is wrong among them.
pub(super) fn read(fields: &Fields<'_>, sinks: &[String]) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for table in fields.tables("route") {
        let route = one(&table, sinks);
        if let Some(Route { line, .. }) = routes.iter().find(|earlier| !earlier.goes_on && earlier.covers(&route)) {
            let message = format!("no alert reaches this route: the one in line {line} takes them all before");
            table.reading().error(table.line(), message, "move it up, make it more special, or set continue = true in the other");
        }
        routes.push(route);
    }
    let is_used = |sink: &String| routes.iter().any(|route| route.sinks.contains(sink));
    if let Some(Route { line, .. }) = routes.first() {
        for unused in sinks.iter().filter(|sink| !is_used(sink)) {
            let message = format!("sink {unused:?} is in no route: it gets only what no route takes");
            fields.reading().warning(*line, message, format!("add {unused:?} to the sinks of a route, or delete the sink"));
        }
    }
    routes
}

fn one(fields: &Fields<'_>, sinks: &[String]) -> Route {
    let known: Vec<&str> = sinks.iter().map(String::as_str).collect();
    let sink = |written: &Located<&str>| {
        let is_known = known.contains(&written.value);
        if !is_known {
            let message = format!("{} {:?} is no sink of this file", fields.named("sinks"), written.value);
            fields.reading().error(written.line, message, one_of(written.value, &known));
        }
        is_known.then(|| written.value.to_owned())
    };
    let written = fields.one_or_more("sinks");
    if written.is_empty() {
        let message = format!("{} is missing or empty: what the route takes would go nowhere", fields.named("sinks"));
        fields.reading().error(fields.line(), message, "name sinks; to hush alerts for a time: shadowtap alerts silence");
    }
    Route {
        teams: fields.one_or_more("team").iter().map(|t| t.value.to_owned()).collect(),
        severity: fields.word("severity", &Severity::WORDS, Severity::from_word).map(|s| s.value),
        kinds: kinds(fields, "kind", &NoticeKind::ALL),
        sinks: written.iter().filter_map(sink).collect(),
        goes_on: fields.flag("continue", false),
        line: fields.line(),
    }
}
