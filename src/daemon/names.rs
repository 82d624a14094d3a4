//! `shadowtap names`: every name seen in captures, matched or not.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::capture::file::CaptureFile;
use super::failure::Failure;
use super::name_json::NameLine;
use super::progress::Progress;
use super::sandbox;
use crate::engine::agent::Table;
use crate::engine::event::{Event, Observation};
use crate::engine::{Engine, Settings};

/// Every name seen in captures, matched or not.
#[derive(Args)]
pub struct NamesArgs {
    /// Captures: pcap or pcapng, plain, gzip or zstd; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Form of the output: json is one object a line.
    #[arg(long, value_enum, default_value_t = NamesOutput::Table)]
    output: NamesOutput,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NamesOutput {
    Json,
    Table,
}

/// Prints the names of every file, in packet order. Flows do not go from one file on to the next.
///
/// # Errors
/// A file that is no capture, after the others were read.
pub fn run(args: &NamesArgs) -> Result<(), Failure> {
    sandbox::go_offline();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut refused = None;
    let table = Table::shipped();
    if args.output == NamesOutput::Table {
        write_all(&mut out, format_args!("{:<27} {:<12} {:<5} {:<39} {:<39} {}\n", "time", "source", "over", "client", "server", "name"))?;
    }
    for path in &args.files {
        match CaptureFile::open(path) {
            Ok(file) => one(file, &table, args.output, &mut out)?,
            Err(failure) => {
                // The last one is told at the end, with its exit code.
                if let Some(earlier) = refused.replace(failure) {
                    eprintln!("shadowtap: {earlier}");
                }
            }
        }
    }
    out.flush().or_else(ignore_closed_pipe)?;
    refused.map_or(Ok(()), Err)
}

fn one(mut file: CaptureFile, table: &Table, output: NamesOutput, out: &mut impl Write) -> Result<(), Failure> {
    let mut engine = Engine::new(Settings::default());
    let mut progress = Progress::new(file.path(), file.size());
    let mut result = Ok(());
    loop {
        let mut print = |event: Event| {
            if let Event::Name(observation) = event
                && result.is_ok()
            {
                result = line(&observation, table, output, out);
            }
        };
        match file.frame() {
            Ok(Some(frame)) => {
                progress.add(frame.bytes.len());
                engine.frame(&frame, &mut print);
            }
            Ok(None) => break,
            Err(cut) => {
                progress.warn(&format!("{}: {cut}; everything before it was read", file.path().display()));
                break;
            }
        }
        result.or_else(ignore_closed_pipe)?;
        result = Ok(());
    }
    Ok(())
}

fn line(observation: &Observation, table: &Table, output: NamesOutput, out: &mut impl Write) -> io::Result<()> {
    let line = NameLine::of(observation, table);
    match output {
        NamesOutput::Json => {
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")
        }
        NamesOutput::Table => {
            writeln!(out, "{:<27} {:<12} {:<5} {:<39} {:<39} {}", line.ts, line.source, line.transport, line.client, line.server, line.name)
        }
    }
}

fn write_all(out: &mut impl Write, text: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    out.write_fmt(text).or_else(ignore_closed_pipe)
}

/// A reader that has seen enough (`| head`) is no failure.
fn ignore_closed_pipe(error: io::Error) -> Result<(), Failure> {
    if error.kind() == io::ErrorKind::BrokenPipe { std::process::exit(0) } else { Err(error.into()) }
}
