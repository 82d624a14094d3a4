//! `shadowtap replay`: captures through the whole pipeline, in one thread, without a clock: the same files give the same output. A store is
//! written in between.

mod keeping;
mod output;
mod stats;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::capture::file::CaptureFile;
use super::config::{Config, Mode};
use super::failure::Failure;
use super::pipeline;
use super::privacy::{KeyFolder, PeriodKey, Sealer};
use super::progress::Progress;
use super::rules::Rules;
use super::sandbox;
use super::store::Batch;
use crate::engine::Engine;
use crate::engine::attribution::Attribution;
use crate::engine::privacy::Unsealed;
use crate::engine::sighting::Finding;
use keeping::Keeping;
use output::Printer;
use stats::{Digest, Stats};

/// Frames between two looks at the sightings that ended.
const BATCH: u64 = 8192;
/// Sightings that end with the capture, handed on at once.
const PART: usize = 1024;

/// Captures through the whole pipeline: prints the sightings.
#[derive(Args)]
pub struct ReplayArgs {
    /// Captures: pcap or pcapng, plain, gzip or zstd, read one after the other as one; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Configuration: signatures, policy, teams, thresholds.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Store to write the sightings to, as sqlite:///path; without it no file is written. Alerts are not made of the past.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Form of the output: json is one object a line.
    #[arg(long, value_enum, default_value_t = ReplayOutput::Table)]
    output: ReplayOutput,
    /// Figures as one JSON object on standard error.
    #[arg(long)]
    stats: bool,
}

/// Form of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReplayOutput {
    /// For people.
    Table,
    /// One object a line.
    Json,
    /// Nothing.
    None,
}

/// Replays the files.
///
/// # Errors
/// A refused configuration, a file that is no capture (after the others were read), a store that fails.
pub fn run(args: &ReplayArgs) -> Result<(), Failure> {
    sandbox::go_offline();
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?;
    let rules = Rules::load(&config.value).map_err(Failure::Configuration)?;
    config.warnings.iter().chain(&rules.warnings).for_each(|w| eprintln!("shadowtap: {w}"));
    let started = Instant::now();
    let mut replay = Replay::new(&config.value, &rules.value, args)?;
    let mut refused = None;
    for path in &args.files {
        match CaptureFile::open(path) {
            Ok(file) => replay.file(file)?,
            Err(failure) => {
                // The last one is told at the end, with its exit code.
                if let Some(earlier) = refused.replace(failure) {
                    eprintln!("shadowtap: {earlier}");
                }
            }
        }
    }
    let stats = replay.finish()?;
    if args.stats {
        eprintln!("{}", stats.json(started.elapsed().as_secs_f64()));
    }
    refused.map_or(Ok(()), Err)
}

struct Replay {
    engine: Engine,
    attribution: Attribution,
    sink: Ended,
    sealer: Option<Sealer>,
}

/// Where sightings that ended go.
struct Ended {
    printer: Printer,
    /// Only where figures are asked for.
    digest: Option<Digest>,
    sightings: u64,
    store: Option<Keeping>,
}

impl Replay {
    fn new(config: &Config, rules: &Rules, args: &ReplayArgs) -> Result<Self, Failure> {
        let store = args.store.as_deref().map(Keeping::start).transpose()?;
        let mut attribution = Attribution::new(pipeline::judgement(config, rules), pipeline::bounds(config, 0));
        let key = key(config)?;
        attribution.keep_by(pipeline::privacy(config, key.as_ref(), 0));
        attribution.remember_unmatched(store.as_ref().and_then(|_| pipeline::unmatched(config, 0)));
        Ok(Replay {
            engine: Engine::new(pipeline::settings(config, 0, 1, 0)),
            attribution,
            sealer: key.as_ref().map(Sealer::new),
            sink: Ended { printer: Printer::new(args.output)?, digest: args.stats.then(Digest::default), sightings: 0, store },
        })
    }

    fn file(&mut self, mut file: CaptureFile) -> Result<(), Failure> {
        let mut progress = Progress::new(file.path(), file.size());
        let (engine, attribution) = (&mut self.engine, &mut self.attribution);
        let mut frames = 0u64;
        loop {
            match file.frame() {
                Ok(Some(frame)) => {
                    progress.add(frame.bytes.len());
                    engine.frame(&frame, &mut |event| attribution.event(&event));
                }
                Ok(None) => break,
                Err(cut) => {
                    progress.warn(&format!("{}: {cut}; everything before it was read", file.path().display()));
                    break;
                }
            }
            frames += 1;
            if frames.is_multiple_of(BATCH) {
                attribution.tick(engine.now());
                self.sink.take(attribution.ledger().drain_ended())?;
                self.sink.seal(&attribution.drain_unsealed(), self.sealer.as_ref());
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Stats, Failure> {
        let attribution = &mut self.attribution;
        self.engine.finish(&mut |event| attribution.event(&event));
        let (sink, mut ended, mut result) = (&mut self.sink, Vec::new(), Ok(()));
        attribution.finish_each(|finding| {
            ended.push(finding);
            if ended.len() >= PART && result.is_ok() {
                result = sink.take(std::mem::take(&mut ended));
            }
        });
        result?;
        self.sink.take(ended)?;
        let visibility = attribution.visibility().drain();
        self.sink.seal(&attribution.drain_unsealed(), self.sealer.as_ref());
        self.sink.printer.finish()?;
        let digest = self.sink.digest.take();
        let stats = Stats::of(&self.engine, &mut self.attribution, self.sink.sightings, digest);
        if let Some(store) = self.sink.store {
            let unmatched = self.attribution.drain_unmatched();
            store.finish(Batch { visibility, unmatched, capture: Some(stats.capture()), ..Batch::default() })?;
        }
        // The process ends: taking the tables apart, entry by entry, would gain nothing.
        std::mem::forget((self.engine, self.attribution));
        Ok(stats)
    }
}

/// The key in use, where the configuration wants pseudonyms. A replay makes none: what it shows would be nobody's.
fn key(config: &Config) -> Result<Option<PeriodKey>, Failure> {
    if config.privacy.mode != Mode::Pseudonymous {
        return Ok(None);
    }
    let folder = &config.privacy.key_folder;
    let newest = KeyFolder::new(folder).keys()?.pop();
    let none = || {
        let remedy = "start the daemon, or run `shadowtap privacy rotate`";
        Failure::Setting(format!("the configuration wants pseudonyms, and {} holds no key\n  remedy: {remedy}", folder.display()))
    };
    newest.map(Some).ok_or_else(none)
}

impl Ended {
    /// Keeps who stands behind new pseudonyms, sealed, where there is a store.
    fn seal(&mut self, unsealed: &[Unsealed], sealer: Option<&Sealer>) {
        if let (Some(store), Some(sealer)) = (&mut self.store, sealer) {
            store.add_sealed(unsealed.iter().filter_map(|u| sealer.seal(u)));
        }
    }

    fn take(&mut self, findings: Vec<Finding>) -> Result<(), Failure> {
        for finding in &findings {
            if let Some(digest) = &mut self.digest {
                digest.add(&finding.sighting);
            }
            self.sightings += 1;
            self.printer.print(&finding.sighting)?;
        }
        self.store.as_mut().map_or(Ok(()), |store| store.add(findings))
    }
}
