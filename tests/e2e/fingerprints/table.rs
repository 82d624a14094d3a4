//! The table of fingerprints as a file: tab-separated, a line of column names, comments with `#`.

use std::fs;
use std::path::Path;

/// One fingerprint of one client. Ordered as the file is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Row {
    pub library: String,
    pub id: String,
    pub ja4: String,
    pub transport: String,
    pub alpn: String,
    pub client: String,
    pub version: String,
    pub script: String,
    pub made: String,
}

const HEAD: &str = "\
# TLS fingerprints (JA4) of real clients, made by scripts/fingerprints: do not edit, run it again. README.md beside this file explains it.
# One fingerprint has one library; several clients may have it. A fingerprint names a library, never a tool.
library\tid\tja4\ttransport\talpn\tclient\tversion\tscript\tmade
";

/// What the file holds; nothing where there is none.
pub fn read(file: &Path) -> Vec<Row> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with(['#'])).skip(1).map(row).collect()
}

/// Writes all of it anew, in order.
pub fn write(file: &Path, rows: &mut Vec<Row>) {
    rows.sort();
    rows.dedup();
    let text: String = rows.iter().map(line).collect();
    fs::write(file, format!("{HEAD}{text}")).expect("ja4.tsv");
}

/// The day, in UTC.
pub fn today() -> String {
    jiff::Timestamp::now().strftime("%F").to_string()
}

fn row(line: &str) -> Row {
    let columns: Vec<&str> = line.split('\t').collect();
    let [library, id, ja4, transport, alpn, client, version, script, made] = columns[..] else { panic!("not a row: {line}") };
    let [library, id, ja4, transport, alpn, client, version, script, made] =
        [library, id, ja4, transport, alpn, client, version, script, made].map(str::to_owned);
    Row { library, id, ja4, transport, alpn, client, version, script, made }
}

fn line(row: &Row) -> String {
    let Row { library, id, ja4, transport, alpn, client, version, script, made } = row;
    [library, id, ja4, transport, alpn, client, version, script, made].map(String::as_str).join("\t") + "\n"
}
