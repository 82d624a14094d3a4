//! Numbers of bytes as people write them: `10MB`.

/// Reads a whole number and B, kB, MB, GB, TB (thousands), KiB, MiB, GiB or TiB; upper and lower case are one.
pub fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (base, power): (u64, u32) = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => (1, 0),
        "kb" => (1000, 1),
        "mb" => (1000, 2),
        "gb" => (1000, 3),
        "tb" => (1000, 4),
        "kib" => (1024, 1),
        "mib" => (1024, 2),
        "gib" => (1024, 3),
        "tib" => (1024, 4),
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(base.checked_pow(power)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_and_refuses_others() {
        for (text, bytes) in
            [("0B", 0), ("10MB", 10_000_000), ("10 mb", 10_000_000), ("1KiB", 1024), ("2 GiB", 2 << 30), ("3TB", 3_000_000_000_000)]
        {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in ["", "MB", "10", "-1MB", "1.5MB", "10Mbit", "é", "99999999999TB", "10MBé"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
