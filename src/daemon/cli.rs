//! The command line: one variant a subcommand; each subcommand's own file holds its arguments and its `run`.

use clap::{Parser, Subcommand};

use super::alerts::{self, AlertsArgs};
use super::failure::Failure;
use super::report::{self, ReportArgs};

/// A passive monitor of GenAI use on a network.
#[derive(Parser)]
#[command(name = "shadowtap", version, about, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What the store holds of a stretch of time
    Report(ReportArgs),
    /// List alerts and how far their delivery is; put back what was given up
    Alerts(AlertsArgs),
}

impl Cli {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// Whatever ended it badly, with its exit code.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Report(args) => report::run(args),
            Command::Alerts(args) => alerts::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_contradict_nothing() {
        Cli::command().debug_assert();
    }
}
