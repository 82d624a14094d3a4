//! `shadowtap signatures`: what is known of services.

mod bundle;
mod import;
mod lint;
mod list;
mod match_names;
mod record;
mod rollback;
mod seen;
mod update;

use clap::Subcommand;

use super::failure::Failure;

/// What to do with the signatures.
#[derive(Subcommand)]
pub enum Command {
    /// List every service in force
    List(list::Args),
    /// Find what is wrong, missing or old in signature files
    Lint(lint::Args),
    /// Say which service each name belongs to
    Match(match_names::Args),
    /// Make a draft record, for review, of a list of domains others keep
    Import(import::Args),
    /// Put a catalogue into one signed file
    Bundle(bundle::Args),
    /// Put another catalogue into force, if it is signed, newer and whole
    Update(update::Args),
    /// Put the catalogue before the last update into force again
    Rollback(rollback::Args),
    /// Say how often names were seen before any signature knew them
    Seen(seen::Args),
}

/// Runs one of them.
///
/// # Errors
/// Whatever ended it badly.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Match(args) => match_names::run(args),
        Command::Import(args) => import::run(args),
        Command::Bundle(args) => bundle::run(args),
        Command::Update(args) => update::run(args),
        Command::Rollback(args) => rollback::run(args),
        Command::Seen(args) => seen::run(args),
    }
}
