//! The whole engine: packets of a few flows in any order and at any time, and the same stream cut in other places.

use std::collections::HashMap;

use arbitrary::{Arbitrary, Unstructured};
use shadowtap::engine::event::{Event, FlowId, Source};
use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::{Engine, Settings};

use super::hostname;
use super::wire::hello::modern;
use super::wire::packet::{ACK, FIN, PSH, RST, SYN, address, framed, tcp, udp};

const FLOWS: usize = 8;
const HELLOS: usize = 4;

/// A packet, or time that passes.
#[derive(Arbitrary, Clone, Debug)]
enum Operation {
    Tcp { flow: u8, is_up: bool, seq: u16, flags: u8, payload: Payload },
    Udp { flow: u8, is_up: bool, payload: Payload },
    Wait { seconds: u16 },
    Back { seconds: u8 },
}

#[derive(Arbitrary, Clone, Debug)]
enum Payload {
    Nothing,
    Bytes(Vec<u8>),
    Hello { name: u8, from: u16, to: u16 },
    Request(u8),
    Many(u16),
}

/// Bounds hold after each packet; cumulative bytes never fall; a replay says the same; a stream cut elsewhere gives the same name.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let (cuts, order): ([u16; 3], [u8; 4]) = (u.arbitrary().unwrap_or_default(), u.arbitrary().unwrap_or_default());
    let operations: Vec<Operation> = u.arbitrary_iter().into_iter().flatten().flatten().take(64).collect();
    let first = watched(&operations);
    assert_eq!(first, watched(&operations), "a replay says something else");
    divided(cuts, order);
}

fn settings() -> Settings {
    Settings { flows: FLOWS, hellos: HELLOS, engine: 1, seed: 9 }
}

fn watched(operations: &[Operation]) -> Vec<Event> {
    let mut engine = Engine::new(settings());
    let (mut events, mut now, mut given) = (Vec::new(), Time::new(1_700_000_000, 0), 0);
    for operation in operations {
        let frame = match operation {
            Operation::Wait { seconds } => {
                now = now.plus_seconds((*seconds).into());
                engine.tick(now, &mut |e| events.push(e));
                continue;
            }
            Operation::Back { seconds } => {
                now = Time(now.0 - u64::from(*seconds) * 1_000_000_000);
                continue;
            }
            Operation::Tcp { flow, is_up, seq, flags, payload } => {
                let (a, b) = ends(*flow, *is_up);
                tcp(a, b, (u32::MAX - 30_000).wrapping_add((*seq).into()), flags & (FIN | SYN | RST | PSH | ACK), &bytes(payload))
            }
            Operation::Udp { flow, is_up, payload } => {
                let (a, b) = ends(*flow, *is_up);
                udp(a, b, &bytes(payload))
            }
        };
        let frame = framed(&frame);
        engine.frame(&Frame { time: now, link: LinkType(1), bytes: &frame, wire_len: frame.len() as u32 }, &mut |e| events.push(e));
        given += 1;
        assert!(engine.open_flows() <= FLOWS, "{} flows", engine.open_flows());
        assert_eq!(engine.counters().packets, given);
        assert!(engine.counters().flows >= engine.open_flows() as u64);
    }
    engine.finish(&mut |e| events.push(e));
    assert_eq!(engine.open_flows(), 0, "flows after the end");
    cumulative(&events, &engine);
    events
}

/// Of each flow: bytes never fall, nothing follows its end; every name said is counted.
fn cumulative(events: &[Event], engine: &Engine) {
    let mut last: HashMap<FlowId, (u64, u64, u16, bool)> = HashMap::new();
    let mut said = 0;
    for event in events {
        match event {
            Event::Flow(state) => {
                let now = (state.bytes_up + state.bytes_down, u64::from(state.posted), state.exchanges.all, state.closed);
                if let Some(before) = last.insert(state.id, now) {
                    assert!(before.0 <= now.0 && before.1 <= now.1 && before.2 <= now.2, "{before:?} fell to {now:?}");
                    assert!(!before.3, "told after its end");
                }
                assert!(state.first_seen <= state.last_seen && state.exchanges.streamed <= state.exchanges.all);
                assert!(u64::from(state.posted) <= state.bytes_up, "{} posted of {}", state.posted, state.bytes_up);
            }
            Event::Name(o) => {
                said += 1;
                if !matches!(o.source, Source::DnsQuery | Source::DnsAnswer) && o.name.is_host() {
                    hostname::checked(o.name.as_str().as_bytes());
                }
            }
            Event::Binding(_) => {}
        }
    }
    assert_eq!(engine.counters().all_observations(), said, "names said and counted");
    assert!(last.values().all(|l| l.3), "a flow that was told has no end");
    assert!(last.len() as u64 <= engine.counters().flows);
}

fn ends(flow: u8, is_up: bool) -> (std::net::SocketAddr, std::net::SocketAddr) {
    let port = [443, 80, 53, 8080, 1080, 5353][usize::from(flow / 16) % 6];
    let (client, server) = (([10, 0, 0, 1 + flow % 4], 50_000 + u16::from(flow % 16)).into(), ([198, 51, 100, 7], port).into());
    if is_up { (client, server) } else { (server, client) }
}

fn bytes(payload: &Payload) -> Vec<u8> {
    match payload {
        Payload::Nothing => Vec::new(),
        Payload::Bytes(bytes) => bytes[..bytes.len().min(600)].to_vec(),
        Payload::Hello { name, from, to } => {
            let hello = modern(&format!("host-{name}.example")).wire();
            let (a, b) = (usize::from(*from) % hello.len(), usize::from(*to) % hello.len());
            hello[a.min(b)..=a.max(b)].to_vec()
        }
        Payload::Request(name) => format!("GET / HTTP/1.1\r\nHost: host-{name}.example\r\nUser-Agent: a/1\r\n\r\n").into_bytes(),
        Payload::Many(n) => vec![0x17; usize::from(*n) % 1400],
    }
}

/// A hello in up to four pieces, in any order, one of them twice.
fn divided(cuts: [u16; 3], order: [u8; 4]) {
    let hello = modern("divided.example").wire();
    let mut at: Vec<usize> = cuts.iter().map(|c| usize::from(*c) % hello.len()).chain([0, hello.len()]).collect();
    at.sort_unstable();
    at.dedup();
    let mut pieces: Vec<_> = at.windows(2).map(|w| w[0]..w[1]).collect();
    for (i, by) in order.iter().enumerate() {
        let count = pieces.len();
        pieces.swap(i % count, usize::from(*by) % count);
    }
    pieces.push(pieces[0].clone());
    let (client, server) = (address("10.0.0.5:51514"), address("198.51.100.7:443"));
    let base = u32::MAX - u32::from(cuts[0] % 600);
    let mut engine = Engine::new(settings());
    let mut names = Vec::new();
    let mut datagrams = vec![tcp(client, server, base, SYN, &[]), tcp(server, client, 7, SYN | ACK, &[])];
    datagrams.extend(pieces.iter().map(|p| tcp(client, server, base.wrapping_add(1 + p.start as u32), ACK | PSH, &hello[p.clone()])));
    for (i, datagram) in datagrams.iter().enumerate() {
        let frame = framed(datagram);
        let time = Time::new(1_700_000_000, i as u32);
        engine.frame(&Frame { time, link: LinkType(1), bytes: &frame, wire_len: frame.len() as u32 }, &mut |e| {
            if let Event::Name(o) = e {
                names.push((o.source, o.name.to_string()));
            }
        });
    }
    assert_eq!(names, [(Source::TlsSni, "divided.example".to_owned())], "pieces {pieces:?}");
}
