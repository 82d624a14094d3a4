//! Capture files: pcap and pcapng, plain and compressed.

use std::io::{Cursor, Read};
use std::path::Path;

use shadowtap::daemon::capture::file::{CaptureFile, Cut};

use super::verdict::{cut, steered};

/// Frames are bounded by the file; a file read in crumbs gives the same; one that is cut off gives the front of it, and says so.
pub fn run(data: &[u8]) {
    let Some(([at, way], bytes)) = steered(data) else { return };
    let (whole, end) = frames(Box::new(Cursor::new(bytes.to_vec())));
    let is_plain = !bytes.starts_with(&[0x1f, 0x8b]) && !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    if is_plain {
        let kept: usize = whole.iter().map(|f| f.bytes.len() + 12).sum();
        assert!(kept <= bytes.len(), "{kept} bytes of frames in a file of {}", bytes.len());
    }
    let crumbs = Crumbs(Cursor::new(bytes.to_vec()), 1 + way % 9);
    assert_eq!(frames(Box::new(crumbs)), (whole.clone(), end.clone()), "in crumbs");
    let part = cut(bytes, at);
    let (early, told) = frames(Box::new(Cursor::new(part.to_vec())));
    assert!(whole.starts_with(&early), "{} frames of a part, {} of the whole", early.len(), whole.len());
    assert!(!end.is_empty() || early.len() < whole.len() || told != End::default() || is_quiet(bytes, part), "a cut nobody tells");
}

/// How reading ended: nothing, or what was said.
type End = String;

/// What stands behind the last frame may be cut without a word: it holds none.
fn is_quiet(bytes: &[u8], part: &[u8]) -> bool {
    let is_ng = bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
    let is_compressed = bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    is_ng || is_compressed || part.len() == bytes.len()
}

#[derive(Clone, PartialEq, Debug)]
struct Kept {
    time: u64,
    link: i32,
    wire: u32,
    bytes: Vec<u8>,
}

/// Every frame, and how it ended.
fn frames(input: Box<dyn Read + Send>) -> (Vec<Kept>, End) {
    let mut file = match CaptureFile::read(Path::new("a.pcap"), input, None) {
        Ok(file) => file,
        Err(refusal) => {
            let text = refusal.to_string();
            assert!(text.contains("a.pcap"), "a refusal that names no file: {text}");
            return (Vec::new(), text);
        }
    };
    let mut kept = Vec::new();
    loop {
        match file.frame() {
            Ok(Some(f)) => {
                assert!(f.wire_len as usize >= f.bytes.len(), "{} on the wire, {} kept", f.wire_len, f.bytes.len());
                kept.push(Kept { time: f.time.0, link: f.link.0, wire: f.wire_len, bytes: f.bytes.to_vec() });
            }
            Ok(None) => return (kept, End::new()),
            Err(Cut::Io(error)) => return (kept, format!("reading stopped: {}", error.kind())),
            Err(cut) => return (kept, cut.to_string()),
        }
        assert!(kept.len() <= 1 << 20, "frames without end");
    }
}

/// Gives a few bytes at a time.
struct Crumbs(Cursor<Vec<u8>>, usize);

impl Read for Crumbs {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}
