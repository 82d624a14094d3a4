//! The configuration: what may be set, what holds where nothing is, and every problem of the file at once.

mod alerting;
mod bounds;
mod exclude;
mod http;
mod policy;
mod privacy;
mod read;
mod retention;
mod sighting;
mod sink;
mod stream;
mod when;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;
use minisign_verify::PublicKey;

use super::diagnostic::{Diagnostic, any_error};
use super::identity::Source;
use super::sandbox::Wish;
use super::siem::sighting_line::Scribe;
use super::store_place::DEFAULT_STORE;
use super::toml_fields::{self, Located, read_text};
use crate::engine::group::Groups;
use crate::engine::identity::Exclusion;
use crate::engine::ledger::SpecialLimits;

pub use alerting::{Alerting, Digest, Every, Health, Limit, Quiet, Route, Volume};
pub use bounds::Bounds;
pub use http::{Http, ServerCertificate, is_remote};
pub use policy::{PolicyFile, WrittenRule, read_policy_file};
pub use privacy::{Mode, Privacy};
pub use retention::Retention;
pub use sink::{
    Address, Alertmanager, ClientCertificate, Endpoint, File, FilePlace, Header, Mail, MailTls, PagerDuty, Sink, SinkKind, Stdout, Syslog,
    SyslogPlace, Template, Webhook, is_loopback,
};
pub use stream::{Stream, StreamKind};

/// Read when no other file is named, where it is there.
pub const DEFAULT_FILE: &str = "/etc/shadowtap/config.toml";
/// The site's signatures when no other folder is named, where it is there.
pub const DEFAULT_SIGNATURES: &str = "/etc/shadowtap/signatures.d";
/// Where updates of the catalogue are kept when no other folder is named.
pub const DEFAULT_UPDATES: &str = "/var/lib/shadowtap/signatures";

/// Something read from files that was accepted, and what was said about it all the same.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// What was read.
    pub value: T,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

impl<T> Loaded<T> {
    /// What was read, where no problem refuses it.
    ///
    /// # Errors
    /// All problems, where one of them is an error.
    pub fn unless_refused(value: T, problems: Vec<Diagnostic>) -> Result<Self, Vec<Diagnostic>> {
        if any_error(&problems) { Err(problems) } else { Ok(Loaded { value, warnings: problems }) }
    }
}

/// Everything an operator may set.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Whom to become once capture handles are open, when started as root.
    pub user: Option<String>,
    /// Whether the daemon confines itself; default as far as the kernel can.
    pub sandbox: Wish,
    /// Name of this sensor in what it says to others; default that of the machine.
    pub sensor: Option<String>,
    /// Seed of Community IDs; default 0.
    pub community_id_seed: u16,
    /// Lines that may wait for a stream; default 200,000.
    pub stream_queue: Option<u64>,
    /// `[[stream]]`
    pub streams: Vec<Stream>,
    /// Networks whose clients get sightings; empty: every client counts.
    pub inside: Vec<IpNet>,
    /// Networks whose addresses many share, behind a NAT or proxy; default none.
    pub shared: Vec<IpNet>,
    /// `[exclude]`
    pub exclude: Exclusion,
    /// `[capture]`
    pub capture: Capture,
    /// `[store]`
    pub store: Store,
    /// `[http]`
    pub http: Http,
    /// `[signatures]`
    pub signatures: SignatureSource,
    /// `[[team]]`
    pub teams: Vec<Group>,
    /// `[[identity]]`
    pub identities: Vec<Source>,
    /// `[[zone]]`
    pub zones: Vec<Group>,
    /// `[policy]`, the file it names included.
    pub policy: PolicyFile,
    /// `[retention]`
    pub retention: Retention,
    /// `[unmatched]`
    pub unmatched: Unmatched,
    /// `[privacy]`
    pub privacy: Privacy,
    /// `[sighting]`
    pub sighting: Sighting,
    /// `[[alert.KIND]]` of every kind.
    pub sinks: Vec<Sink>,
    /// `[alert]` but for the sinks.
    pub alerting: Alerting,
    /// `[bounds]`
    pub bounds: Bounds,
    /// `[log]`
    pub log: Log,
    /// Files all this came from.
    pub files: Vec<PathBuf>,
}

