//! Files of clients: what the tests share.

mod again;
mod forms;
mod refusals;

use std::fs;
use std::path::Path;

use super::*;
use crate::daemon::clock;
use crate::daemon::mac;
use crate::engine::frame::Time;
use crate::engine::identity::{Known, Subject};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/identity");

fn source(path: &Path) -> Source {
    Source { file: path.into(), format: None }
}

fn fixture(name: &str) -> Files {
    let (files, problems) = Files::read(&[source(&Path::new(FIXTURES).join(name))], &[]);
    assert_eq!(problems, [], "{name}");
    files
}

/// Problems without their folder, with their remedy after a bar.
fn shown(problems: &[Diagnostic]) -> Vec<String> {
    let text = |d: &Diagnostic| {
        let file = d.file.file_name().unwrap().into();
        Diagnostic { file, ..d.clone() }.to_string().replace("\n  remedy: ", " | ")
    };
    problems.iter().map(text).collect()
}

/// Files in a folder of their own.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &[u8]) -> Source {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        source(&path)
    }
}

fn read(name: &str, text: &str) -> (Files, Vec<String>) {
    let (files, problems) = Files::read(&[Folder::new().write(name, text.as_bytes())], &[]);
    (files, shown(&problems))
}

fn facts(known: &Known) -> String {
    let text = |fact: &Option<Arc<str>>| fact.as_deref().unwrap_or("-").to_owned();
    let shared = if known.shared { " shared" } else { "" };
    let mac = known.mac.map_or("-".to_owned(), mac::text);
    format!("{} {} {} {} {mac}{shared}", text(&known.host), text(&known.user), text(&known.team), text(&known.site))
}

fn ask(files: &Files, address: &str, at: &str) -> String {
    facts(&files.directory().known(address.parse().unwrap(), None, None, clock::parse_rfc3339(at).unwrap()))
}

/// Each record: whom, from, until, what.
fn listed(files: &Files) -> Vec<String> {
    let seconds = |t: Option<Time>| t.map_or("-".to_owned(), |t| t.seconds().to_string());
    let whom = |s: &Subject| match s {
        Subject::Address(address) => address.to_string(),
        Subject::Subnet(subnet) => subnet.to_string(),
        Subject::Mac(mac) => mac::text(*mac),
        Subject::HostPattern(pattern) => pattern.to_string(),
    };
    let text = |r: &Record| format!("{} {} {} {}", whom(&r.subject), seconds(r.from), seconds(r.until), facts(&r.known));
    files.files.iter().flat_map(|file| file.records.iter().map(text)).collect()
}

const KEA4: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n";
