//! `shadowtap policy`: what is allowed, and why.

mod draft;
mod explain;
mod explanation;
mod lint;
mod set;
mod simulate;

use clap::Subcommand;

use super::failure::Failure;

/// What to do with the policy.
#[derive(Subcommand)]
pub enum Command {
    /// Show every rule considered for a name, and why one won
    Explain(explain::Args),
    /// Find rules that do nothing
    Lint(lint::Args),
    /// Write a decision about a service into the policy
    Set(set::Args),
    /// What another policy would have said of the sightings in the store
    Simulate(simulate::Args),
}

/// Runs one of them.
///
/// # Errors
/// Whatever ended it badly.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Explain(args) => explain::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Set(args) => set::run(args),
        Command::Simulate(args) => simulate::run(args),
    }
}
