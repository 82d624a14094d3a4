//! `signatures lint`: what is wrong, missing or old in signature files.

use std::path::PathBuf;

use jiff::civil::Date;

use crate::daemon::check::print_warnings;
use crate::daemon::clock;
use crate::daemon::diagnostic::any_error;
use crate::daemon::failure::Failure;
use crate::daemon::output::print;
use crate::daemon::rules::lint::{lint, totals};
use crate::daemon::rules::{Catalogue, signature_file::Origin};

/// Which files.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of signature files; default the catalogue in the program
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Judge the age of sources as of this day
    #[arg(long, value_name = "DATE")]
    today: Option<Date>,
}

/// Prints totals, and all problems.
///
/// # Errors
/// All problems, where one of them is an error.
pub fn run(args: Args) -> Result<(), Failure> {
    let Catalogue { entries, mut problems, .. } = match &args.folder {
        Some(folder) => Catalogue::of_folder(folder, Origin::Shipped),
        None => Catalogue::shipped(),
    };
    problems.extend(lint(&entries, args.today.unwrap_or_else(clock::today)));
    problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    print(&totals(&entries))?;
    if any_error(&problems) {
        return Err(Failure::Configuration(problems));
    }
    print_warnings(&problems);
    Ok(())
}
