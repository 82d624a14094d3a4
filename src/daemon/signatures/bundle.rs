//! `signatures bundle`: a catalogue in one signed file, for `signatures update` elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use minisign_verify::PublicKey;

use crate::daemon::bundle::{Bundle, SecretKey, seal};
use crate::daemon::check::print_warnings;
use crate::daemon::clock;
use crate::daemon::diagnostic::any_error;
use crate::daemon::failure::Failure;
use crate::daemon::output::print;
use crate::daemon::rules::lint::{lint, totals};
use crate::daemon::rules::{Catalogue, folder_files, shipped_files};
use crate::daemon::toml_fields::read_text;

/// What to bundle, and how to sign it.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of signature files; default the catalogue in the program
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Secret key, as minisign -G makes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File with the key's password; default it is asked for, where the key has one
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Version, higher than that of every bundle before
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    version: u64,
    /// First day on which the bundle is not taken any more
    #[arg(long, value_name = "DATE")]
    expires: Date,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Writes the bundle and says which key to pin.
///
/// # Errors
/// Signatures that lint refuses, a day that is past, a key that cannot sign, an output that cannot be written.
pub fn run(args: Args) -> Result<(), Failure> {
    let today = clock::today();
    if args.expires <= today {
        return Err(Failure::Setting(format!("--expires {}: that day is not to come", args.expires)));
    }
    let files = args.folder.as_deref().map_or_else(|| Ok(shipped_files()), folder_files).map_err(Failure::Configuration)?;
    let bundle = Bundle { version: args.version, issued: today, expires: args.expires, files };
    let catalogue = Catalogue::of_bundle(&bundle);
    let mut problems = catalogue.problems;
    problems.extend(lint(&catalogue.entries, today));
    if any_error(&problems) {
        return Err(Failure::Configuration(problems));
    }
    print_warnings(&problems);
    let key = SecretKey::read(&args.key, password(args.password_file.as_deref())?)?;
    let bytes = seal(&bundle, &key)?;
    let public = key.public()?;
    opens(&bytes, &public)?;
    write(&args.output, &bytes)?;
    let said = format!(
        "{}: version {}, until {}: {}\npin in the configuration: [signatures] key = \"{}\"",
        args.output.display(),
        bundle.version,
        bundle.expires,
        totals(&catalogue.entries),
        public
    );
    print(&said)
}

/// What nobody could take is not published.
fn opens(bytes: &[u8], public: &str) -> Result<(), Failure> {
    let key = PublicKey::from_base64(public).map_err(|e| Failure::Internal(format!("key: {e}")))?;
    Bundle::open(bytes, &[key]).map(drop).map_err(|why| Failure::Setting(format!("nobody would take this bundle: {why}")))
}

fn password(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let text = read_text(file).map_err(|problem| Failure::Configuration(vec![problem]))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Whole or not at all: whoever fetches it meanwhile gets the old one.
fn write(output: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let about = |e: std::io::Error| Failure::Setting(format!("--output {}: {e}", output.display()));
    let mut fresh = output.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, output)).map_err(about)
}
