//! Makes captures to measure with, and the truth of each beside it.
//!
//! `cargo run --release --example generate -- PROFILE FILE.pcap [--packets N] [--seed N]`
//!
//! The same profile, size and seed give the same bytes. The truth is written to FILE.truth.json: names by client and source, encrypted
//! flows by kind, and every flow with its bytes. Nothing here uses the engine: hellos, keys and headers are built from the RFCs.

mod capture;
mod dns;
mod hello;
mod names;
mod plain;
mod profile;
mod quic;
mod rng;
mod script;
mod tls;
mod truth;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use profile::Profile;

const USAGE: &str = "usage: generate office|handshakes|bulk FILE.pcap [--packets N] [--seed N]";

fn main() -> ExitCode {
    match arguments().and_then(|(profile, path, packets, seed)| {
        capture::write(&profile, &path, packets, seed).map_err(|e| format!("{}: {e}", path.display()))
    }) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("generate: {text}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(Profile, PathBuf, u64, u64), String> {
    let mut words = std::env::args().skip(1);
    let (Some(profile), Some(path)) = (words.next(), words.next()) else { return Err(USAGE.into()) };
    let profile = Profile::named(&profile).ok_or(USAGE)?;
    let (mut packets, mut seed) = (305_000, 1);
    while let Some(option) = words.next() {
        let number = words.next().and_then(|w| w.replace('_', "").parse().ok()).ok_or(USAGE)?;
        match option.as_str() {
            "--packets" => packets = number,
            "--seed" => seed = number,
            _ => return Err(USAGE.into()),
        }
    }
    Ok((profile, path.into(), packets, seed))
}
