//! Flows interleaved by time into a classic pcap file.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;

use super::profile::Profile;
use super::rng::Rng;
use super::script::{Header, Payload, Script, Step};
use super::tls::ephemeral;
use super::truth::Truth;
use super::wire::{self, Ends, Tcp};
use super::{dns, names, plain, quic, tls};

/// 2026-01-05T08:00:00Z.
const START: u64 = 1_767_600_000_000_000_000;
const NOISE: usize = 1 << 16;

/// Writes a capture of about `packets` packets and its truth; gives a line about it.
pub fn write(profile: &Profile, path: &Path, packets: u64, seed: u64) -> io::Result<String> {
    let mut maker = Maker::new(profile, seed);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1] {
        out.write_all(&word.to_le_bytes())?;
    }
    while let Some((time, frame)) = maker.frame(packets) {
        let length = (frame.len() as u32).to_le_bytes();
        let micros = time / 1000;
        out.write_all(&((micros / 1_000_000) as u32).to_le_bytes())?;
        out.write_all(&((micros % 1_000_000) as u32).to_le_bytes())?;
        out.write_all(&[length, length].concat())?;
        out.write_all(frame)?;
    }
    out.flush()?;
    let truth = &maker.truth;
    let file = BufWriter::new(File::create(path.with_extension("truth.json"))?);
    serde_json::to_writer(file, &truth.json(profile.name, seed))?;
    let mean = truth.bytes / truth.packets.max(1);
    Ok(format!("{}: {} packets, mean {mean} B, {} flows", profile.name, truth.packets, truth.flow_count()))
}

/// A flow that goes on.
struct Open {
    ends: Ends,
    first: [u32; 2],
    steps: std::vec::IntoIter<Step>,
}

struct Maker<'p> {
    profile: &'p Profile,
    rng: Rng,
    truth: Truth,
    noise: Vec<u8>,
    frame: Vec<u8>,
    /// When each open flow speaks next.
    due: BinaryHeap<Reverse<(u64, u64)>>,
    open: HashMap<u64, (Open, Step)>,
    /// Ports in use: no two flows of a capture are one.
    ports: HashSet<(IpAddr, u16)>,
    next_flow: u64,
    next_start: u64,
    scheduled: u64,
}

impl<'p> Maker<'p> {
    fn new(profile: &'p Profile, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let noise = rng.bytes(NOISE);
        Maker {
            profile,
            rng,
            truth: Truth::default(),
            noise,
            frame: Vec::with_capacity(2048),
            due: BinaryHeap::new(),
            open: HashMap::new(),
            ports: HashSet::new(),
            next_flow: 0,
            next_start: START,
            scheduled: 0,
        }
    }

    /// The next frame in time; new flows begin until about `packets` are on their way.
    fn frame(&mut self, packets: u64) -> Option<(u64, &[u8])> {
        while self.scheduled < packets && self.due.peek().is_none_or(|Reverse((time, _))| *time >= self.next_start) {
            let before = self.scheduled;
            let start = self.next_start;
            self.begin(start);
            // Arrivals keep the rate, whatever the flows' lengths.
            self.next_start += (self.scheduled - before) * 1_000_000_000 / self.profile.rate;
        }
        let Reverse((time, number)) = self.due.pop()?;
        let (mut flow, step) = self.open.remove(&number)?;
        self.build(&flow, &step, time);
        if let Some(next) = flow.steps.next() {
            self.due.push(Reverse((time + next.after, number)));
            self.open.insert(number, (flow, next));
        }
        self.truth.packets += 1;
        self.truth.bytes += self.frame.len() as u64;
        Some((time, &self.frame))
    }

    /// A flow of a kind by weight begins, perhaps a look-up before it.
    fn begin(&mut self, start: u64) {
        let kind = self.profile.kind(&mut self.rng);
        let size = self.profile.size;
        let (rng, truth) = (&mut self.rng, &mut self.truth);
        let is_v6 = rng.percent(15);
        let name = names::any(rng);
        let mut client = names::client(rng, is_v6);
        let mut port = ephemeral(rng);
        while !self.ports.insert((client, port)) {
            (client, port) = (names::client(rng, is_v6), ephemeral(rng));
        }
        let ends = Ends { address: [client, names::server(&name, is_v6)], port: [port, 443] };
        let mut start = start;
        let script = match kind {
            0 => dns::lookup(rng, client, &name, truth),
            1..=3 => {
                if rng.percent(60) {
                    let lookup = dns::lookup(rng, client, &name, truth);
                    self.add(lookup, start);
                    start += 40_000_000;
                }
                let (rng, truth) = (&mut self.rng, &mut self.truth);
                match kind {
                    1 => tls::connection(rng, ends, &name, &size, truth),
                    2 => quic::connection(rng, ends, &name, &size, truth),
                    _ => plain::http(rng, ends, &name, &size, truth),
                }
            }
            4 => plain::tcp(rng, &size),
            5 => plain::call(rng),
            6 => plain::noise(rng),
            7 => tls::midstream(rng, ends, &size, truth),
            _ => quic::midstream(rng, ends, &size, truth),
        };
        self.add(script, start);
    }

    fn add(&mut self, script: Script, start: u64) {
        self.truth.flow(&script);
        self.scheduled += script.steps.len() as u64;
        let mut flow = Open { ends: script.ends, first: script.first, steps: script.steps.into_iter() };
        let Some(step) = flow.steps.next() else { return };
        self.due.push(Reverse((start, self.next_flow)));
        self.open.insert(self.next_flow, (flow, step));
        self.next_flow += 1;
    }

    fn build(&mut self, flow: &Open, step: &Step, time: u64) {
        let (rng, noise) = (&mut self.rng, &self.noise);
        let payload = |out: &mut Vec<u8>| match &step.payload {
            Payload::Bytes(bytes) => out.extend(bytes),
            Payload::Noise(head, length) => fill(out, head, *length, noise, rng),
        };
        let out = &mut self.frame;
        out.clear();
        match step.header {
            Header::Tcp(seq, ack, flags) => {
                let (seq, ack) = (flow.first[step.from].wrapping_add(seq), flow.first[1 - step.from].wrapping_add(ack));
                let ack = if flags & wire::ACK != 0 { ack } else { 0 };
                wire::tcp(out, &flow.ends, step.from, &Tcp { seq, ack, flags, clock: (time / 1_000_000) as u32 }, payload);
            }
            Header::Udp => wire::udp(out, &flow.ends, step.from, payload),
            Header::Icmp(number) => wire::icmp(out, &flow.ends, step.from, number),
            Header::Arp => {
                if let [IpAddr::V4(asker), _] = flow.ends.address {
                    wire::arp(out, asker.octets(), [10, 1, 0, 1]);
                }
            }
        }
    }
}

/// Noise of `length` bytes that begins with `head`; its last bytes are new each time, so that no two are equal.
fn fill(out: &mut Vec<u8>, head: &[u8], length: usize, noise: &[u8], rng: &mut Rng) {
    let at = out.len();
    out.extend(&head[..head.len().min(length)]);
    let rest = length - (out.len() - at);
    let from = rng.below((NOISE - 1500) as u64) as usize;
    out.extend(&noise[from..from + rest]);
    let fresh = rest.min(8);
    let end = out.len();
    out[end - fresh..].copy_from_slice(&rng.u64().to_le_bytes()[..fresh]);
}
