//! Capture files: classic pcap and pcapng, plain, gzip or zstd, from a path or standard input. The content decides, not the name.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::compressed::Zstd;
use super::pcap_file::PcapFile;
use super::pcapng_file::PcapNgFile;
use crate::daemon::failure::Failure;
use crate::engine::frame::Frame;

/// A capture file being read.
pub struct CaptureFile {
    path: PathBuf,
    size: Option<u64>,
    reader: Format,
    frames: u64,
}

enum Format {
    Pcap(Box<PcapFile<Box<dyn Read + Send>>>),
    PcapNg(Box<PcapNgFile>),
}

/// Why a capture ends before its file says so. What stood before it was given.
#[derive(Debug)]
pub enum Cut {
    /// The file ends inside a record.
    Short {
        /// Offset of the record, in bytes of the uncompressed capture.
        at: u64,
    },
    /// A record contradicts itself.
    Corrupt {
        /// Offset of the record, in bytes of the uncompressed capture.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// The machine could not read on.
    Io(io::Error),
}

impl Cut {
    /// Why reading failed at `at`: what decompresses says by this kind of error that its input is cut off.
    pub(super) fn reading(error: io::Error, at: u64) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Cut::Short { at } } else { Cut::Io(error) }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cut::Short { at } => write!(f, "the capture is cut off in the record at byte {at}, counted uncompressed"),
            Cut::Corrupt { at, what } => write!(f, "the record at byte {at} is damaged ({what})"),
            Cut::Io(error) => write!(f, "reading stopped: {error}"),
        }
    }
}

impl CaptureFile {
    /// Opens a capture; `-` is standard input.
    ///
    /// # Errors
    /// A file that cannot be opened, or whose first bytes are those of no capture (exit 65).
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let (input, size): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(|e| unreadable(path, &e))?;
            let metadata = file.metadata().map_err(|e| unreadable(path, &e))?;
            if metadata.is_dir() {
                return Err(Failure::NotACapture(format!("{}: is a folder; name the capture files in it", path.display())));
            }
            (Box::new(file), Some(metadata.len()))
        };
        CaptureFile::read(path, input, size)
    }

    /// Reads a capture from where its bytes come from; `path` is what it is called.
    ///
    /// # Errors
    /// Bytes that are those of no capture (exit 65).
    pub fn read(path: &Path, input: Box<dyn Read + Send>, size: Option<u64>) -> Result<Self, Failure> {
        let (magic, input) = peek(input).map_err(|e| unreadable(path, &e))?;
        let (magic, input) = decompressed(magic, input).map_err(|e| unreadable(path, &e))?;
        let reader = match magic {
            [0x0a, 0x0d, 0x0d, 0x0a] => PcapNgFile::open(input).map(|f| Format::PcapNg(Box::new(f))),
            _ => PcapFile::open(input).map(|f| Format::Pcap(Box::new(f))),
        };
        let reader = reader.map_err(|what| Failure::NotACapture(format!("{}: {what}", path.display())))?;
        Ok(CaptureFile { path: path.to_owned(), size, reader, frames: 0 })
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// [`Cut`] where the file breaks off.
    #[inline]
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, Cut> {
        self.frames += 1;
        match &mut self.reader {
            Format::Pcap(file) => file.frame(),
            Format::PcapNg(file) => file.frame(),
        }
    }

    /// Its path, `-` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file in bytes, as compressed; `None` for standard input.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Frames asked for so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::Permission(text),
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Failure::NotACapture(text),
        _ => Failure::Internal(text),
    }
}

type Input = Box<dyn Read + Send>;

/// The first four bytes, and the input with them put back.
fn peek(mut input: Input) -> io::Result<([u8; 4], Input)> {
    let mut magic = [0; 4];
    let mut have = 0;
    while have < magic.len() {
        match input.read(magic.get_mut(have..).unwrap_or_default())? {
            0 => break,
            n => have += n,
        }
    }
    let head = io::Cursor::new(magic.into_iter().take(have).collect::<Vec<u8>>());
    Ok((magic, Box::new(head.chain(input))))
}

fn decompressed(magic: [u8; 4], input: Input) -> io::Result<([u8; 4], Input)> {
    match magic {
        [0x1f, 0x8b, ..] => peek(Box::new(MultiGzDecoder::new(BufReader::new(input)))),
        [0x28, 0xb5, 0x2f, 0xfd] => peek(Box::new(Zstd::new(input)?)),
        _ => Ok((magic, input)),
    }
}
