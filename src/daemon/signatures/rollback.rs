//! `signatures rollback`: the catalogue that was in force before the last update, and back again.

use std::path::PathBuf;

use serde_json::json;

use super::record;
use super::update::Updates;
use crate::daemon::audit_entry::AuditKind;
use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::output::print;

/// Whose catalogue.
#[derive(clap::Args)]
pub struct Args {
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Exchanges the catalogue in force with the one before.
///
/// # Errors
/// Nothing was in force before, or what was is not to be trusted.
pub fn run(args: Args) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value;
    let now = Updates::open(&config)?.roll_back()?;
    record::note(&config.store.url, AuditKind::Rollback, json!({ "in_force": now }));
    print(&format!("in force: {now}; the same command goes back"))
}
