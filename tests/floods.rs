//! Floods change counters, not memory: live bytes are counted by the allocator, after a warm-up and after twice as much again.
#![allow(unsafe_code)] // an allocator that counts is unsafe by its trait

mod wire;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::IpAddr;

use shadowtap::engine::attribution::{Attribution, Bounds};
use shadowtap::engine::counters::Table;
use shadowtap::engine::event::Event;
use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::{Engine, Settings};
use wire::dice::Dice;
use wire::hello::{dns_answer, dns_query, modern};
use wire::packet::{ACK, PSH, SYN, framed, join, tcp, udp};
use wire::quic::{self, Client};
use wire::tunnel::fragments;

thread_local! {
    /// Bytes this thread has allocated and not freed: each test runs on a thread of its own.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn add(bytes: isize) {
    LIVE.with(|live| live.set(live.get() + bytes));
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size as isize - layout.size() as isize);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> isize {
    LIVE.with(Cell::get)
}

/// Frames before the first measurement, enough to fill every table; twice as many follow.
const WARM_UP: usize = 40_000;
/// Packet time between two frames: 10,000 a second.
const PACE: u64 = 100_000;
/// Open flows at most.
const FLOWS: usize = 500;

/// Engine and attribution with small bounds, drained as the daemon drains them.
struct Sensor {
    engine: Engine,
    attribution: Attribution,
    now: Time,
    pace: u64,
}

impl Sensor {
    fn new() -> Self {
        Self::bounded(FLOWS, 500, PACE)
    }

    fn bounded(flows: usize, dns_memory: usize, pace: u64) -> Self {
        let bounds = Bounds { flows, dns_memory, sightings: 100, bindings: 100, seed: 1 };
        Sensor {
            engine: Engine::new(Settings { flows, hellos: 64, engine: 0, seed: 1 }),
            attribution: wire::judged::attribution(bounds),
            now: Time::new(1_700_000_000, 0),
            pace,
        }
    }

    fn take(&mut self, datagram: &[u8]) {
        self.now = Time(self.now.0 + self.pace);
        let bytes = framed(datagram);
        let frame = Frame { time: self.now, link: LinkType(1), bytes: &bytes, wire_len: bytes.len() as u32 };
        let attribution = &mut self.attribution;
        self.engine.frame(&frame, &mut |event: Event| attribution.event(&event));
    }

    fn drain(&mut self) {
        self.attribution.tick(self.now);
        drop((self.attribution.drain(), self.attribution.ledger().drain_ended(), self.attribution.visibility().drain()));
    }

    /// Evictions of every table that had some.
    fn evictions(&self) -> Vec<(&'static str, u64)> {
        let mut counts = self.engine.counters().evictions;
        for (table, n) in self.attribution.evictions() {
            counts[table as usize] += n;
        }
        Table::ALL.into_iter().map(|t| (t.word(), counts[t as usize])).filter(|(_, n)| *n > 0).collect()
    }
}

/// Bytes that memory may grow by after the warm-up.
const ROOM: isize = 65_536;
/// A hash table whose entries come and go makes room for the marks of removed ones: it doubles once, at a moment of its own, and never
/// again. So do the learned public names (8192 places more of 25 bytes) and the servers that were asked (32,768 of 19).
const ROOM_OF_TABLES: isize = 8192 * 25 + 32_768 * 19;

/// Floods a sensor: memory stays where the warm-up left it, and the table that is aimed at evicts.
fn flood(what: &str, evicting: Option<&str>, room: isize, mut datagrams: impl FnMut(&mut Dice, usize) -> Vec<Vec<u8>>) {
    let mut dice = Dice::new(what.len() as u64);
    let before = live();
    let mut sensor = Sensor::new();
    let empty = live() - before;
    let mut run = |sensor: &mut Sensor, from: usize, to: usize| {
        let (mut n, mut highest) = (from, 0);
        while n < to {
            for datagram in datagrams(&mut dice, n) {
                sensor.take(&datagram);
                n += 1;
            }
            if n % 500 < 10 {
                sensor.drain();
                highest = highest.max(live() - before);
            }
        }
        highest
    };
    let warm = run(&mut sensor, 0, WARM_UP);
    let evicted_warm = sensor.evictions();
    let after = run(&mut sensor, WARM_UP, 3 * WARM_UP);
    let evicted = sensor.evictions();
    println!("{what}: {empty} bytes empty, {warm} after {WARM_UP} frames, {after} after {}; evicted {evicted:?}", 3 * WARM_UP);
    assert!(after <= warm + warm / 20 + room, "{what}: memory grew from {warm} to {after}");
    if let Some(table) = evicting {
        let of = |counts: &[(&str, u64)]| counts.iter().find(|(t, _)| *t == table).map_or(0, |(_, n)| *n);
        assert!(of(&evicted) > of(&evicted_warm), "{what}: {table} goes on evicting: {evicted:?}");
    }
    assert!(sensor.engine.open_flows() <= FLOWS && sensor.attribution.open_flows() <= FLOWS);
    drop(sensor);
    assert!(live() - before < 4096, "{what}: all is given back");
}

