//! Where each alert goes, and which wait: what the configuration says of it, as the store, which decides within its transaction, asks it.

use std::sync::Arc;

use super::config::{Alerting, Config, Limit};
use super::notice::{NoticeKind, Severity};
use crate::engine::frame::Time;

/// Where alerts go, and which wait.
#[derive(Clone, PartialEq, Debug)]
pub struct Dispatch {
    /// Names of all sinks; with none an alert is kept and listed, and goes nowhere.
    pub sinks: Vec<String>,
    /// What `[alert]` says.
    pub alerting: Arc<Alerting>,
}

/// What an alert is about, as far as it decides where it goes.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its kind.
    pub kind: NoticeKind,
    /// How much it matters.
    pub severity: Severity,
    /// Team; empty where it is about the sensor.
    pub team: &'a str,
    /// Service; empty where it is about the sensor.
    pub service: &'a str,
    /// Client; empty where it is about the sensor.
    pub client: &'a str,
}

impl Dispatch {
    /// What a configuration says.
    pub fn new(config: &Config) -> Self {
        Dispatch { sinks: config.sink_names(), alerting: Arc::new(config.alerting.clone()) }
    }

    /// Everything at once to all of these sinks: no inventory, no limit, no quiet hours.
    pub fn at_once<S: ToString>(sinks: &[S]) -> Self {
        let limit = Limit { burst: u32::MAX.into(), per_hour: u32::MAX.into() };
        let alerting = Alerting { inventory_hours: 0, limit, ..Alerting::default() };
        Dispatch { sinks: sinks.iter().map(ToString::to_string).collect(), alerting: Arc::new(alerting) }
    }

    /// The sinks an alert goes to: those of the first route that takes it, and of further ones while these go on; all where none takes it.
    pub fn sinks_of(&self, about: &About<'_>) -> Vec<&str> {
        let mut sinks: Vec<&str> = Vec::new();
        for route in self.alerting.routes.iter().filter(|r| r.takes(about.team, about.severity, about.kind)) {
            sinks.extend(route.sinks.iter().map(String::as_str));
            if !route.goes_on {
                break;
            }
        }
        sinks.retain(|sink| self.sinks.iter().any(|s| s == sink));
        sinks.sort_unstable();
        sinks.dedup();
        if sinks.is_empty() { self.sinks.iter().map(String::as_str).collect() } else { sinks }
    }

    /// Whether an alert of that severity waits for the end of the quiet hours.
    pub fn is_quiet(&self, severity: Severity, now: Time) -> bool {
        self.alerting.quiet.as_ref().is_some_and(|quiet| severity < quiet.below && quiet.window.holds(now))
    }

    /// Whether quiet hours go on at all.
    pub fn is_quiet_now(&self, now: Time) -> bool {
        self.alerting.quiet.as_ref().is_some_and(|quiet| quiet.window.holds(now))
    }

    /// Whether a store born then is so young that what nobody decided about waits for the inventory. Before its birth, which only a clock that
    /// was set back shows, it is not: no inventory would ever come.
    pub fn is_young(&self, born: Time, now: Time) -> bool {
        now >= born && now < born.plus_seconds(self.alerting.inventory_hours.saturating_mul(3600))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::Route;

    #[test]
    fn the_first_route_decides_unless_it_goes_on_and_nothing_is_lost() {
        let route = |team: &str, severity, sinks: &[&str], goes_on| Route {
            teams: if team.is_empty() { Vec::new() } else { vec![team.into()] },
            severity,
            kinds: Vec::new(),
            sinks: sinks.iter().map(ToString::to_string).collect(),
            goes_on,
            line: 0,
        };
        let routes = vec![
            route("", Some(Severity::High), &["pager"], true),
            route("lab", None, &["lab"], false),
            route("", Some(Severity::Medium), &["soc"], false),
        ];
        let alerting = Alerting { routes, ..Alerting::default() };
        let dispatch = Dispatch { alerting: Arc::new(alerting), ..Dispatch::at_once(&["soc", "pager", "lab"]) };
        let sinks = |team, severity| dispatch.sinks_of(&About { kind: NoticeKind::FirstUse, severity, team, service: "", client: "" });
        assert_eq!(sinks("lab", Severity::High), ["lab", "pager"]);
        assert_eq!(sinks("lab", Severity::Low), ["lab"]);
        assert_eq!(sinks("it", Severity::High), ["pager", "soc"]);
        assert_eq!(sinks("it", Severity::Low), ["soc", "pager", "lab"], "no route takes it: all");
    }
}
