//! `shadowtap privacy`: the keys of pseudonyms.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::folder::KeyFolder;
use super::key::PeriodKey;
use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::daemon::clock;
use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::output::print;
use crate::daemon::store::Store;
use crate::daemon::table::layout;

/// What to do with keys.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// The periods whose keys are there, oldest first
    Keys(Place),
    /// Begin a new period now: every client becomes another pseudonym; a daemon at work takes it up within seconds
    Rotate(Place),
    /// Destroy the key of a period: nobody can be known again from its pseudonyms, ever
    Destroy {
        /// Name of the period, as `keys` lists it
        #[arg(long)]
        period: String,
        /// Where keys and audit log are
        #[command(flatten)]
        place: Place,
    },
}

/// Where keys and audit log are.
#[derive(clap::Args, Debug)]
pub struct Place {
    /// Configuration; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The store with the audit log; default that of the configuration
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// Runs the subcommand.
///
/// # Errors
/// Keys that cannot be read or written, an unknown period, or an audit log that cannot be written.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Keys(place) => print(&list(&place.folder()?.0.keys()?)),
        Command::Rotate(place) => {
            let (folder, store) = place.folder()?;
            let key = folder.begin(clock::now())?;
            note(&store, AuditKind::KeyCreated, &key.period)?;
            print(&format!("period {} begins", key.period))
        }
        Command::Destroy { period, place } => {
            let (folder, store) = place.folder()?;
            folder.destroy(&period)?;
            note(&store, AuditKind::KeyDestroyed, &period)?;
            print(&format!("the key of period {period} is destroyed here; copies in backups and snapshots are not"))
        }
    }
}

impl Place {
    fn folder(&self) -> Result<(KeyFolder, String), Failure> {
        let config = Config::load(self.config.as_deref()).map_err(Failure::Configuration)?.value;
        let store = self.store.clone().unwrap_or(config.store.url);
        Ok((KeyFolder::new(&config.privacy.key_folder), store))
    }
}

fn list(keys: &[PeriodKey]) -> String {
    let row = |(n, key): (usize, &PeriodKey)| {
        let until = keys.get(n + 1).map_or_else(|| "in use".to_owned(), |next| clock::rfc3339(next.from));
        vec![key.period.clone(), clock::rfc3339(key.from), until]
    };
    if keys.is_empty() { "no keys".into() } else { layout(&["period", "from", "until"], keys.iter().enumerate().map(row)) }
}

fn note(store: &str, kind: AuditKind, period: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(store).await?;
        let noted = store.audit(&AuditEntry::of_caller(kind, json!({ "period": period }))).await;
        store.close().await;
        Ok(noted?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_begin_and_end_with_an_entry_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("c.toml"), format!("[store]\nurl = {:?}\n[privacy]\nkey_folder = \"keys\"\n", path("s.sqlite"))).unwrap();
        let place = || Place { config: Some(path("c.toml")), store: None };
        run(Command::Rotate(place())).unwrap();
        run(Command::Rotate(place())).unwrap();
        let keys = KeyFolder::new(&path("keys"));
        let periods: Vec<_> = keys.keys().unwrap().into_iter().map(|k| k.period).collect();
        let text = list(&keys.keys().unwrap());
        assert!(text.contains(&periods[0]) && text.lines().last().is_some_and(|l| l.contains("in use")), "{text}");
        run(Command::Destroy { period: periods[0].clone(), place: place() }).unwrap();
        assert_eq!(run(Command::Destroy { period: periods[0].clone(), place: place() }).unwrap_err().code(), 78);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let kinds: Vec<_> = runtime.block_on(async {
            let store = Store::open(path("s.sqlite").to_str().unwrap()).await.unwrap();
            store.audit_after(0).await.unwrap().into_iter().map(|e| e.kind).collect()
        });
        assert_eq!(kinds, ["key_created", "key_created", "key_destroyed"]);
    }
}
