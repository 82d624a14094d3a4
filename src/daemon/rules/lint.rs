//! What is wrong with records that can be read: each tests itself, and all of them together.

use std::collections::HashMap;

use jiff::civil::Date;

use super::signature_file::{Entry, PageRead};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::engine::pattern::{HostPattern, PatternIndex};
use crate::engine::signature::{Signatures, Use};

/// Days after which what somebody read is old.
const OLD: i64 = 365;

/// Every problem of the records, as of a day; by file and line.
pub fn lint(entries: &[Entry], today: Date) -> Vec<Diagnostic> {
    let signatures = Signatures::new(entries.iter().map(|e| e.record.clone()).collect());
    let mut found = unsorted(entries);
    found.extend(shadows(entries));
    for entry in entries {
        texts(entry, &mut found);
        examples(entry, &signatures, &mut found);
        too_wide(entry, &mut found);
        pages(entry, today, &mut found);
    }
    found.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    found
}

/// How much the records know.
pub fn totals(entries: &[Entry]) -> String {
    let hosts: usize = entries.iter().map(|e| e.record.hosts.len()).sum();
    let mut vendors: Vec<_> = entries.iter().map(|e| &e.record.vendor).collect();
    vendors.sort_unstable();
    vendors.dedup();
    let facts = entries.len() * crate::engine::signature::RiskKey::ALL.len();
    let unknown: usize = entries.iter().map(|e| e.record.risk.unknown_count()).sum();
    let share = 100 * unknown / facts.max(1);
    let (services, vendors) = (entries.len(), vendors.len());
    format!("{services} services of {vendors} vendors, {hosts} hosts, {unknown} of {facts} risk facts unknown ({share} %)")
}

fn error(entry: &Entry, line: usize, message: String, hint: &str) -> Diagnostic {
    Diagnostic { severity: Severity::Error, file: entry.file.to_path_buf(), line, message, hint: hint.into() }
}

fn unsorted(entries: &[Entry]) -> Vec<Diagnostic> {
    let mut by_file: HashMap<_, Vec<&Entry>> = HashMap::new();
    for entry in entries {
        by_file.entry(&entry.file).or_default().push(entry);
    }
    let mut found = Vec::new();
    for mut list in by_file.into_values() {
        list.sort_by_key(|e| e.line);
        for pair in list.windows(2) {
            if let [before, after] = pair
                && before.record.id > after.record.id
            {
                let message = format!("{} stands after {}", after.record.id, before.record.id);
                found.push(error(after, after.line, message, "sort the services of a file by id"));
            }
        }
    }
    found
}

fn texts(entry: &Entry, found: &mut Vec<Diagnostic>) {
    let (record, id) = (&entry.record, &entry.record.id);
    if record.description.trim().is_empty() {
        found.push(error(entry, entry.line, format!("{id} has no description"), "say in one line what it is"));
    }
    if record.country.is_empty() {
        let hint = "add country = \"US\" (ISO 3166-1) beside vendor, or \"unknown\"";
        found.push(error(entry, entry.line, format!("{id} has a vendor without a country"), hint));
    }
    if entry.sources.is_empty() {
        let hint = "add sources = [{ url = \"https://…\", checked = 2026-11-23 }]";
        found.push(error(entry, entry.line, format!("{id} has no source"), hint));
    }
}

fn examples(entry: &Entry, signatures: &Signatures, found: &mut Vec<Diagnostic>) {
    let id = &entry.record.id;
    if entry.examples.is_empty() {
        found.push(error(entry, entry.line, format!("{id} has no example"), "add examples = [\"…\"], names that must match"));
    }
    if entry.counter_examples.is_empty() {
        let hint = "add not = [\"…\"], real neighbours that must not match";
        found.push(error(entry, entry.line, format!("{id} has no counter-example"), hint));
    }
    for example in &entry.examples {
        let owner = signatures.match_name(&example.value).map(|m| &*m.service.id);
        if owner != Some(id) {
            let message = format!("example {:?} of {id} belongs to {}", example.value, owner.unwrap_or("no service"));
            found.push(error(entry, example.line, message, "add the host it stands for, or take the example out"));
        }
    }
    for name in &entry.counter_examples {
        if let Some(host) = signatures.match_name(&name.value).filter(|m| m.service.id == *id).map(|m| m.host) {
            let message = format!("{:?} must not match {id}, and does by host {host:?}", name.value);
            found.push(error(entry, name.line, message, "narrow the host (\"=\" before it), or take the counter-example out"));
        }
    }
}

