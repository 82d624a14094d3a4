//! The program by which the kernel shares frames among the threads of an interface (classic BPF, linux/filter.h). Its answer, modulo their
//! number, is the thread.
//!
//! - TCP and UDP, over IPv4 or IPv6, behind up to two VLAN tags: a hash of both addresses that does not know which came first. No ports, so
//!   that fragments, which have none, go where their flow goes.
//! - Everything that may be a tunnel, and all else: 0, the first thread. Outer addresses of a mirror's tunnels may differ by direction.

use nix::libc::{self, sock_filter};

use crate::engine::packet::TUNNEL_PORTS;

/// Where the network layer begins, whatever stands before it.
const NET: u32 = libc::SKF_NET_OFF as u32;
/// The EtherType of the frame, behind tags that the kernel took off.
const PROTOCOL: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL) as u32;
/// Where the place of the network layer (behind further tags) is kept, and half a hash.
const BASE: u32 = 0;
const HALF: u32 = 1;
/// 2³² divided by the golden ratio (Knuth, TAOCP 6.4): spreads neighbouring addresses.
const SPREAD: u32 = 0x9e37_79b1;

/// The program.
pub(super) fn program() -> Vec<sock_filter> {
    let (v4, v6) = (ipv4(), ipv6());
    let mut p = vec![op(libc::BPF_LDX | libc::BPF_IMM, 0), op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, PROTOCOL)];
    for tag in 0..2 {
        // A further tag stands in the frame; behind its two bytes is what it tags.
        p.extend([unless(0x8100, 1, 0), unless(0x88a8, 0, 2)]);
        p.extend([op(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, NET + 2 + 4 * tag), op(libc::BPF_LDX | libc::BPF_IMM, 4 + 4 * tag)]);
    }
    p.push(op(libc::BPF_STX, BASE));
    p.push(unless(0x0800, 0, short(v4.len())));
    p.extend(v4);
    p.push(unless(0x86dd, 0, short(v6.len())));
    p.extend(v6);
    p.push(answer(0));
    p
}

/// What follows an IPv4 header's place in X.
fn ipv4() -> Vec<sock_filter> {
    let mut udp = vec![
        // Where the datagram begins.
        load(libc::BPF_B, 0),
        op(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0x0f),
        op(libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K, 2),
        op(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X, 0),
        op(libc::BPF_MISC | libc::BPF_TAX, 0),
    ];
    udp.extend(unless_tunnel(0));
    let mut p = vec![load(libc::BPF_B, 9), unless(6, short(udp.len() + 2), 0), unless(17, 1, 0), answer(0)];
    p.extend(udp);
    p.extend(hash(12, 2));
    p
}

/// The same of IPv6; extension headers are not walked, what has them goes by addresses.
fn ipv6() -> Vec<sock_filter> {
    let udp = unless_tunnel(40);
    let mut p = vec![load(libc::BPF_B, 6)];
    // Hop-by-hop options, TCP, routing, fragment, destination options.
    let direct = [0, 6, 43, 44, 60];
    for (at, next) in direct.into_iter().enumerate() {
        p.push(unless(next, short(direct.len() - at + 1 + udp.len()), 0));
    }
    p.extend([unless(17, 1, 0), answer(0)]);
    p.extend(udp);
    p.extend(hash(8, 8));
    p
}

/// Ends with 0 where one of the ports, the first at X + `at`, is one of tunnels.
fn unless_tunnel(at: u32) -> Vec<sock_filter> {
    let each = |port: u16| [unless(port.into(), 0, 1), answer(0)];
    let side = |at: u32| std::iter::once(load(libc::BPF_H, at)).chain(TUNNEL_PORTS.into_iter().flat_map(each));
    side(at).chain(side(at + 2)).collect()
}

/// Ends with a hash of `words` words of addresses, the first at BASE + `at`.
fn hash(at: u32, words: u32) -> Vec<sock_filter> {
    let mut p = Vec::new();
    for word in 0..words {
        p.extend([op(libc::BPF_LDX | libc::BPF_MEM, BASE), load(libc::BPF_W, at + 4 * word)]);
        if word > 0 {
            p.extend([op(libc::BPF_LDX | libc::BPF_MEM, HALF), op(libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X, 0)]);
        }
        p.push(op(libc::BPF_ST, HALF));
    }
    let k = libc::BPF_ALU | libc::BPF_K;
    p.extend([op(k | libc::BPF_MUL, SPREAD), op(k | libc::BPF_RSH, 16), op(libc::BPF_RET | libc::BPF_A, 0)]);
    p
}

/// Loads what stands at X + `at` behind the start of the network layer.
fn load(size: u32, at: u32) -> sock_filter {
    op(libc::BPF_LD | size | libc::BPF_IND, NET + at)
}

/// Goes on behind `same` instructions where A is `value`, else behind `other`.
fn unless(value: u32, same: u8, other: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, jt: same, jf: other, k: value }
}

fn answer(value: u32) -> sock_filter {
    op(libc::BPF_RET | libc::BPF_K, value)
}

fn op(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// A distance; those here are below 120.
fn short(distance: usize) -> u8 {
    u8::try_from(distance).unwrap_or(u8::MAX)
}
