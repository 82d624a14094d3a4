//! Sightings as `replay` prints them.

use std::io::{self, BufWriter, Stdout, Write};

use super::ReplayOutput;
use crate::daemon::failure::Failure;
use crate::daemon::output::unless_gone;
use crate::daemon::sighting_json::SightingJson;
use crate::daemon::{clock, table, who};
use crate::engine::sighting::Sighting;

/// Rows a table holds before it is laid out and printed: memory stays bounded whatever the capture.
const ROWS: usize = 1000;
const HEADER: [&str; 10] = ["first seen", "client", "team", "service", "status", "evidence", ">connections", ">up", ">down", "names"];

/// Prints sightings as they end.
pub(super) struct Printer {
    form: ReplayOutput,
    out: BufWriter<Stdout>,
    rows: Vec<Vec<String>>,
    printed: usize,
}

impl Printer {
    pub(super) fn new(form: ReplayOutput) -> Result<Self, Failure> {
        Ok(Printer { form, out: BufWriter::new(io::stdout()), rows: Vec::new(), printed: 0 })
    }

    pub(super) fn print(&mut self, s: &Sighting) -> Result<(), Failure> {
        match self.form {
            ReplayOutput::None => Ok(()),
            ReplayOutput::Json => {
                let written = serde_json::to_writer(&mut self.out, &SightingJson::from(s)).map_err(io::Error::from);
                unless_gone(written.and_then(|()| self.out.write_all(b"\n")))
            }
            ReplayOutput::Table => {
                self.rows.push(row(s));
                if self.rows.len() >= ROWS { self.table() } else { Ok(()) }
            }
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        if self.form == ReplayOutput::Table && (!self.rows.is_empty() || self.printed == 0) {
            self.table()?;
        }
        unless_gone(self.out.flush())
    }

    fn table(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.rows);
        self.printed += rows.len();
        let text = if self.printed == 0 { "no GenAI use seen".to_owned() } else { table::layout(&HEADER, rows) };
        unless_gone(writeln!(self.out, "{text}"))
    }
}

fn row(s: &Sighting) -> Vec<String> {
    let evidence = if s.presence_only { format!("{} (present, not used)", s.evidence.word()) } else { s.evidence.word().to_owned() };
    vec![
        clock::rfc3339(s.first_seen),
        who::cell(s),
        s.team.to_string(),
        s.service.to_string(),
        s.status.word().to_owned(),
        evidence,
        s.connections.to_string(),
        table::bytes(s.bytes_up),
        table::bytes(s.bytes_down),
        s.names.iter().take(3).map(|n| n.to_string()).collect::<Vec<_>>().join(" "),
    ]
}
