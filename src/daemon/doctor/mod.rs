//! `shadowtap doctor`: looks at a span port before it is trusted. What it finds, the figures behind it, and what to do.

mod copies;
mod findings;
mod show;
mod survey;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::capture::file::CaptureFile;
use super::capture::interfaces::interfaces;
use super::capture::live::{LiveCapture, LiveTotals, Polled};
use super::config::Config;
use super::failure::Failure;
use super::output::{self, Output};
use super::progress::Progress;
use super::since;
use findings::findings;
use survey::Survey;

/// Arguments of `shadowtap doctor`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("source").required(true))]
pub struct DoctorArgs {
    /// Interface to look at
    #[arg(short, long, value_name = "IFACE", group = "source")]
    interface: Option<String>,
    /// Look at a capture instead
    #[arg(long, value_name = "FILE", group = "source")]
    file: Option<PathBuf>,
    /// How long to look (30s, 5m, 1h); Ctrl-C ends it early with what is known
    #[arg(long = "for", value_name = "T", default_value = "60s", value_parser = period)]
    period: Duration,
    /// Configuration whose [capture] is used
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Form of the output: json is one document
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

fn period(text: &str) -> Result<Duration, String> {
    let nanos = since::duration(text).filter(|n| *n > 0);
    nanos.map(Duration::from_nanos).ok_or_else(|| format!("`{text}` is no duration; write 30s, 5m or 1h"))
}

/// Looks, and tells. What it finds is no failure.
///
/// # Errors
/// An interface or file that cannot be captured, or a refused configuration.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let (source, mut survey, totals) = match (&args.interface, &args.file) {
        (Some(interface), _) => {
            let (survey, totals) = live(interface, args)?;
            (interface.clone(), survey, Some(totals))
        }
        (None, file) => {
            let path = file.as_deref().unwrap_or(Path::new("-"));
            (path.display().to_string(), recorded(path)?, None)
        }
    };
    let found = findings(&mut survey, totals);
    let text = match args.output {
        Output::Json => show::json(&source, &survey, &found),
        Output::Table => show::table(&source, &survey, &found),
    };
    output::print(&text)
}

/// All frames of a capture.
fn recorded(path: &Path) -> Result<Survey, Failure> {
    let mut file = CaptureFile::open(path)?;
    let mut progress = Progress::new(file.path(), file.size());
    let mut survey = Survey::new(HashSet::new());
    loop {
        match file.frame() {
            Ok(Some(frame)) => {
                progress.add(frame.bytes.len());
                survey.frame(&frame);
            }
            Ok(None) => return Ok(survey),
            Err(cut) => {
                progress.warn(&format!("{}: {cut}; everything before it was read", file.path().display()));
                return Ok(survey);
            }
        }
    }
}

/// What an interface shows for a while.
fn live(interface: &str, args: &DoctorArgs) -> Result<(Survey, LiveTotals), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value;
    let own = interfaces()?.into_iter().flat_map(|i| i.addresses).collect();
    let mut capture = LiveCapture::open(interface, &config.capture)?;
    let mut survey = Survey::new(own);
    let (stop, _runtime) = interruption()?;
    let bar = countdown(interface, args.period);
    let started = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        match capture.read(|frame| survey.frame(frame)) {
            Polled::Frames => {}
            Polled::Idle(now) => survey.tick(now),
            Polled::Gone(why) => bar.suspend(|| eprintln!("shadowtap: {why}")),
        }
        bar.set_position(started.elapsed().as_secs());
        if started.elapsed() >= args.period {
            break;
        }
    }
    bar.finish_and_clear();
    survey.watched = Some(started.elapsed());
    Ok((survey, capture.stats()))
}

/// A flag that Ctrl-C raises, while the runtime lives.
fn interruption() -> Result<(Arc<AtomicBool>, tokio::runtime::Runtime), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    Ok((stop, runtime))
}

/// A bar of seconds on a terminal; hidden in a pipe.
fn countdown(interface: &str, period: Duration) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(period.as_secs());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} s") {
        bar.set_style(style);
    }
    bar.with_message(format!("looking at {interface}"))
}
