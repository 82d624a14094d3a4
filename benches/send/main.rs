//! Sends a capture over an interface as fast as one core can, so that a receiver on another core can be measured.
//!
//! `cargo run --release --example send -- INTERFACE FILE.pcap [--rounds N] [--same] [--rate PACKETS_PER_SECOND]`
//!
//! The capture is read into memory first. In each round the clients of the generator's captures (10.1.0.0/16, fd00:1::/32) get addresses of
//! that round, so that no flow comes twice; `--same` sends them as they are. Checksums of headers are not made anew. Prints one line of JSON
//! when it is ready, waits for a line on standard input, sends, and prints what it sent.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket};

/// Frames a system call.
const BATCH: usize = 64;
const USAGE: &str = "usage: send INTERFACE FILE.pcap [--rounds N] [--same] [--rate PACKETS_PER_SECOND]";

type Error = Box<dyn std::error::Error>;

struct Arguments {
    interface: String,
    file: String,
    rounds: u8,
    is_same: bool,
    rate: Option<f64>,
}

/// A capture in memory.
struct Frames {
    bytes: Vec<u8>,
    /// Where each begins and ends.
    places: Vec<(usize, usize)>,
    /// Where the bytes stand that tell the clients of a round.
    clients: Vec<usize>,
}

fn main() -> Result<(), Error> {
    let arguments = arguments()?;
    let mut frames = Frames::read(&arguments.file)?;
    let link = getifaddrs()?
        .filter(|a| a.interface_name == arguments.interface)
        .find_map(|a| a.address?.as_link_addr().copied())
        .ok_or_else(|| format!("there is no interface {}", arguments.interface))?;
    // A transmit ring was tried: veth copies its frames, and it was slower by a third.
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None)?;
    bind(socket.as_raw_fd(), &link)?;
    println!("{{\"ready\":{}}}", frames.places.len());
    std::io::stdin().read_line(&mut String::new())?;
    let began = Instant::now();
    let mut sent = 0_usize;
    for round in 1..=arguments.rounds {
        if !arguments.is_same {
            frames.tell(round);
        }
        for batch in frames.places.chunks(BATCH) {
            frames.send(&socket, batch)?;
            sent += batch.len();
            if let Some(rate) = arguments.rate {
                let due = Duration::from_secs_f64(sent as f64 / rate);
                while began.elapsed() < due {
                    std::hint::spin_loop();
                }
            }
        }
    }
    let bytes = frames.places.iter().map(|(from, to)| to - from).sum::<usize>() * usize::from(arguments.rounds);
    println!("{{\"packets\":{sent},\"bytes\":{bytes},\"seconds\":{:.4}}}", began.elapsed().as_secs_f64());
    Ok(())
}

fn arguments() -> Result<Arguments, Error> {
    let mut words = std::env::args().skip(1);
    let (Some(interface), Some(file)) = (words.next(), words.next()) else { return Err(USAGE.into()) };
    let mut arguments = Arguments { interface, file, rounds: 1, is_same: false, rate: None };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => arguments.rounds = words.next().ok_or(USAGE)?.parse()?,
            "--rate" => arguments.rate = Some(words.next().ok_or(USAGE)?.parse()?),
            "--same" => arguments.is_same = true,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(arguments)
}

impl Frames {
    /// Reads a classic capture of Ethernet in this machine's byte order, as the generator writes them.
    fn read(file: &str) -> Result<Frames, Error> {
        let bytes = std::fs::read(file)?;
        let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_ne_bytes);
        if word(20) != Some(1) {
            return Err(format!("{file} is no capture of Ethernet in this machine's byte order").into());
        }
        let (mut places, mut at) = (Vec::new(), 24);
        while let Some(length) = word(at + 8) {
            let from = at + 16;
            at = from + length as usize;
            if at > bytes.len() {
                return Err(format!("{file} is cut off").into());
            }
            places.push((from, at));
        }
        let clients = places.iter().flat_map(|place| client_bytes(&bytes, *place)).collect();
        Ok(Frames { bytes, places, clients })
    }

    fn send(&self, socket: &OwnedFd, places: &[(usize, usize)]) -> Result<(), Errno> {
        let slices: Vec<[IoSlice<'_>; 1]> = places.iter().map(|(from, to)| [IoSlice::new(&self.bytes[*from..*to])]).collect();
        let mut headers = MultiHeaders::<LinkAddr>::preallocate(BATCH, None);
        let mut rest = &slices[..];
        while !rest.is_empty() {
            let sent = match sendmmsg(socket.as_raw_fd(), &mut headers, rest, vec![None; rest.len()], [], MsgFlags::empty()) {
                Ok(results) => results.count(),
                Err(Errno::ENOBUFS | Errno::EINTR) => 0,
                Err(error) => return Err(error),
            };
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Gives every client the address it has in a round.
    fn tell(&mut self, round: u8) {
        for at in &self.clients {
            self.bytes[*at] = round;
        }
    }
}

/// Where the bytes stand that are 1 in the address of every client.
fn client_bytes(bytes: &[u8], (from, to): (usize, usize)) -> Vec<usize> {
    let frame = &bytes[from..to];
    let (net, places): (&[u8], [usize; 2]) = match frame.get(12..14) {
        Some([0x08, 0x00]) => (&[10, 1], [26, 30]),
        Some([0x86, 0xdd]) => (&[0xfd, 0, 0, 1], [22, 38]),
        Some([0x08, 0x06]) => (&[10, 1], [28, 38]),
        _ => return Vec::new(),
    };
    places.iter().filter(|at| frame.get(**at..).is_some_and(|f| f.starts_with(net))).map(|at| from + at + net.len() - 1).collect()
}
