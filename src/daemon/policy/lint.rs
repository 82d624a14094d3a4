//! `policy lint`: rules that do nothing, or not what was meant.

use std::path::PathBuf;

use super::draft;
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
    /// A policy file, looked at as if it were the whole policy; default the policy of the configuration
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Configuration file, for teams and signatures; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints all that is wrong with the policy.
///
/// # Errors
/// All problems, where one of them is an error.
pub fn run(args: Args) -> Result<(), Failure> {
    let (mut config, mut problems) = Config::survey(args.config.as_deref());
    if let Some(file) = &args.file {
        problems.extend(draft::replace(&mut config, file));
    }
    let (rules, more) = Rules::survey(&config);
    problems.extend(more);
    problems.extend(policy_lint::lint(&config.policy, &rules.signatures, &config.teams, clock::now()));
    if any_error(&problems) {
        return Err(Failure::Configuration(problems));
    }
    print_warnings(&problems);
    print(&format!("{} rules, {} warnings", config.policy.rules.len(), problems.len()))
}
