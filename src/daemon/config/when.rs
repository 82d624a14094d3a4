//! The time window of a rule: `when = { days = ["mon-fri"], hours = "08:00-18:00", zone = "Europe/Berlin" }`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::daemon::nearest::nearest;
use crate::daemon::toml_fields::{Fields, Located, one_of};
use crate::engine::policy::{Days, Hours, Window, Zone};

/// Clock changes are compiled up to here, 2200-01-01; later the last one holds.
const HORIZON: i64 = 7_258_118_400;

/// The window of a rule, where it has one that can be understood.
pub(super) fn read(rule: &Fields<'_>) -> Option<Window> {
    window(&rule.table("when")?)
}

/// The window that a table with `days`, `hours` and `zone` says.
pub(super) fn window(fields: &Fields<'_>) -> Option<Window> {
    let (days, hours, zone_name) = (fields.one_or_more("days"), fields.one_or_more("hours"), fields.needed_text("zone"));
    if !fields.has("days") && !fields.has("hours") {
        fields.reading().error(
            fields.line(),
            format!("{} and hours are missing", fields.named("days")),
            format!("add hours = \"08:00-18:00\", or delete {}", fields.named("").trim_end_matches('.')),
        );
    }
    let zone = zone_name.and_then(|name| time_zone(fields, &name).map(|found| compiled(name.value, &found).into()));
    let days = if fields.has("days") { some_days(fields, &days)? } else { Days::ALL };
    let hours: Vec<Hours> = hours.iter().filter_map(|text| some_hours(fields, text)).collect();
    Some(Window::new(days, hours, zone?))
}

fn some_days(fields: &Fields<'_>, written: &[Located<&str>]) -> Option<Days> {
    let mut all = Days::default();
    for text in written {
        if let Err(word) = add_days(&mut all, text.value) {
            let message = format!("{} has no value {:?}", fields.named("days"), text.value);
            let hint = match nearest(word, Days::WORDS) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "write mon, or mon-fri; one or several".into(),
            };
            fields.reading().error(text.line, message, hint);
        }
    }
    if written.is_empty() {
        let message = format!("{} is empty: the rule would never hold", fields.named("days"));
        fields.reading().error(fields.line(), message, "write days = [\"mon-fri\"]");
    }
    (!all.is_empty()).then_some(all)
}

/// Adds a day, or those from one to another, over the end of the week where it comes to that.
fn add_days<'t>(days: &mut Days, text: &'t str) -> Result<(), &'t str> {
    let day = |word: &'t str| Days::WORDS.iter().position(|w| *w == word).ok_or(word);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first.trim())?, day(last.trim())?);
    for step in 0..=(last + 7 - first) % 7 {
        days.insert(((first + step) % 7) as u8);
    }
    Ok(())
}

fn some_hours(fields: &Fields<'_>, text: &Located<&str>) -> Option<Hours> {
    let read = || {
        let (from, until) = text.value.split_once('-')?;
        Some(Hours { from: minute(from)?, until: minute(until)? })
    };
    let refuse = |message: String, hint: &str| {
        fields.reading().error(text.line, message, hint);
        None
    };
    match read() {
        None => refuse(format!("{} {:?} are no hours", fields.named("hours"), text.value), "write \"08:00-18:00\""),
        Some(Hours { from, until }) if from == until => {
            refuse(format!("{} {:?} are empty", fields.named("hours"), text.value), "the whole day is \"00:00-24:00\"")
        }
        Some(Hours { from: 1440, .. }) | Some(Hours { until: 0, .. }) => {
            refuse(format!("{} {:?} are no hours", fields.named("hours"), text.value), "a day begins at 00:00 and ends at 24:00")
        }
        hours => hours,
    }
}

/// Minutes since midnight of `08:00`; at most `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u16>().ok()).flatten();
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
}

/// A time of day as `08:00`.
pub(super) fn clock(fields: &Fields<'_>, key: &'static str, text: &Located<&str>) -> Option<jiff::civil::Time> {
    let read = || {
        let minute = i8::try_from(minute(text.value)? % 60).ok()?;
        jiff::civil::Time::new(i8::try_from(self::minute(text.value)? / 60).ok()?, minute, 0, 0).ok()
    };
    let found = read();
    if found.is_none() {
        let message = format!("{} {:?} is no time of day", fields.named(key), text.value);
        fields.reading().error(text.line, message, format!("write {key} = \"08:00\""));
    }
    found
}

/// A place of the time zone database.
pub(super) fn time_zone(fields: &Fields<'_>, name: &Located<&str>) -> Option<TimeZone> {
    match TimeZone::get(name.value) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let known: Vec<String> = jiff::tz::db().available().map(|n| n.to_string()).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = match nearest(name.value, known.iter().copied()) {
                Some(_) => one_of(name.value, &known),
                None => "write a name of the time zone database, as Europe/Berlin, or UTC".into(),
            };
            fields.reading().error(name.line, format!("{} {:?} is no time zone", fields.named("zone"), name.value), hint);
            None
        }
    }
}

