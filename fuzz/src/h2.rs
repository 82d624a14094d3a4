//! HPACK: the authority of a header block.

use arbitrary::{Arbitrary, Unstructured};
use shadowtap::engine::names::hpack;

/// A field written here.
#[derive(Arbitrary, Clone, Debug)]
enum Field {
    Indexed(u8),
    TableSize(u8),
    Literal { form: u8, name: Vec<u8>, value: Vec<u8> },
    Named { form: u8, index: u8, value: Vec<u8> },
}

/// Any bytes: bounded. Fields written here: the authority that was written, else the host.
pub fn run(data: &[u8]) {
    if let Some(name) = hpack::authority(data) {
        assert!(name.len() <= 4096.max(data.len() * 2), "{} bytes out of {}", name.len(), data.len());
    }
    let mut u = Unstructured::new(data);
    let fields: Vec<Field> = u.arbitrary_iter().into_iter().flatten().flatten().take(16).collect();
    let (mut block, mut expected, mut host) = (Vec::new(), None, None);
    for field in &fields {
        let told = write(field, &mut block);
        match told {
            Some((true, value)) => expected = expected.or(Some(value)),
            Some((false, value)) if expected.is_none() => host = Some(value),
            _ => {}
        }
    }
    assert_eq!(hpack::authority(&block), expected.or(host), "{fields:?}");
}

/// Writes a field; gives the value where it names the authority (true) or the host.
fn write(field: &Field, block: &mut Vec<u8>) -> Option<(bool, Vec<u8>)> {
    match field {
        Field::Indexed(index) => block.push(0x80 | (index % 61 + 1)),
        Field::TableSize(size) => block.push(0x20 | (size % 31)),
        Field::Literal { form, name, value } => {
            block.push([0x40, 0x00, 0x10][usize::from(form % 3)]);
            let name = match form / 3 % 3 {
                0 => b":authority".to_vec(),
                1 => b"host".to_vec(),
                _ => clipped(name),
            };
            string(&name, block);
            string(&clipped(value), block);
            let is = (name == b":authority", name == b"host");
            return (is.0 || is.1).then(|| (is.0, clipped(value)));
        }
        Field::Named { form, index, value } => {
            let index = match index % 4 {
                0 => 1,
                1 => 38,
                _ => index % 61 + 1,
            };
            let (first, prefix) = [(0x40, 6), (0x00, 4), (0x10, 4)][usize::from(form % 3)];
            integer(first, prefix, index, block);
            string(&clipped(value), block);
            return matches!(index, 1 | 38).then(|| (index == 1, clipped(value)));
        }
    }
    None
}

fn clipped(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(100)].to_vec()
}

fn integer(first: u8, prefix: u32, value: u8, block: &mut Vec<u8>) {
    let most = (1u8 << prefix) - 1;
    if value < most {
        block.push(first | value);
    } else {
        block.extend([first | most, value - most]);
    }
}

fn string(bytes: &[u8], block: &mut Vec<u8>) {
    block.push(bytes.len() as u8);
    block.extend_from_slice(bytes);
}
