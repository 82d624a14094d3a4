//! Runs the cases one after another and closes as libtest does, skipped ones counted as ignored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::cases::{self, Case};
use crate::client::Client;
use crate::in_network;

/// What network and servers are made of.
const PROGRAMS: [&str; 6] = ["ip", "nginx", "dnsmasq", "curl", "timeout", "kill"];

#[derive(Default)]
struct Score {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Runs the cases whose name holds that part.
pub fn run(part: Option<&str>) -> ExitCode {
    let chosen: Vec<_> = cases::all().filter(|case| part.is_none_or(|part| case.name.contains(part))).collect();
    println!("\nrunning {} tests", chosen.len());
    let mut score = Score::default();
    match why_not(&PROGRAMS) {
        Some(reason) => chosen.iter().for_each(|case| score.skip(case, &reason)),
        None if chosen.is_empty() => {}
        None => in_network(|client| chosen.iter().for_each(|case| score.play(case, client))),
    }
    let Score { passed, failed, skipped } = score;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; 0 filtered out\n");
    ExitCode::from(u8::from(failed > 0))
}

impl Score {
    fn play(&mut self, case: &Case, client: &Client) {
        if let Some(reason) = why_not(case.needs) {
            return self.skip(case, &reason);
        }
        let started = Instant::now();
        let passed = catch_unwind(AssertUnwindSafe(|| (case.run)(client))).is_ok();
        let word = if passed { "ok" } else { "FAILED" };
        println!("test {} ... {word} ({:.1} s)", case.name, started.elapsed().as_secs_f64());
        if passed { self.passed += 1 } else { self.failed += 1 }
    }

    /// Where CI runs as root nothing excuses a skip: set-up should have made it possible.
    fn skip(&mut self, case: &Case, reason: &str) {
        if is_root() && std::env::var("CI").is_ok_and(|ci| ci == "true") {
            println!("test {} ... FAILED (cannot be skipped in CI: {reason})", case.name);
            self.failed += 1;
        } else {
            println!("test {} ... ignored, {reason}", case.name);
            self.skipped += 1;
        }
    }
}

/// Why cases that need these programs cannot run here.
fn why_not(programs: &[&str]) -> Option<String> {
    if !is_root() {
        return Some("needs root to make network namespaces".into());
    }
    let missing: Vec<_> = programs.iter().filter(|program| !is_installed(program)).copied().collect();
    (!missing.is_empty()).then(|| format!("not installed: {} (scripts/setup test)", missing.join(", ")))
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A snap does not count: it cannot be run inside a namespace, nor read a scratch folder.
fn is_installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .filter(|folder| !folder.starts_with("/snap"))
        .chain(["/usr/sbin", "/sbin"])
        .any(|folder| Path::new(folder).join(program).is_file())
}