/// What the clocks of a place do, as the engine reads it.
fn compiled(name: &str, zone: &TimeZone) -> Zone {
    let epoch = Timestamp::UNIX_EPOCH;
    let changes = zone.following(epoch).map(|t| (t.timestamp().as_second(), t.offset().seconds()));
    Zone::new(name, zone.to_offset(epoch).seconds(), changes.take_while(|(at, _)| *at < HORIZON).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::toml_fields;
    use crate::engine::frame::Time;

    fn parsed(text: &str) -> (Option<Window>, Vec<String>) {
        let (window, problems) = toml_fields::read(Path::new("p.toml"), text, |top| read(&top));
        (window, problems.iter().map(|d| d.to_string().replace("\n  remedy: ", " | ")).collect())
    }

    #[test]
    fn a_place_keeps_its_clocks_as_the_time_zone_database_says() {
        for name in
            ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata", "UTC", "America/Sao_Paulo"]
        {
            let zone = TimeZone::get(name).unwrap();
            let every_minute = |day: u8| {
                let mut days = Days::default();
                days.insert(day);
                Window::new(days, vec![Hours { from: 0, until: 1440 }], compiled(name, &zone).into())
            };
            let windows: Vec<_> = (0..7).map(every_minute).collect();
            // Half-hours from 1970 to 2100, some seconds off; each is in the day that its place has then, and in no other.
            for second in (7..4_102_444_800_u64).step_by(1800 * 997) {
                let day = Timestamp::from_second(second as i64).unwrap().to_zoned_datetime(zone.clone()).weekday().to_monday_zero_offset()
                    as usize;
                let open: Vec<_> = (0..7).filter(|d| windows[*d].holds(Time::new(second, 0))).collect();
                assert_eq!(open, [day], "{name} {second}");
            }
        }
    }

    #[test]
    fn clocks_change_at_the_second_they_change() {
        let (window, problems) = parsed("when = { hours = \"02:00-03:00\", zone = \"Europe/Berlin\" }");
        assert_eq!(problems, Vec::<String>::new());
        let holds = |text: &str| window.as_ref().unwrap().holds(crate::daemon::clock::parse_rfc3339(text).unwrap());
        for (at, open) in [
            ("2026-03-28T01:00:00Z", true),
            ("2026-03-29T00:59:59Z", false),
            ("2026-03-29T01:00:00Z", false),
            ("2026-03-30T00:00:00Z", true),
            ("2026-10-24T23:59:59Z", false),
            ("2026-10-25T00:00:00Z", true),
            ("2026-10-25T01:59:59Z", true),
            ("2026-10-25T02:00:00Z", false),
            ("2090-03-26T01:30:00Z", false),
            ("2090-03-25T01:30:00Z", true),
        ] {
            assert_eq!(holds(at), open, "{at}");
        }
    }

    #[test]
    fn days_and_hours_are_read_as_people_write_them() {
        for (written, told) in [
            ("days = [\"mon-fri\"], hours = \"08:00-18:00\"", "mon-fri 08:00-18:00 UTC"),
            ("days = \"sat-mon\"", "mon,sat-sun UTC"),
            ("days = [\"wed\", \"mon\"], hours = [\"00:00-24:00\"]", "mon,wed 00:00-24:00 UTC"),
            ("hours = [\"22:00-06:00\", \"12:00-13:00\"]", "mon-sun 22:00-06:00,12:00-13:00 UTC"),
        ] {
            let (window, problems) = parsed(&format!("when = {{ {written}, zone = \"UTC\" }}"));
            assert_eq!((window.unwrap().to_string().as_str(), problems), (told, Vec::new()), "{written}");
        }
    }

    #[test]
    fn what_is_no_window_is_said() {
        for (written, problem) in [
            ("zone = \"UTC\"", "when.days and hours are missing | add hours = \"08:00-18:00\", or delete when"),
            ("days = [], zone = \"UTC\"", "when.days is empty: the rule would never hold | write days = [\"mon-fri\"]"),
            ("days = \"mon-fry\", zone = \"UTC\"", "when.days has no value \"mon-fry\" | did you mean \"fri\"?"),
            ("hours = \"8-18\", zone = \"UTC\"", "when.hours \"8-18\" are no hours | write \"08:00-18:00\""),
            ("hours = \"08:00-08:00\", zone = \"UTC\"", "when.hours \"08:00-08:00\" are empty | the whole day is \"00:00-24:00\""),
            (
                "hours = \"08:00-00:00\", zone = \"UTC\"",
                "when.hours \"08:00-00:00\" are no hours | a day begins at 00:00 and ends at 24:00",
            ),
            ("hours = \"08:00-24:01\", zone = \"UTC\"", "when.hours \"08:00-24:01\" are no hours | write \"08:00-18:00\""),
            ("days = \"mon\"", "when.zone is missing | add zone = \"…\""),
            ("days = \"mon\", zone = \"Europe/Berln\"", "when.zone \"Europe/Berln\" is no time zone | did you mean \"Europe/Berlin\"?"),
            (
                "days = \"mon\", zone = \"here\"",
                "when.zone \"here\" is no time zone | write a name of the time zone database, as Europe/Berlin, or UTC",
            ),
        ] {
            assert_eq!(parsed(&format!("when = {{ {written} }}")).1, [format!("p.toml:1: error: {problem}")], "{written}");
        }
    }
}
