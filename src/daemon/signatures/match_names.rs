//! `signatures match`: which service each name belongs to.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::PathBuf;

use comfy_table::Table;
use serde::Serialize;

use crate::daemon::failure::Failure;
use crate::daemon::output::{Output, borderless, unless_gone};
use crate::daemon::rules::Catalogue;
use crate::engine::host::HostName;
use crate::engine::signature::{Match, Signatures};

/// Which names.
#[derive(clap::Args)]
pub struct Args {
    /// How to answer: one JSON object a line, or a table
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Host names; "-" reads them from standard input, one a line
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Answers for each name in the order given.
///
/// # Errors
/// Signatures that are refused; standard input or output that fails.
pub fn run(args: Args) -> Result<(), Failure> {
    let signatures = Catalogue::for_command(args.config.as_deref())?.signatures();
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    unless_gone(match args.output {
        Output::Json => each_name(&args.names, &mut |name| json_line(&signatures, name, &mut out)).and_then(|()| out.flush()),
        Output::Table => {
            let mut table = borderless(["NAME", "SERVICE", "HOST", "ROLE", "USE"]);
            each_name(&args.names, &mut |name| {
                add_row(&signatures, name, &mut table);
                Ok(())
            })
            .and_then(|()| writeln!(out, "{}", table.trim_fmt()))
            .and_then(|()| out.flush())
        }
    })
}

fn each_name(names: &[String], answer: &mut impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    names.iter().try_for_each(|name| if name == "-" { each_line(io::stdin().lock(), answer) } else { answer(name) })
}

/// The answer for one name; what does not apply is null.
#[derive(Serialize)]
struct Answer<'a> {
    name: &'a str,
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    use_: Option<&'static str>,
}

fn json_line(signatures: &Signatures, name: &str, out: &mut impl Write) -> io::Result<()> {
    let m = find(signatures, name);
    let answer = Answer {
        name,
        service: m.map(|m| &*m.service.id),
        host: m.map(|m| m.host),
        role: m.map(|m| m.role.word()),
        use_: m.map(|m| m.use_.word()),
    };
    serde_json::to_writer(&mut *out, &answer)?;
    out.write_all(b"\n")
}

fn add_row(signatures: &Signatures, name: &str, table: &mut Table) {
    let row = match find(signatures, name) {
        Some(m) => [name, &*m.service.id, m.host, m.role.word(), m.use_.word()],
        None => [name, "-", "-", "-", "-"],
    };
    table.add_row(row);
}

fn find<'s>(signatures: &'s Signatures, name: &str) -> Option<Match<'s>> {
    signatures.match_name(HostName::parse(name.as_bytes()).ok()?.as_str())
}

/// Calls `answer` for each line; bytes that are not UTF-8 are shown as such and match nothing.
fn each_line(mut input: impl BufRead, answer: &mut impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        answer(String::from_utf8_lossy(line.trim_ascii()).as_ref())?;
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::rules::signature_file::{Origin, parse};

    fn answers(input: &[u8]) -> String {
        let (entries, _) = parse(Path::new("f"), include_str!("../../../tests/fixtures/signatures/acme.toml"), Origin::Shipped);
        let signatures = Signatures::new(entries.into_iter().map(|e| e.record).collect());
        let mut out = Vec::new();
        each_line(input, &mut |name| json_line(&signatures, name, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn answers_one_object_a_line_in_order() {
        assert_eq!(
            answers(b"Files.acme-chat.example.\nnobody.example\r\nauth.acme.example"),
            "{\"name\":\"Files.acme-chat.example.\",\"service\":\"acme.chat\",\"host\":\"files.acme-chat.example\",\"role\":\"upload\",\"use\":\
             \"exclusive\"}\n{\"name\":\"nobody.example\",\"service\":null}\n{\"name\":\"auth.acme.example\",\"service\":\"acme.platform\",\
             \"host\":\"auth.acme.example\",\"role\":\"auth\",\"use\":\"exclusive\"}\n"
        );
    }

    #[test]
    fn every_line_gets_an_answer_whatever_it_holds() {
        assert_eq!(answers(b"\n\xff\xfe\n10.0.0.1\n\"\\\n").lines().count(), 4);
    }
}
