//! Messages of HTTP/3 (RFC 9114), without a dynamic table (RFC 9204).

/// What is asked for.
#[derive(Default)]
pub struct Request {
    target: String,
}

impl Request {
    /// Reads the frames of a request stream.
    pub fn read(mut frames: &[u8]) -> Self {
        while let Some((kind, rest)) = varint(frames) {
            let Some((length, rest)) = varint(rest) else { break };
            let (body, rest) = rest.split_at((length as usize).min(rest.len()));
            if kind == 1 {
                return Request { target: body.get(2..).and_then(path_of).unwrap_or_default() };
            }
            frames = rest;
        }
        Request::default()
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A number of the query.
    pub fn number(&self, key: &str) -> Option<f64> {
        let query = self.target.split_once('?')?.1;
        query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?.parse().ok()
    }
}

/// A HEADERS frame: QPACK static entries 25, `:status 200`, and 52, `content-type text/html`.
pub fn headers() -> Vec<u8> {
    vec![0x01, 0x04, 0x00, 0x00, 0xd9, 0xf4]
}

/// A DATA frame.
pub fn data(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a short body") | 0x8000_0000;
    [&[0x00][..], &length.to_be_bytes(), body].concat()
}

/// A variable-length integer (RFC 9000 §16).
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = 1 << (bytes.first()? >> 6);
    let (number, rest) = bytes.split_at_checked(length)?;
    Some((number.iter().skip(1).fold(u64::from(number[0] & 0x3f), |n, b| n << 8 | u64::from(*b)), rest))
}

/// The value of `:path`, static entry 1, among field lines.
fn path_of(mut lines: &[u8]) -> Option<String> {
    loop {
        let first = *lines.first()?;
        if first & 0x80 != 0 {
            lines = prefixed(lines, 6)?.1;
        } else if first & 0x40 != 0 {
            let (index, rest) = prefixed(lines, 4)?;
            let (value, rest) = text(rest, 7)?;
            if index == 1 {
                return Some(value);
            }
            lines = rest;
        } else {
            let (_, rest) = text(lines, 3)?;
            lines = text(rest, 7)?.1;
        }
    }
}

/// An integer with a prefix of so many bits (RFC 7541 §5.1).
fn prefixed(bytes: &[u8], bits: u32) -> Option<(usize, &[u8])> {
    let most = (1usize << bits) - 1;
    let (first, mut rest) = bytes.split_first()?;
    let mut number = usize::from(*first) & most;
    if number < most {
        return Some((number, rest));
    }
    for shift in (0..28).step_by(7) {
        let (byte, more) = rest.split_first()?;
        number += usize::from(byte & 0x7f) << shift;
        rest = more;
        if byte & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

/// A text whose length has a prefix of so many bits, before it the mark of Huffman's code.
fn text(bytes: &[u8], bits: u32) -> Option<(String, &[u8])> {
    let is_coded = bytes.first()? & (1 << bits) != 0;
    let (length, rest) = prefixed(bytes, bits)?;
    let (value, rest) = rest.split_at_checked(length)?;
    let mut plain = Vec::new();
    match is_coded {
        true => httlib_huffman::decode(value, &mut plain, httlib_huffman::DecoderSpeed::FourBits).ok()?,
        false => plain.extend(value),
    }
    Some((String::from_utf8_lossy(&plain).into_owned(), rest))
}
