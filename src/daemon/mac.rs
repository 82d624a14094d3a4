//! MAC addresses as text.

/// Six octets in lower-case hex with colons (RFC 9542 §2.1 writes them so, with hyphens), as `02:00:00:00:00:05`.
pub fn text(mac: [u8; 6]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    let mut text = String::with_capacity(17);
    for octet in mac {
        if !text.is_empty() {
            text.push(':');
        }
        text.extend([digit(octet >> 4), digit(octet & 15)]);
    }
    text
}

/// Reads six octets in hex, any case, with colons, hyphens or dots between or none (`0200.0000.0005` too); `None` where it is no MAC address.
pub fn parse(text: &str) -> Option<[u8; 6]> {
    let digits: Vec<u8> = text.bytes().filter(|b| !matches!(b, b':' | b'-' | b'.')).collect();
    let number = (digits.len() == 12 && digits.iter().all(u8::is_ascii_hexdigit)).then(|| std::str::from_utf8(&digits).ok())??;
    let [_, _, mac @ ..] = u64::from_str_radix(number, 16).ok()?.to_be_bytes();
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_what_others_write() {
        let mac = [0x02, 0xab, 0, 0, 0, 5];
        assert_eq!(text(mac), "02:ab:00:00:00:05");
        for written in ["02:ab:00:00:00:05", "02-AB-00-00-00-05", "02ab.0000.0005", "02AB00000005"] {
            assert_eq!(parse(written), Some(mac), "{written}");
        }
        for other in ["", "02:ab:00:00:00", "02:ab:00:00:00:05:06", "02:ab:00:00:00:0g", "+2ab00000005"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
