//! `signatures update`: another catalogue, if there is no doubt about it. Any doubt leaves what is in force as it is, is counted, and said.

mod difference;
mod examine;
mod fetch;

#[cfg(test)]
mod liar;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::record;
use crate::daemon::audit_entry::AuditKind;
use crate::daemon::bundle::folder::Lock;
use crate::daemon::bundle::{Folder, Tally};
use crate::daemon::clock;
use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::output::print;
use crate::daemon::rules::Catalogue;
use crate::daemon::store::{Store, StoreError, Window};
use crate::engine::frame::Time;
use crate::engine::signature::Signatures;
use difference::Difference;
use examine::{Candidate, examine};
use fetch::{Bounds, From};

/// Days of sightings a new catalogue is compared with.
const DAYS: u64 = 30;

/// Where a bundle comes from, and how far it may go by itself.
#[derive(clap::Args)]
pub struct Args {
    /// An https address, a file, or "-" for standard input
    #[arg(long, value_name = "URL|FILE")]
    from: String,
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Store with the sightings to compare with; default that of the configuration
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Put it into force without asking
    #[arg(long)]
    yes: bool,
    /// Longest time fetching may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Certificates of authorities to trust besides the system's, in PEM form
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Allow http to this machine itself, for tests
    #[arg(long, hide = true)]
    allow_plain_loopback: bool,
}

/// Fetches, verifies, compares, asks, and puts into force.
///
/// # Errors
/// Every doubt; what was in force still is.
pub fn run(args: Args) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value;
    let updates = Updates::open(&config)?;
    let (candidate, difference) = match propose(&args, &config, &updates) {
        Ok(Some(proposed)) => proposed,
        Ok(None) => return print(&format!("version {} is in force already", updates.current_version())),
        Err(doubt) => return Err(updates.refuse(doubt)),
    };
    let (version, expires) = (candidate.bundle.version, candidate.bundle.expires);
    print(&format!("version {version}, until {expires}: {}\n{difference}", candidate.totals))?;
    if !args.yes && !confirmed(version)? {
        return Err(Failure::Setting("not put into force: what was in force still is".into()));
    }
    updates.install(&candidate)?;
    let store = args.store.as_deref().unwrap_or(&config.store.url);
    record::note(store, AuditKind::Update, json!({ "version": version, "from": args.from }));
    print(&format!("version {version} is in force; shadowtap signatures rollback goes back"))
}

/// What would be put into force, and what that changes; `None` where it is in force already.
fn propose(args: &Args, config: &Config, updates: &Updates<'_>) -> Result<Option<(Candidate, String)>, Failure> {
    let bounds = Bounds { total: Duration::from_secs(args.timeout), ca: args.ca.clone(), plain_loopback: args.allow_plain_loopback };
    let bytes = From::parse(&args.from, &bounds)?.fetch(&bounds)?;
    if updates.is_current(&bytes) {
        return Ok(None);
    }
    let candidate = examine(bytes, config, updates.highest(), clock::today())?;
    let old = Catalogue::of(config).signatures();
    let difference = compare(&old, &candidate.signatures, args.store.as_deref().unwrap_or(&config.store.url))?;
    Ok(Some((candidate, difference)))
}

