//! What is known of services, and what is allowed: the shipped catalogue, the folder of the site that adds to it, the policy.

mod base;
mod catalogue;
pub mod expiring;
pub mod lint;
mod merge;
mod policy_check;
pub mod policy_lint;
mod probe;
mod rows;
pub mod signature_file;
pub mod team_check;
mod threshold_check;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;

use super::bundle::{Bundle, BundledFile};
use super::config::{Config, DEFAULT_FILE, Loaded, WrittenRule};
use super::diagnostic::{Diagnostic, Severity, any_error};
use super::failure::Failure;
use super::identity::Files;
use super::toml_fields::read_text;
use crate::engine::frame::Time;
use crate::engine::group::Groups;
use crate::engine::identity::Directory;
use crate::engine::policy::Policy;
use crate::engine::signature::Signatures;
pub use merge::TakenOut;
use merge::{Disabled, Merged, merge};
use signature_file::{Entry, Origin, parse};

/// Everything the engine judges by, compiled.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which name belongs to which service.
    pub signatures: Arc<Signatures>,
    /// Which service is allowed for whom.
    pub policy: Arc<Policy>,
    /// The rules of the policy and where they stand, in the same order.
    pub written: Arc<[WrittenRule]>,
    /// Which client is in which team.
    pub teams: Arc<Groups>,
    /// Which client is in which zone.
    pub zones: Arc<Groups>,
    /// Who clients are.
    pub directory: Arc<Directory>,
    /// The files that say so, as they were last read.
    pub identity: Files,
    /// The newest day on which somebody read a page that the catalogue stands on; the site's own records do not count.
    pub checked: Option<Date>,
}

impl Rules {
    /// Loads what a configuration names.
    ///
    /// # Errors
    /// Every problem of signatures and policy, where one of them is an error.
    pub fn load(config: &Config) -> Result<Loaded<Rules>, Vec<Diagnostic>> {
        let (rules, problems) = Rules::survey(config);
        Loaded::unless_refused(rules, problems)
    }

    /// What could be understood, and every problem. With an error among these it must not be used.
    pub fn survey(config: &Config) -> (Rules, Vec<Diagnostic>) {
        let (mut rules, mut problems) = Rules::compiled(config, Catalogue::of(config));
        let (identity, wrong) = Files::read(&config.identities, &config.team_names());
        let teams = config.team_names().into_iter().chain(identity.teams()).collect();
        problems.extend(team_check::unknown_teams(config, &teams));
        problems.extend(wrong);
        rules.know(identity);
        (rules, problems)
    }

    /// Knows clients by other files, or by what these say now.
    pub fn know(&mut self, identity: Files) {
        self.directory = Arc::clone(identity.directory());
        self.identity = identity;
    }

    /// Team of an address at a moment: what a file of clients says, else the one whose subnet it is in.
    pub fn team_of(&self, address: IpAddr, at: Time) -> Arc<str> {
        self.directory.known(address, None, None, at).team.unwrap_or_else(|| Arc::clone(self.teams.name_of(address)))
    }

    /// The same as if the records of a configuration were these, with no file of clients.
    pub fn compiled(config: &Config, mut catalogue: Catalogue) -> (Rules, Vec<Diagnostic>) {
        catalogue.problems.extend(policy_check::check(&config.policy, &catalogue.entries, &disabled(config)));
        catalogue.problems.extend(threshold_check::check(config, &catalogue.entries, &disabled(config)));
        let rules = Rules {
            signatures: Arc::new(catalogue.signatures()),
            policy: Arc::new(config.policy.compiled()),
            written: config.policy.rules.as_slice().into(),
            teams: Arc::new(config.team_groups()),
            zones: Arc::new(config.zone_groups()),
            directory: Arc::default(),
            identity: Files::default(),
            checked: catalogue.checked(),
        };
        (rules, catalogue.problems)
    }
}

/// The records in force, and all problems found on the way to them; with an error among these they must not be used.
pub struct Catalogue {
    /// Records, the site's last.
    pub entries: Vec<Entry>,
    /// Services the site takes out.
    pub taken_out: Vec<TakenOut>,
    /// What is wrong.
    pub problems: Vec<Diagnostic>,
}

impl Catalogue {
    /// The records compiled into the binary.
    pub fn shipped() -> Self {
        Catalogue::load(shipped(), None, &Disabled::nothing())
    }

    /// The records a configuration names.
    pub fn of(config: &Config) -> Self {
        Catalogue::load(base::in_force(&config.signatures), config.signatures.folder.as_deref(), &disabled(config))
    }

    /// The records a configuration would name if a bundle were in force.
    pub fn with_bundle(config: &Config, bundle: &Bundle) -> Self {
        let base = base::of_bundle(bundle, Path::new("bundle"));
        Catalogue::load(base, config.signatures.folder.as_deref(), &disabled(config))
    }

    /// The records of a bundle alone.
    pub fn of_bundle(bundle: &Bundle) -> Self {
        Catalogue::load(base::of_bundle(bundle, Path::new("bundle")), None, &Disabled::nothing())
    }

