//! A list of objects in our own words; and the entries of a list with their lines, for NetBox too.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::gathered::Gathered;
use super::own::{KEYS, Lines, Written};
use crate::daemon::toml_fields::one_of;

/// Lines of a text by offset.
pub(super) struct LineOf<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> LineOf<'t> {
    pub fn new(text: &'t str) -> Self {
        LineOf { text, starts: text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1).collect() }
    }

    /// The line a part of the text begins on.
    pub fn of(&self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        1 + self.starts.partition_point(|start| *start <= offset)
    }
}

/// Reads a file.
pub(super) fn read(text: &str, gathered: &mut Gathered<'_>) {
    if text.trim().is_empty() {
        return;
    }
    let entries: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(entries) => entries,
        Err(error) => {
            return gathered.problems.bad(error.line(), format!("cannot be read: {error}"), "write a list of objects, [{…}, {…}]");
        }
    };
    let (line_of, mut lines) = (LineOf::new(text), Lines::default());
    for entry in entries {
        let line = line_of.of(entry.get());
        match written(entry) {
            Ok(written) => {
                if !lines.take(gathered, line, &written) {
                    return;
                }
            }
            Err((message, hint)) => gathered.problems.bad(line, message, hint),
        }
    }
}

fn written(entry: &RawValue) -> Result<Written<'static>, (String, String)> {
    let object: Map<String, Value> =
        serde_json::from_str(entry.get()).map_err(|_| ("is no object".to_owned(), "write {\"address\": \"10.0.0.5\", …}".to_owned()))?;
    let mut written = Written::default();
    for (key, value) in object {
        let place = KEYS.iter().position(|k| *k == key).and_then(|at| written.get_mut(at));
        let place = place.ok_or_else(|| (format!("{key:?} is no known key"), one_of(&key, &KEYS)))?;
        *place = match (key.as_str(), value) {
            (_, Value::Null) => Cow::Borrowed(""),
            ("shared", Value::Bool(flag)) => Cow::Borrowed(if flag { "true" } else { "false" }),
            (_, Value::String(text)) => Cow::Owned(text),
            _ => return Err((format!("{key:?} is no text"), "put it into quotes".to_owned())),
        };
    }
    Ok(written)
}
