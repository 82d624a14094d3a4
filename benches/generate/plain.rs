//! What is not encrypted, and what is neither TCP nor UDP.

use super::names;
use super::profile::Size;
use super::rng::Rng;
use super::script::{Header, Payload, Script};
use super::tls::ephemeral;
use super::truth::Truth;
use super::wire::Ends;

/// HTTP/1.1 in clear (RFC 9112).
pub fn http(rng: &mut Rng, ends: Ends, name: &str, size: &Size, truth: &mut Truth) -> Script {
    let ends = Ends { port: [ends.port[0], 80], ..ends };
    let mut script = Script::new(rng, ends);
    script.connect(rng);
    script.stream(rng, 0, format!("GET /index.html HTTP/1.1\r\nHost: {name}\r\nUser-Agent: probe/1\r\nAccept: */*\r\n\r\n").as_bytes());
    let (_, down) = size.message(rng);
    script.segment(rng, 1, Payload::Noise(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n".to_vec(), 600));
    script.bulk(rng, 1, down);
    script.disconnect(rng);
    truth.name("http_host", &ends, name);
    script
}

/// A TCP protocol of no interest (the banners of SSH).
pub fn tcp(rng: &mut Rng, size: &Size) -> Script {
    let ends = Ends { address: [names::client(rng, false), names::server("bastion.example", false)], port: [ephemeral(rng), 22] };
    let mut script = Script::new(rng, ends);
    script.connect(rng);
    script.segment(rng, 1, Payload::Bytes(b"SSH-2.0-OpenSSH_10.0\r\n".to_vec()));
    script.segment(rng, 0, Payload::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()));
    let (up, down) = size.message(rng);
    // Records of SSH begin with their length, not as those of TLS do.
    script.segment(rng, 0, Payload::Noise(vec![0, 0, 4, 0x1c], up.clamp(64, 1400)));
    for _ in 0..down / 1400 {
        script.segment(rng, 1, Payload::Noise(vec![0, 0, 5, 0x1c], 1400));
    }
    script.disconnect(rng);
    script
}

/// Datagrams of a call (RFC 3550): 160 bytes, both ways.
pub fn call(rng: &mut Rng) -> Script {
    let ends = Ends { address: [names::client(rng, false), names::server("sip.example", false)], port: [ephemeral(rng), 16_384] };
    let mut script = Script::new(rng, ends);
    let (first, source) = (rng.u64() as u16, rng.bytes(4));
    for number in 0..rng.between(10, 120) as u16 {
        for from in 0..2 {
            let head =
                [&[0x80, 0][..], &first.wrapping_add(number).to_be_bytes(), &(u32::from(number) * 160).to_be_bytes(), &source].concat();
            script.datagram(rng, from, Payload::Noise(head, 172));
        }
    }
    script
}

/// Echo requests, or an ARP question.
pub fn noise(rng: &mut Rng) -> Script {
    let ends = Ends { address: [names::client(rng, false), names::server("ping.example", false)], port: [0; 2] };
    let mut script = Script::new(rng, ends);
    let nothing = || Payload::Bytes(Vec::new());
    if rng.percent(50) {
        script.step(0, 0, Header::Arp, nothing());
        return script;
    }
    for number in 0..3 {
        script.step(1_000_000_000, 0, Header::Icmp(number), nothing());
        script.step(20_000_000, 1, Header::Icmp(number), nothing());
    }
    script
}