/// Hosts under which anybody may have a name: public suffixes.
fn too_wide(entry: &Entry, found: &mut Vec<Diagnostic>) {
    for (rule, written) in entry.record.hosts.iter().zip(&entry.written_hosts) {
        if rule.use_ != Use::Exclusive || rule.pattern.is_exact() {
            continue;
        }
        let severity = match public_suffix(&rule.pattern) {
            Some(psl::Type::Icann) => Severity::Error,
            Some(psl::Type::Private) if !written.says_use => Severity::Warning,
            _ => continue,
        };
        let message = format!("host \"{}\" of {} is a public suffix: anybody may have a name under it", rule.pattern, entry.record.id);
        let hint = "add a label, put \"=\" before it, or say use = \"shared\" (or \"exclusive\", where only the tool has names there)";
        found.push(Diagnostic { severity, ..error(entry, written.line, message, hint) });
    }
}

/// Which part of the public suffix list has it (first wildcards left aside): registries, or companies that give names away.
pub fn public_suffix(pattern: &HostPattern) -> Option<psl::Type> {
    let sample = pattern.text().trim_start_matches("*.").replace('*', "x");
    let suffix = psl::suffix(sample.as_bytes()).filter(|s| s.as_bytes() == sample.as_bytes())?;
    Some(suffix.typ().unwrap_or(psl::Type::Icann))
}

/// Suffixes of one vendor that hold a host of another.
fn shadows(entries: &[Entry]) -> Vec<Diagnostic> {
    let mut index = PatternIndex::default();
    let mut owners: Vec<Vec<(&Entry, usize)>> = Vec::new();
    for entry in entries {
        for (position, rule) in entry.record.hosts.iter().enumerate() {
            let slot = index.insert(&rule.pattern);
            owners.resize_with(owners.len().max(slot + 1), Vec::new);
            owners[slot].push((entry, position));
        }
    }
    let mut found = Vec::new();
    for entry in entries {
        for rule in &entry.record.hosts {
            let sample = rule.pattern.sample();
            index.each(&sample, |slot| found.extend(owners[slot].iter().filter_map(|owner| shadow(*owner, entry, &rule.pattern))));
        }
    }
    found
}

fn shadow((wide, position): (&Entry, usize), narrow: &Entry, host: &HostPattern) -> Option<Diagnostic> {
    let rule = wide.record.hosts.get(position)?;
    let is_same_vendor = wide.record.vendor == narrow.record.vendor;
    if is_same_vendor || rule.pattern == *host || rule.use_ != Use::Exclusive {
        return None;
    }
    let (id, other) = (&wide.record.id, &narrow.record.id);
    let message = format!("host \"{}\" of {id} shadows \"{host}\" of {other}, another vendor's", rule.pattern);
    let hint = "narrow it, put \"=\" before it, or say use = \"shared\"";
    Some(error(wide, wide.written_hosts.get(position)?.line, message, hint))
}

fn pages(entry: &Entry, today: Date, found: &mut Vec<Diagnostic>) {
    let id = &entry.record.id;
    for source in &entry.sources {
        page(entry, source, &format!("a source of {id}"), today, found);
    }
    for (key, source) in &entry.facts {
        if entry.record.risk.fact(*key).is_some() {
            page(entry, source, &format!("fact {} of {id}", key.word()), today, found);
        }
    }
}

