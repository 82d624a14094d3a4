//! Eight days of an office, or as many as are asked for, as one capture on standard output, in packet time.
//!
//! `cargo run --release --example soak -- DAYS CLIENTS PROGRESS TRUTH`
//!
//! The same numbers give the same bytes. PROGRESS gets a line for each simulated hour, TRUTH what a perfect sensor would count. Nothing here
//! uses the engine: hellos and packets are those the tests build by hand.

#[allow(dead_code)]
#[path = "../wire/hello.rs"]
mod hello;
#[allow(dead_code)]
#[path = "../wire/packet.rs"]
mod packet;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;

use packet::{ACK, FIN, PSH, SYN, framed, tcp, udp};

/// 2026-11-02T00:00:00Z, a Monday.
const BEGIN: u64 = 1_793_577_600;
const DAY: u64 = 86_400;
/// Sessions of a client in a day: two hours apart at least fifty minutes, so that each is a sighting of its own.
const SESSIONS: u64 = 12;
/// Hosts that are services of the shipped list, one each.
const SERVICES: [&str; 5] = ["chatgpt.com", "claude.ai", "gemini.google.com", "www.perplexity.ai", "chat.mistral.ai"];

/// What a flow is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Use of a service, by its place in the list.
    Service(usize),
    /// A name that belongs to nobody in the list.
    Stranger,
    /// Records without a beginning: it began before the capture.
    Midstream,
}

#[derive(Clone, Copy)]
struct Flow {
    client: u32,
    port: u16,
    kind: Kind,
    /// Microseconds since the day began.
    at: u64,
    /// Payload of one request and one answer, and how many of each.
    up: u16,
    down: u16,
    turns: u8,
}

/// What a perfect sensor counts.
#[derive(Default)]
struct Truth {
    packets: u64,
    sightings: u64,
    bytes_up: u64,
    bytes_down: u64,
    named: u64,
    midstream: u64,
    lookups: u64,
}

