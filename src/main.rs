//! Parse arguments, pick the subcommand, turn its result into an exit code.

use std::process::ExitCode;

use clap::Parser;
use shadowtap::daemon::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("shadowtap: {}", failure.to_string().trim_end());
            ExitCode::from(failure.code())
        }
    }
}
