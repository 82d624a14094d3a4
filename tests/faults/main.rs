//! Faults by real mechanisms: a shim between the program and its C library (`shim.c`), full and read-only file systems, locks, limits.
#![cfg(all(target_os = "linux", feature = "daemon"))]
#![allow(missing_docs)]

mod capture;
mod changes;
mod contents;
mod cut;
#[allow(dead_code)] // the tests of visibility draw more
#[path = "../visibility/draw.rs"]
mod draw;
mod halves;
mod limits;
mod shim;
mod site;
mod store;
#[path = "../wire/mod.rs"]
mod wire;
mod writes;

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Whether every fault is to be taken, and not some that are drawn.
fn takes_all() -> bool {
    std::env::var_os("SHADOWTAP_ALL_FAULTS").is_some()
}

/// The seed in `SHADOWTAP_SEED`, else one of this moment; it is printed.
fn seed() -> u64 {
    static SEED: LazyLock<u64> = LazyLock::new(|| {
        let given = std::env::var("SHADOWTAP_SEED").ok().map(|seed| seed.parse().expect("SHADOWTAP_SEED is a number"));
        given.unwrap_or(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64)
    });
    println!("SHADOWTAP_SEED={}", *SEED);
    *SEED
}
