//! Questions and answers over UDP (RFC 1035).

use std::net::IpAddr;

use super::names;
use super::rng::Rng;
use super::script::{Payload, Script};
use super::tls::ephemeral;
use super::truth::Truth;
use super::wire::Ends;

const A: u16 = 1;
const AAAA: u16 = 28;
const HTTPS: u16 = 65;

/// A client asks for a name; one in twenty gets no answer.
pub fn lookup(rng: &mut Rng, client: IpAddr, name: &str, truth: &mut Truth) -> Script {
    let resolver = names::server("resolver.internal", client.is_ipv6());
    let ends = Ends { address: [client, resolver], port: [ephemeral(rng), 53] };
    let mut script = Script::new(rng, ends);
    let kind = *rng.pick(&[A, A, A, AAAA, HTTPS]);
    let id = rng.u64() as u16;
    let question = question(name, kind);
    script.datagram(rng, 0, Payload::Bytes([&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &question].concat()));
    truth.query(&ends, name, kind);
    if rng.percent(95) {
        let answers = if kind == HTTPS { 0u8 } else { 1 };
        let mut message = [&id.to_be_bytes()[..], &[0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0], &question].concat();
        if answers > 0 {
            let address = names::server(name, kind == AAAA);
            let data = match address {
                IpAddr::V4(a) => a.octets().to_vec(),
                IpAddr::V6(a) => a.octets().to_vec(),
            };
            message.extend([0xc0, 12]);
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 1, 44, 0, data.len() as u8]);
            message.extend(data);
            truth.answer(name, address);
        }
        script.datagram(rng, 1, Payload::Bytes(message));
    }
    script
}

fn question(name: &str, kind: u16) -> Vec<u8> {
    let labels: Vec<u8> = name.split('.').flat_map(|label| super::hello::vec8(label.as_bytes())).collect();
    [&labels[..], &[0], &kind.to_be_bytes(), &[0, 1]].concat()
}
