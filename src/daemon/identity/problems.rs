//! What is wrong with one file, as a list that stays short.

use std::path::Path;

use crate::daemon::diagnostic::{Diagnostic, Severity};

/// Problems of one file that are told one by one.
const MOST: usize = 50;

/// Problems of one file.
pub(super) struct Problems<'a> {
    file: &'a Path,
    /// How bad a line is that cannot be read.
    severity: Severity,
    list: Vec<Diagnostic>,
    left_out: usize,
}

impl<'a> Problems<'a> {
    pub fn new(file: &'a Path, severity: Severity) -> Self {
        Problems { file, severity, list: Vec::new(), left_out: 0 }
    }

    /// Notes a line that cannot be read; in a file that a server writes a warning.
    pub fn bad(&mut self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.note(self.severity, line, message.into(), hint.into());
    }

    /// Notes what counts all the same.
    pub fn warn(&mut self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Warning, line, message.into(), hint.into());
    }

    fn note(&mut self, severity: Severity, line: usize, message: String, hint: String) {
        // An error is never left out for warnings before it.
        let has_place = self.list.len() < MOST || (severity == Severity::Error && !self.any_error());
        if !has_place {
            self.left_out += 1;
            return;
        }
        self.list.push(Diagnostic { severity, file: self.file.into(), line, message, hint });
    }

    pub fn any_error(&self) -> bool {
        crate::daemon::diagnostic::any_error(&self.list)
    }

    /// All of them, with a last one that says how many more there are.
    pub fn into_list(mut self) -> Vec<Diagnostic> {
        if self.left_out > 0 {
            let severity = if self.any_error() { Severity::Error } else { Severity::Warning };
            let (file, message) = (self.file.into(), format!("{} further problems are not listed", self.left_out));
            self.list.push(Diagnostic { severity, file, line: 0, message, hint: "mend these first".into() });
        }
        self.list
    }
}