/// A client of some thousands, and a port.
fn client(dice: &mut Dice) -> std::net::SocketAddr {
    let n = dice.next();
    std::net::SocketAddr::from(([10, 0, (n >> 8) as u8 & 7, n as u8], 1024 + (n >> 16) as u16 % 60_000))
}

fn server(dice: &mut Dice, port: u16) -> std::net::SocketAddr {
    std::net::SocketAddr::from(((dice.next() as u32 | 0x1000_0000).to_be_bytes(), port))
}

fn random_name(dice: &mut Dice, suffix: &str) -> String {
    format!("{:016x}{:016x}.{suffix}", dice.next(), dice.next())
}

#[test]
fn syns() {
    flood("SYNs", Some("flows"), ROOM, |dice, _| vec![tcp(client(dice), server(dice, 443), dice.next() as u32, SYN, &[])]);
}

#[test]
fn hellos_without_end() {
    let hello = modern("chatgpt.com").padded(16_000).wire();
    flood("hellos without end", Some("hellos"), ROOM, |dice, _| {
        let (client, server, seq) = (client(dice), server(dice, 443), dice.next() as u32);
        let piece = |i: usize| tcp(client, server, seq.wrapping_add(i as u32), ACK | PSH, &hello[i..i + 1400]);
        // The last piece never comes, and some stand behind a gap.
        vec![piece(0), piece(1400), piece(2800), piece(7000)]
    });
}

#[test]
fn queries_nobody_answers() {
    flood("unanswered queries", None, ROOM_OF_TABLES, |dice, n| {
        let name = random_name(dice, "example");
        vec![udp(client(dice), server(dice, 53), &dns_query(n as u16, &name, 1))]
    });
}

#[test]
fn answers_with_random_names() {
    flood("answers with random names", Some("dns_memory"), ROOM_OF_TABLES, |dice, n| {
        let name = random_name(dice, if n % 2 == 0 { "example" } else { "chatgpt.com" });
        let addresses = [dice.next().to_be_bytes(), dice.next().to_be_bytes()];
        let public = random_name(dice, "ech");
        let config = join(&[&[77, 0, 0x20, 0, 1, 5, 0, 4, 0, 1, 0, 1, 0, public.len() as u8], public.as_bytes(), &[0, 0]]);
        let list = join(&[&(config.len() as u16 + 4).to_be_bytes(), &[0xfe, 0x0d], &(config.len() as u16).to_be_bytes(), &config]);
        let https = join(&[&[0, 1, 0, 0, 5], &(list.len() as u16).to_be_bytes(), &list]);
        let (client, server) = (client(dice), server(dice, 53));
        vec![
            udp(server, client, &dns_answer(n as u16, &name, 1, 300, &[&addresses[0][..4], &addresses[1][..4]])),
            udp(server, client, &dns_answer(n as u16, &name, 65, 300, &[&https])),
        ]
    });
}

#[test]
fn fragments_that_stay_alone() {
    flood("fragments", Some("fragments"), ROOM, |dice, n| {
        let datagram = udp(client(dice), server(dice, 443), &[7; 3000]);
        let mut pieces = fragments(&datagram, n as u16, 1400);
        vec![pieces.remove(n % 3)]
    });
}

#[test]
fn random_quic_initials() {
    let message = modern("chatgpt.com").padded(4000).message();
    flood("QUIC Initials", Some("hellos"), ROOM, |dice, _| {
        let ends = (client(dice), server(dice, 443));
        let mut client = Client::new(quic::V1, &dice.next().to_be_bytes(), &dice.next().to_be_bytes());
        let from = dice.below(2000) + 1;
        let real = client.initial(&quic::crypto(from, &message[from..from + 1000]));
        let mut noise = real.clone();
        noise[40..].iter_mut().for_each(|b| *b = b.wrapping_mul(31).wrapping_add(7));
        vec![udp(ends.0, ends.1, &real), udp(ends.1, ends.0, &noise), udp(ends.0, ends.1, &noise)]
    });
}

