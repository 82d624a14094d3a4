//! Steps 1 to 4 of the start: read, open what needs rights, drop them, confine the process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::reloading::watched;
use super::{RunArgs, keys};
use crate::daemon::capture::live::LiveCapture;
use crate::daemon::capture::{choice, interfaces, route, uplink};
use crate::daemon::config::{Config, Loaded, Mode};
use crate::daemon::failure::Failure;
use crate::daemon::privacy::PeriodKey;
use crate::daemon::reload::Known;
use crate::daemon::rules::Rules;
use crate::daemon::sandbox::{self, Outcome, Places, Report, What};
use crate::daemon::store::{Location, StoreError};
use crate::daemon::{log, rights};

/// What the daemon begins with.
pub(super) struct Started {
    pub(super) config: Config,
    pub(super) rules: Rules,
    /// What stood in their files before they were read.
    pub(super) known: Known,
    /// The key of pseudonyms, and whether it was made just now.
    pub(super) key: Option<(PeriodKey, bool)>,
    pub(super) captures: Vec<LiveCapture>,
    pub(super) listener: TcpListener,
    pub(super) config_file: Option<PathBuf>,
    /// The steps so far, and where files may be read from now on.
    pub(super) sandbox: Report,
    pub(super) places: Option<Places>,
}

/// Reads, opens and drops, in that order.
pub(super) fn start(args: &RunArgs) -> Result<Started, Failure> {
    let (config, rules, known) = read(args)?;
    let mut steps = Report::new(config.sandbox);
    let captures = open_captures(&config)?;
    steps.add(What::Captures, Outcome::Granted(config.capture.interfaces.join(", ")));
    let listener = TcpListener::bind(config.http.listen).map_err(|e| {
        let hint = "another shadowtap may be running; choose another address with --listen";
        Failure::Setting(format!("{} cannot be listened on: {e}; {hint}", config.http.listen))
    })?;
    steps.add(What::Listener, Outcome::Granted(config.http.listen.to_string()));
    let store = store_file(&config)?;
    let folder = store.as_deref().and_then(Path::parent).filter(|f| !f.as_os_str().is_empty());
    let keys = Some(&*config.privacy.key_folder).filter(|_| config.privacy.mode == Mode::Pseudonymous);
    let written = config.written_folders();
    let writable: Vec<&Path> = folder.into_iter().chain(keys).chain(written.iter().map(PathBuf::as_path)).collect();
    let report = rights::drop_to(config.user.as_deref(), &writable)?;
    rights::forbid_dumps()?;
    let store_folder = folder.map_or_else(|| "in memory".into(), |f| f.display().to_string());
    steps.add(What::Store, Outcome::Granted(store_folder));
    steps.add_rights(&report);
    let unreadable: Vec<String> = rights::unreadable(&config.reads(), &report).iter().map(ToString::to_string).collect();
    if !unreadable.is_empty() {
        return Err(Failure::Permission(unreadable.join("\n")));
    }
    tracing::info!("{report}");
    let key = keys::current(&config)?;
    announce(&captures, &config);
    let places = Places::of(&config, args.config.as_deref());
    sandbox::confine_process(&places, &mut steps);
    steps.enforce()?;
    let places = steps.confines_files().then_some(places);
    Ok(Started { config, rules, known, key, captures, listener, config_file: args.config.clone(), sandbox: steps, places })
}

fn read(args: &RunArgs) -> Result<(Config, Rules, Known), Failure> {
    let (loaded, known) = load(args)?;
    let mut config = loaded.value;
    log::start(Some(config.log.level), config.log.format).map_err(Failure::Setting)?;
    if let Some(store) = &args.store {
        config.store.url.clone_from(store);
    }
    if let Some(listen) = args.listen {
        if let Some((message, remedy)) = config.http.refuses(listen) {
            return Err(Failure::Setting(format!("--listen {listen} {message}\n  remedy: in [http] of the configuration, {remedy}")));
        }
        config.http.listen = listen;
    }
    if !args.interfaces.is_empty() {
        config.capture.interfaces.clone_from(&args.interfaces);
    }
    if config.capture.interfaces.is_empty() {
        config.capture.interfaces.push(default_interface()?);
    }
    let (interfaces, again) = choice::once_each(&config.capture.interfaces)?;
    again.iter().for_each(|name| tracing::warn!("interface {name} is named more than once; it is captured once"));
    config.capture.interfaces = interfaces;
    let rules = Rules::load(&config).map_err(|problems| Failure::Configuration(config.discreet(problems)))?;
    loaded.warnings.into_iter().chain(config.discreet(rules.warnings)).for_each(|warning| tracing::warn!("{warning}"));
    Ok((config, rules.value, known))
}

/// The configuration, and what stood in all files before it and the rules are read from them: the watch begins only after rights are
/// dropped, and what changes before is a change too. Which files these are stands in the configuration, so it is read twice.
fn load(args: &RunArgs) -> Result<(Loaded<Config>, Known), Failure> {
    let read = || Config::load(args.config.as_deref()).map_err(Failure::Configuration);
    let mut first = read()?;
    loop {
        let paths = watched(&args.config, &first.value);
        let known = Known::now(paths.clone());
        let second = read()?;
        if watched(&args.config, &second.value) == paths {
            return Ok((second, known));
        }
        first = second;
    }
}

fn default_interface() -> Result<String, Failure> {
    route::default_interface().ok_or_else(|| {
        let known = interfaces::interfaces().map(|list| interfaces::listed(&list)).unwrap_or_default();
        Failure::Setting(format!("no interface is named and there is no default route; name one with -i:\n{known}"))
    })
}

fn open_captures(config: &Config) -> Result<Vec<LiveCapture>, Failure> {
    let opened = config.capture.interfaces.iter().map(|name| LiveCapture::open_all(name, &config.capture));
    Ok(opened.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// File of the store; `None` where it is kept in memory.
fn store_file(config: &Config) -> Result<Option<PathBuf>, Failure> {
    Ok(match Location::parse(&config.store.url).map_err(StoreError::from)? {
        Location::Memory => None,
        Location::File(path) => Some(path),
    })
}

/// Tells the person at the terminal where things are.
fn announce(captures: &[LiveCapture], config: &Config) {
    for capture in captures.iter().step_by(config.capture.threads as usize) {
        tracing::info!(threads = config.capture.threads, "capturing from {}", capture.interface());
        if let Some(hint) = uplink::uplink_hint(capture.interface()) {
            tracing::warn!("{hint}");
        }
    }
    let scheme = if config.http.tls.is_some() { "https" } else { "http" };
    tracing::info!("metrics at {scheme}://{}/metrics", config.http.listen);
    let file = store_file(config).ok().flatten();
    tracing::info!("database {}", file.as_deref().unwrap_or(Path::new("in memory, gone at the end")).display());
    if config.sinks.is_empty() {
        tracing::info!("no sink of alerts is configured: alerts are kept and listed by 'shadowtap alerts list'");
    }
}
