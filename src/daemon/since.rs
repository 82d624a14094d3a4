//! Moments as people type them: `7d` ago, a date and time, or `all`.

use crate::daemon::clock;
use crate::engine::frame::Time;

/// Reads a duration before now (`30s`, `90m`, `12h`, `7d`, `2w`), RFC 3339, or `all`, which is no moment.
///
/// # Errors
/// What it would have understood.
pub fn parse(text: &str, now: Time) -> Result<Option<Time>, String> {
    if text == "all" {
        return Ok(None);
    }
    match duration(text).map(|nanos| Time(now.0.saturating_sub(nanos))).or_else(|| clock::parse_rfc3339(text)) {
        Some(moment) => Ok(Some(moment)),
        None => Err(format!("`{text}` is no moment; write a duration (30s, 90m, 12h, 7d, 2w), RFC 3339 (2026-11-23T07:00:00Z), or all")),
    }
}

/// Nanoseconds of a duration: a number and s, m, h, d or w.
pub fn duration(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    number.checked_mul(seconds)?.checked_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_and_refuses_others() {
        let now = Time::new(1_795_417_200, 0);
        let ago = |seconds: u64| Ok(Some(Time(now.0 - seconds * 1_000_000_000)));
        assert_eq!(parse("90m", now), ago(5400));
        assert_eq!(parse("7d", now), ago(604_800));
        assert_eq!(parse("2w", now), ago(1_209_600));
        assert_eq!(parse("2026-11-23T06:59:59Z", now), ago(1));
        assert_eq!(parse("all", now), Ok(None));
        assert_eq!(parse("500w", Time::new(1, 0)), Ok(Some(Time(0))));
        for wrong in ["", "d", "7", "-7d", "7 d", "7y", "é", "99999999999999999w", "yesterday"] {
            assert!(parse(wrong, now).unwrap_err().contains("7d"), "{wrong}");
        }
    }
}
