//! One signature file, as it is written: records with the lines they stand on.

use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;

use crate::daemon::diagnostic::Diagnostic;
use crate::daemon::toml_fields::{Fields, Located, TextOrTable, read};
use crate::engine::pattern::HostPattern;
use crate::engine::signature::{Category, Fact, HostRule, Risk, RiskKey, Role, ServiceRecord, Tenant, Use};

/// Where a record comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Origin {
    /// The catalogue in the binary.
    Shipped,
    /// A bundle, which stands in the place of the catalogue in the binary.
    Update,
    /// The folder in the configuration.
    Site,
}

impl Origin {
    /// The word used in tables.
    pub const fn word(self) -> &'static str {
        match self {
            Origin::Shipped => "shipped",
            Origin::Update => "update",
            Origin::Site => "site",
        }
    }
}

/// One record as written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The file.
    pub file: Arc<Path>,
    /// Where it comes from.
    pub origin: Origin,
    /// Line it begins on.
    pub line: usize,
    /// What the engine takes of it.
    pub record: ServiceRecord,
    /// How each host is written.
    pub written_hosts: Vec<WrittenHost>,
    /// Names that must match.
    pub examples: Vec<Located<String>>,
    /// Names that must not.
    pub counter_examples: Vec<Located<String>>,
    /// Pages it was made from.
    pub sources: Vec<PageRead>,
    /// Facts with their lines and dates.
    pub facts: Vec<(RiskKey, PageRead)>,
    /// Whether the site takes the service out.
    pub disabled: bool,
    /// In whose place it stands, where there is another record of its id.
    pub overrides: Option<Origin>,
}

/// How a host is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenHost {
    /// Its line.
    pub line: usize,
    /// Whether its use is written out: somebody thought about it.
    pub says_use: bool,
}

/// A page somebody read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRead {
    /// Its address; empty where none is given.
    pub url: String,
    /// When it was read.
    pub checked: Option<Date>,
    /// Line in the signature file.
    pub line: usize,
}

/// Reads one file's text. Records that are broken are left out; what is wrong with them is among the diagnostics.
pub fn parse(file: &Path, text: &str, origin: Origin) -> (Vec<Entry>, Vec<Diagnostic>) {
    let shared: Arc<Path> = file.into();
    read(file, text, |top| {
        let vendor: Arc<str> = top.needed_text("vendor").map_or("", |v| v.value).into();
        let country = country(&top);
        let services = top.tables("service");
        if services.is_empty() {
            top.reading().error(0, "has no [[service]]", "add one, or delete the file");
        }
        services.iter().filter_map(|fields| entry(fields, &shared, origin, &vendor, &country)).collect()
    })
}

fn country(top: &Fields<'_>) -> Arc<str> {
    let Some(country) = top.text("country") else { return "".into() };
    if !is_country(country.value) {
        top.reading().error(country.line, format!("country is {:?}", country.value), "two letters of ISO 3166-1, as US, or unknown");
    }
    country.value.into()
}

fn entry(fields: &Fields<'_>, file: &Arc<Path>, origin: Origin, vendor: &Arc<str>, country: &Arc<str>) -> Option<Entry> {
    let id = service_id(fields);
    let disabled = fields.flag("disabled", false);
    let needs = |key| if disabled { fields.text(key) } else { fields.needed_text(key) };
    let name = needs("name").map(|n| n.value);
    let category = needs("category").and(fields.word("category", Category::WORDS, Category::from_word));
    let description = fields.text("description").map_or("", |d| d.value);
    let (hosts, written_hosts) = hosts(fields, disabled);
    let (risk, facts) = risk(fields);
    let owned = |l: Located<&str>| Located { value: l.value.to_owned(), line: l.line };
    let examples = fields.texts("examples").into_iter().map(owned).collect();
    let counter_examples = fields.texts("not").into_iter().map(owned).collect();
    let sources = fields.tables("sources").iter().map(|s| page(s, "url")).collect();
    let record = ServiceRecord {
        id: id?.into(),
        name: name.or(disabled.then_some(""))?.into(),
        vendor: vendor.clone(),
        country: country.clone(),
        description: description.into(),
        category: category.map(|c| c.value).or(disabled.then_some(Category::Platform))?,
        hosts,
        risk,
    };
    let line = fields.line();
    let file = file.clone();
    let overrides = None;
    Some(Entry { file, origin, line, record, written_hosts, examples, counter_examples, sources, facts, disabled, overrides })
}

/// Whether a text is a vendor's country: a code of two letters, or `unknown`.
pub(super) fn is_country(text: &str) -> bool {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())) || text == "unknown"
}

/// Whether a text has the form of a service's id, `vendor.service`.
pub fn is_service_id(id: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    id.split('.').count() == 2 && id.split('.').all(part)
}

fn service_id<'r>(fields: &Fields<'r>) -> Option<&'r str> {
    let id = fields.needed_text("id")?;
    if !is_service_id(id.value) {
        let hint = "vendor.service in lower case, digits and hyphens, as openai.chatgpt";
        fields.reading().error(id.line, format!("id {:?} is no service id", id.value), hint);
        return None;
    }
    Some(id.value)
}

fn hosts(fields: &Fields<'_>, disabled: bool) -> (Vec<HostRule>, Vec<WrittenHost>) {
    let written = fields.texts_or_tables("hosts");
    if written.is_empty() && !disabled {
        fields.reading().error(fields.line(), "hosts is missing or empty", "add hosts = [\"example.com\"]");
    }
    written.iter().filter_map(|host| host_rule(fields, host)).unzip()
}

