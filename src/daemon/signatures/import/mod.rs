//! `signatures import`: a draft record, for review, of a list of domains that others keep.

mod draft;
mod list;

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::daemon::check::print_warnings;
use crate::daemon::clock;
use crate::daemon::diagnostic::Diagnostic;
use crate::daemon::failure::Failure;
use crate::daemon::output::print;
use crate::daemon::rules::Catalogue;
use crate::daemon::rules::signature_file::is_service_id;
use crate::daemon::toml_fields::{MAX_FILE, read_text};
use draft::{Draft, Import};
use list::Format;

/// Which list, for which service.
#[derive(clap::Args)]
pub struct Args {
    /// The list; "-" is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Id of the service the list is about
    #[arg(long = "as", value_name = "VENDOR.SERVICE")]
    id: String,
    /// How the list is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where to write the draft, a new file; default standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Configuration file, for the services known already; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Writes the draft, and says on standard error what was left out and why.
///
/// # Errors
/// A list that cannot be read or holds no host, an id that is none, an output that is there already.
pub fn run(args: Args) -> Result<(), Failure> {
    if !is_service_id(&args.id) {
        let hint = "vendor.service in lower case, digits and hyphens, as openai.chatgpt";
        return Err(Failure::Setting(format!("--as {:?} is no service id: {hint}", args.id)));
    }
    let text = list(&args.file)?;
    let known = Catalogue::for_command(args.config.as_deref())?.signatures();
    let format = args.format.told_by(&text);
    let import = Import { file: &args.file, text: &text, format, id: &args.id, known: &known };
    let draft = import.draft();
    print_warnings(&draft.problems);
    if draft.hosts.is_empty() {
        return Err(Failure::Setting(format!("{}: no host in it for {}", args.file.display(), args.id)));
    }
    write(args.output.as_deref(), &draft.text(&import, clock::today()))?;
    eprintln!("{}", summary(&draft, &import));
    Ok(())
}

fn list(file: &Path) -> Result<String, Failure> {
    let refuse = |problem: Diagnostic| Failure::Configuration(vec![problem]);
    if file != Path::new("-") {
        return read_text(file).map_err(refuse);
    }
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_FILE + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > MAX_FILE => Err(Failure::Setting("standard input is longer than 16 MiB".into())),
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::Setting(format!("standard input cannot be read: {error}"))),
    }
}

fn write(output: Option<&Path>, text: &str) -> Result<(), Failure> {
    let Some(path) = output.filter(|p| *p != Path::new("-")) else { return print(text) };
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| Failure::Setting(format!("--output {}: {e}; a draft is never written over another file", path.display())))
}

fn summary(draft: &Draft, import: &Import<'_>) -> String {
    let (hosts, left_out) = (draft.hosts.len(), draft.problems.len());
    let mut text = format!("{hosts} hosts for {}, {} repeated, {left_out} remarks", import.id, draft.repeated);
    if !draft.dropped.is_empty() {
        text += &format!("; attributes dropped: {}", draft.dropped.iter().cloned().collect::<Vec<_>>().join(" "));
    }
    if import.known.service(import.id).is_some() {
        text += &format!("; {} is known already: add these hosts to its record", import.id);
    }
    text
}
