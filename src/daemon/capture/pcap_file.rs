//! Classic pcap (draft-ietf-opsawg-pcap): a reader of our own, since libpcap's walk alone would take half of the time allowed a packet.

use std::io::{self, Read};

use super::file::Cut;
use crate::engine::frame::{Frame, LinkType, Time};

/// Bytes read at once.
const CHUNK: usize = 1 << 20;
/// A record longer than this is damage: libpcap's own bound for any link type.
const MAX_RECORD: usize = 128 << 20;

/// A classic pcap file.
pub(super) struct PcapFile<R> {
    input: R,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    /// Offset of `from` in the file.
    offset: u64,
    link: LinkType,
    is_big_endian: bool,
    nanos_per_tick: u32,
    /// Bytes of a record's header: 24 in Kuznetzov's modified format, else 16.
    header: usize,
}

impl<R: Read> PcapFile<R> {
    /// Reads the file header.
    pub(super) fn open(input: R) -> Result<Self, String> {
        let mut file = PcapFile {
            input,
            buffer: vec![0; CHUNK],
            from: 0,
            to: 0,
            offset: 0,
            link: LinkType(0),
            is_big_endian: false,
            nanos_per_tick: 1000,
            header: 16,
        };
        if file.need(24).map_err(|e| e.to_string())? < 24 {
            return Err("is no capture: shorter than a pcap header; give a pcap or pcapng file, plain, gzip or zstd".into());
        }
        let magic = file.word(0);
        (file.is_big_endian, file.nanos_per_tick, file.header) = match (magic, magic.swap_bytes()) {
            (0xa1b2_c3d4, _) => (false, 1000, 16),
            (0xa1b2_3c4d, _) => (false, 1, 16),
            (0xa1b2_cd34, _) => (false, 1000, 24),
            (_, 0xa1b2_c3d4) => (true, 1000, 16),
            (_, 0xa1b2_3c4d) => (true, 1, 16),
            (_, 0xa1b2_cd34) => (true, 1000, 24),
            _ => return Err("is no capture: begins neither as pcap nor as pcapng; give a pcap or pcapng file, plain, gzip or zstd".into()),
        };
        // The upper bits tell of a frame check sequence (FCS).
        file.link = LinkType((file.word(20) & 0x03ff_ffff) as i32);
        file.from = 24;
        file.offset = 24;
        Ok(file)
    }

    /// A 32-bit field `at` bytes behind `from`.
    #[inline]
    fn word(&self, at: usize) -> u32 {
        let bytes = self.buffer.get(self.from + at..).and_then(|b| b.first_chunk::<4>()).copied().unwrap_or_default();
        if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// Sees that `n` bytes stand behind `from`, and says how many do.
    #[inline]
    fn need(&mut self, n: usize) -> io::Result<usize> {
        if self.to - self.from >= n {
            return Ok(self.to - self.from);
        }
        self.fill(n)
    }

    #[cold]
    fn fill(&mut self, n: usize) -> io::Result<usize> {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        if self.buffer.len() < n {
            self.buffer.resize(n.next_multiple_of(CHUNK), 0);
        }
        while self.to < n {
            match self.input.read(self.buffer.get_mut(self.to..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(got) => self.to += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.to - self.from)
    }

    /// The next frame.
    #[inline]
    pub(super) fn frame(&mut self) -> Result<Option<Frame<'_>>, Cut> {
        match self.need(self.header).map_err(|e| Cut::reading(e, self.offset))? {
            0 => return Ok(None),
            n if n < self.header => return Err(Cut::Short { at: self.offset }),
            _ => {}
        }
        let Some(fields) = self.buffer.get(self.from..).and_then(|b| b.first_chunk::<16>()) else { return Ok(None) };
        let [seconds, fraction, captured, wire] = words(fields, self.is_big_endian);
        let length = captured as usize;
        if length > MAX_RECORD {
            return Err(Cut::Corrupt { at: self.offset, what: format!("a packet of {length} bytes") });
        }
        if self.need(self.header + length).map_err(|e| Cut::reading(e, self.offset))? < self.header + length {
            return Err(Cut::Short { at: self.offset });
        }
        let start = self.from + self.header;
        self.from = start + length;
        self.offset += (self.header + length) as u64;
        Ok(Some(Frame {
            time: Time::new(seconds.into(), fraction.saturating_mul(self.nanos_per_tick)),
            link: self.link,
            bytes: self.buffer.get(start..start + length).unwrap_or_default(),
            wire_len: wire.max(captured),
        }))
    }
}

/// Four fields of 32 bits.
#[inline]
fn words(bytes: &[u8; 16], is_big_endian: bool) -> [u32; 4] {
    let (words, _) = bytes.as_chunks::<4>();
    let word = |i: usize| words.get(i).map_or(0, |b| if is_big_endian { u32::from_be_bytes(*b) } else { u32::from_le_bytes(*b) });
    [word(0), word(1), word(2), word(3)]
}
