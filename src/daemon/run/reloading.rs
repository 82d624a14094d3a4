//! Reload: configuration, signatures and policy are read again when their files change or on SIGHUP, all or nothing. A refused file keeps
//! the old set, says why and is counted. Couriers are started anew where the sinks changed. Files of clients are read apart, each for itself.

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Sender;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::allowing;
use super::clients::ClientFiles;
use super::ledger_thread::Message;
use super::part::{changed_parts, refused_parts};
use super::record;
use super::retro;
use super::shared::Shared;
use super::streams;
use crate::daemon::alert::{AnySink, Pace};
use crate::daemon::bundle::Folder;
use crate::daemon::clock;
use crate::daemon::config::{Config, DEFAULT_FILE};
use crate::daemon::delivery::{self, Delivery};
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::failure::Failure;
use crate::daemon::identity::Files;
use crate::daemon::letter::Given;
use crate::daemon::notice::{NoticeKind, SensorNotice};
use crate::daemon::pipeline;
use crate::daemon::reload::{Known, Watch};
use crate::daemon::rules::{Rules, team_check};
use crate::daemon::sandbox::Places;
use crate::daemon::store::Store;
use crate::daemon::streaming::{self, Stream, Streaming};
use crate::engine::attribution::Judgement;

/// Everything that a reload exchanges.
pub(super) struct Reloading {
    file: Option<PathBuf>,
    config: Config,
    store: Store,
    events: Sender<Message>,
    shared: Arc<Shared>,
    delivery: Option<Delivery>,
    streaming: Option<Streaming>,
    watch: Option<Watch>,
    changed: Arc<Notify>,
    clients: ClientFiles,
    places: Option<Places>,
}

/// What is to be read again.
pub(super) enum Changed {
    /// Configuration, signatures and policy.
    Rules,
    /// Files that say who clients are.
    Clients,
}

impl Reloading {
    /// Watches the files of a configuration and starts the couriers of its sinks.
    pub(super) async fn start(
        file: Option<PathBuf>,
        config: Config,
        known: Known,
        store: Store,
        events: Sender<Message>,
        shared: &Arc<Shared>,
    ) -> Result<Self, Failure> {
        let changed = Arc::new(Notify::new());
        let notify = Arc::clone(&changed);
        let watch = Watch::since(known, move || notify.notify_one());
        let watch = watch.inspect_err(|error| tracing::warn!(%error, "files are not watched; send SIGHUP after a change")).ok();
        let clients = ClientFiles::watch(&config);
        let streaming = Some(streams::start(&config, &store, shared)?);
        let sinks = delivery::sinks(&config.sinks)?;
        let shared = Arc::clone(shared);
        let mut reloading =
            Reloading { file, config, store, events, shared, delivery: None, streaming, watch, changed, clients, places: None };
        reloading.start_delivery(sinks).await;
        Ok(reloading)
    }

    /// The same, in a process that can read these places and no others.
    pub(super) fn within(self, places: Option<Places>) -> Self {
        Reloading { places, ..self }
    }

    /// Says which files and folders a new configuration names that this process will not reach before it is started again.
    fn say_outside(&self) {
        let Some(places) = &self.places else { return };
        let (config, _) = Config::survey(self.file.as_deref());
        for path in places.outside(&config.reads()) {
            let why = "is in a folder that no file was in at the start, and the sandbox was drawn then; restart shadowtap, or keep it beside the others";
            tracing::error!("{} {why}", path.display());
        }
        let writable = Places { read: Vec::new(), ..places.clone() };
        for folder in writable.outside(&config.writes()) {
            let why = "is a folder that nothing was to be written to at the start, and the sandbox was drawn then; restart shadowtap";
            tracing::error!("{} {why}", folder.display());
        }
    }

    /// Done when a watched file has changed, or there is something to deliver meanwhile and it was said on.
    pub(super) async fn changed(&mut self) -> Changed {
        loop {
            tokio::select! {
                () = self.changed.notified() => return Changed::Rules,
                () = self.clients.due() => return Changed::Clients,
                () = self.shared.alerted.notified() => self.wake(),
            }
        }
    }

    fn wake(&self) {
        if let Some(delivery) = &self.delivery {
            delivery.wake();
        }
    }

    /// Reads everything again.
    pub(super) async fn reload(&mut self) {
        let file = self.file.clone();
        let read = tokio::task::spawn_blocking(move || read(file)).await;
        match read {
            Ok(Ok((config, rules))) => match couriers(&config) {
                Ok(couriers) => self.take(config, rules, couriers).await,
                Err(failure) => {
                    tracing::error!("{failure}");
                    self.say_outside();
                    self.refuse(&["configuration"], failure.to_string());
                }
            },
            Ok(Err(problems)) => {
                say(&problems);
                self.say_outside();
                self.refuse(&refused_parts(&problems, &self.config), first_error(&problems));
            }
            Err(error) => tracing::error!(%error, "reload failed"),
        }
    }

