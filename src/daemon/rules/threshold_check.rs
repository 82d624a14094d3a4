//! Whether the thresholds of `[[sighting.threshold]]` are for services and teams there are.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::merge::Disabled;
use super::signature_file::Entry;
use crate::daemon::config::{Config, DEFAULT_FILE, WrittenThreshold};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::nearest::nearest;
use crate::engine::group::OTHER;
use crate::engine::policy::ServicePattern;

/// Services that no signature has. Of those the site itself took out it is a warning.
pub fn check(config: &Config, entries: &[Entry], disabled: &Disabled<'_>) -> Vec<Diagnostic> {
    let file = config.files.first().map_or(Path::new(DEFAULT_FILE), |f| f);
    let ids = || entries.iter().map(|e| &*e.record.id);
    let unknown = |written: &WrittenThreshold| {
        let service = written.limits.service.as_ref()?;
        if ids().any(|id| service.matches(id)) {
            return None;
        }
        let ServicePattern::Id(id) = service else {
            let hint = "see shadowtap signatures list".to_owned();
            return Some((Severity::Error, written.line, format!("no service matches {service}"), hint));
        };
        if disabled.has(id) {
            let message = format!("sighting.threshold names service {:?}, which signatures.disable takes out", &**id);
            return Some((Severity::Warning, written.line, message, "delete the threshold, or enable the service".to_owned()));
        }
        let hint = nearest(id, ids()).map_or("see shadowtap signatures list".to_owned(), |near| format!("did you mean {near:?}?"));
        let message = format!("sighting.threshold names service {:?}, which is in no signature", &**id);
        Some((Severity::Error, written.line, message, hint))
    };
    let found = config.sighting.thresholds.iter().filter_map(unknown);
    found.map(|(severity, line, message, hint)| Diagnostic { severity, file: file.into(), line, message, hint }).collect()
}

/// Teams that neither the configuration nor a file of clients has.
pub fn unknown_teams(config: &Config, teams: &BTreeSet<Arc<str>>) -> Vec<Diagnostic> {
    let file = config.files.first().map_or(Path::new(DEFAULT_FILE), |f| f);
    let known = || teams.iter().map(|team| &**team).chain([OTHER]);
    let problem = |written: &WrittenThreshold| {
        let team = written.limits.team.as_deref().filter(|team| !known().any(|k| k == *team))?;
        let hint = match nearest(team, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "add a [[team]] with this name to the configuration, or name it in a file of [[identity]]".to_owned(),
        };
        let message = format!("sighting.threshold names team {team:?}, which is no team");
        Some(Diagnostic { severity: Severity::Error, file: file.into(), line: written.line, message, hint })
    };
    config.sighting.thresholds.iter().filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::super::signature_file::{Origin, parse};
    use super::*;
    use crate::daemon::toml_fields::Located;

    #[test]
    fn services_that_no_signature_has_are_found() {
        let text = "[[sighting.threshold]]\nservice = \"acme.chta\"\nupload_bytes = 1\n[[sighting.threshold]]\nservice = \"zeta.*\"\nupload_bytes = \
                    1\n[[sighting.threshold]]\nservice = \"gone.one\"\nupload_bytes = 1\n[[sighting.threshold]]\nservice = \"acme.*\"\nupload_bytes = 1\n";
        let (config, problems) = Config::parse(Path::new("c.toml"), text);
        assert_eq!(problems, []);
        let acme = parse(Path::new("a"), include_str!("../../../tests/fixtures/signatures/acme.toml"), Origin::Shipped).0;
        let disabled = Disabled { ids: &[Located { value: "gone.one".into(), line: 1 }], file: Path::new("c") };
        let shown: Vec<_> = check(&config, &acme, &disabled).iter().map(|d| d.to_string().replace("\n  remedy: ", " | ")).collect();
        assert_eq!(
            shown,
            [
                "c.toml:1: error: sighting.threshold names service \"acme.chta\", which is in no signature | did you mean \"acme.chat\"?",
                "c.toml:4: error: no service matches zeta.* | see shadowtap signatures list",
                "c.toml:7: warning: sighting.threshold names service \"gone.one\", which signatures.disable takes out | delete the threshold, or \
                 enable the service",
            ]
        );
    }

    #[test]
    fn teams_that_nobody_is_in_are_found() {
        let text =
            "[[sighting.threshold]]\nteam = \"desing\"\nupload_bytes = 1\n[[sighting.threshold]]\nteam = \"other\"\nupload_bytes = 1\n";
        let (config, _) = Config::parse(Path::new("c.toml"), text);
        let shown: Vec<_> = unknown_teams(&config, &["design".into()].into()).iter().map(|d| d.to_string()).collect();
        let expected = "c.toml:1: error: sighting.threshold names team \"desing\", which is no team\n  remedy: did you mean \"design\"?";
        assert_eq!(shown, [expected]);
    }
}
