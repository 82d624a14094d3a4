//! `shadowtap init`: a commented configuration for this machine, and what looking at the machine could not tell.

mod choice;
mod machine;
mod memory;
mod networks;
mod port;
mod text;

#[cfg(test)]
mod tests;

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::capture::choice::{must_exist, once_each};
use super::config::DEFAULT_FILE;
use super::failure::Failure;
use super::output;
use super::replace_file::replace;
use machine::Machine;

/// Arguments of `shadowtap init`.
#[derive(clap::Args, Debug)]
pub struct InitArgs {
    /// File to write; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_FILE)]
    output: PathBuf,
    /// Interface to listen on, several by repeating it; otherwise the one that looks like a span port, else that of the default route
    #[arg(short, long, value_name = "IFACE")]
    interface: Vec<String>,
    /// Replace the file where it is there
    #[arg(long)]
    force: bool,
}

/// Looks at the machine, writes the configuration, and says on standard error what it could not know.
///
/// # Errors
/// An interface that is not there, a file that is there already, or one that cannot be written.
pub fn run(args: &InitArgs) -> Result<(), Failure> {
    let (named, _) = once_each(&args.interface)?;
    named.iter().try_for_each(|name| must_exist(name))?;
    let machine = Machine::look()?;
    let choice = choice::choose(&machine, named);
    let open = text::open_questions(&machine, &choice);
    let text = text::configuration(&machine, &choice, &open);
    if args.output == Path::new("-") {
        output::print(&text)?;
    } else {
        write(&args.output, &text, args.force, machine.reader)?;
        let shown = args.output.display();
        eprintln!("written: {shown}; next: shadowtap check --config {shown}");
    }
    eprintln!("what looking at this machine could not tell:");
    for question in open {
        eprintln!("- {question}");
    }
    Ok(())
}

/// Writes the file: for root and, where a daemon becomes another user, for that user's group to read.
fn write(path: &Path, text: &str, force: bool, reader: Option<u32>) -> Result<(), Failure> {
    let shown = path.display();
    let refused = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::Setting(format!(
            "{shown} is there already\n  remedy: `shadowtap init -o -` shows what would be written; --force replaces the file"
        )),
        ErrorKind::PermissionDenied => Failure::Permission(format!(
            "{shown} cannot be written: {error}\n  remedy: run it as root, or name another file with -o; `-o -` is standard output"
        )),
        _ => Failure::Setting(format!("{shown} cannot be written: {error}\n  remedy: name another file with -o")),
    };
    if force && path.exists() {
        let old = fs::read_to_string(path).map_err(refused)?;
        return replace(path, &old, text).map_err(refused);
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(refused)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refused)?;
    file.write_all(text.as_bytes()).map_err(refused)?;
    if reader.is_some() {
        chown(path, None, reader).map_err(refused)?;
        fs::set_permissions(path, Permissions::from_mode(0o640)).map_err(refused)?;
    }
    Ok(())
}
