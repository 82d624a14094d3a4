//! A draft record out of a list: what of the list can be hosts of the service, and the text for a person to complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use jiff::civil::Date;

use super::list::{Format, Item};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::rules::lint::public_suffix;
use crate::engine::pattern::{HostPattern, PatternIndex};
use crate::engine::signature::{Signatures, Use};

/// What a list holds for one service.
#[derive(Default)]
pub(super) struct Draft {
    /// Hosts, in the order of their text.
    pub(super) hosts: Vec<HostPattern>,
    /// Names that must not match.
    pub(super) exceptions: BTreeSet<String>,
    /// Attributes that our format does not have.
    pub(super) dropped: BTreeSet<String>,
    /// Lines that say what another line says.
    pub(super) repeated: usize,
    /// What was left out, line by line.
    pub(super) problems: Vec<Diagnostic>,
}

/// Which list, for which service.
pub(super) struct Import<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    pub(super) format: Format,
    pub(super) id: &'a str,
    pub(super) known: &'a Signatures,
}

impl Import<'_> {
    /// Reads the list.
    pub(super) fn draft(&self) -> Draft {
        let mut draft = Draft::default();
        let mut found: BTreeMap<HostPattern, usize> = BTreeMap::new();
        for (line, text) in (1..).zip(self.text.lines()) {
            for item in self.format.read(text) {
                match item {
                    Item::Dropped(attribute) => drop(draft.dropped.insert(attribute)),
                    Item::LeftOut(what, hint) => draft.problems.push(self.problem(line, &format!("{:?} {what}", text.trim()), hint)),
                    Item::Exception(name) => drop(draft.exceptions.insert(name)),
                    Item::Host(name) => match self.host(line, &name) {
                        Ok(host) => draft.repeated += usize::from(found.insert(host, line).is_some()),
                        Err(problem) => draft.problems.push(problem),
                    },
                }
            }
        }
        found.retain(|host, _| !draft.exceptions.contains(host.text()));
        draft.problems.extend(self.held(&found));
        let all = found.len();
        draft.hosts = without_covered(found.into_keys().collect());
        draft.repeated += all - draft.hosts.len();
        draft.problems.sort_by_key(|p| p.line);
        draft
    }

    fn host(&self, line: usize, name: &str) -> Result<HostPattern, Diagnostic> {
        let pattern = HostPattern::parse(name).map_err(|why| self.problem(line, &format!("{name:?} cannot be a host: {why}"), ""))?;
        match public_suffix(&pattern) {
            Some(psl::Type::Private) if pattern.is_exact() => {}
            Some(_) => {
                let hint = "name the hosts under it that are the tool's";
                return Err(self.problem(line, &format!("{name:?} is a public suffix: anybody may have a name under it"), hint));
            }
            None => {}
        }
        let sample = pattern.sample();
        let Some(claim) = self.known.match_name(&sample).filter(|m| *m.service.id != *self.id) else { return Ok(pattern) };
        if claim.use_ != Use::Exclusive && claim.host != pattern.text() {
            return Ok(pattern);
        }
        let message = format!("{name:?} is a host of {} already, by {:?}", claim.service.id, claim.host);
        Err(self.problem(line, &message, "leave it there, or disable that service where it is the wrong one"))
    }

    /// Hosts of other services that lie under hosts of the list: taken, and said.
    fn held(&self, found: &BTreeMap<HostPattern, usize>) -> Vec<Diagnostic> {
        let mut index = PatternIndex::default();
        let lines: Vec<_> = found.iter().map(|(host, line)| (index.insert(host), host, *line)).collect();
        let mut said = Vec::new();
        for service in self.known.services().filter(|s| *s.id != *self.id) {
            for rule in &service.hosts {
                index.each(&rule.pattern.sample(), |slot| {
                    let Some((_, host, line)) = lines.get(slot) else { return };
                    let message = format!("\"{host}\" holds \"{}\" of {}", rule.pattern, service.id);
                    said.push(self.problem(*line, &message, "narrow it, or say use = \"shared\""));
                });
            }
        }
        said
    }

    fn problem(&self, line: usize, message: &str, hint: &str) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, file: self.file.into(), line, message: message.into(), hint: hint.into() }
    }
}

/// Hosts that lie under no other host of the list.
fn without_covered(hosts: Vec<HostPattern>) -> Vec<HostPattern> {
    let mut index = PatternIndex::default();
    let wide: Vec<_> = hosts.iter().filter(|host| !host.is_exact()).collect();
    for host in &wide {
        index.insert(host);
    }
    let is_covered = |host: &HostPattern| {
        let mut covered = false;
        index.each(&host.sample(), |slot| covered |= wide.get(slot).is_some_and(|other| *other != host));
        covered
    };
    hosts.iter().filter(|host| !is_covered(host)).cloned().collect()
}

