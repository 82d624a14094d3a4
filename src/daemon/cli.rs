//! The command line: one variant a subcommand; each subcommand's own file holds its arguments and its `run`.

use clap::{CommandFactory, Parser, Subcommand};

use super::alerts::{self, AlertsArgs};
use super::audit::{self, AuditArgs};
use super::completions::{self, CompletionsArgs};
use super::doctor::{self, DoctorArgs};
use super::failure::Failure;
use super::forget::{self, ForgetArgs};
use super::init::{self, InitArgs};
use super::manual::{self, ManArgs};
use super::names::{self, NamesArgs};
use super::privacy::command as privacy;
use super::reidentify::{self, ReidentifyArgs};
use super::replay::{self, ReplayArgs};
use super::report::{self, ReportArgs};
use super::run::{self, RunArgs};
use super::visibility::{self, VisibilityArgs};
use super::{check, policy, signatures, token_command};

/// A passive monitor of GenAI use on a network.
#[derive(Parser)]
#[command(name = "shadowtap", version, about, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The daemon: captures, keeps, counts, tells
    Run(RunArgs),
    /// Captures through the whole pipeline: the sightings in them
    Replay(ReplayArgs),
    /// Every name seen in captures, matched or not
    Names(NamesArgs),
    /// Find all problems of configuration, signatures and policy
    Check(check::Args),
    /// What is known of services
    #[command(subcommand)]
    Signatures(signatures::Command),
    /// What is allowed, and why
    #[command(subcommand)]
    Policy(policy::Command),
    /// What the store holds of a stretch of time
    Report(ReportArgs),
    /// What could be seen of each zone, what could not, and what that allows to say
    Visibility(VisibilityArgs),
    /// Look at a span port before it is trusted
    Doctor(DoctorArgs),
    /// List alerts and how far their delivery is; put back what was given up
    Alerts(AlertsArgs),
    /// What was done with rules and data, by whom, and whether anybody changed the record of it
    Audit(AuditArgs),
    /// Erase one client's data, and prove it
    Forget(ForgetArgs),
    /// Who stands behind a pseudonym; it takes the key of the period and leaves an entry in the audit log
    Reidentify(ReidentifyArgs),
    /// The keys of pseudonyms
    #[command(subcommand)]
    Privacy(privacy::Command),
    /// Tokens for who asks over the network
    #[command(subcommand)]
    Token(token_command::Command),
    /// Look at this machine and write a commented configuration for it
    Init(InitArgs),
    /// What a shell needs to complete command lines, on standard output
    Completions(CompletionsArgs),
    /// Write manual pages, one a subcommand
    Man(ManArgs),
}

impl Cli {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// Whatever ended it badly, with its exit code.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Run(args) => run::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Names(args) => names::run(&args),
            Command::Check(args) => check::run(args),
            Command::Signatures(command) => signatures::run(command),
            Command::Policy(command) => policy::run(command),
            Command::Report(args) => report::run(args),
            Command::Visibility(args) => visibility::run(&args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Alerts(args) => alerts::run(args),
            Command::Audit(args) => audit::run(args),
            Command::Forget(args) => forget::run(&args),
            Command::Reidentify(args) => reidentify::run(&args),
            Command::Privacy(command) => privacy::run(command),
            Command::Token(command) => token_command::run(command),
            Command::Init(args) => init::run(&args),
            Command::Completions(args) => completions::run(&args, Cli::command()),
            Command::Man(args) => manual::run(&args, Cli::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_contradict_nothing() {
        Cli::command().debug_assert();
    }
}
