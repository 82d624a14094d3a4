//! Typed fields out of a TOML file, with every problem collected as a [`Diagnostic`] that has its line and a remedy.
//!
//! A [`Fields`] notes which keys it was asked for; when it is dropped, the keys nobody asked for are reported as unknown.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::byte_size;
use super::diagnostic::{Diagnostic, Severity};
use super::nearest::nearest;

/// Longest file that is read; more is no file a person wrote.
pub const MAX_FILE: u64 = 16 << 20;

/// A value and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its line, from 1.
    pub line: usize,
}

/// One file being read, and the problems found so far.
pub struct Reading {
    file: PathBuf,
    line_starts: Vec<usize>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl Reading {
    fn new(file: &Path, text: &str) -> Self {
        let line_starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1).collect();
        Reading { file: file.into(), line_starts, problems: RefCell::default() }
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Notes what refuses the file.
    pub fn error(&self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Error, line, message.into(), hint.into());
    }

    /// Notes what works all the same.
    pub fn warning(&self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Warning, line, message.into(), hint.into());
    }

    /// Notes a problem of another file, one that this file names.
    pub fn elsewhere(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    fn note(&self, severity: Severity, line: usize, message: String, hint: String) {
        self.problems.borrow_mut().push(Diagnostic { severity, file: self.file.clone(), line, message, hint });
    }
}