    /// Reads those files of clients again that are others than before. Leases change all day: what is right is no line in the log.
    pub(super) async fn read_clients(&mut self) {
        self.clients.taken();
        let (begun, before) = (Instant::now(), self.shared.rules().identity.clone());
        let (sources, teams) = (self.config.identities.clone(), self.config.team_names());
        let Ok(read) = tokio::task::spawn_blocking(move || before.read_again(&sources, &teams)).await else { return };
        self.clients.rest(begun.elapsed());
        let problems = self.config.discreet(read.problems);
        say(&problems);
        if read.is_refused {
            self.refuse(&["identity"], first_error(&problems));
        }
        if read.is_new {
            self.say_teams_gone(&read.files);
            tracing::debug!(records = read.files.directory().len(), "files of clients read");
            self.shared.metrics.reload("identity", true);
            if !read.is_refused {
                self.say_accepted(&["identity"]);
            }
        }
        self.shared.know(read.files);
        if read.is_new {
            self.judge(Box::new(pipeline::judgement(&self.config, &self.shared.rules()))).await;
        }
    }

    /// Says what names teams that are none any more, where teams changed.
    fn say_teams_gone(&self, files: &Files) {
        let teams = files.teams();
        if teams == self.shared.rules().identity.teams() {
            return;
        }
        let teams = self.config.team_names().into_iter().chain(teams).collect();
        let gone = team_check::unknown_teams(&self.config, &teams).into_iter();
        say(&gone.map(|problem| Diagnostic { severity: Severity::Warning, ..problem }).collect::<Vec<_>>());
    }

    /// Judges by something else from now on. The ledger must hear of it: wait for room rather than drop.
    async fn judge(&self, judgement: Box<Judgement>) {
        let events = self.events.clone();
        let _ = tokio::task::spawn_blocking(move || drop(events.send(Message::Judge(judgement)))).await;
    }

