//! The shipped records and the site's own become one list.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::signature_file::Entry;
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::nearest::nearest;
use crate::daemon::toml_fields::Located;

/// Services a site takes out, and the configuration that says so.
#[derive(Clone, Copy)]
pub struct Disabled<'a> {
    /// Their ids.
    pub ids: &'a [Located<String>],
    /// The configuration.
    pub file: &'a Path,
}

impl Disabled<'_> {
    /// Nothing is taken out.
    pub fn nothing() -> Self {
        Disabled { ids: &[], file: Path::new(super::DEFAULT_FILE) }
    }

    /// Whether a service is among them.
    pub fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|d| d.value == id)
    }
}

/// A service that a site takes out.
#[derive(Clone, Debug)]
pub struct TakenOut {
    /// Its record.
    pub entry: Entry,
    /// The file that says so.
    pub by: Arc<Path>,
    /// The line in it.
    pub line: usize,
}

/// One list out of several.
pub struct Merged {
    /// Records in force.
    pub entries: Vec<Entry>,
    /// Services that the site takes out, by id.
    pub taken_out: Vec<TakenOut>,
}

/// Records in force: a site's record takes the place of the shipped one with its id, disabled services are gone. Sorted by origin and
/// id, the site's last, so that a host which both claim is the site's.
pub fn merge(mut entries: Vec<Entry>, disabled: &Disabled<'_>, problems: &mut Vec<Diagnostic>) -> Merged {
    problems.extend(twice(&entries));
    entries.sort_by_key(|e| e.origin);
    problems.extend(disabled.ids.iter().filter_map(|id| unknown(disabled.file, id, &entries)));
    let (mut by_id, mut taken_out) = (HashMap::<_, Entry>::new(), Vec::new());
    for mut entry in entries {
        let old = by_id.get(&entry.record.id);
        if old.is_some_and(|old| old.origin >= entry.origin) {
            continue;
        }
        entry.overrides = old.map(|old| old.origin);
        let (by, line, disabled) = (entry.file.clone(), entry.line, entry.disabled);
        let replaced = by_id.insert(entry.record.id.clone(), entry);
        taken_out.extend(replaced.filter(|_| disabled).map(|entry| TakenOut { entry, by, line }));
    }
    let (mut merged, out): (Vec<_>, Vec<_>) = by_id.into_values().filter(|e| !e.disabled).partition(|e| !disabled.has(&e.record.id));
    let line = |e: &Entry| disabled.ids.iter().find(|d| *d.value == *e.record.id).map_or(0, |d| d.line);
    taken_out.extend(out.into_iter().map(|entry| TakenOut { line: line(&entry), entry, by: disabled.file.into() }));
    taken_out.sort_by(|a, b| a.entry.record.id.cmp(&b.entry.record.id));
    merged.sort_by(|a, b| (a.origin, &a.record.id).cmp(&(b.origin, &b.record.id)));
    problems.extend(same_host(&merged));
    Merged { entries: merged, taken_out }
}

fn twice(entries: &[Entry]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut seen: HashMap<_, &Entry> = HashMap::new();
    for entry in entries {
        if let Some(first) = seen.insert((entry.origin as u8, &*entry.record.id), entry) {
            let message = format!("{} stands in {}:{} already", entry.record.id, first.file.display(), first.line);
            found.push(error(entry, entry.line, message, "delete one of the two, or give it its own id"));
        }
    }
    found
}

fn same_host(entries: &[Entry]) -> Vec<Diagnostic> {
    let mut seen: HashMap<_, (&Entry, usize)> = HashMap::new();
    let mut found = Vec::new();
    for entry in entries {
        for (rule, written) in entry.record.hosts.iter().zip(&entry.written_hosts) {
            if let Some((first, at)) = seen.insert(&rule.pattern, (entry, written.line)).filter(|(first, _)| first.origin == entry.origin) {
                let (id, file) = (&first.record.id, first.file.display());
                let message = format!("host \"{}\" of {} is claimed by {id} in {file}:{at} already", rule.pattern, entry.record.id);
                found.push(error(
                    entry,
                    written.line,
                    message,
                    "keep it where it belongs, or in VENDOR.platform where several products share it",
                ));
            }
        }
    }
    found
}

fn unknown(file: &Path, id: &Located<String>, entries: &[Entry]) -> Option<Diagnostic> {
    if entries.iter().any(|e| *e.record.id == *id.value) {
        return None;
    }
    let near = nearest(&id.value, entries.iter().map(|e| &*e.record.id));
    let hint = near.map_or("see shadowtap signatures list".to_owned(), |n| format!("did you mean {n:?}?"));
    let message = format!("signatures.disable names {:?}, which is no service", id.value);
    Some(Diagnostic { severity: Severity::Warning, file: file.into(), line: id.line, message, hint })
}

fn error(entry: &Entry, line: usize, message: String, hint: &str) -> Diagnostic {
    Diagnostic { severity: Severity::Error, file: entry.file.to_path_buf(), line, message, hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::signature_file::{Origin, parse};
    use super::*;

    fn entries(origin: Origin, file: &str, services: &[(&str, &str)]) -> Vec<Entry> {
        let mut text = String::from("vendor = \"V\"\n");
        for (id, host) in services {
            text += &format!("[[service]]\nid = \"{id}\"\nname = \"N\"\ncategory = \"chat\"\nhosts = [\"{host}\"]\n");
        }
        parse(Path::new(file), &text, origin).0
    }

    fn merged(entries: Vec<Entry>, disabled: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut problems = Vec::new();
        let ids: Vec<_> = disabled.iter().map(|d| Located { value: d.to_string(), line: 9 }).collect();
        let list = merge(entries, &Disabled { ids: &ids, file: Path::new("c.toml") }, &mut problems).entries;
        let list = list.iter().map(|e| format!("{} {} {}", e.origin.word(), e.record.id, e.record.hosts[0].pattern)).collect();
        (list, problems.iter().map(|p| p.to_string()).collect())
    }

    #[test]
    fn a_sites_record_takes_the_place_of_the_shipped_one() {
        let mut all = entries(Origin::Site, "s.toml", &[("v.a", "own.com")]);
        all.extend(entries(Origin::Shipped, "p.toml", &[("v.a", "a.com"), ("v.b", "own.com")]));
        assert_eq!(merged(all, &[]), (vec!["shipped v.b own.com".into(), "site v.a own.com".into()], vec![]));
    }

    #[test]
    fn disabled_services_are_gone() {
        let all = entries(Origin::Shipped, "p.toml", &[("v.a", "a.com"), ("v.b", "b.com")]);
        let (list, problems) = merged(all, &["v.a", "v.bb"]);
        assert_eq!(list, ["shipped v.b b.com"]);
        assert!(
            problems[0].starts_with("c.toml:9: warning: signatures.disable names \"v.bb\", which is no service")
                && problems[0].contains("did you mean \"v.b\"?"),
            "{problems:?}"
        );
    }

    #[test]
    fn an_id_or_a_host_claimed_twice_is_refused() {
        let mut all = entries(Origin::Shipped, "p.toml", &[("v.a", "a.com"), ("v.b", "a.com")]);
        all.extend(entries(Origin::Shipped, "q.toml", &[("v.a", "c.com")]));
        let (_, problems) = merged(all, &[]);
        assert!(problems[0].starts_with("q.toml:2: error: v.a stands in p.toml:2 already"), "{problems:?}");
        assert!(problems[1].starts_with("p.toml:11: error: host \"a.com\" of v.b is claimed by v.a in p.toml:6 already"), "{problems:?}");
    }
}
