//! Names as labels with a length before each (RFC 1035 §3.1), without compression: as DHCP options carry them.

use crate::engine::bytes::Reader;

/// The name as text with dots; a partial one, without the root at its end, is a name too (RFC 4702 §2.3.1, RFC 4704 §4.2). `None` where the
/// labels contradict their lengths, hold a dot, or more than one name stands there.
pub fn text(labels: &[u8]) -> Option<Vec<u8>> {
    let mut r = Reader::new(labels);
    let mut name = Vec::new();
    while !r.is_empty() {
        let label = r.vec8()?;
        if label.is_empty() {
            break;
        }
        if label.len() > 63 || label.contains(&b'.') {
            return None;
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
    }
    r.is_empty().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_and_partial_names_and_nothing_else() {
        for (labels, name) in [
            (&b"\x04anna\x07example\x00"[..], Some(&b"anna.example"[..])),
            (b"\x04anna", Some(b"anna")),
            (b"", Some(b"")),
            (b"\x05anna", None),
            (b"\x03a.b\x00", None),
            (b"\x01a\x00\x01b\x00", None),
            (b"\xc0\x0c", None),
        ] {
            assert_eq!(text(labels).as_deref(), name, "{labels:?}");
        }
    }
}