    /// The records of the configuration named on the command line. Without one the standard file is taken where this user may read
    /// it, else what is shipped.
    ///
    /// # Errors
    /// A configuration or signatures that are refused.
    pub fn for_command(config: Option<&Path>) -> Result<Self, Failure> {
        if config.is_none() && fs::File::open(DEFAULT_FILE).is_err() {
            return Catalogue::shipped().accepted();
        }
        let (config, problems) = Config::survey(config);
        let mut catalogue = Catalogue::of(&config);
        catalogue.problems.splice(..0, problems);
        catalogue.accepted()
    }

    /// Records with those of a site's folder on top, without the services it disables.
    fn load(base: (Vec<Entry>, Vec<Diagnostic>), folder: Option<&Path>, disabled: &Disabled<'_>) -> Self {
        let (mut entries, mut problems) = base;
        if let Some(folder) = folder {
            let (own, wrong) = read_folder(folder, Origin::Site);
            entries.extend(own);
            problems.extend(wrong);
        }
        Catalogue::merged(entries, disabled, problems)
    }

    /// The records of one folder alone.
    pub fn of_folder(folder: &Path, origin: Origin) -> Self {
        let (entries, problems) = read_folder(folder, origin);
        Catalogue::merged(entries, &Disabled::nothing(), problems)
    }

    fn merged(entries: Vec<Entry>, disabled: &Disabled<'_>, mut problems: Vec<Diagnostic>) -> Self {
        let Merged { entries, taken_out } = merge(entries, disabled, &mut problems);
        Catalogue { entries, taken_out, problems }
    }

    /// The catalogue itself where no problem refuses it.
    ///
    /// # Errors
    /// All problems, where one of them is an error.
    pub fn accepted(self) -> Result<Self, Failure> {
        if any_error(&self.problems) { Err(Failure::Configuration(self.problems)) } else { Ok(self) }
    }

    /// The newest day on which somebody read a page that the catalogue stands on.
    fn checked(&self) -> Option<Date> {
        let published = self.entries.iter().filter(|e| e.origin != Origin::Site);
        published.flat_map(|e| e.sources.iter().chain(e.facts.iter().map(|(_, page)| page))).filter_map(|page| page.checked).max()
    }

    /// Compiles them for the engine.
    pub fn signatures(&self) -> Signatures {
        Signatures::new(self.entries.iter().map(|e| e.record.clone()).collect())
    }
}

fn disabled(config: &Config) -> Disabled<'_> {
    Disabled { ids: &config.signatures.disable, file: config.files.first().map_or(Path::new(DEFAULT_FILE), PathBuf::as_path) }
}

fn shipped() -> (Vec<Entry>, Vec<Diagnostic>) {
    gather(catalogue::FILES.iter().map(|(name, text, rows)| {
        let file = Path::new(name);
        rows::records(file, rows).map_or_else(|| parse(file, text, Origin::Shipped), |entries| (entries, Vec::new()))
    }))
}

/// The records of every `.toml` file of a folder, in the order of the names.
fn read_folder(folder: &Path, origin: Origin) -> (Vec<Entry>, Vec<Diagnostic>) {
    let files = match toml_files(folder) {
        Ok(files) => files,
        Err(error) => return (Vec::new(), vec![unreadable(folder, &error)]),
    };
    gather(files.iter().map(|file| match read_text(file) {
        Ok(text) => parse(file, &text, origin),
        Err(problem) => (Vec::new(), vec![problem]),
    }))
}

/// The shipped files as they stand in a bundle.
pub fn shipped_files() -> Vec<BundledFile> {
    let file = |(path, text, _): &(&str, &str, &str)| {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        BundledFile { name, text: (*text).to_owned() }
    };
    catalogue::FILES.iter().map(file).collect()
}

/// The files of a folder as they stand in a bundle.
///
/// # Errors
/// One diagnostic for each that cannot be read.
pub fn folder_files(folder: &Path) -> Result<Vec<BundledFile>, Vec<Diagnostic>> {
    let files = toml_files(folder).map_err(|error| vec![unreadable(folder, &error)])?;
    let file = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        read_text(path).map(|text| BundledFile { name, text })
    };
    let (read, wrong): (Vec<_>, Vec<_>) = files.iter().map(file).partition(Result::is_ok);
    let wrong: Vec<_> = wrong.into_iter().filter_map(Result::err).collect();
    if wrong.is_empty() { Ok(read.into_iter().flatten().collect()) } else { Err(wrong) }
}

fn unreadable(folder: &Path, error: &std::io::Error) -> Diagnostic {
    let hint = "check the path, and that the user shadowtap runs as may read it".into();
    let message = format!("cannot be read: {error}");
    Diagnostic { severity: Severity::Error, file: folder.into(), line: 0, message, hint }
}

fn toml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    let hidden = |f: &PathBuf| f.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
    files.retain(|f| f.extension().is_some_and(|e| e == "toml") && !hidden(f));
    files.sort();
    Ok(files)
}

fn gather(files: impl Iterator<Item = (Vec<Entry>, Vec<Diagnostic>)>) -> (Vec<Entry>, Vec<Diagnostic>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for (found, wrong) in files {
        entries.extend(found);
        problems.extend(wrong);
    }
    (entries, problems)
}

#[cfg(test)]
mod tests;
