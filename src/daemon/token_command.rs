//! `shadowtap token`: tokens for who asks over the network.

use super::failure::Failure;
use super::output::print;
use super::token::{Role, make};
use super::toml_fields::one_of;
use super::{clock, since};
use crate::engine::frame::Time;

/// What to do with tokens.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make one: the first line is the token, shown this once; the second is what goes into token_file
    New {
        /// What it lets one do: metrics
        #[arg(long, value_parser = role)]
        role: Role,
        /// How long it is good, as 90d; at most 10 years
        #[arg(long, value_name = "TIME")]
        expires: String,
        /// Who gets it, one word, for whoever reads the file
        #[arg(long)]
        name: Option<String>,
    },
}

/// Longest life of a token, in seconds.
const LONGEST: u64 = 3653 * 86_400;

/// Runs the subcommand.
///
/// # Errors
/// An expiry or a name that cannot stand in the file.
pub fn run(command: Command) -> Result<(), Failure> {
    let Command::New { role, expires, name } = command;
    let refuse = |what: &str, remedy: &str| Failure::Setting(format!("{what}\n  remedy: {remedy}"));
    let life = since::duration(&expires).map(|nanos| nanos / 1_000_000_000).filter(|seconds| (1..=LONGEST).contains(seconds));
    let life = life.ok_or_else(|| refuse(&format!("--expires {expires:?} is no time up to 10 years"), "write 90d, 12h or 26w"))?;
    if name
        .as_deref()
        .is_some_and(|name| name.is_empty() || name.len() > 64 || name.contains(|c: char| c.is_whitespace() || c.is_control()))
    {
        return Err(refuse("--name is no single word of up to 64 bytes", "write --name prometheus"));
    }
    let (token, line) = make(role, Time::new(clock::now().seconds().saturating_add(life), 0), name.as_deref());
    print(&token)?;
    print(&line)
}

fn role(word: &str) -> Result<Role, String> {
    Role::from_word(word).ok_or_else(|| one_of(word, Role::WORDS))
}