impl Draft {
    /// The record, for a person to complete; lint asks for whatever is missing.
    pub(super) fn text(&self, import: &Import<'_>, today: Date) -> String {
        let (vendor, service) = import.id.split_once('.').unwrap_or((import.id, import.id));
        let file = import.file.file_name().unwrap_or_default().to_string_lossy();
        let mut text = format!(
            "# DRAFT of {today}, out of the list {file:?}: for review. Nothing in it was checked: not whether a host is the tool's, nor its\n\
             # role or use. `shadowtap signatures lint` asks for what is missing. A list of domains is no source.\n\
             vendor  = {vendor:?} # review: as the vendor writes it\n\
             country = \"unknown\" # review: ISO 3166-1, as US\n\n[[service]]\n\
             id          = {:?}\nname        = {service:?} # review: as people know it\n\
             description = \"\" # review: one line on what it is\n\
             category    = \"platform\" # review: what kind of tool\n",
            import.id
        );
        text.push_str("hosts = [ # review: role and use of each, and whether it is the tool at all\n");
        for host in &self.hosts {
            let _ = writeln!(text, "  \"{host}\",");
        }
        let exceptions: Vec<_> = self.exceptions.iter().map(|e| format!("{:?}", e.trim_start_matches('='))).collect();
        let _ = writeln!(text, "]\nexamples = [] # review: names that must match");
        let _ = writeln!(text, "not      = [{}] # review: real neighbours that must not match", exceptions.join(", "));
        text.push_str("sources  = [] # review: the vendor's own pages that name these hosts, each with the day it was read\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::rules::lint::lint;
    use crate::daemon::rules::signature_file::{Origin, parse};

    const TODAY: Date = Date::constant(2026, 11, 23);

    fn known() -> Signatures {
        let (entries, _) = parse(Path::new("a"), include_str!("../../../../tests/fixtures/signatures/acme.toml"), Origin::Shipped);
        Signatures::new(entries.into_iter().map(|e| e.record).collect())
    }

    fn drafted(text: &str) -> (Vec<String>, Vec<String>, String) {
        let known = known();
        let import = Import { file: Path::new("l.txt"), text, format: Format::Auto.told_by(text), id: "zeta.chat", known: &known };
        let draft = import.draft();
        let shown = |p: &Diagnostic| p.to_string().lines().next().unwrap_or_default().to_owned();
        (draft.hosts.iter().map(ToString::to_string).collect(), draft.problems.iter().map(shown).collect(), draft.text(&import, TODAY))
    }

    #[test]
    fn takes_each_host_once_and_says_what_it_leaves_out() {
        let text = "zeta.example\nwww.zeta.example\nzeta.example\nco.uk\ngithub.io\nacme-chat.example\nx.acme-chat.example\nai.acme.example\n\
                    acme.example\nbad_-.example\nlocalhost\nb.zeta-cdn.example\n";
        let (hosts, problems, _) = drafted(text);
        assert_eq!(hosts, ["ai.acme.example", "b.zeta-cdn.example", "zeta.example"]);
        assert_eq!(
            problems,
            [
                "l.txt:4: warning: \"co.uk\" is a public suffix: anybody may have a name under it",
                "l.txt:5: warning: \"github.io\" is a public suffix: anybody may have a name under it",
                "l.txt:6: warning: \"acme-chat.example\" is a host of acme.chat already, by \"acme-chat.example\"",
                "l.txt:7: warning: \"x.acme-chat.example\" is a host of acme.chat already, by \"acme-chat.example\"",
                "l.txt:9: warning: \"acme.example\" is a host of acme.platform already, by \"acme.example\"",
                "l.txt:10: warning: \"bad_-.example\" cannot be a host: it is no host name",
                "l.txt:11: warning: \"localhost\" is a public suffix: anybody may have a name under it",
            ]
        );
    }

    #[test]
    fn a_host_that_holds_anothers_is_said() {
        let (hosts, problems, _) = drafted("acme-cloud.example\n");
        assert_eq!(hosts, ["acme-cloud.example"]);
        assert_eq!(problems, ["l.txt:1: warning: \"acme-cloud.example\" holds \"chat.*.acme-cloud.example\" of acme.chat"]);
    }

    #[test]
    fn exceptions_become_counter_examples() {
        let (hosts, _, text) = drafted("||zeta.example^\n||cdn.example^\n@@||cdn.example^\n@@||status.zeta.example^\n");
        assert_eq!(hosts, ["zeta.example"]);
        assert!(text.contains("not      = [\"cdn.example\", \"status.zeta.example\"]"), "{text}");
    }

    #[test]
    fn a_suffix_stays_where_its_exact_form_is_listed_too() {
        assert_eq!(drafted("full:zeta.example\ndomain:zeta.example\nfull:a.zeta.example\n").0, ["zeta.example"]);
        assert_eq!(drafted("full:zeta.example\nfull:a.zeta.example\n").0, ["=a.zeta.example", "=zeta.example"]);
    }

    #[test]
    fn lint_asks_for_everything_a_person_must_add() {
        let (_, _, text) = drafted("zeta.example\n");
        let (entries, problems) = parse(Path::new("z.toml"), &text, Origin::Site);
        assert_eq!(problems, []);
        let asked: Vec<_> = lint(&entries, TODAY).into_iter().map(|d| d.message).collect();
        assert_eq!(
            asked,
            ["zeta.chat has no description", "zeta.chat has no source", "zeta.chat has no example", "zeta.chat has no counter-example"]
        );
        assert!(!text.contains("https://"), "no source is invented");
    }
}
