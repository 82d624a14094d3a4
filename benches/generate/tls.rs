//! TLS over TCP (RFC 8446): handshake and application data.

use super::hello::{self, Shape};
use super::profile::Size;
use super::rng::Rng;
use super::script::{Payload, Script};
use super::truth::Truth;
use super::wire::{ACK, Ends};

/// A whole connection; names asked of DNS before it are not its business.
pub fn connection(rng: &mut Rng, ends: Ends, name: &str, size: &Size, truth: &mut Truth) -> Script {
    let mut script = Script::new(rng, ends);
    let name = (!rng.percent(2)).then_some(name);
    let shape = *rng.pick(&[Shape::Chrome, Shape::Chrome, Shape::Curl, Shape::Go]);
    script.connect(rng);
    let hello = hello::record(rng, shape, name);
    script.stream(rng, 0, &hello);
    // Networks reorder: now and then the second half of a hello comes first.
    if hello.len() > super::script::MSS && rng.percent(3) {
        let last = script.steps.len() - 1;
        script.steps.swap(last - 1, last);
    }
    script.control(rng, 1, ACK);
    let answer = [&[22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3][..], &rng.bytes(116), &[20, 3, 3, 0, 1, 1, 23, 3, 3, 0x0b, 0x40]].concat();
    script.segment(rng, 1, Payload::Noise(answer, 1448));
    let rest = rng.between(700, 1448) as usize;
    script.segment(rng, 1, Payload::Noise(Vec::new(), rest));
    script.control(rng, 0, ACK);
    script.segment(rng, 0, Payload::Noise(vec![20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 53], 64));
    for _ in 0..rng.between(1, size.rounds) {
        let (up, down) = size.message(rng);
        script.bulk(rng, 0, up);
        script.bulk(rng, 1, down);
    }
    script.disconnect(rng);
    match name {
        Some(name) => truth.name("tls_sni", &ends, name),
        None => truth.nameless("tls_no_sni"),
    }
    script
}

/// A connection that began before the capture: application data only.
pub fn midstream(rng: &mut Rng, ends: Ends, size: &Size, truth: &mut Truth) -> Script {
    let mut script = Script::new(rng, ends);
    for _ in 0..size.rounds {
        let (up, down) = size.message(rng);
        script.bulk(rng, 0, up);
        script.bulk(rng, 1, down);
    }
    truth.nameless("tls_midstream");
    script
}

/// A port of a client.
pub fn ephemeral(rng: &mut Rng) -> u16 {
    rng.between(32_768, 60_999) as u16
}
