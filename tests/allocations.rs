//! A packet that carries no name costs no allocation once its flow is open. The allocator of this test counts.
#![allow(unsafe_code)] // GlobalAlloc cannot be implemented without

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::{Engine, Settings};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator unchanged; counting touches a thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const CLIENT: [u8; 4] = [10, 0, 0, 5];
const SERVER: [u8; 4] = [104, 18, 32, 47];

#[test]
fn bulk_over_tcp_allocates_nothing() {
    let payload = [0xd7; 1400];
    let steps = (0..5_000u32).map(|n| if n % 3 == 2 { tcp(false, n * 50, &[]) } else { tcp(true, n * 1400, &payload) });
    // Of a flow whose beginning was not seen the first segments are kept: one of them may be the middle of a hello that came out of order.
    let first: Vec<_> = (0..12u32).flat_map(|n| [tcp(true, n * 1400, &payload), tcp(false, n * 50, &[7; 50])]).collect();
    assert_eq!(allocations(&first, steps), 0);
}

#[test]
fn bulk_of_a_named_flow_allocates_nothing() {
    let opening = [tcp(true, 0, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), tcp(false, 0, b"HTTP/1.1 200 OK\r\n\r\n")];
    assert_eq!(allocations(&opening, (1..5_000u32).map(|n| tcp(false, n * 1400, &[0xd7; 1400]))), 0);
}

#[test]
fn bulk_over_quic_allocates_nothing() {
    let datagram = |n: u32| {
        let mut payload = [0x5a; 1200];
        payload[1196..].copy_from_slice(&n.to_be_bytes());
        udp(n.is_multiple_of(3), &payload)
    };
    assert_eq!(allocations(&[datagram(0), datagram(1)], (2..5_000).map(datagram)), 0);
}

#[test]
fn arp_and_echo_allocate_nothing() {
    // Told once; the same again is told after a minute.
    let arp = ethernet(0x0806, &[&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2][..], &CLIENT, &[0; 6], &SERVER, &[0; 18]].concat());
    let echo = ethernet(0x0800, &ip(1, true, &[8, 0, 0, 0, 0, 1, 0, 1, 0x42]));
    assert_eq!(allocations(std::slice::from_ref(&arp), (0..2_000).map(|n| if n % 2 == 0 { arp.clone() } else { echo.clone() })), 0);
}

/// Allocations of the engine over `frames`, a millisecond apart, after `opening`.
fn allocations(opening: &[Vec<u8>], frames: impl Iterator<Item = Vec<u8>>) -> u64 {
    let mut engine = Engine::new(Settings::default());
    let mut time = Time::new(1_767_600_000, 0);
    let mut count = 0;
    let mut take = |bytes: &[u8]| {
        time = Time(time.0 + 1_000_000);
        let frame = Frame { time, link: LinkType(1), bytes, wire_len: bytes.len() as u32 };
        let before = ALLOCATIONS.get();
        engine.frame(&frame, &mut |_| {});
        ALLOCATIONS.get() - before
    };
    for frame in opening {
        take(frame);
    }
    for frame in frames {
        count += take(&frame);
    }
    assert!(engine.counters().packets > 1_000);
    count
}

fn tcp(is_up: bool, seq: u32, payload: &[u8]) -> Vec<u8> {
    let ports = if is_up { [0x9c, 0x40, 1, 0xbb] } else { [1, 0xbb, 0x9c, 0x40] };
    let header = [&ports[..], &(1_000 + seq).to_be_bytes(), &[0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0], payload].concat();
    ethernet(0x0800, &ip(6, is_up, &header))
}

fn udp(is_up: bool, payload: &[u8]) -> Vec<u8> {
    let ports = if is_up { [0x9c, 0x40, 1, 0xbb] } else { [1, 0xbb, 0x9c, 0x40] };
    let header = [&ports[..], &(8 + payload.len() as u16).to_be_bytes(), &[0, 0], payload].concat();
    ethernet(0x0800, &ip(17, is_up, &header))
}

fn ip(protocol: u8, is_up: bool, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len() as u16).to_be_bytes();
    let (src, dst) = if is_up { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    [&[0x45, 0][..], &length, &[0, 0, 0x40, 0, 64, protocol, 0, 0], &src, &dst, payload].concat()
}

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &kind.to_be_bytes(), payload].concat()
}
