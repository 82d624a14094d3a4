//! What the reader of a file gathers: records, and what is wrong with the lines that gave none.

use super::facts::Texts;
use super::problems::Problems;
use crate::engine::identity::Record;

/// Records of one file so far.
pub(super) struct Gathered<'a> {
    pub records: Vec<Record>,
    pub texts: Texts,
    pub problems: Problems<'a>,
    /// Records there is room for.
    room: usize,
}

impl<'a> Gathered<'a> {
    pub fn new(problems: Problems<'a>, room: usize) -> Self {
        Gathered { records: Vec::new(), texts: Texts::default(), problems, room }
    }

    /// Takes a record; false once there is no room for more, which is a problem of the file.
    pub fn take(&mut self, line: usize, record: Record) -> bool {
        if self.records.len() < self.room {
            self.records.push(record);
            return true;
        }
        let message = format!("more than {} records in all files: what stands from here on is not read", super::MOST_RECORDS);
        self.problems.bad(line, message, "name subnets rather than single addresses");
        false
    }
}
