//! What an operator writes: every problem names its file and a line that is there, and says what is wrong and what to do.

use std::path::Path;
use std::sync::Arc;

use shadowtap::daemon::config::{Config, PolicyFile};
use shadowtap::daemon::diagnostic::{Diagnostic, any_error};
use shadowtap::daemon::rules::signature_file::{self, Origin};
use shadowtap::engine::frame::Time;
use shadowtap::engine::policy::Question;
use shadowtap::engine::signature::{HostRule, Signatures};

/// What holds for all problems of a text.
pub fn told(file: &Path, text: &str, problems: &[Diagnostic]) {
    let lines = text.split('\n').count();
    for d in problems {
        assert_eq!(d.file, file, "{d}");
        assert!(d.line <= lines, "line {} of {lines}: {d}", d.line);
        assert!(!d.message.trim().is_empty() && !d.hint.trim().is_empty(), "nothing is said: {d:?}");
        assert!(d.to_string().starts_with(&file.display().to_string()));
    }
}

/// A signature file: what is accepted matches the hosts it names, and nobody else's.
pub fn signatures(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = Path::new("acme.toml");
    let (entries, problems) = signature_file::parse(file, text, Origin::Site);
    told(file, text, &problems);
    let (again, _) = signature_file::parse(file, text, Origin::Site);
    assert_eq!(entries.iter().map(|e| &e.record).collect::<Vec<_>>(), again.iter().map(|e| &e.record).collect::<Vec<_>>());
    if any_error(&problems) {
        return;
    }
    let records: Vec<_> = entries.iter().map(|e| e.record.clone()).collect();
    let compiled = Signatures::new(records.clone());
    for rule in records.iter().flat_map(|r| &r.hosts) {
        let sample = rule.pattern.sample();
        let found = compiled.match_name(&sample).unwrap_or_else(|| panic!("{sample:?} of {:?} is not matched", rule.pattern.text()));
        let is_its = |r: &&HostRule| r.pattern.text().trim_start_matches('=') == found.host && r.pattern.matches(&sample);
        let by = found.service.hosts.iter().find(is_its).unwrap_or_else(|| panic!("{sample:?} by {:?}", found.host));
        assert!(by.pattern.specificity() >= rule.pattern.specificity(), "a less specific host won");
    }
    let stranger = "nobody.test";
    let is_named = records.iter().flat_map(|r| &r.hosts).any(|r| r.pattern.matches(stranger));
    assert_eq!(compiled.match_name(stranger).is_some(), is_named, "{stranger}");
}

/// A policy file: what is accepted decides, and the same way twice.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = Path::new("policy.toml");
    let (policy, problems) = PolicyFile::default().with_file_text(file, text);
    told(file, text, &problems);
    assert!(policy.rules.iter().all(|r| *r.file == *file && r.line >= 1 && r.line <= text.split('\n').count()));
    if any_error(&problems) {
        return;
    }
    let compiled = policy.compiled();
    let shipped = SHIPPED.with(Arc::clone);
    for name in ["chatgpt.com", "api.anthropic.com", "www.notion.so"] {
        let Some(matched) = shipped.match_name(name) else { continue };
        let question = Question::new(&matched, name, "design", Some([10, 0, 0, 5].into()));
        let (first, second) = (compiled.decide(&question, NOW), compiled.decide(&question, NOW));
        assert_eq!((first.status, first.rule), (second.status, second.rule));
        assert!(first.rule.is_none_or(|at| at < policy.rules.len()), "decided by a rule that is not there");
    }
}

const NOW: Time = Time::new(1_795_000_000, 0);

thread_local! {
    static SHIPPED: Arc<Signatures> = Arc::new(shadowtap::daemon::rules::Catalogue::shipped().signatures());
}

/// A configuration: read twice it is the same; files it names are not read here, but for secrets, which these texts do not name.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains("secret") || text.contains("token") || text.contains("_file") {
        return;
    }
    let file = Path::new("config.toml");
    let (config, problems) = Config::parse(file, text);
    told(file, text, &problems);
    let (again, same) = Config::parse(file, text);
    assert_eq!((format!("{config:?}"), problems.clone()), (format!("{again:?}"), same));
    if any_error(&problems) {
        return;
    }
    assert!(config.files == [file] && config.capture.buffer_mib > 0 && config.capture.snapshot_length > 0);
    let http = &config.http;
    let has_leave = http.allow_remote && http.tls.is_some() && http.token_file.is_some();
    assert!(has_leave || http.listen.ip().to_canonical().is_loopback(), "{} without leave", http.listen);
    assert!(config.teams.iter().chain(&config.zones).all(|g| !g.name.is_empty() && &*g.name != "other"), "a group of everybody's name");
    config.team_groups();
    config.zone_groups();
}
