//! ClientHello messages in the shapes of common clients (RFC 8446 §4.1.2, GREASE of RFC 8701, ECH of RFC 9849).

use super::rng::Rng;

/// Whose habits a hello follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// GREASE, shuffled extensions, a post-quantum key share: longer than a segment.
    Chrome,
    /// OpenSSL's long list of ciphers.
    Curl,
    /// Short.
    Go,
}

const CHROME_CIPHERS: [u16; 15] =
    [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035];
const CURL_CIPHERS: [u16; 30] = [
    0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f, 0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027,
    0x0067, 0xc00a, 0xc014, 0x0039, 0xc009, 0xc013, 0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,
];
const GO_CIPHERS: [u16; 13] = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x1301, 0x1302, 0x1303];
const ALGORITHMS: [u16; 8] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
const X25519: u16 = 0x001d;
const X25519_ML_KEM: u16 = 0x11ec;

/// A hello over TCP: the handshake message in one record (RFC 8446 §5.1).
pub fn record(rng: &mut Rng, shape: Shape, name: Option<&str>) -> Vec<u8> {
    let message = message(rng, shape, name, None);
    [&[22, 3, 1][..], &vec16(&message)].concat()
}

/// The handshake message. `quic` is the client's source connection id where the hello goes into CRYPTO frames.
pub fn message(rng: &mut Rng, shape: Shape, name: Option<&str>, quic: Option<&[u8]>) -> Vec<u8> {
    let grease = |rng: &mut Rng| 0x0a0a + 0x1010 * rng.below(16) as u16;
    let mut ciphers: Vec<u16> = match (quic, shape) {
        (Some(_), _) => vec![0x1301, 0x1302, 0x1303],
        (_, Shape::Chrome) => CHROME_CIPHERS.into(),
        (_, Shape::Curl) => CURL_CIPHERS.into(),
        (_, Shape::Go) => GO_CIPHERS.into(),
    };
    let mut extensions = extensions(rng, shape, name, quic);
    if shape == Shape::Chrome {
        ciphers.insert(0, grease(rng));
        rng.shuffle(&mut extensions);
        extensions.insert(0, (grease(rng), Vec::new()));
        extensions.push((grease(rng), vec![0]));
    }
    let body = [
        &[3, 3][..],
        &rng.bytes(32),
        &vec8(&rng.bytes(if quic.is_some() { 0 } else { 32 })),
        &vec16(&codes(&ciphers)),
        &[1, 0],
        &vec16(&extensions.iter().flat_map(|(kind, body)| [&kind.to_be_bytes()[..], &vec16(body)].concat()).collect::<Vec<u8>>()),
    ]
    .concat();
    [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
}

fn extensions(rng: &mut Rng, shape: Shape, name: Option<&str>, quic: Option<&[u8]>) -> Vec<(u16, Vec<u8>)> {
    let mut list: Vec<(u16, Vec<u8>)> = Vec::new();
    if let Some(name) = name {
        list.push((0, vec16(&[&[0][..], &vec16(name.as_bytes())].concat())));
    }
    let has_kem = shape == Shape::Chrome;
    let groups: &[u16] = if has_kem { &[X25519_ML_KEM, X25519, 0x0017, 0x0018] } else { &[X25519, 0x0017, 0x0018, 0x0019] };
    let mut shares = Vec::new();
    for (group, size) in [(X25519_ML_KEM, 1216), (X25519, 32)].into_iter().skip(usize::from(!has_kem)) {
        shares.extend([&group.to_be_bytes()[..], &vec16(&rng.bytes(size))].concat());
    }
    let protocols: &[&str] = match (quic, shape) {
        (Some(_), _) => &["h3"],
        (_, Shape::Go) => &["h2"],
        _ => &["h2", "http/1.1"],
    };
    let alpn: Vec<u8> = protocols.iter().flat_map(|p| vec8(p.as_bytes())).collect();
    let versions: &[u16] = if quic.is_some() { &[0x0304] } else { &[0x0304, 0x0303] };
    list.extend([
        (10, vec16(&codes(groups))),
        (13, vec16(&codes(&ALGORITHMS))),
        (16, vec16(&alpn)),
        (51, vec16(&shares)),
        (45, vec![1, 1]),
        (43, vec8(&codes(versions))),
    ]);
    if quic.is_none() {
        list.extend([(23, vec![]), (0xff01, vec![0]), (11, vec![1, 0]), (5, vec![1, 0, 0, 0, 0]), (18, vec![])]);
    }
    if let Some(cid) = quic {
        list.push((57, [&[0x01, 4, 0x80, 0, 0x75, 0x30, 0x04, 4, 0x80, 0xf0, 0, 0, 0x0f][..], &vec8(cid)].concat()));
    }
    match shape {
        Shape::Chrome => {
            let payload = 32 * rng.between(4, 7) as usize;
            let outer = [&[0, 0, 1, 0, 1][..], &[rng.u64() as u8], &vec16(&rng.bytes(32)), &vec16(&rng.bytes(payload))].concat();
            list.extend([(27, vec![2, 0, 2]), (17613, vec![0, 3, 2, b'h', b'2']), (0xfe0d, outer), (35, vec![])]);
        }
        Shape::Curl => list.extend([(22, vec![]), (49, vec![]), (35, vec![])]),
        Shape::Go => {}
    }
    list
}

fn codes(list: &[u16]) -> Vec<u8> {
    list.iter().flat_map(|c| c.to_be_bytes()).collect()
}

/// With a one-byte length before it.
pub fn vec8(bytes: &[u8]) -> Vec<u8> {
    [&[bytes.len() as u8][..], bytes].concat()
}

/// With a two-byte length before it.
pub fn vec16(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}
