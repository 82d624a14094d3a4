//! `signatures list`: every service, where its record comes from, and what the site changed about it.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::daemon::failure::Failure;
use crate::daemon::output::{Output, borderless, print};
use crate::daemon::rules::{Catalogue, TakenOut, signature_file::Entry};
use crate::engine::pattern::HostPattern;
use crate::engine::signature::{HostRule, RiskKey};

/// How to answer.
#[derive(clap::Args)]
pub struct Args {
    /// One JSON object a line, or a table
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Lists every service by id: those in force, and those the site takes out.
///
/// # Errors
/// Configuration or signatures that are refused; standard output that fails.
pub fn run(args: Args) -> Result<(), Failure> {
    let catalogue = Catalogue::for_command(args.config.as_deref())?;
    let owners = owners(&catalogue.entries);
    let mut rows: Vec<Row<'_>> = catalogue.entries.iter().map(|entry| Row { entry, out: None, owners: &owners }).collect();
    rows.extend(catalogue.taken_out.iter().map(|out| Row { entry: &out.entry, out: Some(out), owners: &owners }));
    rows.sort_by(|a, b| a.entry.record.id.cmp(&b.entry.record.id));
    print(&match args.output {
        Output::Json => rows.iter().map(|r| format!("{}\n", r.object())).collect::<String>(),
        Output::Table => table(&rows),
    })
}

/// Who has each host: of two that claim one, the later.
fn owners(entries: &[Entry]) -> HashMap<&HostPattern, &str> {
    entries.iter().flat_map(|e| e.record.hosts.iter().map(|h| (&h.pattern, &*e.record.id))).collect()
}

/// One service.
struct Row<'a> {
    entry: &'a Entry,
    out: Option<&'a TakenOut>,
    owners: &'a HashMap<&'a HostPattern, &'a str>,
}

fn table(rows: &[Row<'_>]) -> String {
    let mut table = borderless(["SERVICE", "NAME", "VENDOR", "COUNTRY", "CATEGORY", "HOSTS", "FROM"]);
    for row in rows {
        let r = &row.entry.record;
        table.add_row([&*r.id, &*r.name, &*r.vendor, &*r.country, r.category.word(), &row.hosts(), &row.origin()]);
    }
    table.trim_fmt()
}

impl Row<'_> {
    /// Which record of the site has a host of this one.
    fn overridden_by(&self, rule: &HostRule) -> Option<&str> {
        self.owners.get(&rule.pattern).copied().filter(|owner| *owner != &*self.entry.record.id)
    }

    fn hosts(&self) -> String {
        let hosts = &self.entry.record.hosts;
        match hosts.iter().filter(|h| self.overridden_by(h).is_some()).count() {
            0 => hosts.len().to_string(),
            lost => format!("{} ({lost} overridden)", hosts.len()),
        }
    }

    fn origin(&self) -> String {
        let origin = self.entry.origin.word();
        match (self.out, self.entry.overrides) {
            (Some(out), _) => format!("{origin}, disabled by {}:{}", out.by.display(), out.line),
            (None, Some(old)) => format!("{origin}, overrides {}", old.word()),
            (None, None) => origin.to_owned(),
        }
    }

    fn object(&self) -> Value {
        let (entry, r) = (self.entry, &self.entry.record);
        let fact = |key: RiskKey| match r.risk.fact(key) {
            Some(f) => (key.word().to_owned(), json!({ "value": *f.value, "source": *f.source, "checked": *f.checked })),
            None => (key.word().to_owned(), json!({ "value": "unknown" })),
        };
        let mut object = json!({
            "id": *r.id, "name": *r.name, "vendor": *r.vendor, "country": *r.country, "description": *r.description,
            "category": r.category.word(), "origin": entry.origin.word(), "overrides": entry.overrides.is_some(),
            "disabled": self.out.is_some(), "hosts": r.hosts.iter().map(|h| self.host(h)).collect::<Vec<_>>(),
            "risk": RiskKey::ALL.into_iter().map(fact).collect::<Map<_, _>>(),
        });
        if let (Some(out), Some(object)) = (self.out, object.as_object_mut()) {
            object.insert("disabled_by".into(), format!("{}:{}", out.by.display(), out.line).into());
        }
        object
    }

    fn host(&self, rule: &HostRule) -> Value {
        let mut host = json!({ "name": rule.pattern.to_string(), "role": rule.role.word(), "use": rule.use_.word() });
        let Some(object) = host.as_object_mut() else { return host };
        if let Some(tenant) = rule.tenant {
            object.insert("tenant".into(), tenant.word().into());
        }
        if let Some(owner) = self.overridden_by(rule).filter(|_| self.out.is_none()) {
            object.insert("overridden_by".into(), owner.into());
        }
        host
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::rules::signature_file::{Origin, parse};

    fn acme() -> Vec<Entry> {
        parse(Path::new("f"), include_str!("../../../tests/fixtures/signatures/acme.toml"), Origin::Shipped).0
    }

    fn row<'a>(entry: &'a Entry, owners: &'a HashMap<&'a HostPattern, &'a str>) -> Row<'a> {
        Row { entry, out: None, owners }
    }

    #[test]
    fn shows_a_service_as_a_row() {
        let mut entries = acme();
        (entries[1].origin, entries[1].overrides) = (Origin::Site, Some(Origin::Update));
        let owners = owners(&entries);
        let out = TakenOut { entry: entries[0].clone(), by: Path::new("c.toml").into(), line: 3 };
        let rows = [row(&entries[0], &owners), row(&entries[1], &owners), Row { out: Some(&out), ..row(&out.entry, &owners) }];
        let table = table(&rows);
        let words: Vec<Vec<_>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["acme.chat", "Acme", "Chat", "Acme", "DE", "chat", "3", "shipped"]);
        assert!(table.contains("site, overrides update") && table.contains("shipped, disabled by c.toml:3"), "{table}");
    }

    #[test]
    fn shows_a_service_as_an_object() {
        let entries = acme();
        let object = row(&entries[0], &owners(&entries)).object();
        assert_eq!(object["hosts"][2], json!({"name":"chat.*.acme-cloud.example","role":"api","use":"exclusive","tenant":"enterprise"}));
        assert_eq!((&object["risk"]["residency"]["value"], &object["risk"]["retention"]["value"]), (&json!("unknown"), &json!("30 days")));
        assert_eq!((&object["disabled"], &object["overrides"]), (&json!(false), &json!(false)));
    }

    #[test]
    fn shows_hosts_that_a_record_of_the_site_takes() {
        let mut entries = acme();
        let own = "vendor = \"O\"\n[[service]]\nid = \"own.chat\"\nname = \"O\"\ncategory = \"chat\"\nhosts = [\"acme-chat.example\"]\n";
        entries.extend(parse(Path::new("s"), own, Origin::Site).0);
        let owners = owners(&entries);
        assert_eq!(row(&entries[0], &owners).hosts(), "3 (1 overridden)");
        assert_eq!(row(&entries[0], &owners).object()["hosts"][0]["overridden_by"], json!("own.chat"));
        assert_eq!(row(&entries[2], &owners).hosts(), "1");
    }
}
