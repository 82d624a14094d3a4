//! Which parts a reload changed or refused: what `shadowtap_reloads_total` calls them.

use std::path::Path;

use crate::daemon::config::Config;
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::rules::Rules;

const CONFIGURATION: &str = "configuration";
const SIGNATURES: &str = "signatures";
const POLICY: &str = "policy";
const IDENTITY: &str = "identity";

/// The parts that differ, `nothing` where none does.
pub(super) fn changed_parts(old: (&Config, &Rules), new: (&Config, &Rules)) -> Vec<&'static str> {
    let policy =
        |config: &Config| format!("{:?}", (config.policy.default, config.policy.rules.iter().map(|r| &r.rule).collect::<Vec<_>>()));
    let rest = |config: &Config| {
        let mut config = config.clone();
        (config.policy.default, config.policy.rules) = (None, Vec::new());
        (format!("{config:?}"), config.sinks)
    };
    let parts = [
        (CONFIGURATION, rest(old.0) != rest(new.0)),
        (SIGNATURES, !old.1.signatures.services().eq(new.1.signatures.services())),
        (POLICY, policy(old.0) != policy(new.0)),
        (IDENTITY, !old.1.identity.is_same(&new.1.identity)),
    ];
    let changed: Vec<_> = parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect();
    if changed.is_empty() { vec!["nothing"] } else { changed }
}

/// The parts that errors stand in. `config` is the one in force: what a refused one names is not trusted.
pub(super) fn refused_parts(problems: &[Diagnostic], config: &Config) -> Vec<&'static str> {
    let is_policy = |file: &Path| config.policy.file.as_deref() == Some(file);
    let is_signature = |file: &Path| config.signatures.folder.as_deref().is_some_and(|folder| file.starts_with(folder));
    let is_identity = |file: &Path| config.identities.iter().any(|source| source.file == file);
    let part = |file: &Path| match () {
        () if is_policy(file) => POLICY,
        () if is_signature(file) => SIGNATURES,
        () if is_identity(file) => IDENTITY,
        () => CONFIGURATION,
    };
    let mut parts: Vec<_> = problems.iter().filter(|p| p.severity == Severity::Error).map(|p| part(&p.file)).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn read(text: &str) -> (Config, Rules) {
        let (config, problems) = Config::parse(Path::new("c.toml"), text);
        assert_eq!(problems, []);
        let rules = Rules::survey(&config).0;
        (config, rules)
    }

    #[test]
    fn each_part_that_changed_is_named() {
        let before = "[sighting]\nsession_minutes = 20\n";
        let rule = "[[policy.rule]]\nstatus = \"approved\"\nservice = \"openai.chatgpt\"\n";
        let all = format!("[sighting]\nsession_minutes = 21\n[signatures]\ndisable = [\"github.copilot\"]\n{rule}");
        let (old, old_rules) = read(before);
        for (text, parts) in [
            (before.to_owned(), vec!["nothing"]),
            (format!("# a comment\n{before}"), vec!["nothing"]),
            (format!("{before}{rule}"), vec!["policy"]),
            ("[sighting]\nsession_minutes = 21\n".to_owned(), vec!["configuration"]),
            (all, vec!["configuration", "signatures", "policy"]),
        ] {
            let (new, new_rules) = read(&text);
            assert_eq!(changed_parts((&old, &old_rules), (&new, &new_rules)), parts, "{text}");
        }
    }

    #[test]
    fn each_part_with_an_error_is_refused() {
        let mut config = Config::default();
        config.policy.file = Some("p.toml".into());
        config.signatures.folder = Some("sigs".into());
        let problem =
            |file: &str, severity| Diagnostic { severity, file: PathBuf::from(file), line: 1, message: String::new(), hint: String::new() };
        let problems = [problem("sigs/a.toml", Severity::Error), problem("p.toml", Severity::Error), problem("c.toml", Severity::Warning)];
        assert_eq!(refused_parts(&problems, &config), ["policy", "signatures"]);
    }
}