fn page(entry: &Entry, page: &PageRead, what: &str, today: Date, found: &mut Vec<Diagnostic>) {
    if !page.url.starts_with("https://") && !page.url.starts_with("http://") {
        let hint = "give the address of the page that was read, https://…";
        found.push(error(entry, page.line, format!("{what} has no address"), hint));
    }
    let Some(checked) = page.checked else {
        found.push(error(entry, page.line, format!("{what} has no date"), "add checked = 2026-11-23, the day it was read"));
        return;
    };
    let days = today.duration_since(checked).as_secs() / 86_400;
    if days > OLD {
        let warning = error(entry, page.line, format!("{what} was read {days} days ago"), "read it again, and set the date");
        found.push(Diagnostic { severity: Severity::Warning, ..warning });
    } else if days < -1 {
        found.push(error(entry, page.line, format!("{what} was read on a day to come, {checked}"), "set the day it was read"));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::signature_file::{Origin, parse};
    use super::*;

    const GOOD: &str = include_str!("../../../tests/fixtures/signatures/acme.toml");
    const TODAY: Date = Date::constant(2026, 11, 23);

    /// Lint of the good record after a change of its text.
    fn after(change: &[(&str, &str)]) -> Vec<String> {
        let text = change.iter().fold(GOOD.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        found(&[&text])
    }

    fn found(files: &[&str]) -> Vec<String> {
        let entries: Vec<_> = files.iter().flat_map(|text| parse(Path::new("f.toml"), text, Origin::Shipped).0).collect();
        lint(&entries, TODAY).iter().map(|d| d.to_string()).collect()
    }

    fn only(found: Vec<String>, start: &str) {
        assert!(found.len() == 1 && found[0].starts_with(start) && found[0].contains("remedy"), "{start}: {found:#?}");
    }

    #[test]
    fn a_good_file_has_no_problem() {
        assert_eq!(after(&[]), Vec::<String>::new());
    }

    #[test]
    fn ids_are_sorted() {
        only(after(&[("acme.platform", "acme.aaa")]), "f.toml:22: error: acme.aaa stands after acme.chat");
    }

    #[test]
    fn examples_match_and_counter_examples_do_not() {
        only(
            after(&[("\"www.acme-chat.example\"", "\"nobody.example\"")]),
            "f.toml:14: error: example \"nobody.example\" of acme.chat belongs to no",
        );
        only(
            after(&[("\"notacme-chat.example\"", "\"a.acme-chat.example\"")]),
            "f.toml:15: error: \"a.acme-chat.example\" must not match acme.chat",
        );
        only(after(&[("not      =", "#")]), "f.toml:4: error: acme.chat has no counter-example");
    }

    #[test]
    fn hosts_under_which_anybody_may_register_are_refused() {
        for (suffix, severity) in
            [("co.uk", "error"), ("com", "error"), ("*.co.uk", "error"), ("github.io", "warning"), ("vercel.app", "warning")]
        {
            let change = format!("  {suffix:?}, \"acme-chat.example\",");
            let start = format!("f.toml:10: {severity}: host \"{suffix}\" of acme.chat is a public suffix");
            only(after(&[("  \"acme-chat.example\",", &change)]), &start);
        }
        let decided = "  { name = \"vercel.app\", use = \"exclusive\" }, \"acme-chat.example\",";
        assert_eq!(after(&[("  \"acme-chat.example\",", decided)]), Vec::<String>::new());
        for fine in ["acme.co.uk", "=github.io", "acme.vercel.app", "bedrock.*.amazonaws.com"] {
            let change = format!("  {fine:?}, \"acme-chat.example\",");
            assert_eq!(after(&[("  \"acme-chat.example\",", &change)]), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn a_suffix_does_not_hold_another_vendors_host() {
        let other = GOOD.replace("Acme", "Zeta").replace("\"acme.", "\"zeta.").replace("acme-chat.example", "z.acme-chat.example");
        let found = found(&[GOOD, &other]);
        let wanted = "error: host \"acme-chat.example\" of acme.chat shadows \"z.acme-chat.example\" of zeta.chat, another vendor's";
        assert!(found.iter().any(|p| p.contains(wanted)), "{found:#?}");
    }

    #[test]
    fn facts_have_sources_and_sources_have_dates() {
        only(
            after(&[("source = \"https://docs.acme.example/privacy\", ", "")]),
            "f.toml:19: error: fact retention of acme.chat has no address",
        );
        only(after(&[(", checked = 2026-11-01, quote", ", quote")]), "f.toml:19: error: fact retention of acme.chat has no date");
        only(after(&[("firewall\", checked = 2026-11-01", "firewall\"")]), "f.toml:16: error: a source of acme.chat has no date");
        only(after(&[("sources  =", "#")]), "f.toml:4: error: acme.chat has no source");
    }

    #[test]
    fn what_was_read_long_ago_is_said_and_works() {
        only(after(&[("2026-11-01", "2025-11-22")]), "f.toml:16: warning: a source of acme.chat was read 366 days ago");
        assert_eq!(after(&[("2026-11-01", "2025-11-23")]), Vec::<String>::new());
        only(after(&[("2026-11-01", "2027-01-01")]), "f.toml:16: error: a source of acme.chat was read on a day to come");
    }

    #[test]
    fn totals_count_what_is_unknown() {
        let (entries, _) = parse(Path::new("f"), GOOD, Origin::Shipped);
        assert_eq!(totals(&entries), "2 services of 1 vendors, 5 hosts, 11 of 12 risk facts unknown (91 %)");
    }

    #[test]
    fn the_shipped_catalogue_has_no_problem() {
        let catalogue = super::super::Catalogue::shipped();
        let mut problems = catalogue.problems;
        problems.extend(lint(&catalogue.entries, crate::daemon::clock::today()));
        problems.retain(|p| p.severity == Severity::Error);
        let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(all.is_empty(), "{}", all.join("\n"));
    }
}
