//! `signatures list`: every service in force.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::daemon::failure::Failure;
use crate::daemon::output::{Output, borderless, print};
use crate::daemon::rules::{Catalogue, signature_file::Entry};
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

/// Lists every service in force, by id.
///
/// # Errors
/// Configuration or signatures that are refused; standard output that fails.
pub fn run(args: Args) -> Result<(), Failure> {
    let mut entries = Catalogue::for_command(args.config.as_deref())?.entries;
    entries.sort_by(|a, b| a.record.id.cmp(&b.record.id));
    print(&match args.output {
        Output::Json => entries.iter().map(|e| format!("{}\n", object(e))).collect::<String>(),
        Output::Table => table(&entries),
    })
}

fn table(entries: &[Entry]) -> String {
    let mut table = borderless(["SERVICE", "NAME", "VENDOR", "COUNTRY", "CATEGORY", "HOSTS", "FROM"]);
    for entry in entries {
        let r = &entry.record;
        let hosts = r.hosts.len().to_string();
        table.add_row([&*r.id, &*r.name, &*r.vendor, &*r.country, r.category.word(), &hosts, origin(entry)]);
    }
    table.trim_fmt()
}

fn origin(entry: &Entry) -> &'static str {
    if entry.overrides { "site, overrides shipped" } else { entry.origin.word() }
}

fn object(entry: &Entry) -> Value {
    let r = &entry.record;
    let fact = |key: RiskKey| match r.risk.fact(key) {
        Some(f) => (key.word().to_owned(), json!({ "value": *f.value, "source": *f.source, "checked": *f.checked })),
        None => (key.word().to_owned(), json!({ "value": "unknown" })),
    };
    json!({
        "id": *r.id, "name": *r.name, "vendor": *r.vendor, "country": *r.country, "description": *r.description,
        "category": r.category.word(), "origin": entry.origin.word(), "overrides": entry.overrides,
        "hosts": r.hosts.iter().map(host).collect::<Vec<_>>(), "risk": RiskKey::ALL.into_iter().map(fact).collect::<Map<_, _>>(),
    })
}

fn host(rule: &HostRule) -> Value {
    let mut host = json!({ "name": rule.pattern.to_string(), "role": rule.role.word(), "use": rule.use_.word() });
    if let (Some(tenant), Some(object)) = (rule.tenant, host.as_object_mut()) {
        object.insert("tenant".into(), tenant.word().into());
    }
    host
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::rules::signature_file::{Origin, parse};

    fn acme() -> Vec<Entry> {
        parse(Path::new("f"), include_str!("../../../tests/fixtures/signatures/acme.toml"), Origin::Shipped).0
    }

    #[test]
    fn shows_a_service_as_a_row() {
        let mut entries = acme();
        entries[1].overrides = true;
        let table = table(&entries);
        let words: Vec<Vec<_>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["acme.chat", "Acme", "Chat", "Acme", "DE", "chat", "3", "shipped"]);
        assert!(table.contains("site, overrides shipped"));
    }

    #[test]
    fn shows_a_service_as_an_object() {
        let object = object(&acme()[0]);
        assert_eq!(object["hosts"][2], json!({"name":"chat.*.acme-cloud.example","role":"api","use":"exclusive","tenant":"enterprise"}));
        assert_eq!((&object["risk"]["residency"]["value"], &object["risk"]["retention"]["value"]), (&json!("unknown"), &json!("30 days")));
    }
}
