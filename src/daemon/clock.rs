//! The wall clock, read at the edges only, and moments as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::engine::frame::Time;

/// Now.
pub fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

/// This day (UTC).
pub fn today() -> Date {
    day_of(now())
}

/// The day (UTC) of a moment.
pub fn day_of(time: Time) -> Date {
    let moment = i64::try_from(time.seconds()).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(Timestamp::MAX);
    moment.to_zoned_datetime(TimeZone::UTC).date()
}

/// Seconds from 1970 to the first moment (UTC) of a day.
pub fn seconds_of_day(day: Date) -> i64 {
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_or(0, Timestamp::as_second)
}

/// A moment as RFC 3339 in UTC, with microseconds and `Z`.
pub fn rfc3339(time: Time) -> String {
    // Every moment a packet can carry is within jiff's years; a store edited by hand may hold others.
    Timestamp::from_microsecond(time.micros()).map_or_else(|_| format!("{time:?}"), |t| format!("{t:.6}"))
}

/// Reads RFC 3339 with an offset or `Z`; moments before 1970 are refused.
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    let moment: Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_nanosecond()).ok().map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_microseconds_and_z() {
        assert_eq!(rfc3339(Time::new(1_795_417_200, 123_456_789)), "2026-11-23T07:00:00.123456Z");
        assert_eq!(rfc3339(Time(0)), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn reads_what_it_writes_and_other_offsets() {
        assert_eq!(parse_rfc3339("2026-11-23T07:00:00.123456Z"), Some(Time::new(1_795_417_200, 123_456_000)));
        assert_eq!(parse_rfc3339("2026-11-23T08:00:00+01:00"), Some(Time::new(1_795_417_200, 0)));
        assert_eq!(parse_rfc3339("1969-12-31T23:59:59Z"), None);
        assert_eq!(parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn any_moment_has_a_day() {
        assert_eq!(day_of(Time::new(86_400, 0)), Date::constant(1970, 1, 2));
        assert_eq!(day_of(Time(u64::MAX)).year(), 2554);
    }
}
