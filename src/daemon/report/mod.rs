//! `shadowtap report`: what the store holds of a stretch of time, for people, programs and spreadsheets.

mod csv;
mod decided;
mod expiring;
mod page;
mod summary;
mod sums;

#[cfg(test)]
mod tests;

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::audit_entry::{AuditEntry, AuditKind};
use super::failure::Failure;
use super::sighting_json::SightingJson;
use super::store::{DEFAULT_STORE, Extent, SightingPages, Store, StoreError, Window};
use super::zone_sight::{ZoneSight, zone_sights};
use super::{clock, since};
use crate::engine::frame::Time;
use crate::engine::sighting::Sighting;
use decided::Decided;
use summary::Summary;
use sums::{By, Sums};

/// Arguments of `shadowtap report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// The store to read
    #[arg(long, value_name = "URL", default_value = DEFAULT_STORE)]
    store: String,
    /// From when on: a duration before now (90m, 12h, 7d, 2w), RFC 3339, or all
    #[arg(long, value_name = "T", default_value = "7d")]
    since: String,
    /// Up to when; now if not given
    #[arg(long, value_name = "T")]
    until: Option<String>,
    /// Form of the report
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Sums of whole days instead, which outlive single sightings: by day, team or service
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Write to this file, which its owner alone may read, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Configuration, for the exceptions of its policy that end; default /etc/shadowtap/config.toml where it may be read
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What stands in a report besides sightings.
struct Frame<'a> {
    from: Option<Time>,
    until: Time,
    zones: &'a [ZoneSight],
    expiring: &'a [expiring::Entry],
    decided: Option<&'a Decided>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A summary by service
    Table,
    /// A page for people, out of sums of whole days: it names no client and needs nothing but itself
    Html,
    /// One document with every sighting and totals
    Json,
    /// Every sighting, one a line
    Csv,
}

impl Format {
    fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

impl ReportArgs {
    /// Whether single sightings leave the store for good: the audit log hears of it first. A summary on the screen does not.
    fn leaves(&self) -> bool {
        self.output.as_deref().is_some_and(|path| path != Path::new("-")) || !matches!(self.format, Format::Table)
    }
}

/// Writes the report.
///
/// # Errors
/// A moment that cannot be understood, the store's errors, or an output that cannot be written.
pub fn run(args: ReportArgs) -> Result<(), Failure> {
    let now = clock::now();
    let moment = |option: &str, text: &str| since::parse(text, now).map_err(|e| Failure::Setting(format!("{option}: {e}")));
    let since = moment("--since", &args.since)?;
    let until = args.until.as_deref().map(|t| moment("--until", t)).transpose()?.flatten();
    if args.by.is_some() && matches!(args.format, Format::Csv | Format::Html) {
        let what =
            if matches!(args.format, Format::Csv) { "csv has one sighting a line" } else { "html has days, teams and services already" };
        return Err(Failure::Setting(format!("--by: {what}\n  remedy: use --format table or json")));
    }
    let decided = Decided::load(args.config.as_deref())?;
    let expiring = decided.as_ref().map(|decided| expiring::of(decided, now)).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open_existing(&args.store).await?;
        let window = Window { since, until };
        if args.leaves() {
            let to = args.output.as_deref().map_or_else(|| "standard output".into(), |path| path.display().to_string());
            let [from, until] = [since, until].map(|t| t.map(clock::rfc3339));
            let detail = json!({ "format": args.format.word(), "to": to, "since": from, "until": until });
            store.audit(&AuditEntry::of_caller(AuditKind::Export, detail)).await?;
        }
        let zones = zone_sights(&store.visibility(window).await?);
        let mut out = open(args.output.as_deref())?;
        let frame = Frame { from: since, until: until.unwrap_or(now), zones: &zones, expiring: &expiring, decided: decided.as_ref() };
        let written = write_any(&store, (window, now), &args, &frame, &mut out).await;
        store.close().await;
        match written {
            // Whoever reads has read enough.
            Err(WriteError::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    })
}

fn open(path: Option<&Path>) -> Result<Box<dyn Write>, Failure> {
    let Some(path) = path.filter(|p| *p != Path::new("-")) else { return Ok(Box::new(BufWriter::new(io::stdout().lock()))) };
    match OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path) {
        Ok(file) => Ok(Box::new(BufWriter::new(file))),
        Err(e) => Err(Failure::Setting(format!("--output {}: {e}", path.display()))),
    }
}

