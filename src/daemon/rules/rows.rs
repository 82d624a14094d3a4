//! The shipped catalogue as `build/rows.rs` read it when the program was made: at a start there is no TOML to be read. Rows hold only what is
//! plainly right; where anything is not, the text of the file is read in their place and says what is wrong.

use std::path::Path;
use std::str::Split;
use std::sync::Arc;

use jiff::civil::Date;

use super::signature_file::{Entry, Origin, PageRead, WrittenHost, is_country, is_service_id};
use crate::daemon::toml_fields::Located;
use crate::engine::pattern::HostPattern;
use crate::engine::signature::{Category, Fact, HostRule, Risk, RiskKey, Role, ServiceRecord, Tenant, Use};

const FIELD: char = '\x1f';
const ROW: char = '\x1e';

/// The records of a file; `None` where its rows are not all plainly right, or there are none.
pub(super) fn records(file: &Path, rows: &str) -> Option<Vec<Entry>> {
    let shared: Arc<Path> = file.into();
    let mut rows = rows.split_terminator(ROW).map(Row::of);
    let mut head = rows.next()??;
    let (vendor, country): (Arc<str>, Arc<str>) = (head.text()?, head.text()?);
    if head.kind != "f" || !is_country(&country) {
        return None;
    }
    let mut entries: Vec<Entry> = Vec::new();
    for row in rows {
        let mut row = row?;
        match (row.kind, entries.last_mut()) {
            ("s", _) => entries.push(service(&mut row, &shared, &vendor, &country)?),
            ("h", Some(entry)) => {
                let (rule, written) = host(&mut row)?;
                entry.record.hosts.push(rule);
                entry.written_hosts.push(written);
            }
            ("e", Some(entry)) => entry.examples.push(located(&mut row)?),
            ("n", Some(entry)) => entry.counter_examples.push(located(&mut row)?),
            ("p", Some(entry)) => entry.sources.push(page(&mut row)?),
            ("r", Some(entry)) => fact(&mut row, entry)?,
            _ => return None,
        }
    }
    let is_whole = |e: &Entry| !e.record.hosts.is_empty();
    (!entries.is_empty() && entries.iter().all(is_whole)).then_some(entries)
}

struct Row<'a> {
    kind: &'a str,
    line: usize,
    fields: Split<'a, char>,
}

impl<'a> Row<'a> {
    fn of(row: &'a str) -> Option<Self> {
        let mut fields = row.split(FIELD);
        Some(Row { kind: fields.next()?, line: fields.next()?.parse().ok()?, fields })
    }

    fn word(&mut self) -> Option<&'a str> {
        self.fields.next()
    }

    fn text<T: From<&'a str>>(&mut self) -> Option<T> {
        self.fields.next().map(T::from)
    }

    /// A word of a closed vocabulary, or nothing; not a word is `None`.
    fn one_of<T>(&mut self, from_word: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        match self.word()? {
            "" => Some(None),
            word => from_word(word).map(Some),
        }
    }
}

fn service(row: &mut Row<'_>, file: &Arc<Path>, vendor: &Arc<str>, country: &Arc<str>) -> Option<Entry> {
    let id = row.word().filter(|id| is_service_id(id))?;
    let (name, category, description) = (row.text()?, Category::from_word(row.word()?)?, row.text()?);
    let (hosts, risk, id) = (Vec::new(), Risk::default(), id.into());
    Some(Entry {
        file: Arc::clone(file),
        origin: Origin::Shipped,
        line: row.line,
        record: ServiceRecord { id, name, vendor: Arc::clone(vendor), country: Arc::clone(country), description, category, hosts, risk },
        written_hosts: Vec::new(),
        examples: Vec::new(),
        counter_examples: Vec::new(),
        sources: Vec::new(),
        facts: Vec::new(),
        disabled: false,
        overrides: None,
    })
}

fn host(row: &mut Row<'_>) -> Option<(HostRule, WrittenHost)> {
    let plain = HostRule::new(HostPattern::parse(row.word()?).ok()?);
    let (role, use_, tenant) = (row.one_of(Role::from_word)?, row.one_of(Use::from_word)?, row.one_of(Tenant::from_word)?);
    let written = WrittenHost { line: row.line, says_use: use_.is_some() };
    Some((HostRule { role: role.unwrap_or(plain.role), use_: use_.unwrap_or(plain.use_), tenant, ..plain }, written))
}

fn located(row: &mut Row<'_>) -> Option<Located<String>> {
    Some(Located { value: row.text()?, line: row.line })
}

fn page(row: &mut Row<'_>) -> Option<PageRead> {
    Some(PageRead { url: row.text()?, checked: Some(row.word().and_then(date)?), line: row.line })
}

fn fact(row: &mut Row<'_>, entry: &mut Entry) -> Option<()> {
    let word = row.word()?;
    let key = RiskKey::ALL.into_iter().find(|key| key.word() == word)?;
    let (value, source, checked, quote) = (row.text()?, row.word()?, row.word()?, row.text()?);
    entry.record.risk.set(key, Fact { value, source: source.into(), checked: checked.into(), quote: Some(quote) });
    let page = PageRead { url: source.into(), checked: Some(date(checked)?), line: row.line };
    let place = entry.facts.partition_point(|(before, _)| *before < key);
    entry.facts.insert(place, (key, page));
    Some(())
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let date = Date::new(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?).ok()?;
    parts.next().is_none().then_some(date)
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::FILES;
    use super::super::signature_file::parse;
    use super::*;

    #[test]
    fn rows_say_what_the_text_says() {
        for (name, text, rows) in FILES {
            let file = Path::new(name);
            let (parsed, problems) = parse(file, text, Origin::Shipped);
            assert_eq!(problems, [], "{name}");
            let read = records(file, rows).unwrap_or_else(|| panic!("{name} is read at every start: build/rows.rs"));
            assert_eq!(format!("{read:#?}"), format!("{parsed:#?}"));
        }
    }

    #[test]
    fn rows_that_are_not_plainly_right_are_not_taken() {
        let good = "f\x1f1\x1fV\x1fUS\x1es\x1f2\x1fv.s\x1fS\x1fchat\x1fd\x1eh\x1f3\x1fa.com\x1f\x1f\x1f\x1e";
        assert!(records(Path::new("f"), good).is_some());
        for (from, to) in
            [("US", "us"), ("v.s", "V.s"), ("chat", "chta"), ("a.com", "A.com"), ("a.com\x1f", "a.com\x1fx"), ("h\x1f", "x\x1f")]
        {
            assert!(records(Path::new("f"), &good.replace(from, to)).is_none(), "{to}");
        }
        assert!(records(Path::new("f"), "").is_none() && records(Path::new("f"), "f\x1f1\x1fV\x1fUS\x1e").is_none());
    }
}