/// SplitMix64: what is drawn for a client's flow depends on its place alone.
fn draw(day: u64, client: u64, place: u64, what: u64) -> u64 {
    let mut z = (day << 48 ^ client << 16 ^ place << 8 ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn flows(day: u64, clients: u64) -> Vec<Flow> {
    let mut flows = Vec::new();
    for client in 0..clients {
        for place in 0..SESSIONS + 2 {
            let number = |what, below| draw(day, client, place, what) % below;
            let (kind, hour) = match place {
                p if p < SESSIONS => (Kind::Service(number(0, SERVICES.len() as u64) as usize), 2 * p),
                p if p == SESSIONS => (Kind::Stranger, number(1, 20)),
                _ => (Kind::Midstream, number(1, 20)),
            };
            flows.push(Flow {
                client: client as u32,
                port: 20_000 + (day * 16 + place) as u16,
                kind,
                at: (hour * 3600 + number(2, 3600)) * 1_000_000 + number(3, 1_000_000),
                up: 200 + number(4, 1200) as u16,
                down: 200 + number(5, 1200) as u16,
                turns: 1 + number(6, 4) as u8,
            });
        }
    }
    flows
}

impl Flow {
    fn ends(&self) -> (SocketAddr, SocketAddr) {
        let [_, a, b, c] = (self.client + 1).to_be_bytes();
        let host = match self.kind {
            Kind::Service(i) => i as u8 + 1,
            Kind::Stranger => 100 + (self.client % 100) as u8,
            Kind::Midstream => 250,
        };
        (([10, a, b, c], self.port).into(), ([203, 0, 113, host], 443).into())
    }

    fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Service(i) => Some(SERVICES[i].to_owned()),
            Kind::Stranger => Some(format!("www.office-{}.example", self.client % 100)),
            Kind::Midstream => None,
        }
    }

    /// Steps: question, answer, SYN, its answer, hello, then a request and an answer each turn, then two FINs.
    fn steps(&self) -> u8 {
        if self.name().is_some() { 7 + 2 * self.turns } else { 2 * self.turns }
    }

    fn time(&self, step: u8) -> u64 {
        let first_turn = if self.name().is_some() { 5 } else { 0 };
        let turns = u64::from(step.saturating_sub(first_turn));
        self.at + u64::from(step.min(first_turn)) * 15_000 + turns * 3_000_000
    }

    /// The datagram of a step; what it moves is counted.
    fn datagram(&self, step: u8, truth: &mut Truth) -> Vec<u8> {
        let (client, server) = self.ends();
        let Some(name) = self.name() else { return self.turn(step, (1000, 5000), truth) };
        let resolver = ([10, 255, 0, 53], 53).into();
        let asker = (client.ip(), self.port.wrapping_add(30_000)).into();
        let address = match server.ip() {
            std::net::IpAddr::V4(a) => a.octets(),
            std::net::IpAddr::V6(_) => [0; 4],
        };
        let hello = hello::modern(&name).wire();
        let (up, down) = (1001 + hello.len() as u32, 7001);
        match step {
            0 => {
                truth.lookups += 1;
                udp(asker, resolver, &hello::dns_query(self.port, &name, 1))
            }
            1 => udp(resolver, asker, &hello::dns_answer(self.port, &name, 1, 300, &[&address])),
            2 => tcp(client, server, 1000, SYN, &[]),
            3 => tcp(server, client, 7000, SYN | ACK, &[]),
            4 => {
                truth.named += 1;
                if let Kind::Service(_) = self.kind {
                    truth.sightings += 1;
                    truth.bytes_up += hello.len() as u64;
                }
                tcp(client, server, 1001, ACK | PSH, &hello)
            }
            s if s < 5 + 2 * self.turns => self.turn(s - 5, (up, down), truth),
            s => {
                let (up, down) = (up + u32::from(self.turns) * u32::from(self.up), down + u32::from(self.turns) * u32::from(self.down));
                if s % 2 == 1 { tcp(client, server, up, FIN | ACK, &[]) } else { tcp(server, client, down, FIN | ACK, &[]) }
            }
        }
    }

    fn turn(&self, step: u8, (up, down): (u32, u32), truth: &mut Truth) -> Vec<u8> {
        let (client, server) = self.ends();
        let is_service = matches!(self.kind, Kind::Service(_));
        let turn = u32::from(step / 2);
        let record = |n: u16| [&[23, 3, 3][..], &(n - 5).to_be_bytes(), &vec![0x5a; usize::from(n) - 5]].concat();
        if step == 0 && self.kind == Kind::Midstream {
            truth.midstream += 1;
        }
        if step.is_multiple_of(2) {
            truth.bytes_up += if is_service { u64::from(self.up) } else { 0 };
            tcp(client, server, up + turn * u32::from(self.up), ACK | PSH, &record(self.up))
        } else {
            truth.bytes_down += if is_service { u64::from(self.down) } else { 0 };
            tcp(server, client, down + turn * u32::from(self.down), ACK | PSH, &record(self.down))
        }
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [days, clients, progress, truth_file] = &arguments[..] else {
        eprintln!("usage: soak DAYS CLIENTS PROGRESS TRUTH   (the capture goes to standard output)");
        std::process::exit(2);
    };
    let number = |text: &str| text.parse::<u64>().map_err(|e| io::Error::other(format!("{text}: {e}")));
    let (days, clients, mut progress) = (number(days)?, number(clients)?, File::create(progress)?);
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    out.write_all(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])?;
    let mut truth = Truth::default();
    for day in 0..days {
        let flows = flows(day, clients);
        let mut steps: Vec<(u64, u32, u8)> = Vec::new();
        for (i, flow) in flows.iter().enumerate() {
            steps.extend((0..flow.steps()).map(|s| (flow.time(s), i as u32, s)));
        }
        steps.sort_unstable();
        let mut hour = 0;
        for (at, flow, step) in steps {
            while at / 3_600_000_000 > hour {
                hour += 1;
                out.flush()?;
                writeln!(progress, "{}", day * 24 + hour)?;
            }
            let frame = framed(&flows[flow as usize].datagram(step, &mut truth));
            let seconds = (BEGIN + day * DAY + at / 1_000_000) as u32;
            for word in [seconds, (at % 1_000_000) as u32, frame.len() as u32, frame.len() as u32] {
                out.write_all(&word.to_le_bytes())?;
            }
            out.write_all(&frame)?;
            truth.packets += 1;
        }
    }
    out.flush()?;
    let Truth { packets, sightings, bytes_up, bytes_down, named, midstream, lookups } = truth;
    let text = format!(
        "packets {packets}\nsightings {sightings}\nbytes_up {bytes_up}\nbytes_down {bytes_down}\nnamed {named}\nmidstream {midstream}\nlookups {lookups}\n"
    );
    std::fs::write(truth_file, text)
}
