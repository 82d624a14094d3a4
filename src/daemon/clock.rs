//! The wall clock, for commands that people run; the engine has packet time.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::engine::frame::Time;

/// This moment.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::new(since.as_secs(), since.subsec_nanos())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_moment_has_a_day() {
        assert_eq!(day_of(Time::new(86_400, 0)), Date::constant(1970, 1, 2));
        assert_eq!(day_of(Time(u64::MAX)).year(), 2554);
    }
}
