//! `shadowtap check`: everything `run` would refuse, before it runs.

mod here;
mod sandboxed;

use std::path::PathBuf;

use super::clock;
use super::config::Config;
use super::diagnostic::{Diagnostic, any_error};
use super::failure::Failure;
use super::output::print;
use super::rules::Rules;
use super::rules::expiring::{Ending, endings};

/// What to check.
#[derive(clap::Args)]
pub struct Args {
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The configuration is for another machine: its interfaces, its user and what that user can read and write are not tested here
    #[arg(long)]
    elsewhere: bool,
    /// Also give up rights, files and calls as the daemon does, and show what this machine grants of it
    #[arg(long, conflicts_with = "elsewhere")]
    sandbox: bool,
    /// Print instead which system calls each kind of the daemon's threads may make, and why
    #[arg(long)]
    calls: bool,
}

/// Says all problems of configuration, signatures and policy, or that there is none. As root it becomes the configured user for good, to
/// test what they can reach; with `--sandbox` it confines itself as well.
///
/// # Errors
/// All problems, where one of them is an error.
pub fn run(args: Args) -> Result<(), Failure> {
    if args.calls {
        return print(&sandboxed::calls());
    }
    let (config, mut problems) = Config::survey(args.config.as_deref());
    let (rules, more) = Rules::survey(&config);
    problems.extend(more);
    let endings = endings(&rules.written, &rules.policy, &rules.signatures, clock::now());
    problems.extend(endings.iter().map(Ending::diagnostic));
    let packet_socket = args.sandbox.then(sandboxed::packet_socket);
    if !args.elsewhere {
        let here = here::problems(&config, any_error(&problems));
        problems.extend(here);
    }
    if any_error(&problems) {
        return Err(Failure::Configuration(problems));
    }
    print_warnings(&problems);
    print(&summary(&config, &rules))?;
    packet_socket.map_or(Ok(()), |captures| sandboxed::show(&config, args.config.as_deref(), captures))
}

/// Prints warnings on standard error.
pub fn print_warnings(problems: &[Diagnostic]) {
    for problem in problems {
        eprintln!("{problem}");
    }
}

fn summary(config: &Config, rules: &Rules) -> String {
    let (services, vendors) = (rules.signatures.services().len(), rules.signatures.vendor_count());
    let (hosts, policy) = (rules.signatures.host_count(), rules.policy.rules().len());
    let (teams, sinks) = (config.teams.len(), config.sinks.len());
    let clients = match (config.identities.len(), rules.directory.len()) {
        (0, _) => String::new(),
        (files, records) => format!(", {records} records of clients in {files} files"),
    };
    format!("ok: {services} services of {vendors} vendors, {hosts} hosts, {policy} policy rules, {teams} teams, {sinks} sinks{clients}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_configuration_passes_and_every_mistake_of_a_bad_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        let check = |text: &str| {
            std::fs::write(&file, text).unwrap();
            run(Args { config: Some(file.clone()), elsewhere: true, sandbox: false, calls: false })
        };
        let signatures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/signatures");
        let good = format!("[signatures]\nfolder = {signatures:?}\n[[policy.rule]]\nstatus = \"approved\"\nservice = \"acme.chat\"\n");
        check(&good).unwrap();
        let bad = good.replace("acme.chat", "acme.chta").replace("[signatures]", "usr = 1\n[signatures]");
        let Err(Failure::Configuration(problems)) = check(&bad) else { panic!("accepted") };
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [1, 4]);
        let folder = format!("[signatures]\nfolder = {:?}\n", folder.path().join("none"));
        assert_eq!(check(&folder).unwrap_err().code(), 78);
    }
}
