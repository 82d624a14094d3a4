//! What only the machine at hand can tell of a configuration: whether its interfaces and its user are there, and whether that user can read
//! and write what the daemon must.

use std::path::{Path, PathBuf};

use crate::daemon::capture::{choice, route};
use crate::daemon::config::{Config, DEFAULT_FILE, Mode};
use crate::daemon::delivery;
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::failure::Failure;
use crate::daemon::privacy::KeyFolder;
use crate::daemon::rights::{self, OutOfReach, Report};
use crate::daemon::store::Location;
use crate::daemon::streaming;

/// Everything `run` would refuse here; `is_refused`: the configuration was already. Started as root, this process becomes the configured user for good.
pub(super) fn problems(config: &Config, is_refused: bool) -> Vec<Diagnostic> {
    let mut problems = interfaces(config);
    if !is_refused {
        // What is wrong with a secret was said by then.
        problems.extend(delivery::sinks(&config.sinks).err().map(|failure| refusal(config, &failure)));
        problems.extend(streaming::streams(config).err().map(|failure| refusal(config, &failure)));
    }
    match rights::stand_in(config.user.as_deref()) {
        Ok(Some(who)) => {
            problems.extend(reach(config, &who));
            // Keys are read as the user they belong to.
            problems.extend(KeyFolder::new(&config.privacy.key_folder).keys().err().map(|failure| refusal(config, &failure)));
        }
        Ok(None) => problems.push(said(
            config,
            Severity::Warning,
            format!("what {} can read and write was not tested", config.user.as_deref().unwrap_or_default()),
            "check as root, or as that user",
        )),
        Err(failure) => problems.push(refusal(config, &failure)),
    }
    problems
}

fn interfaces(config: &Config) -> Vec<Diagnostic> {
    let names = &config.capture.interfaces;
    let mut problems: Vec<Diagnostic> = match choice::once_each(names) {
        Ok((_, again)) => {
            let message = |name| format!("interface {name} is named more than once; it is captured once");
            again.iter().map(|name| said(config, Severity::Warning, message(name), "name it once")).collect()
        }
        Err(failure) => vec![refusal(config, &failure)],
    };
    problems.extend(names.iter().filter_map(|name| choice::must_exist(name).err()).map(|failure| refusal(config, &failure)));
    if names.is_empty() && route::default_interface().is_none() {
        let message = "no interface is named and there is no default route".into();
        problems.push(said(config, Severity::Warning, message, "name one in capture.interfaces, or with -i at the start"));
    }
    problems
}

/// What that user cannot read and write. Nobody says that an ordinary user who is configured nowhere is the one the daemon will run as.
fn reach(config: &Config, who: &Report) -> Vec<Diagnostic> {
    let store = match Location::parse(&config.store.url) {
        Ok(Location::File(path)) => store_paths(&path, who.was_root),
        Ok(Location::Memory) | Err(_) => Vec::new(),
    };
    let keys = Some(&config.privacy).filter(|p| p.mode == Mode::Pseudonymous).map(|p| p.key_folder.clone());
    let keys = keys.filter(|folder| folder.exists() || !who.was_root);
    let mut written = config.written_folders();
    written.retain(|folder| folder.exists() || !who.was_root);
    let is_certain = who.was_root || config.user.is_some();
    let severity = if is_certain { Severity::Error } else { Severity::Warning };
    let writable = store.iter().chain(&keys).chain(&written);
    let out = rights::unreadable(&config.reads(), who).into_iter().chain(writable.filter_map(|p| rights::unwritable(p, who)));
    out.map(|OutOfReach { path, message, remedy }| Diagnostic { severity, file: path, line: 0, message, hint: remedy }).collect()
}

/// What must be writable: the store's folder, which root makes where it is missing, and what stands in it of the store.
fn store_paths(file: &Path, root_makes: bool) -> Vec<PathBuf> {
    let folder = file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = |end: &str| PathBuf::from(format!("{}{end}", file.display()));
    let files = ["", "-wal", "-shm"].into_iter().map(beside).filter(|p| p.exists());
    Some(folder.to_owned()).filter(|f| f.exists() || !root_makes).into_iter().chain(files).collect()
}

fn refusal(config: &Config, failure: &Failure) -> Diagnostic {
    said(config, Severity::Error, failure.to_string(), "")
}

fn said(config: &Config, severity: Severity, message: String, hint: &str) -> Diagnostic {
    let file = config.files.first().cloned().unwrap_or_else(|| DEFAULT_FILE.into());
    Diagnostic { severity, file, line: 0, message, hint: hint.into() }
}