/// `[capture]`: what to listen to, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    /// Interfaces; default none (then they stand on the command line).
    pub interfaces: Vec<String>,
    /// Whether to take frames for others too; default yes.
    pub promiscuous: bool,
    /// Threads that share the frames of each interface; default 1.
    pub threads: u32,
    /// Buffer in the kernel, MiB for each thread of an interface; default 64.
    pub buffer_mib: u32,
    /// Bytes kept of each frame; default 65535.
    pub snapshot_length: u32,
    /// BPF expression; default none.
    pub filter: Option<String>,
}

impl Default for Capture {
    fn default() -> Self {
        Capture { interfaces: Vec::new(), promiscuous: true, threads: 1, buffer_mib: 64, snapshot_length: 65535, filter: None }
    }
}

/// `[store]`: where sightings are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    /// Default `sqlite:///var/lib/shadowtap/shadowtap.sqlite`.
    pub url: String,
}

impl Default for Store {
    fn default() -> Self {
        Store { url: DEFAULT_STORE.into() }
    }
}

/// `[signatures]`: what the site adds to the catalogue, and takes out, and whose updates of it are taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureSource {
    /// Folder of the site's own files; default [`DEFAULT_SIGNATURES`] where it is there.
    pub folder: Option<PathBuf>,
    /// Services taken out, by id; default none.
    pub disable: Vec<Located<String>>,
    /// Keys whose bundles are taken; default none, then the catalogue is the one in the program.
    pub keys: Vec<PublicKey>,
    /// Folder of the bundles that were taken; default [`DEFAULT_UPDATES`].
    pub update_folder: PathBuf,
}

impl Default for SignatureSource {
    fn default() -> Self {
        SignatureSource { folder: None, disable: Vec::new(), keys: Vec::new(), update_folder: DEFAULT_UPDATES.into() }
    }
}

/// `[unmatched]`: whether domains that belong to no service are remembered, by day and without clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unmatched {
    /// Default yes.
    pub enabled: bool,
}

impl Default for Unmatched {
    fn default() -> Self {
        Unmatched { enabled: true }
    }
}

/// A team or a zone: a group of clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its name; `other` is everybody else's.
    pub name: Arc<str>,
    /// Its subnets.
    pub subnets: Vec<IpNet>,
}

/// `[sighting]`: when a session ends, and what counts as use and upload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// Minutes of silence that end a session; default 15.
    pub session_minutes: u64,
    /// Bytes up in one go from which a contact is engaged though no exchange was told; default 65,536.
    pub engaged_bytes_up: u64,
    /// The same of bodies alone, or of all that is sent to hosts that serve no pages; default 8192.
    pub engaged_bytes_posted: u64,
    /// Bytes down that engaged needs too; default 16384.
    pub engaged_bytes_down: u64,
    /// Bytes up in one go that are an upload; default 1,000,000.
    pub upload_bytes: u64,
    /// The same to a host whose role is upload; default 262,144.
    pub upload_bytes_upload_host: u64,
    /// `[[sighting.threshold]]`, for a service or a team.
    pub thresholds: Vec<WrittenThreshold>,
}

/// Limits of a service or a team, and where they stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrittenThreshold {
    /// Its line.
    pub line: usize,
    /// The limits.
    pub limits: SpecialLimits,
}

impl Default for Sighting {
    fn default() -> Self {
        Sighting {
            session_minutes: 15,
            engaged_bytes_up: 65_536,
            engaged_bytes_posted: 8192,
            engaged_bytes_down: 16384,
            upload_bytes: 1_000_000,
            upload_bytes_upload_host: 262_144,
            thresholds: Vec::new(),
        }
    }
}

/// `[log]`: what the daemon says, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Log {
    /// Default auto.
    pub format: LogFormat,
    /// One of error, warn, info, debug, trace; default info.
    pub level: &'static str,
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Auto, level: "info" }
    }
}

/// Form of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One object a line.
    Json,
}

