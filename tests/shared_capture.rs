//! Several captures that share one interface: the kernel gives each frame to one of them, both directions of a flow and its fragments to the
//! same one. Takes root, for a network namespace; without it the tests say that they were skipped.
#![cfg(all(target_os = "linux", feature = "daemon"))]

mod wire;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use shadowtap::daemon::capture::live::LiveCapture;
use shadowtap::daemon::config::Capture;
use wire::packet::{framed, tcp, udp};
use wire::pair::{Sender, ip, own_pair};
use wire::tunnel::{fragments, vxlan};

const ACK: u8 = 0x10;

fn open(threads: u32) -> Vec<LiveCapture> {
    LiveCapture::open_all("vb", &Capture { threads, buffer_mib: 2, ..Capture::default() }).expect("captures")
}

/// Flows of so many clients, each of a version and transport of its own: frames of both directions.
fn flows(clients: u8) -> Vec<[Vec<u8>; 2]> {
    let flow = |n: u8| {
        let (client, server): (IpAddr, IpAddr) = match n % 2 {
            0 => (Ipv4Addr::new(10, 0, 0, n).into(), Ipv4Addr::new(198, 51, 100, 7).into()),
            _ => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()).into(), Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 7).into()),
        };
        let (client, server) = (SocketAddr::new(client, 50_000 + u16::from(n)), SocketAddr::new(server, 443));
        let said = [client.to_string().into_bytes(), server.to_string().into_bytes()];
        match n % 4 < 2 {
            true => [tcp(client, server, 1, ACK, &said[0]), tcp(server, client, 1, ACK, &said[1])],
            false => [udp(client, server, &said[0]), udp(server, client, &said[1])],
        }
    };
    (0..clients).map(flow).map(|both| both.map(|datagram| framed(&datagram))).collect()
}

fn holder(taken: &[Vec<Vec<u8>>], frame: &[u8]) -> Vec<usize> {
    (0..taken.len()).filter(|n| taken[*n].iter().any(|t| t == frame)).collect()
}

#[test]
fn every_frame_comes_once_and_both_directions_of_a_flow_to_one_thread() {
    if !own_pair() {
        return;
    }
    let mut captures = open(4);
    let flows = flows(200);
    let taken = Sender::new().share(&mut captures, &flows.concat());
    let counts: Vec<usize> = taken.iter().map(Vec::len).collect();
    assert_eq!(counts.iter().sum::<usize>(), 400, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 40), "shared out unevenly: {counts:?}");
    for [up, down] in &flows {
        let (up, down) = (holder(&taken, up), holder(&taken, down));
        assert!(up.len() == 1 && up == down, "{up:?} {down:?}");
    }
    let received: Vec<u64> = captures.iter_mut().map(|c| c.stats().received).collect();
    assert_eq!(received, counts.iter().map(|c| *c as u64).collect::<Vec<_>>());
}

#[test]
fn two_sensors_on_one_interface_get_all_of_it_each() {
    if !own_pair() {
        return;
    }
    let (mut first, mut second) = (open(2), open(2));
    let frames = flows(50).concat();
    let mut sender = Sender::new();
    for captures in [&mut first, &mut second] {
        let counts: Vec<usize> = sender.share(captures, &frames).iter().map(Vec::len).collect();
        // The second took the frames that were sent for the first, too.
        assert!(counts.iter().sum::<usize>() >= 100 && counts.iter().all(|c| *c > 0), "{counts:?}");
    }
}

#[test]
fn fragments_come_to_the_thread_of_their_flow() {
    if !own_pair() {
        return;
    }
    let mut captures = open(4);
    let mut sender = Sender::new();
    for version in [4, 6] {
        for n in 0..5 {
            let (client, server): (SocketAddr, SocketAddr) = match version {
                4 => (SocketAddr::new(Ipv4Addr::new(10, 0, 1, n).into(), 5000), "198.51.100.7:443".parse().expect("an address")),
                _ => (
                    SocketAddr::new(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into()).into(), 5000),
                    "[2001:db8::7]:443".parse().expect("one"),
                ),
            };
            let whole = udp(client, server, &[n; 900]);
            let pieces: Vec<_> = fragments(&whole, u16::from(n), 400).iter().map(|piece| framed(piece)).collect();
            let mut frames = vec![framed(&udp(server, client, b"answer"))];
            frames.extend(pieces);
            // The kernel hands out one datagram where it put fragments together: fewer frames come, after all have waited for more.
            let expected = if version == 4 { 2 } else { frames.len() };
            let taken = sender.share_some(&mut captures, &frames, expected);
            let counts: Vec<usize> = taken.iter().map(Vec::len).collect();
            assert_eq!(
                (counts.iter().sum::<usize>(), counts.iter().filter(|c| **c > 0).count()),
                (expected, 1),
                "IPv{version}: {counts:?}"
            );
        }
    }
}

#[test]
fn tunnels_come_to_the_first_thread_in_fragments_too() {
    if !own_pair() {
        return;
    }
    let mut captures = open(4);
    let mut sender = Sender::new();
    for n in 0..5_u8 {
        let client = SocketAddr::new(Ipv4Addr::new(10, 0, 2, n).into(), 5000);
        let inner = udp(client, "198.51.100.7:443".parse().expect("an address"), &[n; 900]);
        let outer = vxlan(42, &inner, n % 2 == 0);
        let pieces: Vec<_> = fragments(&outer, 7, 400).iter().map(|piece| framed(piece)).collect();
        for (frames, expected) in [(vec![framed(&outer)], 1), (pieces, 1)] {
            let counts: Vec<usize> = sender.share_some(&mut captures, &frames, expected).iter().map(Vec::len).collect();
            assert_eq!(counts, [expected, 0, 0, 0]);
        }
    }
}

#[test]
fn an_interface_made_again_is_shared_again() {
    if !own_pair() {
        return;
    }
    let mut captures = open(2);
    ip("link del va");
    let mut said = Vec::new();
    for _ in 0..40 {
        for capture in &mut captures {
            if let shadowtap::daemon::capture::live::Polled::Gone(why) = capture.read(|_| {}) {
                said.push(why);
            }
        }
    }
    assert_eq!(said, ["vb is gone", "vb is gone"]);
    ip("link add va mtu 9000 type veth peer name vb mtu 9000");
    ["va", "vb"].iter().for_each(|interface| ip(&format!("link set {interface} addrgenmode none up")));
    for _ in 0..200 {
        captures.iter_mut().for_each(|capture| drop(capture.read(|_| {})));
        if !captures.iter().any(LiveCapture::is_absent) {
            break;
        }
    }
    let flows = flows(50);
    let taken = Sender::new().share(&mut captures, &flows.concat());
    let counts: Vec<usize> = taken.iter().map(Vec::len).collect();
    assert!(counts.iter().sum::<usize>() == 100 && counts.iter().all(|c| *c > 0), "{counts:?}");
    for [up, down] in &flows {
        assert_eq!(holder(&taken, up), holder(&taken, down));
    }
}

#[test]
fn all_interfaces_at_once_are_shared_too() {
    if !own_pair() {
        return;
    }
    let settings = Capture { threads: 2, buffer_mib: 2, ..Capture::default() };
    let mut captures = LiveCapture::open_all("any", &settings).expect("captures");
    // Each is seen where it goes out and where it comes in.
    let taken = Sender::new().share_some(&mut captures, &flows(40).concat(), 160);
    let counts: Vec<usize> = taken.iter().map(Vec::len).collect();
    assert!(counts.iter().sum::<usize>() == 160 && counts.iter().all(|c| *c > 20), "{counts:?}");
}
