//! `policy lint`: rules that do nothing, or not what was meant.

use std::path::PathBuf;

use crate::daemon::check::print_warnings;
use crate::daemon::clock;
use crate::daemon::config::Config;
use crate::daemon::diagnostic::any_error;
use crate::daemon::failure::Failure;
use crate::daemon::output::print;
use crate::daemon::rules::{Rules, policy_lint};

/// Which policy.
#[derive(clap::Args)]
pub struct Args {
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints all that is wrong with the policy.
///
/// # Errors
/// All problems, where one of them is an error.
pub fn run(args: Args) -> Result<(), Failure> {
    let (config, mut problems) = Config::survey(args.config.as_deref());
    let (rules, more) = Rules::survey(&config);
    problems.extend(more);
    problems.extend(policy_lint::lint(&config.policy, &rules.signatures, &config.teams, clock::now()));
    if any_error(&problems) {
        return Err(Failure::Configuration(problems));
    }
    print_warnings(&problems);
    print(&format!("{} rules, {} warnings", config.policy.rules.len(), problems.len()))
}
