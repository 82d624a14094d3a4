//! What a look-up costs, as a ratio to one hash of the same name, with lists of 500, 5,000 and 50,000 services.
//!
//! `cargo bench --no-default-features --bench signature_lookup`

use std::hash::BuildHasher;
use std::hint::black_box;
use std::time::Instant;

use foldhash::fast::FixedState;
use shadowtap::engine::pattern::HostPattern;
use shadowtap::engine::signature::{Category, HostRule, Risk, ServiceRecord, Signatures};

const ROUNDS: u32 = 2_000_000;

fn main() {
    let misses = ["www.example.com", "outlook.office365.com", "fonts.gstatic.com", "a-long-label-here.cdn.some-vendor.co.uk"];
    let hits = ["chat.vendor7.com", "a.b.c.vendor9.com", "runtime.eu-west-1.cloud3.net", "vendor11.com"];
    println!("{:>9}  {:>9} {:>6}  {:>9} {:>6}", "services", "miss ns", "/hash", "hit ns", "/hash");
    for services in [500, 5_000, 50_000] {
        let signatures = list(services);
        let row = [misses, hits].map(|names| {
            let lookup = nanos(&names, |n| signatures.match_name(n).map_or(0, |m| m.index as u64));
            (lookup, lookup / nanos(&names, |n| FixedState::with_seed(1).hash_one(n)))
        });
        println!("{services:>9}  {:>9.1} {:>6.1}  {:>9.1} {:>6.1}", row[0].0, row[0].1, row[1].0, row[1].1);
    }
}

fn nanos(names: &[&str], work: impl Fn(&str) -> u64) -> f64 {
    let begin = Instant::now();
    let mut sum = 0u64;
    for round in 0..ROUNDS {
        sum = sum.wrapping_add(work(black_box(names[round as usize % names.len()])));
    }
    black_box(sum);
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}

fn list(services: usize) -> Signatures {
    let hosts = |n: usize| [format!("vendor{n}.com"), format!("=files.vendor{n}.net"), format!("runtime.*.cloud{n}.net")];
    let rule = |text: String| HostRule::new(HostPattern::parse(&text).unwrap());
    let record = |n: usize| ServiceRecord {
        id: format!("vendor{n}.chat").into(),
        name: "".into(),
        vendor: "".into(),
        country: "".into(),
        description: "".into(),
        category: Category::Chat,
        hosts: hosts(n).map(rule).into(),
        risk: Risk::default(),
    };
    Signatures::new((0..services).map(record).collect())
}