enum WriteError {
    Store(StoreError),
    Output(io::Error),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        WriteError::Store(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        WriteError::Output(error)
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => error.into(),
            WriteError::Output(error) => Failure::Internal(format!("report cannot be written: {error}")),
        }
    }
}

/// Sightings one by one, or sums where these are asked for or the table of a window would have too many.
async fn write_any(
    store: &Store,
    (window, now): (Window, Time),
    args: &ReportArgs,
    frame: &Frame<'_>,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let is_table = matches!(args.format, Format::Table);
    if let Some(by) = args.by {
        let sums = Sums::of(store, window, now).await?;
        if is_table {
            sums.write_by(by, out).await?;
        } else {
            sums.write_json(by, &quoted(frame.from), &clock::rfc3339(frame.until), out).await?;
        }
        return Ok(out.flush()?);
    }
    if matches!(args.format, Format::Html) {
        return page::write(store, (window, now), frame, out).await;
    }
    let extent = if is_table { store.extent(window.since, window.until, sums::MOST + 1).await? } else { Extent::default() };
    if extent.sightings.saturating_add(extent.kept) > sums::MOST {
        Sums::of(store, window, now).await?.write(out).await?;
        return Ok(write_rest(frame, out)?);
    }
    write(store.sightings(window).await?, args.format, frame, out).await?;
    if let (Some(end), 1..) = (extent.kept_until, extent.kept) {
        let (kept, end) = (extent.kept, clock::day_of(end));
        writeln!(out, "\n{kept} sightings begun before {end} are no more; their sums: shadowtap report --by day, team or service")?;
        out.flush()?;
    }
    Ok(())
}

/// What stands behind the table.
fn write_rest(frame: &Frame<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_sentences(out, frame.zones)?;
    expiring::write(frame.expiring, out)?;
    out.flush()
}

async fn write(mut pages: SightingPages, format: Format, frame: &Frame<'_>, out: &mut dyn Write) -> Result<(), WriteError> {
    let mut summary = Summary::default();
    let mut written = 0_usize;
    match format {
        Format::Table | Format::Html => {}
        Format::Csv => csv::write_header(out)?,
        Format::Json => write!(out, "{{\"from\":{},\"until\":\"{}\",\"sightings\":[", quoted(frame.from), clock::rfc3339(frame.until))?,
    }
    while let Some(page) = pages.next().await? {
        for sighting in &page {
            summary.add(sighting);
            match format {
                Format::Table | Format::Html => {}
                Format::Csv => csv::write_row(out, sighting)?,
                Format::Json => write_json(out, sighting, written == 0)?,
            }
            written += 1;
        }
    }
    match format {
        Format::Table => {
            summary.write(out)?;
            write_rest(frame, out)?;
        }
        Format::Csv | Format::Html => {}
        Format::Json => {
            let totals = serde_json::to_string(&summary.totals()).map_err(io::Error::from)?;
            let visibility = serde_json::to_string(frame.zones).map_err(io::Error::from)?;
            let expiring = serde_json::to_string(frame.expiring).map_err(io::Error::from)?;
            writeln!(out, "\n],\"totals\":{totals},\"visibility\":{visibility},\"expiring\":{expiring}}}")?;
        }
    }
    Ok(out.flush()?)
}

/// A sentence a zone: what the absence of sightings means there.
fn write_sentences(out: &mut dyn Write, zones: &[ZoneSight]) -> io::Result<()> {
    if !zones.is_empty() {
        writeln!(out)?;
    }
    zones.iter().try_for_each(|zone| writeln!(out, "{}", zone.sentence()))
}

fn write_json(out: &mut dyn Write, sighting: &Sighting, first: bool) -> io::Result<()> {
    out.write_all(if first { b"\n" } else { b",\n" })?;
    Ok(serde_json::to_writer(out, &SightingJson::from(sighting))?)
}

/// A moment as JSON; `null` for the beginning of everything.
fn quoted(moment: Option<Time>) -> String {
    moment.map_or_else(|| "null".to_owned(), |t| format!("\"{}\"", clock::rfc3339(t)))
}
