//! `shadowtap man`: a manual page for each subcommand, made from the definitions that the command line is read by. What these do not hold
//! stands here: exit codes and files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::config::{DEFAULT_FILE, DEFAULT_SIGNATURES, DEFAULT_UPDATES};
use super::failure::Failure;

/// Arguments of `shadowtap man`.
#[derive(clap::Args, Debug)]
pub struct ManArgs {
    /// Folder to write the pages into; it is made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes the pages of `command` and everything below it, one a subcommand.
///
/// # Errors
/// The folder or a page cannot be written.
pub fn run(args: &ManArgs, command: Command) -> Result<(), Failure> {
    write_all(command, &args.folder).map_err(|e| Failure::Setting(format!("{}: {e}", args.folder.display())))
}

fn write_all(command: Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut top = command.disable_help_subcommand(true);
    top.build();
    write_below(&top, folder)
}

fn write_below(command: &Command, folder: &Path) -> io::Result<()> {
    command.get_subcommands().try_for_each(|below| write_below(below, folder))?;
    let name = page_name(command);
    fs::write(folder.join(format!("{name}.1")), page(command, &name)?)
}

/// As `shadowtap-policy-set`.
fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    // Without a date: the same sources make the same pages on every day.
    let mut out = format!(".TH {} 1 \"\" \"shadowtap {}\" \"shadowtap\"\n", name.to_uppercase(), env!("CARGO_PKG_VERSION")).into_bytes();
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    if command.get_arguments().any(|a| !a.is_hide_set()) {
        man.render_options_section(&mut out)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    let mut roff = Roff::new();
    list(&mut roff, "EXIT STATUS", exits(name).map(|(code, meaning)| (code.to_string(), meaning)));
    list(&mut roff, "FILES", files(command, name).into_iter().map(|(file, what)| (file.to_owned(), what)));
    see_also(&mut roff, name);
    roff.to_writer(&mut out)?;
    Ok(out)
}

/// A section of terms, each with what it means.
fn list<'a>(roff: &mut Roff, heading: &str, entries: impl Iterator<Item = (String, &'a str)>) {
    roff.control("SH", [heading]);
    for (term, meaning) in entries {
        roff.control("TP", []).text([bold(term)]).text([roman(meaning)]);
    }
}

fn see_also(roff: &mut Roff, name: &str) {
    let refer = |page: &str| -> [Inline; 2] { [bold(page), roman("(1)")] };
    roff.control("SH", ["SEE ALSO"]);
    match name {
        "shadowtap" => roff.text([roman("/usr/share/doc/shadowtap, in it guides/first-hour.md")]),
        _ => {
            let parent = name.rsplit_once('-').map_or("shadowtap", |(parent, _)| parent);
            let [page, section] = refer(parent);
            roff.text([page, section])
        }
    };
}

/// Exit codes of a subcommand, by its page's name.
fn exits(name: &str) -> impl Iterator<Item = (u8, &'static str)> {
    let not_a_capture = ["shadowtap", "shadowtap-replay", "shadowtap-names"].contains(&name);
    let tampered = ["shadowtap", "shadowtap-audit", "shadowtap-audit-verify"].contains(&name);
    let all = [
        (Some(0), "Done as told."),
        (Some(2), "The command line was not understood."),
        (
            not_a_capture.then_some(65),
            "A file is no capture. One that is cut off or partly undecodable is read as far as it goes, with exit code 0.",
        ),
        (tampered.then_some(65), "The audit log was changed by somebody."),
        (Some(70), "The machine failed, or the program did: a disk that is full, a store that is locked."),
        (Some(77), "A right is missing: to capture, to read a file, to write a folder. The message says which."),
        (
            Some(78),
            "Configuration, signatures, policy or a setting on the command line is refused. Every mistake is told with file, line and remedy.",
        ),
    ];
    all.into_iter().filter_map(|(code, meaning)| code.map(|code| (code, meaning)))
}

/// Files that a subcommand uses where it is told no others: its options say which.
fn files(command: &Command, name: &str) -> Vec<(&'static str, &'static str)> {
    let is_top = name == "shadowtap";
    let has = |option: &str| is_top || command.get_arguments().any(|a| a.get_long() == Some(option));
    let mut files = Vec::new();
    if has("config") {
        files.push((DEFAULT_FILE, "The configuration, where it is there; else the defaults."));
        files.push((DEFAULT_SIGNATURES, "Signatures of the site's own, on top of those in the program."));
    }
    if name == "shadowtap-init" {
        files.push((DEFAULT_FILE, "What it writes, where it is told no other file."));
    }
    if has("store") || name == "shadowtap-run" {
        files.push(("/var/lib/shadowtap/shadowtap.sqlite", "The store: sightings, alerts, the audit log."));
    }
    if is_top || name.starts_with("shadowtap-privacy") || name == "shadowtap-reidentify" || name == "shadowtap-run" {
        files.push(("/var/lib/shadowtap/keys", "Keys of pseudonyms, one a period."));
    }
    if is_top || name.starts_with("shadowtap-signatures") || name == "shadowtap-run" {
        files.push((DEFAULT_UPDATES, "The catalogue as updated by signed bundles."));
    }
    if files.is_empty() {
        files.push(("none", "It reads and writes no file but those it is told."));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::cli::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_subcommand_has_a_page_with_its_exit_codes_and_files() {
        let folder = tempfile::tempdir().unwrap();
        write_all(Cli::command(), folder.path()).unwrap();
        let page = |name: &str| fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        for name in ["shadowtap", "shadowtap-run", "shadowtap-policy-set", "shadowtap-signatures-match", "shadowtap-man"] {
            let text = page(name);
            for heading in ["NAME", "SYNOPSIS", "EXIT STATUS", "FILES", "SEE ALSO"] {
                assert_eq!(
                    text.matches(&format!(".SH {heading}\n")).count() + text.matches(&format!(".SH \"{heading}\"\n")).count(),
                    1,
                    "{name}: {heading}\n{text}"
                );
            }
            assert!(text.contains("78"), "{name}");
        }
        assert!(page("shadowtap-replay").contains("no capture") && !page("shadowtap-check").contains("no capture"));
        assert!(page("shadowtap-report").contains("shadowtap.sqlite") && page("shadowtap-check").contains("/etc/shadowtap/config.toml"));
        let mut commands = vec![Cli::command().disable_help_subcommand(true)];
        let mut count = 0;
        while let Some(command) = commands.pop() {
            count += 1;
            commands.extend(command.get_subcommands().cloned());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), count);
    }
}
