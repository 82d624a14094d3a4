//! `shadowtap signatures`: what is known of services.

mod match_names;

use clap::Subcommand;

use super::failure::Failure;

/// What to do with the signatures.
#[derive(Subcommand)]
pub enum Command {
    /// Say which service each name belongs to
    Match(match_names::Args),
}

/// Runs one of them.
///
/// # Errors
/// Whatever ended it badly.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Match(args) => match_names::run(args),
    }
}
