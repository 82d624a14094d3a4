//! `[privacy]`: how much of a client is kept.

use std::path::{Path, PathBuf};

use super::Config;
use super::read::beside;
use crate::daemon::diagnostic::Diagnostic;
use crate::daemon::since;
use crate::daemon::toml_fields::Fields;

/// Where keys of pseudonyms are kept when no other folder is named.
pub const DEFAULT_KEYS: &str = "/var/lib/shadowtap/keys";
/// Shortest period of a key: shorter ones would make everybody new every hour.
const SHORTEST: u64 = 3600;
const DAY: u64 = 86_400;

/// How much of a client is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// Address and identity.
    #[default]
    Full,
    /// A pseudonym; who it is stands sealed beside it.
    Pseudonymous,
    /// Its team.
    TeamOnly,
}

/// `[privacy]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Privacy {
    /// Default full.
    pub mode: Mode,
    /// Folder of the keys of pseudonyms; default [`DEFAULT_KEYS`].
    pub key_folder: PathBuf,
    /// Seconds after which a new key begins; default 30 days.
    pub rotation: u64,
    /// Clients a team's use of a service must have on a day to be shown; default 5.
    pub k: usize,
}

impl Default for Privacy {
    fn default() -> Self {
        Privacy { mode: Mode::default(), key_folder: DEFAULT_KEYS.into(), rotation: 30 * DAY, k: 5 }
    }
}

impl Privacy {
    pub(super) fn read(fields: &Fields<'_>, file: &Path) -> Self {
        let default = Privacy::default();
        let words = ["full", "pseudonymous", "team_only"];
        let mode = |word: &str| match word {
            "full" => Some(Mode::Full),
            "pseudonymous" => Some(Mode::Pseudonymous),
            "team_only" => Some(Mode::TeamOnly),
            _ => None,
        };
        Privacy {
            mode: fields.word("mode", &words, mode).map_or(default.mode, |m| m.value),
            key_folder: fields.text("key_folder").map_or(default.key_folder, |f| beside(file, f.value)),
            rotation: rotation(fields).unwrap_or(default.rotation),
            k: usize::try_from(fields.number("k", default.k as u64, 2..=1000)).unwrap_or(default.k),
        }
    }
}

impl Config {
    /// Problems as the daemon may log and tell them: where clients are not kept in full, what stands in files of clients is not quoted.
    pub fn discreet(&self, problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let is_private = |d: &Diagnostic| self.privacy.mode != Mode::Full && self.identities.iter().any(|source| source.file == d.file);
        let discreet = |d: Diagnostic| match is_private(&d) {
            true => Diagnostic { message: "a mistake, not quoted here".into(), hint: "`shadowtap check` says which".into(), ..d },
            false => d,
        };
        problems.into_iter().map(discreet).collect()
    }
}

fn rotation(fields: &Fields<'_>) -> Option<u64> {
    let written = fields.text("rotation")?;
    let seconds = since::duration(written.value).map(|nanos| nanos / 1_000_000_000);
    let within = seconds.filter(|s| (SHORTEST..=3660 * DAY).contains(s));
    if within.is_none() {
        let message = format!("privacy.rotation {:?} is no time from 1h to ten years", written.value);
        fields.reading().error(written.line, message, "write 30d; h, d and w are known");
    }
    within
}
