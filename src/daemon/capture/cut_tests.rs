//! Captures cut off in the middle, plain and compressed: all that stood before the cut is read, and the end is told.

use std::io::Write;
use std::path::Path;

use super::file::{CaptureFile, Cut};

const FRAMES: u64 = 8000;
/// Bytes of a packet: no compressor makes nothing of them.
const PACKET: usize = 200;

fn packet(n: u64) -> Vec<u8> {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..PACKET).map(|_| byte()).collect()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

/// A capture, the bytes before its first record, and the bytes of a record.
fn pcap() -> (Vec<u8>, u64, u64) {
    let mut bytes = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, 1]);
    for n in 0..FRAMES {
        bytes.extend(words(&[1, 2, PACKET as u32, PACKET as u32]));
        bytes.extend(packet(n));
    }
    (bytes, 24, 16 + PACKET as u64)
}

fn pcapng() -> (Vec<u8>, u64, u64) {
    let mut bytes = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28, 1, 20, 1, 65535, 20]);
    let size = 32 + PACKET as u32;
    for n in 0..FRAMES {
        bytes.extend(words(&[6, size, 0, 0, 1, PACKET as u32, PACKET as u32]));
        bytes.extend(packet(n));
        bytes.extend(words(&[size]));
    }
    (bytes, 48, size.into())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Frames read, and how it ended.
fn read(path: &Path) -> (u64, Option<Cut>) {
    let mut file = CaptureFile::open(path).unwrap();
    let mut frames = 0;
    loop {
        match file.frame() {
            Ok(Some(frame)) => assert_eq!(frame.bytes, packet(frames), "frame {frames}"),
            Ok(None) => return (frames, None),
            Err(cut) => return (frames, Some(cut)),
        }
        frames += 1;
    }
}

#[test]
fn a_capture_that_is_cut_off_says_where_however_it_is_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    for (capture, (bytes, head, record)) in [("pcap", pcap()), ("pcapng", pcapng())] {
        for (form, whole) in [("plain", bytes.clone()), ("gzip", gzip(&bytes)), ("zstd", zstd(&bytes))] {
            std::fs::write(&path, &whole).unwrap();
            assert!(matches!(read(&path), (FRAMES, None)), "{capture} {form}");
            for part in [10, 25, 50, 75, 99] {
                std::fs::write(&path, &whole[..whole.len() * part / 100]).unwrap();
                let (frames, cut) = read(&path);
                let Some(Cut::Short { at }) = cut else { panic!("{capture} {form} {part} %: {frames} frames, {cut:?}") };
                assert_eq!(at, head + frames * record, "{capture} {form} {part} %");
                // A compressor's block, at most 128 KiB, is read whole or not at all.
                let wanted = (FRAMES * part as u64 / 100).saturating_sub(if form == "plain" { 1 } else { (128 << 10) / record + 1 });
                assert!(frames >= wanted, "{capture} {form} {part} %: {frames} frames of at least {wanted}");
            }
            if form != "plain" {
                std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
                let is_told = matches!(read(&path), (_, Some(Cut::Short { .. })));
                assert!(is_told, "{capture} {form}: the last byte is missing");
            }
        }
    }
}