impl Config {
    /// Reads a file; without one [`DEFAULT_FILE`] where it is there, else the defaults.
    ///
    /// # Errors
    /// Every problem of the file and of the policy file it names, where one of them is an error.
    pub fn load(file: Option<&Path>) -> Result<Loaded<Config>, Vec<Diagnostic>> {
        let (config, problems) = Config::survey(file);
        Loaded::unless_refused(config, problems)
    }

    /// What could be understood of a file, and every problem. With an error among these it must not be used.
    pub fn survey(file: Option<&Path>) -> (Config, Vec<Diagnostic>) {
        let file = match file {
            Some(file) => file,
            None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
            None => return (Config::default().with_site_folder(), Vec::new()),
        };
        let text = match read_text(file) {
            Ok(text) => text,
            Err(problem) => return (Config::default(), vec![problem]),
        };
        let (mut config, mut problems) = Config::parse(file, &text);
        if let Some(policy_file) = config.policy.file.clone() {
            policy::add_file(&mut config.policy, &policy_file, &mut problems);
            config.files.push(policy_file);
        }
        (config.with_site_folder(), problems)
    }

    /// What stands in a file's text; files that it names are not read, but for secrets and templates.
    pub fn parse(file: &Path, text: &str) -> (Config, Vec<Diagnostic>) {
        let (mut config, problems) = toml_fields::read(file, text, |top| read::config(&top, file));
        config.files.push(file.into());
        config.files.extend(config.sinks.iter().filter_map(Sink::part).collect::<Vec<_>>());
        (config, problems)
    }

    /// Files and folders that are read again while the daemon runs: whoever it becomes must be able to.
    pub fn reads(&self) -> Vec<PathBuf> {
        let secrets = self.sinks.iter().flat_map(Sink::files).chain(self.streams.iter().flat_map(Stream::files));
        let identities = self.identities.iter().map(|source| source.file.clone());
        let site = self.signatures.folder.clone().into_iter().chain(self.http.files());
        self.files.iter().cloned().chain(site).chain(secrets).chain(identities).collect()
    }

    /// Folders the daemon makes, writes and removes files in, beside the store's: all that it may write once it is confined.
    pub fn writes(&self) -> Vec<PathBuf> {
        let keys = (self.privacy.mode == Mode::Pseudonymous).then(|| self.privacy.key_folder.clone());
        keys.into_iter().chain(self.written_folders()).collect()
    }

    /// Names of its sinks.
    pub fn sink_names(&self) -> Vec<String> {
        self.sinks.iter().map(|sink| sink.name.clone()).collect()
    }

    /// Folders that lines are written to while the daemon runs: whoever it becomes must be able to.
    pub fn written_folders(&self) -> Vec<PathBuf> {
        self.sinks.iter().filter_map(Sink::folder).chain(self.streams.iter().filter_map(Stream::folder)).collect()
    }

    /// Name of this sensor: as configured, else the machine's.
    pub fn sensor_name(&self) -> String {
        self.sensor.clone().unwrap_or_else(read::own_name)
    }

    /// Names of its streams.
    pub fn stream_names(&self) -> Vec<String> {
        self.streams.iter().map(|stream| stream.name.clone()).collect()
    }

    /// Who words lines for streams; `None` where there is no stream.
    pub fn scribe(&self) -> Option<Scribe> {
        let most = self.stream_queue.unwrap_or(stream::DEFAULT_QUEUE);
        (!self.streams.is_empty()).then(|| Scribe { sensor: self.sensor_name(), seed: self.community_id_seed, most })
    }

    /// Names of its teams.
    pub fn team_names(&self) -> Vec<Arc<str>> {
        self.teams.iter().map(|team| Arc::clone(&team.name)).collect()
    }

    /// The team of every address.
    pub fn team_groups(&self) -> Groups {
        Groups::new(self.teams.iter().map(|g| (&g.name, &g.subnets[..])))
    }

    /// The zone of every address.
    pub fn zone_groups(&self) -> Groups {
        Groups::new(self.zones.iter().map(|g| (&g.name, &g.subnets[..])))
    }

    fn with_site_folder(mut self) -> Self {
        let default = Path::new(DEFAULT_SIGNATURES);
        if self.signatures.folder.is_none() && default.is_dir() {
            self.signatures.folder = Some(default.into());
        }
        self
    }
}

#[cfg(test)]
mod tests;
