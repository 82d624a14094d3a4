//! Time windows: days of the week and hours, as the clocks of one place show them.

use std::fmt;
use std::sync::Arc;

use super::super::frame::Time;

const DAY: i64 = 86_400;

/// The clocks of one place: how far they are ahead of UTC, and since when. Whoever knows the rules of the place compiles them into this, so
/// that a moment is read without a time zone database.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: Arc<str>,
    first: i32,
    changes: Box<[(i64, i32)]>,
}

/// Days of the week, a bit each; Monday is the lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Days(u8);

/// Hours of a day, in minutes since midnight; where they end before they begin, they end on the next day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hours {
    /// First minute, from 0 to 1439.
    pub from: u16,
    /// First minute that is not in it, from 1 to 1440.
    pub until: u16,
}

/// When a rule holds. Hours that go over midnight belong to the day they begin on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    days: Days,
    hours: Vec<Hours>,
    zone: Arc<Zone>,
}

impl Zone {
    /// A place by its name: seconds ahead of UTC at first, and from each second since 1970 on that is listed.
    pub fn new(name: &str, first: i32, mut changes: Vec<(i64, i32)>) -> Self {
        changes.sort_unstable();
        Zone { name: name.into(), first, changes: changes.into() }
    }

    /// The name, as `Europe/Berlin`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds since 1970 as the clocks there count them.
    fn local(&self, at: Time) -> i64 {
        let utc = i64::try_from(at.seconds()).unwrap_or(i64::MAX);
        let past = self.changes.partition_point(|(since, _)| *since <= utc);
        let offset = past.checked_sub(1).and_then(|last| self.changes.get(last)).map_or(self.first, |(_, offset)| *offset);
        utc.saturating_add(offset.into())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Days {
    /// The words of configuration and output, Monday first.
    pub const WORDS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    /// Every day.
    pub const ALL: Days = Days(0x7f);

    /// Adds a day; 0 is Monday, beyond 6 the week begins anew.
    pub fn insert(&mut self, day: u8) {
        self.0 |= 1 << (day % 7);
    }

    /// Whether a day is among them; 0 is Monday.
    pub fn has(self, day: u8) -> bool {
        self.0 & 1 << (day % 7) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Hours {
    fn is_over_midnight(self) -> bool {
        self.until <= self.from
    }
}

impl Window {
    /// Days and hours at a place; no hours are the whole day.
    pub fn new(days: Days, hours: Vec<Hours>, zone: Arc<Zone>) -> Self {
        Window { days, hours, zone }
    }

    /// Whether it is open. An hour the clocks leave out never comes, one they show twice comes twice.
    pub fn holds(&self, at: Time) -> bool {
        let local = self.zone.local(at);
        // 1970-01-01 was a Thursday.
        let today = (local.div_euclid(DAY).saturating_add(3)).rem_euclid(7) as u8;
        let minute = (local.rem_euclid(DAY) / 60) as u16;
        let is_open = |h: &Hours| {
            if h.is_over_midnight() {
                (minute >= h.from && self.days.has(today)) || (minute < h.until && self.days.has(today.saturating_add(6)))
            } else {
                (h.from..h.until).contains(&minute) && self.days.has(today)
            }
        };
        if self.hours.is_empty() { self.days.has(today) } else { self.hours.iter().any(is_open) }
    }

    /// Whether it is never closed.
    pub fn is_always(&self) -> bool {
        let whole = |h: &Hours| h.from == 0 && h.until == 1440;
        self.days == Days::ALL && (self.hours.is_empty() || self.hours.iter().any(whole))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (day, word) in Days::WORDS.iter().enumerate().filter(|(day, _)| self.has(*day as u8)) {
            let goes_on = |d: usize| d < 7 && self.has(d as u8);
            // Of a run of days the first and the last are told.
            match (day.checked_sub(1).is_some_and(goes_on), goes_on(day.saturating_add(1))) {
                (true, true) => continue,
                (true, false) => write!(f, "-{word}")?,
                (false, _) => write!(f, "{separator}{word}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.until / 60, self.until % 60)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.days.fmt(f)?;
        for (position, hours) in self.hours.iter().enumerate() {
            write!(f, "{}{hours}", if position == 0 { " " } else { "," })?;
        }
        write!(f, " {}", self.zone.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-29T01:00:00Z, when the clocks of Berlin go from 2 to 3.
    const SPRING: i64 = 1_774_746_000;
    /// 2026-10-25T01:00:00Z, when they go from 3 back to 2.
    const AUTUMN: i64 = 1_792_890_000;

    fn berlin() -> Arc<Zone> {
        Zone::new("Europe/Berlin", 3600, vec![(AUTUMN, 3600), (SPRING, 7200)]).into()
    }

    fn window(days: &[u8], hours: &[(u16, u16)]) -> Window {
        let mut set = Days::default();
        days.iter().for_each(|d| set.insert(*d));
        Window::new(set, hours.iter().map(|(from, until)| Hours { from: *from, until: *until }).collect(), berlin())
    }

    fn holds(window: &Window, utc: i64) -> bool {
        window.holds(Time::new(utc as u64, 0))
    }

    const HOUR: i64 = 3600;

    #[test]
    fn hours_begin_and_end_by_the_clock_of_the_place_in_winter_and_summer() {
        let office = window(&[0, 1, 2, 3, 4], &[(8 * 60, 18 * 60)]);
        // Friday before the change, in winter time, and Monday after it: 08:00 is 07:00 UTC, then 06:00.
        let (friday, monday) = (SPRING - 49 * HOUR, SPRING + 23 * HOUR);
        for (day, opens) in [(friday, 7), (monday, 6)] {
            assert!(!holds(&office, day + opens * HOUR - 1) && holds(&office, day + opens * HOUR), "{day}");
            assert!(holds(&office, day + (opens + 10) * HOUR - 1) && !holds(&office, day + (opens + 10) * HOUR), "{day}");
        }
        let sunday = SPRING - HOUR;
        assert!(!(0..24).any(|hour| holds(&office, sunday + hour * HOUR)));
    }

    #[test]
    fn an_hour_left_out_never_comes_and_one_shown_twice_comes_twice() {
        let second_hour = window(&[6], &[(2 * 60, 3 * 60)]);
        let open = |around: i64| (-3 * 3600..3 * 3600).step_by(60).filter(|s| holds(&second_hour, around + s)).count();
        assert_eq!((open(SPRING), open(AUTUMN), open(AUTUMN + 7 * DAY)), (0, 120, 60));
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_they_begin_on() {
        let night = window(&[4], &[(22 * 60, 6 * 60)]);
        // Friday 2026-03-27 00:00 there is 23:00 UTC of the day before.
        let friday = SPRING - 50 * HOUR;
        for (hour, open) in [(5, false), (21, false), (22, true), (24, true), (29, true), (30, false), (46, false), (48, false)] {
            assert_eq!(holds(&night, friday + hour * HOUR), open, "{hour}");
        }
        let sunday = window(&[6], &[(22 * 60, 6 * 60)]);
        let monday = friday + 3 * DAY - HOUR;
        assert!(holds(&sunday, monday + 5 * HOUR) && !holds(&sunday, monday + 6 * HOUR) && !holds(&sunday, friday + 5 * HOUR));
    }

    #[test]
    fn no_hours_are_the_whole_day_and_the_zone_decides_which_day_it_is() {
        let monday = window(&[0], &[]);
        let begins = SPRING + 21 * HOUR;
        assert!(!holds(&monday, begins - 1) && holds(&monday, begins) && holds(&monday, begins + DAY - 1) && !holds(&monday, begins + DAY));
        assert!(window(&[0, 1, 2, 3, 4, 5, 6], &[]).is_always() && window(&[0, 1, 2, 3, 4, 5, 6], &[(0, 1440)]).is_always());
        assert!(!monday.is_always() && !window(&[0, 1, 2, 3, 4, 5, 6], &[(0, 1439)]).is_always());
    }

    #[test]
    fn is_told_as_it_is_written() {
        for (days, hours, text) in [
            (&[0, 1, 2, 3, 4][..], &[(480, 1080)][..], "mon-fri 08:00-18:00 Europe/Berlin"),
            (&[0, 2, 5, 6], &[(0, 1440), (1320, 360)], "mon,wed,sat-sun 00:00-24:00,22:00-06:00 Europe/Berlin"),
            (&[0, 1, 3], &[], "mon-tue,thu Europe/Berlin"),
        ] {
            assert_eq!(window(days, hours).to_string(), text);
        }
    }
}