#[test]
fn finished_hellos_with_random_names() {
    flood("finished hellos", Some("sightings"), ROOM, |dice, n| {
        let (client, server, seq) = (client(dice), server(dice, 443), dice.next() as u32);
        let hello = modern(&random_name(dice, if n % 4 == 0 { "example" } else { "chatgpt.com" })).wire();
        vec![tcp(client, server, seq.wrapping_sub(1), SYN, &[]), tcp(client, server, seq, ACK | PSH, &hello)]
    });
}

#[test]
fn quic_connections_whose_servers_choose_ids() {
    let message = modern("chatgpt.com").message();
    flood("QUIC connection ids", Some("connections"), ROOM, |dice, _| {
        let ends = (client(dice), server(dice, 443));
        let client = &mut Client::new(quic::V1, &dice.next().to_be_bytes(), &[1; 8]);
        let hello = client.initial(&quic::padded(&quic::crypto(0, &message), 600));
        let answers: Vec<_> = (0..4).map(|_| client.answer(&[1; 100], &dice.next().to_be_bytes())).collect();
        [udp(ends.0, ends.1, &hello)].into_iter().chain(answers.iter().map(|a| udp(ends.1, ends.0, a))).collect()
    });
}

#[test]
fn leases_and_sessions_of_nobody() {
    flood("leases and sessions", Some("bindings"), ROOM, |dice, n| {
        let (IpAddr::V4(address), mac) = (client(dice).ip(), dice.next().to_be_bytes()) else { panic!("four bytes") };
        let mut message = join(&[&[2, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0], &address.octets(), &[0; 8], &[2], &mac[..5]]);
        message.resize(236, 0);
        let host = format!("{:016x}", dice.next());
        let options = join(&[b"\x63\x82\x53\x63\x35\x01\x05\x33\x04\x00\x00\x0e\x10\x0c\x10", host.as_bytes(), b"\xff"]);
        let lease = join(&[&message, &options]);
        let user = join(&[&[1, 18], host.as_bytes(), &[40, 6, 0, 0, 0, 1 + (n % 3) as u8, 8, 6], &address.octets()]);
        let report = join(&[&[4, 1], &(20 + user.len() as u16).to_be_bytes(), &[9; 16], &user]);
        let (nas, server) = ("10.1.0.1:67".parse().expect("an address"), "10.0.0.254:67".parse().expect("an address"));
        vec![udp(nas, server, &lease), udp(nas, "10.1.0.2:1813".parse().expect("an address"), &report)]
    });
}

/// Far below every bound, memory is of what goes on, not of what was: look-ups whose time is over and ended connections take none.
#[test]
fn what_is_over_takes_no_memory() {
    let message = modern("www.example").message();
    let mut dice = Dice::new(7);
    let before = live();
    let mut sensor = Sensor::bounded(1_000_000, 500_000, 20_000_000);
    let resolver = server(&mut dice, 53);
    let mut run = |sensor: &mut Sensor, connections: usize| {
        let mut highest = 0;
        for n in 0..connections {
            let ends = (client(&mut dice), server(&mut dice, 443));
            let IpAddr::V4(address) = ends.1.ip() else { panic!("four bytes") };
            let quic = &mut Client::new(quic::V1, &dice.next().to_be_bytes(), &[1; 8]);
            sensor.take(&udp(resolver, ends.0, &dns_answer(n as u16, "www.example", 1, 60, &[&address.octets()])));
            sensor.take(&udp(ends.0, ends.1, &quic.initial(&quic::padded(&quic::crypto(0, &message), 600))));
            sensor.take(&udp(ends.1, ends.0, &quic.answer(&[1; 100], &dice.next().to_be_bytes())));
            if n % 64 == 0 {
                sensor.drain();
                highest = highest.max(live() - before);
            }
        }
        highest
    };
    // 17 a second, each open for three minutes: 3,000 at a time.
    let warm = run(&mut sensor, 8_000);
    let after = run(&mut sensor, 24_000);
    println!("{warm} bytes after 8,000 connections, {after} after 32,000");
    assert!(after <= warm + warm / 8 + ROOM, "memory grew from {warm} to {after}");
    let full = sensor.evictions().into_iter().map(|(table, _)| table).find(|t| ["flows", "dns_memory", "connections"].contains(t));
    assert_eq!(full, None, "nothing that is meant here was full");
}
