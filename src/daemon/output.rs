//! How commands answer people and programs.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};

use super::failure::Failure;

/// The form of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Output {
    /// A table, for people.
    #[default]
    Table,
    /// One JSON object a line, for programs.
    Json,
}

/// A table without borders.
pub fn borderless<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    table
}

/// Prints an answer and ends its line.
///
/// # Errors
/// Standard output that fails; a reader that has gone (`| head`) is none.
pub fn print(text: &str) -> Result<(), Failure> {
    unless_gone(writeln!(io::stdout().lock(), "{}", text.trim_end()))
}

/// A failure to write, unless the reader has gone: it has what it wanted.
///
/// # Errors
/// Every other failure.
pub fn unless_gone(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        assert!(unless_gone(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert_eq!(unless_gone(Err(io::ErrorKind::StorageFull.into())).unwrap_err().code(), 70);
    }
}
