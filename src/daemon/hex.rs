//! Bytes as hexadecimal digits.

use std::fmt::Write;

/// Two lower-case digits a byte.
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads what [`text`] writes, in any case; `None` where it is something else.
pub fn parse(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| Some(u8::try_from(char::from(pair[0]).to_digit(16)? << 4 | char::from(pair[1]).to_digit(16)?).unwrap_or(0));
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        assert_eq!(text(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(parse("00aBFf"), Some(vec![0, 0xab, 0xff]));
        assert_eq!((parse("0"), parse("0g"), parse("é")), (None, None, None));
        assert_eq!(parse(""), Some(vec![]));
    }
}
