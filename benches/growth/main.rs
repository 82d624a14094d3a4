//! What grows with what: time and memory of a flow with the flows that are open, time of a flow with signatures, teams and rules, and what a
//! flood of new flows does to a full table.
//!
//! `cargo bench --no-default-features --bench growth`; it fails where a million open flows take 512 MiB or more.

#[path = "../generate/hello.rs"]
#[allow(dead_code)] // the generator's shapes, of which one is enough here
mod hello;
#[path = "../generate/rng.rs"]
#[allow(dead_code)]
mod rng;
mod rules;
mod traffic;

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use shadowtap::engine::attribution::{Attribution, Bounds};
use shadowtap::engine::counters::Table;
use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::{Engine, Settings};
use traffic::{Traffic, Turn};

/// Memory a million open flows may take, names included.
const MOST: u64 = 512 << 20;

fn main() -> ExitCode {
    println!("{:>10} {:>12} {:>14} {:>12} {:>8}", "open flows", "ns to open", "ns a packet", "bytes a flow", "MiB");
    let mut taken = 0;
    for flows in [10_000, 100_000, 1_000_000] {
        taken = open(flows);
    }
    println!("\n{:>10} {:>9} {:>7} {:>7} {:>10}", "rules", "services", "teams", "policy", "ns a flow");
    for times in [1, 10, 100] {
        judged(times);
    }
    println!("\n{:>10} {:>12} {:>12} {:>8}", "new flows", "ns a packet", "evictions", "MiB");
    flood();
    if taken < MOST {
        return ExitCode::SUCCESS;
    }
    eprintln!("growth: a million open flows take {} MiB, more than {}", taken >> 20, MOST >> 20);
    ExitCode::FAILURE
}

/// The pipeline behind capture.
struct Pipeline {
    engine: Engine,
    attribution: Attribution,
    time: Time,
}

impl Pipeline {
    fn new(attribution: Attribution, flows: usize) -> Self {
        let engine = Engine::new(Settings { flows, ..Settings::default() });
        Pipeline { engine, attribution, time: Time::new(1_767_600_000, 0) }
    }

    /// Takes a frame, a microsecond after the one before.
    fn take(&mut self, bytes: &[u8]) {
        self.time = Time(self.time.0 + 1000);
        let frame = Frame { time: self.time, link: LinkType(1), bytes, wire_len: bytes.len() as u32 };
        let attribution = &mut self.attribution;
        self.engine.frame(&frame, &mut |event| attribution.event(&event));
    }
}

/// Opens flows, each with its name, and goes round them. Returns the bytes they take.
fn open(flows: u32) -> u64 {
    let before = resident();
    let mut pipeline = Pipeline::new(Attribution::new(rules::judgement(1), Bounds::default()), 1_000_000);
    let mut traffic = Traffic::new();
    let began = Instant::now();
    for flow in 0..flows {
        for turn in [Turn::Syn, Turn::SynAck, Turn::Hello] {
            pipeline.take(traffic.frame(flow, turn));
        }
    }
    let opening = nanos(began, flows);
    assert_eq!(pipeline.engine.open_flows(), flows as usize, "each is a flow of its own");
    let round = |round: u32, pipeline: &mut Pipeline, traffic: &mut Traffic| {
        let began = Instant::now();
        for flow in traffic::shuffled(flows) {
            pipeline.take(traffic.frame(flow, Turn::Data(round)));
        }
        nanos(began, flows)
    };
    let packet = (0..5).map(|n| round(n, &mut pipeline, &mut traffic)).fold(f64::INFINITY, f64::min);
    let taken = resident().saturating_sub(before);
    println!("{flows:>10} {opening:>12.0} {packet:>14.0} {:>12} {:>8}", taken / u64::from(flows), taken >> 20);
    taken
}

/// Whole flows, one in ten to a service, judged by so many times the usual rules.
fn judged(times: usize) {
    const FLOWS: u32 = 50_000;
    let mut traffic = Traffic::new();
    let run = |traffic: &mut Traffic| {
        let mut pipeline = Pipeline::new(Attribution::new(rules::judgement(times), Bounds::default()), 1_000_000);
        let began = Instant::now();
        for flow in 0..FLOWS {
            for turn in [Turn::Syn, Turn::SynAck, Turn::Hello, Turn::Data(0), Turn::Fin(true), Turn::Fin(false)] {
                pipeline.take(traffic.frame(flow, turn));
            }
        }
        nanos(began, FLOWS)
    };
    let flow = (0..5).map(|_| run(&mut traffic)).fold(f64::INFINITY, f64::min);
    let (services, teams, policy) = rules::counts(times);
    println!("{:>9}x {services:>9} {teams:>7} {policy:>7} {flow:>10.0}", times);
}

/// New flows without end through a table of a hundred thousand, beside one that goes on.
fn flood() {
    const MILLION: u32 = 1_000_000;
    let bounds = Bounds { flows: 100_000, ..Bounds::default() };
    let mut pipeline = Pipeline::new(Attribution::new(rules::judgement(1), bounds), 100_000);
    let mut traffic = Traffic::new();
    for turn in [Turn::Syn, Turn::SynAck, Turn::Hello] {
        pipeline.take(traffic.frame(0, turn));
    }
    let opened = |pipeline: &Pipeline| pipeline.engine.counters().flows;
    for million in 0..4 {
        let began = Instant::now();
        for n in 1..=MILLION {
            let flow = million * MILLION + n;
            pipeline.take(traffic.frame(flow, Turn::Syn));
            if n % 10 == 0 {
                pipeline.take(traffic.frame(flow, Turn::Hello));
                pipeline.take(traffic.frame(0, Turn::Data(flow / 10)));
            }
        }
        let packet = nanos(began, MILLION + MILLION / 5);
        let evictions = pipeline.engine.counters().evictions.get(Table::Flows as usize).copied().unwrap_or(0);
        println!("{:>10} {packet:>12.0} {evictions:>12} {:>8}", opened(&pipeline), resident() >> 20);
        assert_eq!(
            opened(&pipeline),
            evictions + pipeline.engine.open_flows() as u64,
            "what is not there was counted, and flow 0 never left"
        );
    }
}

fn nanos(began: Instant, times: u32) -> f64 {
    began.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

/// Memory of this process, in bytes.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
