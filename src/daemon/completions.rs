//! `shadowtap completions`: what a shell needs to complete a command line, made from the definitions that the command line is read by.

use std::io::{self, Write};

use clap::Command;
use clap_complete::{Shell, generate};

use super::failure::Failure;
use super::output::unless_gone;

/// Arguments of `shadowtap completions`.
#[derive(clap::Args, Debug)]
pub struct CompletionsArgs {
    /// The shell that reads them
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes the completions of `command` to standard output.
///
/// # Errors
/// Standard output that fails.
pub fn run(args: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut command, "shadowtap", &mut script);
    unless_gone(io::stdout().lock().write_all(&script))
}
