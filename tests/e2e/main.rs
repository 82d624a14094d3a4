//! End to end: real programs, real packets, the real daemon between them.
//!
//! `cargo test --test e2e [-- PART-OF-A-NAME]`, as root. Without root or without the programs a case is skipped and says why;
//! with CI=true, as root, that is a failure. The binary is also the server, receiver and capture maker that its cases need.
#![allow(missing_docs)]

mod captures;
mod cases;
mod client;
#[allow(dead_code)] // the tests of visibility draw more
#[path = "../visibility/draw.rs"]
mod draw;
mod fingerprints;
mod h3;
mod liar;
mod metrics;
mod net;
mod office;
mod patience;
mod quic;
mod receiver;
mod server;
mod site;
mod suite;

use std::process::ExitCode;

use tempfile::TempDir;

use client::Client;
use net::{Host, Net};
use server::Servers;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--serve-quic", address, folder] => quic::serve(address, folder),
        ["--upload-quic", address, name, ca, bytes] => quic::upload(address, name, ca, bytes.parse().expect("a number")),
        ["--receive", address, file] => receiver::receive(address, file.as_ref()),
        ["--lie", address, file, seed] => liar::lie(address, file.as_ref(), seed.parse().expect("a number")),
        ["--write-captures", folder] => in_network(|client| captures::write(client, folder.as_ref())),
        ["--take-fingerprints", folder] => in_network(|client| fingerprints::take(client, folder.as_ref())),
        _ => return suite::run(arguments.iter().find(|argument| !argument.starts_with('-')).copied()),
    }
    ExitCode::SUCCESS
}

/// Makes the network with its servers, and takes it away again whatever happens in it.
fn in_network(act: impl FnOnce(&Client)) {
    let scratch: TempDir = tempfile::tempdir().expect("a folder");
    let net = Net::new();
    let servers = Servers::start(&net, scratch.path());
    act(&Client { net: &net, servers: &servers, scratch: scratch.path(), host: Host::Client });
}
