//! Local times as weeks and days.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;
/// 1970-01-05 was a Monday.
const MONDAY_S: i64 = 4 * DAY_S;

/// The how-manieth week since 1970, and the hour in it, of a local second.
pub(crate) const fn week_of(at_s: i64) -> i64 {
    (at_s - MONDAY_S).div_euclid(WEEK_S)
}

pub(crate) const fn hour_of_week(at_s: i64) -> u64 {
    ((at_s - MONDAY_S).rem_euclid(WEEK_S) / 3_600).unsigned_abs()
}

/// How much of its hour is over at a local second.
pub(crate) fn hour_part(at_s: i64) -> f64 {
    at_s.rem_euclid(3_600) as f64 / 3_600.0
}

/// The day of a local second.
pub(crate) fn date_of(at_s: i64) -> Date {
    let at = Timestamp::from_second(at_s).unwrap_or(Timestamp::UNIX_EPOCH);
    Offset::UTC.to_datetime(at).date()
}

pub(crate) const fn weekday_word(day: i8) -> &'static str {
    match day {
        0 => "Mon",
        1 => "Tue",
        2 => "Wed",
        3 => "Thu",
        4 => "Fri",
        5 => "Sat",
        _ => "Sun",
    }
}
