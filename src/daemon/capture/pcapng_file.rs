//! pcapng (draft-ietf-opsawg-pcapng) through pcap-parser: several sections and interfaces, mixed link types, any time resolution.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, InterfaceDescriptionBlock, Linktype, PcapBlockOwned, PcapError, PcapNGReader};

use super::file::Cut;
use crate::engine::frame::{Frame, LinkType, Time};

const CHUNK: usize = 1 << 20;
/// A block longer than this is damage.
const MAX_BLOCK: usize = 128 << 20;

/// Fills every read as far as the input goes: pcap-parser takes the first one for the whole section header.
/// It also keeps word that the input was cut off while being decompressed, which pcap-parser would lose.
struct Whole(Box<dyn Read + Send>, Arc<AtomicBool>);

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut have = 0;
        while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
            match self.0.read(rest) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.1.store(true, Ordering::Relaxed);
                    break;
                }
                Err(error) if have == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(have)
    }
}

/// One interface of the current section.
struct Interface {
    link: LinkType,
    snapshot_length: u32,
    /// Ticks a second.
    resolution: u64,
    /// Seconds added to every time.
    offset: i64,
}

/// A pcapng file.
pub(super) struct PcapNgFile {
    reader: PcapNGReader<Whole>,
    is_cut: Arc<AtomicBool>,
    interfaces: Vec<Interface>,
    /// Bytes of the block given last, consumed before the next.
    pending: usize,
    offset: u64,
    packet: Vec<u8>,
    last: Time,
}

/// What a block holds for us.
struct Record {
    time: Time,
    link: LinkType,
    wire_len: u32,
}

impl PcapNgFile {
    pub(super) fn open(input: Box<dyn Read + Send>) -> Result<Self, String> {
        let is_cut = Arc::new(AtomicBool::new(false));
        let reader = PcapNGReader::new(CHUNK, Whole(input, Arc::clone(&is_cut)))
            .map_err(|e| format!("is no capture: the pcapng section header cannot be read ({e:?})"))?;
        Ok(PcapNgFile { reader, is_cut, interfaces: Vec::new(), pending: 0, offset: 0, packet: Vec::new(), last: Time::default() })
    }

    /// The next frame; blocks that hold none are passed over.
    pub(super) fn frame(&mut self) -> Result<Option<Frame<'_>>, Cut> {
        loop {
            self.reader.consume(std::mem::take(&mut self.pending));
            let record = match self.reader.next() {
                Ok((size, block)) => {
                    self.pending = size;
                    self.offset += size as u64;
                    self.packet.clear();
                    take(block, &mut self.interfaces, self.last, &mut self.packet)
                }
                Err(PcapError::Eof) if self.is_cut.load(Ordering::Relaxed) => return Err(Cut::Short { at: self.offset }),
                Err(PcapError::Eof) => return Ok(None),
                Err(PcapError::UnexpectedEof) => return Err(Cut::Short { at: self.offset }),
                Err(PcapError::Incomplete(_)) => {
                    if self.reader.reader_exhausted() {
                        return Err(Cut::Short { at: self.offset });
                    }
                    self.refill()?;
                    continue;
                }
                Err(PcapError::BufferTooSmall) => {
                    self.grow()?;
                    continue;
                }
                Err(error) => return Err(Cut::Corrupt { at: self.offset, what: format!("{error:?}") }),
            };
            if let Some(record) = record {
                self.last = record.time;
                return Ok(Some(Frame { time: record.time, link: record.link, bytes: &self.packet, wire_len: record.wire_len }));
            }
        }
    }

    fn refill(&mut self) -> Result<(), Cut> {
        match self.reader.refill() {
            Ok(()) => Ok(()),
            Err(PcapError::BufferTooSmall) => self.grow(),
            Err(error) => Err(Cut::Corrupt { at: self.offset, what: format!("{error:?}") }),
        }
    }

    fn grow(&mut self) -> Result<(), Cut> {
        let size = self.reader.data().len().max(CHUNK).saturating_mul(2);
        if size > MAX_BLOCK || !self.reader.grow(size) {
            return Err(Cut::Corrupt { at: self.offset, what: format!("a block of more than {MAX_BLOCK} bytes") });
        }
        self.reader.refill().map_err(|error| Cut::Corrupt { at: self.offset, what: format!("{error:?}") })
    }
}

/// Takes a block: a section forgets the interfaces, an interface is added, a packet is copied out.
fn take(block: PcapBlockOwned<'_>, interfaces: &mut Vec<Interface>, last: Time, packet: &mut Vec<u8>) -> Option<Record> {
    let PcapBlockOwned::NG(block) = block else { return None };
    match block {
        Block::SectionHeader(_) => {
            interfaces.clear();
            None
        }
        Block::InterfaceDescription(description) => {
            interfaces.push(interface(&description));
            None
        }
        Block::EnhancedPacket(b) => {
            let interface = interfaces.get(b.if_id as usize)?;
            packet.extend_from_slice(b.data.get(..b.caplen as usize).unwrap_or(b.data));
            Some(Record { time: interface.time(b.ts_high, b.ts_low), link: interface.link, wire_len: b.origlen.max(b.caplen) })
        }
        Block::SimplePacket(b) => {
            let interface = interfaces.first()?;
            let limit = if interface.snapshot_length == 0 { u32::MAX } else { interface.snapshot_length };
            let captured = b.origlen.min(limit) as usize;
            packet.extend_from_slice(b.data.get(..captured).unwrap_or(b.data));
            // A simple packet carries no time: that of the packet before it.
            Some(Record { time: last, link: interface.link, wire_len: b.origlen })
        }
        _ => None,
    }
}

fn interface(b: &InterfaceDescriptionBlock<'_>) -> Interface {
    let Linktype(link) = b.linktype;
    Interface {
        link: LinkType(link),
        snapshot_length: b.snaplen,
        resolution: b.ts_resolution().unwrap_or(1_000_000).max(1),
        offset: b.ts_offset(),
    }
}

impl Interface {
    fn time(&self, high: u32, low: u32) -> Time {
        let ticks = u64::from(high) << 32 | u64::from(low);
        let nanos = u128::from(ticks % self.resolution) * 1_000_000_000 / u128::from(self.resolution);
        let seconds = (ticks / self.resolution).saturating_add_signed(self.offset);
        Time::new(seconds, u32::try_from(nanos).unwrap_or(0))
    }
}
