//! Walks a capture with libpcap and touches nothing: what every other figure is a ratio to.
//!
//! `cargo run --release --example walk -- FILE.pcap`

use pcap::Capture;

fn main() -> Result<(), pcap::Error> {
    let path = std::env::args().nth(1).ok_or_else(|| pcap::Error::PcapError("usage: walk FILE.pcap".into()))?;
    let mut capture = Capture::from_file(path)?;
    let (mut packets, mut bytes) = (0u64, 0u64);
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                packets += 1;
                bytes += u64::from(packet.header.len);
            }
            Err(pcap::Error::NoMorePackets) => break,
            Err(error) => return Err(error),
        }
    }
    println!("{packets} packets, {bytes} bytes");
    Ok(())
}
