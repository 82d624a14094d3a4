//! Captures compressed by zstd that were cut off: all that stood before the cut comes out, and then that it was one.

use std::io::{self, BufReader, Read};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// An empty last block (RFC 8878 §3.1.1.2), and room for a checksum: the decoder keeps a window of what it decoded until it sees the last block.
const LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

/// Compressed bytes, and whether they have ended.
struct Source<R> {
    input: BufReader<R>,
    has_ended: bool,
    /// What follows the end.
    tail: &'static [u8],
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.tail.is_empty() {
            return self.tail.read(buffer);
        }
        let got = self.input.read(buffer)?;
        self.has_ended |= got == 0 && !buffer.is_empty();
        Ok(got)
    }
}

/// A zstd stream; one that is cut off ends with [`io::ErrorKind::UnexpectedEof`].
pub(super) struct Zstd<R: Read> {
    decoder: StreamingDecoder<Source<R>, FrameDecoder>,
    is_cut: bool,
}

impl<R: Read> Zstd<R> {
    /// Reads the header.
    pub(super) fn new(input: R) -> io::Result<Self> {
        let source = Source { input: BufReader::new(input), has_ended: false, tail: &[] };
        let decoder = StreamingDecoder::new(source).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
        Ok(Zstd { decoder, is_cut: false })
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.decoder.read(buffer) {
            Err(_) if self.decoder.get_ref().has_ended && !self.is_cut => {
                self.is_cut = true;
                self.decoder.get_mut().tail = LAST_BLOCK;
                self.read(buffer)
            }
            Ok(0) | Err(_) if self.is_cut && !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        }
    }
}
