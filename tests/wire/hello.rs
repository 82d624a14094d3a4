//! ClientHellos, DNS queries and other openings by hand.

use super::packet::{join, vec8, vec16};

/// What a ClientHello is made of.
#[derive(Clone)]
pub struct Hello {
    pub version: u16,
    pub ciphers: Vec<u16>,
    pub extensions: Vec<(u16, Vec<u8>)>,
    /// False for hellos of old: they end behind the compression methods.
    pub has_extensions: bool,
}

/// A hello as TLS 1.3 clients send it, for a name.
pub fn modern(name: &str) -> Hello {
    Hello {
        version: 0x0303,
        ciphers: vec![0x1301, 0x1302, 0x1303],
        extensions: vec![
            (0, server_name(name)),
            (16, alpn(&["h2", "http/1.1"])),
            (13, codes16(&[0x0403, 0x0804])),
            (43, codes8(&[0x0304, 0x0303])),
        ],
        has_extensions: true,
    }
}

/// Body of a server_name extension.
pub fn server_name(name: &str) -> Vec<u8> {
    vec16(&join(&[&[0], &vec16(name.as_bytes())]))
}

/// Body of an ALPN extension.
pub fn alpn(protocols: &[&str]) -> Vec<u8> {
    vec16(&protocols.iter().flat_map(|p| vec8(p.as_bytes())).collect::<Vec<u8>>())
}

/// Codes of two bytes behind a length of two.
pub fn codes16(codes: &[u16]) -> Vec<u8> {
    vec16(&codes.iter().flat_map(|c| c.to_be_bytes()).collect::<Vec<u8>>())
}

/// Codes of two bytes behind a length of one.
pub fn codes8(codes: &[u16]) -> Vec<u8> {
    vec8(&codes.iter().flat_map(|c| c.to_be_bytes()).collect::<Vec<u8>>())
}

impl Hello {
    /// With one more extension at the end.
    pub fn with(mut self, kind: u16, body: &[u8]) -> Self {
        self.extensions.push((kind, body.to_vec()));
        self
    }

    /// Without an extension.
    pub fn without(mut self, kind: u16) -> Self {
        self.extensions.retain(|(k, _)| *k != kind);
        self
    }

    /// Filled up by a padding extension until its message has this length.
    pub fn padded(self, length: usize) -> Self {
        let have = self.message().len() + 4;
        self.with(21, &vec![0; length - have])
    }

    fn body(&self, cookie: Option<&[u8]>) -> Vec<u8> {
        let ciphers = codes16(&self.ciphers);
        let cookie = cookie.map(vec8).unwrap_or_default();
        let head = join(&[&self.version.to_be_bytes(), &[0x5a; 32], &[0], &cookie, &ciphers, &[1, 0]]);
        if !self.has_extensions {
            return head;
        }
        let extensions: Vec<u8> = self.extensions.iter().flat_map(|(k, b)| join(&[&k.to_be_bytes(), &vec16(b)])).collect();
        join(&[&head, &vec16(&extensions)])
    }

    /// The handshake message, as CRYPTO data carries it.
    pub fn message(&self) -> Vec<u8> {
        let body = self.body(None);
        join(&[&[1], &(body.len() as u32).to_be_bytes()[1..], &body])
    }

    /// The message in TLS records of at most `size` bytes each.
    pub fn records(&self, size: usize) -> Vec<u8> {
        self.message().chunks(size).flat_map(|piece| record(22, piece)).collect()
    }

    /// In as few records as may be.
    pub fn wire(&self) -> Vec<u8> {
        self.records(1 << 14)
    }

    /// As DTLS records of handshake fragments, each a datagram's worth of at most `size` bytes of the message.
    pub fn dtls(&self, message: u16, cookie: &[u8], size: usize) -> Vec<Vec<u8>> {
        let body = self.body(Some(cookie));
        let length = &(body.len() as u32).to_be_bytes()[1..];
        let fragment = |(i, piece): (usize, &[u8])| {
            let at = &((i * size) as u32).to_be_bytes()[1..];
            let have = &(piece.len() as u32).to_be_bytes()[1..];
            let handshake = join(&[&[1], length, &message.to_be_bytes(), at, have, piece]);
            join(&[&[22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, i as u8], &vec16(&handshake)])
        };
        body.chunks(size).enumerate().map(fragment).collect()
    }
}

/// A TLS record.
pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    join(&[&[kind, 3, 1], &vec16(body)])
}

/// A name as DNS writes it.
pub fn dns_name(name: &str) -> Vec<u8> {
    let labels: Vec<u8> = name.split('.').flat_map(|l| vec8(l.as_bytes())).collect();
    join(&[&labels, &[0]])
}

/// A DNS query of one question.
pub fn dns_query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    join(&[&id.to_be_bytes(), &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &dns_name(name), &kind.to_be_bytes(), &[0, 1]])
}

/// The answer to such a query: records of that type, time to live in seconds.
pub fn dns_answer(id: u16, name: &str, kind: u16, ttl: u32, data: &[&[u8]]) -> Vec<u8> {
    let record = |d: &&[u8]| join(&[&[0xc0, 12], &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &vec16(d)]);
    let records: Vec<u8> = data.iter().flat_map(record).collect();
    let count = (data.len() as u16).to_be_bytes();
    join(&[&id.to_be_bytes(), &[0x81, 0x80, 0, 1], &count, &[0, 0, 0, 0], &dns_name(name), &kind.to_be_bytes(), &[0, 1], &records])
}