/// Reads a file's text, whole and in UTF-8.
///
/// # Errors
/// One diagnostic that says why it cannot be read.
pub fn read_text(file: &Path) -> Result<String, Diagnostic> {
    let refuse =
        |line, message: String, hint: &str| Diagnostic { severity: Severity::Error, file: file.into(), line, message, hint: hint.into() };
    // Room for all of it at once: what grows leaves copies behind, and some of these files hold secrets.
    let length = std::fs::metadata(file).map_or(0, |about| about.len().min(MAX_FILE));
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(64));
    File::open(file)
        .and_then(|f| f.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|e| refuse(0, format!("cannot be read: {e}"), "check the path, and that the user shadowtap runs as may read it"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(refuse(0, "is longer than 16 MiB".into(), "split it into several files"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes().iter().take(good).filter(|b| **b == b'\n').count();
        refuse(line, "is not UTF-8 text".into(), "save it as UTF-8")
    })
}

/// Reads TOML text as far as it can be understood; `body` takes what it wants from the top table. All problems come back, by line.
pub fn read<T>(file: &Path, text: &str, body: impl FnOnce(Fields<'_>) -> T) -> (T, Vec<Diagnostic>) {
    let reading = Reading::new(file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = reading.line(error.span().map_or(text.len(), |s| s.start));
        reading.error(line, error.message(), "see https://toml.io for the notation");
    }
    let value = body(Fields::new(&reading, table.get_ref(), 1, String::new()));
    let mut problems = reading.problems.into_inner();
    problems.sort_by(|a, b| (a.line, b.severity).cmp(&(b.line, a.severity)));
    problems.dedup();
    (value, problems)
}

/// A table, asked key by key.
pub struct Fields<'r> {
    reading: &'r Reading,
    table: &'r DeTable<'r>,
    line: usize,
    title: String,
    asked: RefCell<Vec<&'static str>>,
}

/// An entry of a list that takes a text or a table.
pub enum TextOrTable<'r> {
    /// A text alone.
    Text(Located<&'r str>),
    /// A table.
    Table(Fields<'r>),
}

impl<'r> Fields<'r> {
    fn new(reading: &'r Reading, table: &'r DeTable<'r>, line: usize, title: String) -> Self {
        Fields { reading, table, line, title, asked: RefCell::default() }
    }

    /// Line the table begins on.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Where problems are noted.
    pub fn reading(&self) -> &'r Reading {
        self.reading
    }

    /// Whether a key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<Located<&'r str>> {
        self.typed(key, "a text in quotes", DeValue::as_str)
    }

    /// A text of several lines: its line is that of its first character, not of its quotes.
    pub fn long_text(&self, key: &'static str) -> Option<Located<&'r str>> {
        let text = self.text(key)?;
        let span = self.value(key)?.span();
        let written = self.reading.line(span.end.saturating_sub(1)).saturating_sub(text.line);
        // A line break right behind the opening quotes is no part of the text.
        let is_below = written > text.value.matches('\n').count();
        Some(Located { value: text.value, line: text.line + usize::from(is_below) })
    }

    /// A text that must be there and not be empty.
    pub fn needed_text(&self, key: &'static str) -> Option<Located<&'r str>> {
        if !self.has(key) {
            self.reading.error(self.line, format!("{} is missing", self.named(key)), format!("add {key} = \"…\""));
        }
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.reading.error(text.line, format!("{} is empty", self.named(key)), "write its value");
            return None;
        }
        Some(text)
    }

    /// A word of a closed vocabulary.
    pub fn word<T>(&self, key: &'static str, words: &[&'static str], from_word: impl Fn(&str) -> Option<T>) -> Option<Located<T>> {
        let text = self.text(key)?;
        match from_word(text.value) {
            Some(value) => Some(Located { value, line: text.line }),
            None => {
                let message = format!("{} has no value {:?}", self.named(key), text.value);
                self.reading.error(text.line, message, one_of(text.value, words));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str, default: bool) -> bool {
        self.typed(key, "true or false", DeValue::as_bool).map_or(default, |l| l.value)
    }

    /// A whole number within bounds.
    pub fn number(&self, key: &'static str, default: u64, bounds: std::ops::RangeInclusive<u64>) -> u64 {
        let read = |v: &DeValue<'_>| v.as_integer().and_then(|i| i128::from_str_radix(i.as_str(), i.radix()).ok());
        match self.typed(key, "a whole number", read) {
            None => default,
            Some(n) => match u64::try_from(n.value).ok().filter(|n| bounds.contains(n)) {
                Some(value) => value,
                None => {
                    let message = format!("{} is {}, out of bounds", self.named(key), n.value);
                    self.reading.error(n.line, message, format!("from {} to {}", bounds.start(), bounds.end()));
                    default
                }
            },
        }
    }

    /// Bytes: a whole number, or one with a unit as a text (`10MB`).
    pub fn bytes(&self, key: &'static str) -> Option<Located<u64>> {
        let value = self.value(key)?;
        let line = self.reading.line(value.span().start);
        let bytes = match value.get_ref() {
            DeValue::Integer(i) => u64::from_str_radix(i.as_str(), i.radix()).ok(),
            DeValue::String(text) => byte_size::parse(text),
            _ => None,
        };
        if bytes.is_none() {
            self.reading.error(line, format!("{} is no number of bytes", self.named(key)), format!("write {key} = \"10MB\""));
        }
        bytes.map(|value| Located { value, line })
    }

    /// A list of whole numbers within bounds; empty where the key is not there.
    pub fn numbers(&self, key: &'static str, bounds: std::ops::RangeInclusive<u64>) -> Vec<u64> {
        let read = |v: &DeValue<'_>| v.as_integer().and_then(|i| i128::from_str_radix(i.as_str(), i.radix()).ok());
        let written = self.list(key).iter().filter_map(|v| self.check(key, v, "a list of whole numbers", read));
        let within = |n: Located<i128>| match u64::try_from(n.value).ok().filter(|n| bounds.contains(n)) {
            Some(value) => Some(value),
            None => {
                let message = format!("{} holds {}, out of bounds", self.named(key), n.value);
                self.reading.error(n.line, message, format!("from {} to {}", bounds.start(), bounds.end()));
                None
            }
        };
        written.filter_map(within).collect()
    }

    /// A date, bare (`2026-11-23`) or as a text.
    pub fn date(&self, key: &'static str) -> Option<Located<Date>> {
        let value = self.value(key)?;
        let line = self.reading.line(value.span().start);
        let date = match value.get_ref() {
            DeValue::Datetime(d) if d.time.is_none() => {
                d.date.and_then(|d| Date::new(i16::try_from(d.year).ok()?, d.month as i8, d.day as i8).ok())
            }
            DeValue::String(text) => text.parse().ok(),
            _ => None,
        };
        if date.is_none() {
            self.reading.error(line, format!("{} is no date", self.named(key)), format!("write {key} = 2026-11-23"));
        }
        date.map(|value| Located { value, line })
    }

    /// A list of texts; empty where the key is not there.
    pub fn texts(&self, key: &'static str) -> Vec<Located<&'r str>> {
        self.list(key).iter().filter_map(|v| self.check(key, v, "a list of texts", DeValue::as_str)).collect()
    }

    /// One text or a list of them; empty where the key is not there.
    pub fn one_or_more(&self, key: &'static str) -> Vec<Located<&'r str>> {
        match self.value(key).map(Spanned::get_ref) {
            Some(DeValue::String(_)) => self.text(key).into_iter().collect(),
            _ => self.texts(key),
        }
    }

    /// A list whose entries are texts or tables.
    pub fn texts_or_tables(&self, key: &'static str) -> Vec<TextOrTable<'r>> {
        let entry = |v: &'r Spanned<DeValue<'r>>| {
            let line = self.reading.line(v.span().start);
            match v.get_ref() {
                DeValue::String(text) => Some(TextOrTable::Text(Located { value: text, line })),
                DeValue::Table(t) => Some(TextOrTable::Table(Fields::new(self.reading, t, line, self.named(key)))),
                _ => self.check(key, v, "a list of texts and tables", |_| None::<TextOrTable<'r>>).map(|l| l.value),
            }
        };
        self.list(key).iter().filter_map(entry).collect()
    }

    /// A table within.
    pub fn table(&self, key: &'static str) -> Option<Fields<'r>> {
        let table = self.typed(key, "a table", DeValue::as_table)?;
        Some(Fields::new(self.reading, table.value, table.line, self.named(key)))
    }

    /// A list of tables (`[[key]]`); empty where the key is not there.
    pub fn tables(&self, key: &'static str) -> Vec<Fields<'r>> {
        let table = |v| self.check(key, v, "a list of tables", DeValue::as_table);
        let fields = |t: Located<_>| Fields::new(self.reading, t.value, t.line, self.named(key));
        self.list(key).iter().filter_map(table).map(fields).collect()
    }

    /// The key with the table it stands in, for messages.
    pub fn named(&self, key: &str) -> String {
        if self.title.is_empty() { key.to_owned() } else { format!("{}.{key}", self.title) }
    }

    fn value(&self, key: &'static str) -> Option<&'r Spanned<DeValue<'r>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.get(key)
    }

    fn list(&self, key: &'static str) -> &'r [Spanned<DeValue<'r>>] {
        self.typed(key, "a list", DeValue::as_array).map_or(&[], |l| l.value.as_ref())
    }

    fn typed<T>(&self, key: &'static str, what: &str, read: impl Fn(&'r DeValue<'r>) -> Option<T>) -> Option<Located<T>> {
        self.check(key, self.value(key)?, what, read)
    }

    fn check<T>(
        &self,
        key: &str,
        value: &'r Spanned<DeValue<'r>>,
        what: &str,
        read: impl Fn(&'r DeValue<'r>) -> Option<T>,
    ) -> Option<Located<T>> {
        let line = self.reading.line(value.span().start);
        let found = read(value.get_ref());
        if found.is_none() {
            let message = format!("{} is a TOML {}", self.named(key), value.get_ref().type_str());
            self.reading.error(line, message, format!("it takes {what}"));
        }
        found.map(|value| Located { value, line })
    }
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        for key in self.table.keys().filter(|k| !asked.contains(&k.get_ref().as_ref())) {
            let line = self.reading.line(key.span().start);
            let message = format!("{} is no known key", self.named(key.get_ref()));
            self.reading.error(line, message, one_of(key.get_ref(), &asked));
        }
    }
}

/// A hint: the nearest of the known words, or all of them.
pub fn one_of(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if known.is_empty() => "delete it".to_owned(),
        None => format!("one of: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests;