    /// Says that everything stays as it is, and counts which parts were refused.
    fn refuse(&self, parts: &[&'static str], why: String) {
        tracing::error!("reload refused: what was in force before stays in force");
        let (now, remedy) = (clock::now(), "run 'shadowtap check' with the daemon's configuration: it lists every problem with its line");
        let message = format!("Changed files were refused, and what was in force before stays in force: {why}");
        self.shared.report(SensorNotice::new(NoticeKind::ReloadRefused, &now.0.to_string(), now, message, remedy).of(subject(parts)));
        parts.iter().for_each(|what| self.shared.metrics.reload(what, false));
    }

    /// Says that files which may have been refused before are accepted.
    fn say_accepted(&self, parts: &[&'static str]) {
        let how = "The files are accepted now.".into();
        self.shared.report(SensorNotice::over(NoticeKind::ReloadRefused, subject(parts), clock::now(), how));
    }

    /// Puts into force what was read; nothing in it can fail by now.
    async fn take(&mut self, mut config: Config, rules: Rules, (sinks, new_streams): (Vec<AnySink>, Vec<Stream>)) {
        // What stands on the command line outlives a reload.
        config.capture.interfaces.clone_from(&self.config.capture.interfaces);
        config.store.clone_from(&self.config.store);
        config.http.clone_from(&self.config.http);
        if config.privacy != self.config.privacy {
            tracing::warn!("a change of [privacy] takes effect at the next start");
            config.privacy.clone_from(&self.config.privacy);
        }
        if config.capture != self.config.capture || config.user != self.config.user || config.sandbox != self.config.sandbox {
            tracing::warn!("a change of [capture], user or sandbox takes effect at the next start");
        }
        let has_new_sinks = config.sinks != self.config.sinks;
        let has_new_streams = streams::are_others(&self.config, &config);
        let judgement = Box::new(pipeline::judgement(&config, &rules));
        let (old, new) = (Arc::clone(&self.shared.rules().signatures), Arc::clone(&rules.signatures));
        let parts = changed_parts((&self.config, &self.shared.rules()), (&config, &rules));
        if let Err(error) = record::note_rules(&self.store, &config, &rules).await {
            tracing::error!(%error, "what changed could not be noted in the audit log; it is at the next reload or start");
        }
        self.shared.replace(&config, rules);
        self.judge(judgement).await;
        let remembers_anew = config.unmatched != self.config.unmatched;
        self.config = config;
        if remembers_anew {
            self.remember_anew().await;
        }
        if has_new_sinks {
            self.restart_delivery(sinks).await;
        }
        if has_new_streams {
            self.streaming = Some(streams::exchange(self.streaming.take(), new_streams, &self.config, &self.store, &self.shared).await);
        }
        if let Some(watch) = &self.watch {
            watch.replace(watched(&self.file, &self.config));
        }
        self.clients.replace(&self.config);
        parts.iter().for_each(|what| self.shared.metrics.reload(what, true));
        self.say_accepted(&parts);
        tracing::info!(services = new.services().len(), changed = parts.join(", "), "reloaded");
        if parts.iter().any(|part| ["policy", "signatures"].contains(part)) {
            tokio::spawn(allowing::settle(self.store.clone(), Arc::clone(&self.shared)));
        }
        retro::say_found(&self.store, &old, &new).await;
    }

    /// Begins to remember names that belong to no service, or forgets all of it.
    async fn remember_anew(&self) {
        let (events, unmatched) = (self.events.clone(), Box::new(pipeline::unmatched(&self.config, rand::random())));
        let _ = tokio::task::spawn_blocking(move || drop(events.send(Message::Remember(unmatched)))).await;
        if !self.config.unmatched.enabled
            && let Err(error) = self.store.forget_unmatched().await
        {
            tracing::warn!(%error, "names remembered could not be forgotten; the next start tries again");
        }
    }

    async fn restart_delivery(&mut self, sinks: Vec<AnySink>) {
        if let Some(delivery) = self.delivery.take() {
            delivery.stop().await;
        }
        self.start_delivery(sinks).await;
    }

    async fn start_delivery(&mut self, sinks: Vec<AnySink>) {
        self.give_up_strays().await;
        let shared = Arc::clone(&self.shared);
        let on_result = move |sink: &str, given: &Given| shared.metrics.alert(sink, given.word());
        let delivery = Delivery::start(&self.store, sinks, Pace::default(), &(Arc::new(on_result) as _));
        self.delivery = Some(delivery);
    }

    /// Alerts that wait for a sink of yesterday would wait for ever: they are given up, and said.
    async fn give_up_strays(&self) {
        let names = self.config.sink_names();
        match self.store.give_up_strays(&names).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(
                count,
                "alerts given up: their sink is not in the configuration any more; 'shadowtap alerts retry --all' sends them to those that are"
            ),
            Err(error) => tracing::error!(%error, "alerts of sinks that are configured no more cannot be looked for"),
        }
    }

    /// Ends watching and gives the couriers, which go on until the last batch is written.
    pub(super) fn into_couriers(self) -> (Option<Delivery>, Option<Streaming>) {
        (self.delivery, self.streaming)
    }
}

/// What a configuration delivers by, all or nothing.
fn couriers(config: &Config) -> Result<(Vec<AnySink>, Vec<Stream>), Failure> {
    Ok((delivery::sinks(&config.sinks)?, streaming::streams(config)?))
}

/// What a refusal is about: files of clients are refused and accepted for themselves.
fn subject(parts: &[&'static str]) -> &'static str {
    if parts == ["identity"] { "identity" } else { "" }
}

fn say(problems: &[Diagnostic]) {
    problems.iter().for_each(|problem| match problem.severity {
        Severity::Error => tracing::error!("{problem}"),
        Severity::Warning => tracing::warn!("{problem}"),
    });
}

fn first_error(problems: &[Diagnostic]) -> String {
    problems.iter().find(|problem| problem.severity == Severity::Error).map(ToString::to_string).unwrap_or_default()
}

fn read(file: Option<PathBuf>) -> Result<(Config, Rules), Vec<Diagnostic>> {
    let config = Config::load(file.as_deref())?;
    let rules = Rules::load(&config.value).map_err(|problems| config.value.discreet(problems))?;
    config.warnings.into_iter().chain(config.value.discreet(rules.warnings)).for_each(|warning| tracing::warn!("{warning}"));
    Ok((config.value, rules.value))
}

/// Files and folders whose change is a reload.
pub(super) fn watched(file: &Option<PathBuf>, config: &Config) -> Vec<PathBuf> {
    let mut paths = config.files.clone();
    paths.extend(file.clone().or_else(|| Some(DEFAULT_FILE.into())));
    paths.extend(config.signatures.folder.clone());
    if !config.signatures.keys.is_empty() {
        paths.push(Folder::new(&config.signatures.update_folder).current_file());
    }
    paths.sort();
    paths.dedup();
    paths
}