fn compare(old: &Signatures, new: &Signatures, store: &str) -> Result<String, Failure> {
    let mut difference = Difference::new(old, new);
    let since = Time(clock::now().0.saturating_sub(DAYS * 86_400 * 1_000_000_000));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let days = runtime.block_on(async {
        let store = match Store::open_existing(store).await {
            Ok(store) => store,
            Err(StoreError::Missing(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut pages = store.sightings(Window { since: Some(since), until: None }).await?;
        while let Some(page) = pages.next().await? {
            page.iter().for_each(|sighting| difference.add(sighting));
        }
        let today = clock::now().seconds() / 86_400;
        difference.remember(&store.unmatched(today.saturating_sub(DAYS), today).await?);
        store.close().await;
        Ok(Some(DAYS))
    })?;
    Ok(difference.text(days))
}

fn confirmed(version: u64) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Setting("not put into force: nobody is there to ask; say --yes".into()));
    }
    eprint!("put version {version} into force? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The folder of updates, held by this process.
pub(super) struct Updates<'a> {
    config: &'a Config,
    folder: Folder,
    lock: Lock,
    tally: Tally,
}

impl<'a> Updates<'a> {
    /// Opens the folder a configuration names.
    ///
    /// # Errors
    /// No key is pinned, or the folder cannot be used.
    pub(super) fn open(config: &'a Config) -> Result<Self, Failure> {
        let source = &config.signatures;
        if source.keys.is_empty() {
            let hint = "pin one in the configuration: [signatures] key = \"RW…\"";
            return Err(Failure::Setting(format!("no key is pinned, and nothing unsigned is taken; {hint}")));
        }
        let folder = Folder::new(&source.update_folder);
        let lock = folder.lock().map_err(|e| about(folder.path(), &e))?;
        let tally = Tally::read(folder.path()).map_err(|e| about(&folder.path().join("tally.json"), &e))?;
        Ok(Updates { config, folder, lock, tally })
    }

    fn current_version(&self) -> u64 {
        self.folder.current(&self.config.signatures.keys).ok().flatten().map_or(0, |b| b.version)
    }

    /// Whether these bytes are in force already, and still to be trusted.
    fn is_current(&self, bytes: &[u8]) -> bool {
        self.current_version() > 0 && self.folder.current_bytes().is_ok_and(|current| current == bytes)
    }

    /// The highest version that was ever in force here.
    fn highest(&self) -> u64 {
        let keys = &self.config.signatures.keys;
        let previous = self.folder.previous(keys).ok().flatten().map_or(0, |b| b.version);
        self.tally.highest.max(self.current_version()).max(previous)
    }

    /// Counts a doubt, and gives it back.
    fn refuse(&self, doubt: Failure) -> Failure {
        let why = doubt.to_string().lines().next().unwrap_or_default().to_owned();
        let tally = Tally {
            highest: self.highest(),
            refused: self.tally.refused + 1,
            refused_at: Some(clock::rfc3339(clock::now())),
            refused_why: Some(why),
            ..self.tally.clone()
        };
        if let Err(error) = tally.write(self.folder.path()) {
            eprintln!("shadowtap: {}: the refusal could not be counted: {error}", self.folder.path().display());
        }
        eprintln!("shadowtap: update refused: what was in force still is");
        doubt
    }

    fn install(&self, candidate: &Candidate) -> Result<(), Failure> {
        let version = candidate.bundle.version;
        let failed = |e: io::Error| about(self.folder.path(), &e);
        self.folder.install(version, &candidate.bytes, &self.lock).map_err(failed)?;
        Tally { highest: version, taken: self.tally.taken + 1, ..self.tally.clone() }.write(self.folder.path()).map_err(failed)
    }

    /// Exchanges the catalogue in force with the one before; what is in force then, in words.
    ///
    /// # Errors
    /// Nothing was in force before, or what was is not to be trusted.
    pub(super) fn roll_back(&self) -> Result<String, Failure> {
        let keys = &self.config.signatures.keys;
        let previous = self.folder.previous(keys).map_err(|why| {
            Failure::Setting(format!("{}: the version before {why}; what was in force still is", self.folder.path().display()))
        })?;
        let now = match &previous {
            Some(bundle) => format!("version {}, until {}", bundle.version, bundle.expires),
            None if self.folder.current_file().exists() => "the catalogue in the program".to_owned(),
            None => return Err(Failure::Setting("no update was ever in force: there is nothing to go back to".into())),
        };
        // What was ever in force is remembered first: nobody may play it again.
        let failed = |e: io::Error| about(self.folder.path(), &e);
        Tally { highest: self.highest(), ..self.tally.clone() }.write(self.folder.path()).map_err(failed)?;
        self.folder.roll_back(&self.lock).map_err(failed)?;
        Ok(now)
    }
}

fn about(path: &Path, error: &io::Error) -> Failure {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::Permission(text),
        _ => Failure::Internal(text),
    }
}
