//! What a look-up costs, as a ratio to one hash of the same name, with the shipped list, and with lists ten and a hundred times as long.
//!
//! `cargo bench --no-default-features --bench signature_lookup`

use std::hash::BuildHasher;
use std::hint::black_box;
use std::time::Instant;

use foldhash::fast::FixedState;
use shadowtap::engine::pattern::HostPattern;
use shadowtap::engine::signature::{Category, HostRule, Risk, ServiceRecord, Signatures};

/// File name, text and rows of every shipped file.
const FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
const ROUNDS: u32 = 1_000_000;
/// Of several runs the fastest counts: what else the machine does only adds.
const RUNS: u32 = 7;
/// Names as a network sees them: none of them is a service's.
const MISSES: [&str; 8] = [
    "www.example.com",
    "outlook.office365.com",
    "fonts.gstatic.com",
    "a-long-label-here.cdn.some-vendor.co.uk",
    "s3.eu-central-1.amazonaws.com",
    "notchatgpt.com",
    "chatgpt.com.example.net",
    "_ldap._tcp.dc._msdcs.corp.internal",
];

fn main() {
    let shipped = Shipped::read();
    let hits: Vec<&str> = shipped.examples.iter().map(String::as_str).collect();
    println!("{:>5} {:>8} {:>7}  {:>8} {:>6}  {:>8} {:>6}", "list", "services", "hosts", "miss ns", "/hash", "hit ns", "/hash");
    for times in [1, 10, 100] {
        let signatures = shipped.times(times);
        assert!(MISSES.iter().all(|n| signatures.match_name(n).is_none()), "a miss is a hit");
        assert!(hits.iter().all(|n| signatures.match_name(n).is_some()), "a hit is a miss");
        let [miss, hit] = [&MISSES[..], &hits].map(|names| {
            let lookup = nanos(names, |n| signatures.match_name(n).map_or(0, |m| m.index as u64));
            (lookup, lookup / nanos(names, |n| FixedState::with_seed(1).hash_one(n)))
        });
        let (services, hosts) = (signatures.services().len(), signatures.host_count());
        println!("{times:>4}x {services:>8} {hosts:>7}  {:>8.1} {:>6.1}  {:>8.1} {:>6.1}", miss.0, miss.1, hit.0, hit.1);
    }
}

/// Nanoseconds one call takes on the average name.
fn nanos(names: &[&str], work: impl Fn(&str) -> u64) -> f64 {
    let run = || {
        let begin = Instant::now();
        let mut sum = 0u64;
        for name in names.iter().cycle().take(ROUNDS as usize) {
            sum = sum.wrapping_add(work(black_box(name)));
        }
        black_box(sum);
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
    };
    (0..RUNS).map(|_| run()).fold(f64::INFINITY, f64::min)
}

/// The shipped list: hosts by service, and names that match.
struct Shipped {
    services: Vec<Vec<String>>,
    examples: Vec<String>,
}

impl Shipped {
    fn read() -> Self {
        let mut shipped = Shipped { services: Vec::new(), examples: Vec::new() };
        for (name, text, _) in FILES {
            let file: toml::Table = text.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
            for service in file["service"].as_array().into_iter().flatten() {
                let host = |h: &toml::Value| h.as_str().or_else(|| h.get("name")?.as_str()).unwrap_or_default().to_owned();
                let list = |key: &str| service.get(key).and_then(toml::Value::as_array).into_iter().flatten().map(host);
                shipped.services.push(list("hosts").collect());
                shipped.examples.extend(list("examples"));
            }
        }
        shipped
    }

    /// The list with copies of itself under other domains.
    fn times(&self, times: usize) -> Signatures {
        let copies = (0..times).flat_map(|copy| self.services.iter().map(move |hosts| (copy, hosts)));
        let rule = |copy: usize, text: &str| HostRule::new(HostPattern::parse(&renamed(copy, text)).unwrap());
        let record = |(n, (copy, hosts)): (usize, (usize, &Vec<String>))| ServiceRecord {
            id: format!("vendor.service{n}").into(),
            name: "".into(),
            vendor: "".into(),
            country: "".into(),
            description: "".into(),
            category: Category::Chat,
            hosts: hosts.iter().map(|text| rule(copy, text)).collect(),
            risk: Risk::default(),
        };
        Signatures::new(copies.enumerate().map(record).collect())
    }
}

/// The host under another domain: the label before the last gets a number. The first copy is the list itself.
fn renamed(copy: usize, host: &str) -> String {
    match (copy, host.rsplit_once('.')) {
        (0, _) | (_, None) => host.to_owned(),
        (copy, Some((rest, top))) => format!("{rest}x{copy}.{top}"),
    }
}
