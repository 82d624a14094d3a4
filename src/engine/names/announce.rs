//! What clients say of themselves: NetBIOS registrations (RFC 1002). These name a client, never a server it uses.

use crate::engine::bytes::Reader;

/// The NetBIOS name a client registers or refreshes for itself, without padding and suffix.
pub fn netbios_registration(message: &[u8]) -> Option<String> {
    let mut r = Reader::new(message);
    let (_, flags, questions) = (r.u16()?, r.u16()?, r.u16()?);
    // Opcode 5 registers, 8 and 9 refresh (RFC 1002 §4.2.1.1).
    if flags & 0x8000 != 0 || !matches!((flags >> 11) & 15, 5 | 8 | 9) || questions != 1 {
        return None;
    }
    r.take(6)?;
    let coded = r.vec8().filter(|c| c.len() == 32)?;
    let mut name = String::with_capacity(16);
    for pair in coded.chunks_exact(2) {
        let [hi, lo] = *pair.first_chunk::<2>()?;
        let byte = hi.checked_sub(b'A').filter(|n| *n < 16)? << 4 | lo.checked_sub(b'A').filter(|n| *n < 16)?;
        name.push(char::from(byte));
    }
    // The sixteenth byte tells the kind of service; 0x00 and 0x20 are the machine itself.
    let kind = name.pop()?;
    let name = name.trim_end().to_ascii_lowercase();
    (matches!(kind, '\0' | ' ') && !name.is_empty() && name.is_ascii()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_registration() {
        let coded: Vec<u8> = b"ANNA-LAPTOP    \0".iter().flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]).collect();
        let message = [&[0, 1, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32][..], &coded, &[0, 0, 0x20, 0, 1]].concat();
        assert_eq!(netbios_registration(&message).as_deref(), Some("anna-laptop"));
        for n in 0..45 {
            assert_eq!(netbios_registration(&message[..n]), None);
        }
    }
}
