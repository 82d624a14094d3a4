//! How commands answer people and programs.

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};

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
