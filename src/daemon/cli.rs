//! The command line: one variant a subcommand; each subcommand's own file holds its arguments and its `run`.

use clap::{Parser, Subcommand};

use super::failure::Failure;
use super::{check, policy, signatures};

/// A passive monitor of GenAI use on a network.
#[derive(Parser)]
#[command(name = "shadowtap", version, about, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find all problems of configuration, signatures and policy
    Check(check::Args),
    /// What is allowed, and why
    #[command(subcommand)]
    Policy(policy::Command),
    /// What is known of services
    #[command(subcommand)]
    Signatures(signatures::Command),
}

impl Cli {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// Whatever ended it badly, with its exit code.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Check(args) => check::run(args),
            Command::Policy(command) => policy::run(command),
            Command::Signatures(command) => signatures::run(command),
        }
    }
}