fn host_rule(fields: &Fields<'_>, written: &TextOrTable<'_>) -> Option<(HostRule, WrittenHost)> {
    let (name, role, use_, tenant) = match written {
        TextOrTable::Text(name) => (name.clone(), None, None, None),
        TextOrTable::Table(host) => {
            let role = host.word("role", Role::WORDS, Role::from_word);
            let use_ = host.word("use", Use::WORDS, Use::from_word);
            let tenant = host.word("tenant", Tenant::WORDS, Tenant::from_word);
            (host.needed_text("name")?, role, use_, tenant)
        }
    };
    match HostPattern::parse(name.value) {
        Ok(pattern) => {
            let plain = HostRule::new(pattern);
            let written = WrittenHost { line: name.line, says_use: use_.is_some() };
            let (role, use_) = (role.map_or(plain.role, |r| r.value), use_.map_or(plain.use_, |u| u.value));
            Some((HostRule { role, use_, tenant: tenant.map(|t| t.value), ..plain }, written))
        }
        Err(why) => {
            let hint = "a host in lower case; \"=\" before it leaves subdomains out, \"*\" is one whole label";
            fields.reading().error(name.line, format!("host {:?} cannot be: {why}", name.value), hint);
            None
        }
    }
}

fn page(fields: &Fields<'_>, key: &'static str) -> PageRead {
    let url = fields.text(key);
    let line = url.as_ref().map_or(fields.line(), |u| u.line);
    PageRead { url: url.map_or("", |u| u.value).to_owned(), checked: fields.date("checked").map(|d| d.value), line }
}

fn risk(fields: &Fields<'_>) -> (Risk, Vec<(RiskKey, PageRead)>) {
    let (mut risk, mut facts) = (Risk::default(), Vec::new());
    let Some(table) = fields.table("risk") else { return (risk, facts) };
    for key in RiskKey::ALL {
        let Some(written) = table.table(key.word()) else { continue };
        let page = page(&written, "source");
        let quote = written.text("quote").map(|q| q.value.into());
        let Some(value) = written.needed_text("value") else { continue };
        let checked = page.checked.map_or(String::new(), |d| d.to_string());
        risk.set(key, Fact { value: value.value.into(), source: page.url.as_str().into(), checked: checked.into(), quote });
        facts.push((key, page));
    }
    (risk, facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../tests/fixtures/signatures/acme.toml");

    fn problems(text: &str) -> Vec<String> {
        parse(Path::new("f.toml"), text, Origin::Site).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reads_a_record_whole() {
        let (entries, problems) = parse(Path::new("acme.toml"), GOOD, Origin::Shipped);
        assert_eq!(problems, []);
        let [chat, platform] = &entries[..] else { panic!("{}", entries.len()) };
        let record = &chat.record;
        assert_eq!((&*record.id, &*record.name, &*record.vendor, &*record.country), ("acme.chat", "Acme Chat", "Acme", "DE"));
        assert_eq!((record.category, record.hosts.len(), chat.written_hosts.len()), (Category::Chat, 3, 3));
        let upload = &record.hosts[1];
        assert_eq!((upload.pattern.to_string().as_str(), upload.role, upload.tenant), ("=files.acme-chat.example", Role::Upload, None));
        assert_eq!(record.hosts[2].tenant, Some(Tenant::Enterprise));
        assert_eq!(record.risk.fact(RiskKey::Retention).map(|f| (&*f.value, &*f.checked)), Some(("30 days", "2026-11-01")));
        assert_eq!((record.risk.unknown_count(), chat.facts.len(), chat.sources.len()), (5, 2, 1));
        assert_eq!(platform.record.hosts[0].use_, Use::Shared);
    }

    #[test]
    fn says_all_that_is_wrong_with_line_and_remedy() {
        let text = "vendor = \"V\"\n[[service]]\nid = \"Bad\"\nname = \"B\"\ncategory = \"chta\"\nhosts = [\"Chat.com\", { name = \"a.com\", rol = \
                    \"api\" }, 3]\n[[service]]\nid = \"v.b\"\n";
        assert_eq!(
            problems(text),
            [
                "f.toml:3: error: id \"Bad\" is no service id\n  remedy: vendor.service in lower case, digits and hyphens, as openai.chatgpt",
                "f.toml:5: error: service.category has no value \"chta\"\n  remedy: did you mean \"chat\"?",
                "f.toml:6: error: service.hosts is a TOML integer\n  remedy: it takes a list of texts and tables",
                "f.toml:6: error: host \"Chat.com\" cannot be: it has letters in upper case\n  remedy: a host in lower case; \"=\" before it \
                 leaves subdomains out, \"*\" is one whole label",
                "f.toml:6: error: service.hosts.rol is no known key\n  remedy: did you mean \"role\"?",
                "f.toml:7: error: service.name is missing\n  remedy: add name = \"…\"",
                "f.toml:7: error: service.category is missing\n  remedy: add category = \"…\"",
                "f.toml:7: error: hosts is missing or empty\n  remedy: add hosts = [\"example.com\"]",
            ]
        );
    }

    #[test]
    fn a_disabled_record_needs_only_its_id() {
        let (entries, problems) = parse(Path::new("f"), "vendor = \"V\"\n[[service]]\nid = \"v.s\"\ndisabled = true\n", Origin::Site);
        assert_eq!(problems, []);
        assert!(entries[0].disabled && entries[0].record.hosts.is_empty());
    }
}
