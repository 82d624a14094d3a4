//! What another catalogue would change: services, and how the sightings of the last days would be read.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use super::DAYS;
use crate::daemon::remembered::{found, sentence};
use crate::daemon::store::UnmatchedMemory;
use crate::engine::sighting::Sighting;
use crate::engine::signature::{ServiceRecord, Signatures};

/// Lines of a kind that are written out.
const MOST_LINES: usize = 20;

/// The account of a difference.
pub(super) struct Difference<'a> {
    old: &'a Signatures,
    new: &'a Signatures,
    /// Sightings by the service a name of theirs belongs to now, and would belong to.
    moved: BTreeMap<(String, String), u64>,
    touched: u64,
    /// Domains that new services would have named.
    found: Vec<String>,
}

impl<'a> Difference<'a> {
    /// Nothing read yet.
    pub(super) fn new(old: &'a Signatures, new: &'a Signatures) -> Self {
        Difference { old, new, moved: BTreeMap::new(), touched: 0, found: Vec::new() }
    }

    /// Reads a stored sighting: would one of its names be another service's, or stop or begin to be use?
    pub(super) fn add(&mut self, sighting: &Sighting) {
        let mut change = None;
        for name in &sighting.names {
            let reading = |s: &'a Signatures| s.match_name(name).map(|m| (&*m.service.id, m.is_use()));
            let (old, new) = (reading(self.old), reading(self.new));
            if old != new && old.is_some_and(|(id, _)| id == &*sighting.service) {
                change = Some(new);
                break;
            }
        }
        let Some(new) = change else { return };
        self.touched += 1;
        let to = match new {
            None => "no service".to_owned(),
            Some((id, is_use)) if id == &*sighting.service => format!("{id}, {}", if is_use { "as use" } else { "as mere presence" }),
            Some((id, _)) => id.to_owned(),
        };
        *self.moved.entry((sighting.service.to_string(), to)).or_default() += 1;
    }

    /// Reads domains that belonged to no service when they were seen.
    pub(super) fn remember(&mut self, memories: &[UnmatchedMemory]) {
        let line = |(memory, service): (&UnmatchedMemory, &str)| format!("  {service}, by {}: {}", memory.domain, sentence(memory, DAYS));
        self.found = found(memories, self.old, self.new).into_iter().map(line).collect();
    }

    /// Services whose sightings would be read otherwise.
    fn reclassified(&self) -> usize {
        let mut services: Vec<_> = self.moved.keys().map(|(from, _)| from).collect();
        services.dedup();
        services.len()
    }

    /// For a person to decide by; `days` is how far back sightings were read, none where there is no store.
    pub(super) fn text(&self, days: Option<u64>) -> String {
        let (old, new) = (by_id(self.old), by_id(self.new));
        let (added, gone) = (missing(&new, &old), missing(&old, &new));
        let changed: Vec<_> = new.iter().filter(|(id, s)| old.get(*id).is_some_and(|o| o.hosts != s.hosts)).map(|(id, _)| *id).collect();
        let mut text = String::new();
        for (what, mut ids) in [("added", added), ("gone", gone), ("with other hosts", changed)] {
            ids.sort_unstable();
            let rest = if ids.len() > MOST_LINES { format!(" and {} more", ids.len() - MOST_LINES) } else { String::new() };
            let shown = ids.iter().take(MOST_LINES).copied().collect::<Vec<_>>().join(" ");
            if !ids.is_empty() {
                let _ = writeln!(text, "{} services {what}: {shown}{rest}", ids.len());
            }
        }
        for ((from, to), count) in self.moved.iter().take(MOST_LINES) {
            let _ = writeln!(text, "  {from} -> {to}: {count} sightings");
        }
        for line in self.found.iter().take(MOST_LINES) {
            let _ = writeln!(text, "{line}");
        }
        let services = self.reclassified();
        let _ = match days {
            Some(days) => writeln!(text, "{services} services reclassified, {} sightings of {days} days touched", self.touched),
            None => writeln!(text, "no store to compare with: nothing is known of sightings touched"),
        };
        text
    }
}

fn by_id(signatures: &Signatures) -> HashMap<&str, &ServiceRecord> {
    signatures.services().map(|s| (&*s.id, s)).collect()
}

fn missing<'a>(from: &HashMap<&'a str, &ServiceRecord>, other: &HashMap<&str, &ServiceRecord>) -> Vec<&'a str> {
    from.keys().filter(|id| !other.contains_key(**id)).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::fixture::sighting;
    use crate::daemon::rules::signature_file::{Origin, parse};

    fn signatures(services: &[(&str, &str)]) -> Signatures {
        let service =
            |(id, hosts): &(&str, &str)| format!("[[service]]\nid = \"{id}\"\nname = \"N\"\ncategory = \"chat\"\nhosts = [{hosts}]\n");
        let text = format!("vendor = \"V\"\n{}", services.iter().map(service).collect::<String>());
        let (entries, problems) = parse(Path::new("f"), &text, Origin::Shipped);
        assert_eq!(problems, []);
        Signatures::new(entries.into_iter().map(|e| e.record).collect())
    }

    #[test]
    fn counts_services_reclassified_and_sightings_touched() {
        let old = signatures(&[("openai.chatgpt", "\"chatgpt.com\""), ("v.gone", "\"gone.com\""), ("v.same", "\"same.com\"")]);
        let new = signatures(&[
            ("openai.chatgpt", "{ name = \"ab.chatgpt.com\", role = \"cdn\" }"),
            ("openai.other", "\"chatgpt.com\""),
            ("v.same", "\"same.com\""),
        ]);
        let mut difference = Difference::new(&old, &new);
        let named = |service: &str, names: &[&str]| Sighting {
            service: service.into(),
            names: names.iter().map(|n| (*n).into()).collect(),
            ..sighting()
        };
        for (service, names) in [
            ("openai.chatgpt", &["chatgpt.com", "ab.chatgpt.com"][..]),
            ("openai.chatgpt", &["ab.chatgpt.com"]),
            ("v.gone", &["www.gone.com"]),
            ("v.same", &["same.com"]),
            ("v.older", &["unknown.com"]),
        ] {
            difference.add(&named(service, names));
        }
        assert_eq!(
            difference.text(Some(30)),
            "1 services added: openai.other\n1 services gone: v.gone\n1 services with other hosts: openai.chatgpt\n  \
             openai.chatgpt -> openai.chatgpt, as mere presence: 1 sightings\n  openai.chatgpt -> openai.other: 1 sightings\n  \
             v.gone -> no service: 1 sightings\n2 services reclassified, 3 sightings of 30 days touched\n"
        );
    }
}
