//! One signature file as rows of fields, read at build time. Only what is plainly right: any other file has no rows, and the program reads its
//! text and says what is wrong with it.
//!
//! A row is its kind and its fields, each behind [`FIELD`]; rows end with [`ROW`]. `src/daemon/rules/rows.rs` reads them.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

const FIELD: char = '\x1f';
const ROW: char = '\x1e';

type Value<'a> = Spanned<DeValue<'a>>;

/// The rows of a file's text; `None` where it is not plainly right.
pub fn of(text: &str) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    let mut rows = Rows { text, out: String::new() };
    rows.file(table.get_ref())?;
    Some(rows.out)
}

struct Rows<'a> {
    text: &'a str,
    out: String,
}

impl Rows<'_> {
    fn file(&mut self, table: &DeTable<'_>) -> Option<()> {
        only(table, &["vendor", "country", "service"])?;
        self.row('f', 1, &[text(table, "vendor")?, text(table, "country")?])?;
        list(table.get("service")?)?.iter().try_for_each(|service| self.service(service))
    }

    fn service(&mut self, value: &Value<'_>) -> Option<()> {
        let table = value.get_ref().as_table()?;
        only(table, &["id", "name", "description", "category", "hosts", "examples", "not", "sources", "risk"])?;
        let fields = ["id", "name", "category", "description"].map(|key| text(table, key));
        self.row('s', self.line(value), &fields.into_iter().collect::<Option<Vec<_>>>()?)?;
        list(table.get("hosts")?)?.iter().try_for_each(|host| self.host(host))?;
        for (kind, key) in [('e', "examples"), ('n', "not")] {
            let texts = list(table.get(key)?)?;
            texts.iter().try_for_each(|value| self.row(kind, self.line(value), &[value.get_ref().as_str()?]))?;
        }
        list(table.get("sources")?)?.iter().try_for_each(|source| self.source(source))?;
        match table.get("risk") {
            Some(risk) => risk.get_ref().as_table()?.iter().try_for_each(|(key, fact)| self.fact(key.get_ref(), fact)),
            None => Some(()),
        }
    }

    fn host(&mut self, value: &Value<'_>) -> Option<()> {
        match value.get_ref() {
            DeValue::String(name) => self.row('h', self.line(value), &[name, "", "", ""]),
            DeValue::Table(table) => {
                only(table, &["name", "role", "use", "tenant"])?;
                let word = |key| table.get(key).map_or(Some(""), |_| text(table, key));
                self.row('h', self.line(table.get("name")?), &[text(table, "name")?, word("role")?, word("use")?, word("tenant")?])
            }
            _ => None,
        }
    }

    fn source(&mut self, value: &Value<'_>) -> Option<()> {
        let table = value.get_ref().as_table()?;
        only(table, &["url", "checked"])?;
        self.row('p', self.line(table.get("url")?), &[text(table, "url")?, &date(table, "checked")?])
    }

    fn fact(&mut self, key: &str, value: &Value<'_>) -> Option<()> {
        let table = value.get_ref().as_table()?;
        only(table, &["value", "source", "checked", "quote"])?;
        let fields = [key, text(table, "value")?, text(table, "source")?, &date(table, "checked")?, text(table, "quote")?];
        self.row('r', self.line(table.get("source")?), &fields)
    }

    fn row(&mut self, kind: char, line: usize, fields: &[&str]) -> Option<()> {
        if fields.iter().any(|field| field.contains([FIELD, ROW])) {
            return None;
        }
        self.out.push(kind);
        for field in [line.to_string().as_str()].iter().chain(fields) {
            self.out.push(FIELD);
            self.out.push_str(field);
        }
        self.out.push(ROW);
        Some(())
    }

    fn line(&self, value: &Value<'_>) -> usize {
        1 + self.text.bytes().take(value.span().start).filter(|b| *b == b'\n').count()
    }
}

/// A table without other keys than these.
fn only(table: &DeTable<'_>, known: &[&str]) -> Option<()> {
    table.keys().all(|key| known.contains(&key.get_ref().as_ref())).then_some(())
}

/// A text that says something.
fn text<'a>(table: &'a DeTable<'_>, key: &str) -> Option<&'a str> {
    table.get(key)?.get_ref().as_str().filter(|text| !text.trim().is_empty())
}

fn date(table: &DeTable<'_>, key: &str) -> Option<String> {
    let DeValue::Datetime(date) = table.get(key)?.get_ref() else { return None };
    let (date, None, None) = (date.date?, date.time, date.offset) else { return None };
    Some(format!("{:04}-{:02}-{:02}", date.year, date.month, date.day))
}

fn list<'a, 'v>(value: &'a Value<'v>) -> Option<&'a [Value<'v>]> {
    Some(value.get_ref().as_array()?.as_ref())
}
