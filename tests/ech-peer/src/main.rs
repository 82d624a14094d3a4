//! Writes what passed in true handshakes as a capture: `ech-peer FILE`. The server's log goes to standard error.

#[path = "../../wire/hello.rs"]
#[allow(dead_code)] // what is shared with the tests of the wire has more in it
mod hello;
#[path = "../../wire/packet.rs"]
#[allow(dead_code)]
mod packet;

use ech_peer::{HIDDEN, Offer, config_list, handshake};
use packet::{Talk, address, framed, join, udp, vec16};

/// 2026-11-23T07:00:00Z, and a millisecond a frame.
const START: u32 = 1_795_417_200;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let path = std::env::args().nth(1).ok_or("usage: ech-peer FILE")?;
    let (list, resolver, client) = (config_list(0), address("10.20.0.1:53"), "10.20.0.11");
    let record = join(&[&[0, 1, 0, 0, 5], &vec16(&list)]);
    let asker = address(&format!("{client}:40000"));
    let mut datagrams = vec![
        udp(asker, resolver, &hello::dns_query(7, HIDDEN, 65)),
        udp(resolver, asker, &hello::dns_answer(7, HIDDEN, 65, 300, &[&record])),
        udp(asker, resolver, &hello::dns_query(8, HIDDEN, 1)),
        udp(resolver, asker, &hello::dns_answer(8, HIDDEN, 1, 300, &[&[198, 51, 100, 7]])),
    ];
    for (port, offer) in [(50_001, Offer::True(&list)), (50_002, Offer::Grease), (50_003, Offer::Plain)] {
        let outcome = handshake(&offer, 0)?;
        eprintln!("port {port}: {:?}", outcome.served);
        let mut talk = Talk::new(&format!("{client}:{port}"), "198.51.100.7:443");
        datagrams.extend(talk.open());
        for (is_client, bytes) in &outcome.wire {
            // As they would stand on a wire: no segment longer than Ethernet carries.
            for piece in bytes.chunks(1400) {
                datagrams.push(if *is_client { talk.say(piece) } else { talk.answer(piece) });
            }
        }
    }
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    for (i, datagram) in (0u32..).zip(&datagrams) {
        let frame = framed(datagram);
        let length = (frame.len() as u32).to_le_bytes();
        file.extend(join(&[&(START + i / 1000).to_le_bytes(), &(i % 1000 * 1000).to_le_bytes(), &length, &length, &frame]));
    }
    std::fs::write(path, file)?;
    Ok(())
}
