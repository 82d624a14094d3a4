//! Whether the teams that a configuration names are teams there are: a rule, a threshold or a route for nobody does nothing, silently.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::daemon::config::{Config, DEFAULT_FILE};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::nearest::nearest;
use crate::engine::group::OTHER;

/// A team as something written names it.
struct Named<'a> {
    file: &'a Path,
    line: usize,
    what: &'static str,
    team: &'a str,
}

/// Teams that neither the configuration nor a file of clients has; `teams` are all there are but the one of everybody else.
pub fn unknown_teams(config: &Config, teams: &BTreeSet<Arc<str>>) -> Vec<Diagnostic> {
    let known = || teams.iter().map(|team| &**team).chain([OTHER]);
    let unknown = |named: Named<'_>| {
        let team = Some(named.team).filter(|team| !known().any(|k| k == *team))?;
        let hint = match nearest(team, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "add a [[team]] with this name to the configuration, or name it in a file of [[identity]]".to_owned(),
        };
        let message = format!("{} names team {team:?}, which is no team", named.what);
        Some(Diagnostic { severity: Severity::Error, file: named.file.into(), line: named.line, message, hint })
    };
    named(config).into_iter().filter_map(unknown).collect()
}

fn named(config: &Config) -> Vec<Named<'_>> {
    let file = config.files.first().map_or(Path::new(DEFAULT_FILE), |f| f);
    let of_rules = config.policy.rules.iter().flat_map(|written| {
        let name = |team| Named { file: &written.file, line: written.line, what: "rule", team };
        written.rule.teams.iter().map(|team| &**team).map(name)
    });
    let of_thresholds = config.sighting.thresholds.iter().filter_map(|written| {
        let team = written.limits.team.as_deref()?;
        Some(Named { file, line: written.line, what: "sighting.threshold", team })
    });
    let of_routes = config.alerting.routes.iter().flat_map(|route| {
        let name = |team| Named { file, line: route.line, what: "alert.route", team };
        route.teams.iter().map(String::as_str).map(name)
    });
    of_rules.chain(of_thresholds).chain(of_routes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn teams_that_nobody_is_in_are_found_wherever_they_are_named() {
        let text = "[[policy.rule]]\nstatus = \"approved\"\nteam = [\"desing\", \"other\", \"sales\"]\n\
                    [[sighting.threshold]]\nteam = \"desing\"\nupload_bytes = 1\n[[sighting.threshold]]\nteam = \"other\"\nupload_bytes = 1\n\
                    [[alert.stdout]]\nname = \"out\"\n[[alert.route]]\nteam = [\"design\", \"reserach\"]\nsinks = \"out\"\n";
        let (config, problems) = Config::parse(Path::new("c.toml"), text);
        assert_eq!(problems, []);
        let found = unknown_teams(&config, &["design", "research"].map(Arc::from).into());
        let shown: Vec<_> = found.iter().map(|d| d.to_string().replace("\n  remedy: ", " | ")).collect();
        assert_eq!(
            shown,
            [
                "c.toml:1: error: rule names team \"desing\", which is no team | did you mean \"design\"?",
                "c.toml:1: error: rule names team \"sales\", which is no team | add a [[team]] with this name to the configuration, or name it \
                 in a file of [[identity]]",
                "c.toml:4: error: sighting.threshold names team \"desing\", which is no team | did you mean \"design\"?",
                "c.toml:12: error: alert.route names team \"reserach\", which is no team | did you mean \"research\"?",
            ]
        );
    }
}
