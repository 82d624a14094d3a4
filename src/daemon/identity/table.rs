//! Comma-separated values with a header, in our own words; and their rows, for NetBox too.

use std::borrow::Cow;

use csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::gathered::Gathered;
use super::own::{KEYS, Lines, SUBJECTS, Written};
use crate::daemon::toml_fields::one_of;

/// Rows of a table, the header first.
pub(super) struct Rows<'t> {
    text: &'t str,
    reader: csv::Reader<&'t [u8]>,
    record: ByteRecord,
}

impl<'t> Rows<'t> {
    /// Values are separated by whatever separates those of the header most often: comma, semicolon or tab. Lines that begin with `#` are
    /// remarks.
    pub fn new(text: &'t str) -> Self {
        let header = text.lines().find(|line| !is_remark(line)).unwrap_or_default();
        let count = |separator: u8| header.bytes().filter(|b| *b == separator).count();
        let separator = [b'\t', b';', b','].into_iter().max_by_key(|s| count(*s)).unwrap_or(b',');
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).comment(Some(b'#')).delimiter(separator);
        Rows { text, reader: builder.from_reader(text.as_bytes()), record: ByteRecord::new() }
    }

    /// The line a row begins on, and the row; `None` at the end.
    pub fn next(&mut self) -> Option<(usize, StringRecord)> {
        // Reading from memory does not fail, and neither does what was cut out of text at ASCII characters.
        if !self.reader.read_byte_record(&mut self.record).ok()? {
            return None;
        }
        let position = self.record.position()?;
        let (line, byte) = (usize::try_from(position.line()).ok()?, usize::try_from(position.byte()).ok()?);
        // The position is where the row before ended: blank lines and remarks may follow there.
        let rest = self.text.get(byte..)?;
        let skipped = rest.lines().take_while(|line| is_remark(line)).count();
        // A remark that ends the text without a line's end is read as an empty row.
        rest.lines().nth(skipped)?;
        Some((line + skipped, StringRecord::from_byte_record_lossy(self.record.clone())))
    }
}

fn is_remark(line: &str) -> bool {
    line.trim_end_matches('\r').is_empty() || line.starts_with('#')
}

/// Reads a file whose header is of our own words.
pub(super) fn read(text: &str, gathered: &mut Gathered<'_>) {
    let mut rows = Rows::new(text);
    let Some((line, header)) = rows.next() else { return };
    let Some(columns) = columns(line, &header, gathered) else { return };
    let mut lines = Lines::default();
    while let Some((line, row)) = rows.next() {
        if row.len() != columns.len() {
            let message = format!("has {} values, the header {}", row.len(), columns.len());
            gathered.problems.bad(line, message, "leave a value blank where nothing is said; put one with a comma into quotes");
            continue;
        }
        let mut written = Written::default();
        for (key, value) in columns.iter().zip(&row) {
            if let Some(place) = written.get_mut(*key) {
                *place = Cow::Borrowed(value);
            }
        }
        if !lines.take(gathered, line, &written) {
            return;
        }
    }
}

/// The word of each column, by its number; `None` where one is wrong.
fn columns(line: usize, header: &StringRecord, gathered: &mut Gathered<'_>) -> Option<Vec<usize>> {
    let mut columns = Vec::new();
    let mut is_good = true;
    for written in header {
        let name = written.trim().to_ascii_lowercase();
        let found = KEYS.iter().position(|key| *key == name);
        let wrong = match found {
            None => Some((format!("column {written:?} is not known"), one_of(&name, &KEYS))),
            Some(key) if columns.contains(&key) => Some((format!("column {name:?} stands twice"), "keep one of them".to_owned())),
            Some(_) => None,
        };
        if let Some((message, hint)) = wrong {
            gathered.problems.bad(line, message, hint);
            is_good = false;
        }
        columns.extend(found);
    }
    if is_good && !columns.iter().any(|key| KEYS.get(*key).is_some_and(|k| SUBJECTS.contains(k))) {
        let message = "no column says whom the lines are about";
        gathered.problems.bad(line, message, format!("add one of {}", SUBJECTS.join(", ")));
        return None;
    }
    is_good.then_some(columns)
}
