//! Whether the thresholds of `[[sighting.threshold]]` are for services there are.

use std::path::Path;

use super::merge::Disabled;
use super::signature_file::Entry;
use crate::daemon::config::{Config, DEFAULT_FILE, WrittenThreshold};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::nearest::nearest;
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
}
