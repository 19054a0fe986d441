//! Times and durations as flags take them, and as people read them: at the offices, UTC+9, unless a command was told
//! whose clocks to tell them by.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use office::tally::OFFICE_TIME;

/// Whose clocks all is told by. Like a terminal's colours it is the process's: it is known when the flags are read, and
/// every noun is told by it.
static CLOCKS: RwLock<Option<TimeZone>> = RwLock::new(None);

/// Has all times told by the clocks of `zone`, and those without an offset read by them.
pub fn set_clocks(zone: TimeZone) {
    *CLOCKS.write().unwrap_or_else(PoisonError::into_inner) = Some(zone);
}

/// Whose clocks times are told by: the offices', unless others were set.
pub fn clocks() -> TimeZone {
    let set = CLOCKS.read().unwrap_or_else(PoisonError::into_inner);
    set.clone().unwrap_or_else(|| TimeZone::fixed(OFFICE_TIME))
}

/// Whether clocks were set.
pub fn clocks_are_set() -> bool {
    CLOCKS
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some()
}

/// A heading of a column of times, such as `sent (UTC+9)`.
pub(crate) fn heading(words: &str) -> String {
    format!("{words} ({})", zone_words(&clocks()))
}

/// A time as typed: a moment, or a while from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At this time.
    At(Timestamp),
    /// When the clocks show this.
    Local(DateTime),
    /// As long from now.
    In(Duration),
}

impl Moment {
    /// The same of a play that goes so many times as fast as the clock: a while is one of the play, a time the clock's.
    #[must_use]
    pub fn sped_up(self, times: u32) -> Self {
        match self {
            Self::In(duration) => Self::In(duration / times.max(1)),
            at @ (Self::At(_) | Self::Local(_)) => at,
        }
    }

    /// The time meant.
    pub fn after(self, now: Timestamp) -> Result<Timestamp, String> {
        match self {
            Self::At(time) => Ok(time),
            Self::Local(local) => Typed::Local(local).at(&clocks()),
            Self::In(duration) => now.checked_add(duration).map_err(|error| {
                format!("{} from now is no time: {error}", duration_words(duration))
            }),
        }
    }
}

/// Reads `2018-09-14T10:00:00+09:00`, `2018-09-14T10:00` or `2018-09-14` (both by the clocks), or `2h`.
pub fn parse_moment(text: &str) -> Result<Moment, String> {
    match parse_typed(text) {
        Ok(Typed::At(time)) => return Ok(Moment::At(time)),
        Ok(Typed::Local(local)) => return Ok(Moment::Local(local)),
        Err(_) => {}
    }
    parse_duration(text).map(Moment::In).map_err(|_| {
        format!(
            "{text:?} is neither a time nor a duration; write 2018-09-14T10:00:00+09:00, \
             2018-09-14T10:00 for a local time, or a while from now such as 2h"
        )
    })
}

/// A time as typed, with an offset or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// At this time.
    At(Timestamp),
    /// When the clocks of a zone show this.
    Local(DateTime),
}

impl Typed {
    /// The time meant, if clocks are those of `zone`.
    pub fn at(self, zone: &TimeZone) -> Result<Timestamp, String> {
        match self {
            Self::At(time) => Ok(time),
            Self::Local(local) => zone
                .to_ambiguous_timestamp(local)
                .compatible()
                .map_err(|error| format!("{local} is no time: {error}")),
        }
    }
}

/// Reads a time; one without an offset is local.
pub fn parse_typed(text: &str) -> Result<Typed, String> {
    if let Ok(time) = text.parse() {
        return Ok(Typed::At(time));
    }
    let local = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(DateTime::from));
    local.map(Typed::Local).map_err(|_| {
        format!(
            "{text:?} is not a time; write 2018-09-14T10:00:00+09:00, or 2018-09-14T10:00 or \
             2018-09-14 for a local time"
        )
    })
}

/// Reads a time; one without an offset is by the clocks.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    parse_typed(text)?.at(&clocks())
}

/// What a zone is called: `UTC+9`, `UTC-3:30`, or its name.
pub fn zone_words(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (None, Ok(offset)) => {
            let (sign, seconds) = (
                if offset.seconds() < 0 { '-' } else { '+' },
                offset.seconds().abs(),
            );
            let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
            match minutes {
                0 => format!("UTC{sign}{hours}"),
                _ => format!("UTC{sign}{hours}:{minutes:02}"),
            }
        }
        (name, _) => name.unwrap_or("UTC").to_owned(),
    }
}

/// Reads a duration such as `90s`, `1h 30m` or `2d`; a day has 24 hours.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    reading::duration(text).map_err(|faulty| faulty.to_string())
}

/// Reads a day such as `2018-09-14`.
pub fn parse_day(text: &str) -> Result<Date, String> {
    text.parse()
        .ok()
        .filter(|_| text.len() == "2018-09-14".len())
        .ok_or_else(|| format!("{text:?} is not a day; write it as 2018-09-14"))
}

/// A time by the clocks, to the second.
pub fn words(time: Timestamp) -> String {
    clocks()
        .to_datetime(time)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// A protobuf time where the clocks are those of `zone`, to the second; `-` if there is none.
pub fn words_in(time: Option<&prost_types::Timestamp>, zone: &TimeZone) -> String {
    let time = time.and_then(protocol::timestamp_from_pb);
    time.map_or_else(
        || "-".to_owned(),
        |time| {
            zone.to_datetime(time)
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string()
        },
    )
}

/// The same, as short as a gist needs it; empty if there is none.
pub fn short_words_in(time: Option<&prost_types::Timestamp>, zone: &TimeZone) -> String {
    let time = time.and_then(protocol::timestamp_from_pb);
    time.map_or_else(String::new, |time| {
        zone.to_datetime(time).strftime("%-d %b %H:%M").to_string()
    })
}

/// A protobuf time by the clocks; `-` if there is none.
pub fn words_of(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(protocol::timestamp_from_pb)
        .map_or_else(|| "-".to_owned(), words)
}

/// A protobuf time by the clocks, and whose they are; empty if there is none.
pub fn office_words_of(time: Option<&prost_types::Timestamp>) -> String {
    time.map_or_else(String::new, |_| heading(&words_of(time)))
}

/// A protobuf time by the clocks, as short as a gist needs it; empty if there is none.
pub fn short_words_of(time: Option<&prost_types::Timestamp>) -> String {
    short_words_in(time, &clocks())
}

/// The hour of the day by the clocks, to the millisecond.
pub fn clock_words(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(protocol::timestamp_from_pb).map_or_else(
        || "-".to_owned(),
        |time| {
            clocks()
                .to_datetime(time)
                .strftime("%H:%M:%S%.3f")
                .to_string()
        },
    )
}

/// A duration in words such as `1h 30m`; what is below a second is told in its unit.
pub fn duration_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return match duration.as_micros() {
            0 => "0s".to_owned(),
            micros @ 1..1_000 => format!("{micros}µs"),
            micros => format!("{}.{}ms", micros / 1_000, micros % 1_000 / 100),
        };
    }
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    words.join(" ")
}

/// A duration such as `1h 30m`, `10s` or `250ms`, to the nanosecond.
pub fn exact_duration_words(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(nanos / 1_000_000), "ms"),
        (u64::from(nanos / 1_000 % 1_000), "µs"),
        (u64::from(nanos % 1_000), "ns"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if words.is_empty() {
        return "0s".to_owned();
    }
    words.join(" ")
}

/// A protobuf duration in words; empty if there is none.
pub fn duration_words_of(duration: Option<&prost_types::Duration>) -> String {
    duration
        .and_then(protocol::duration_from_pb)
        .map_or_else(String::new, duration_words)
}

/// A duration as protobuf writes it.
pub fn duration_to_pb(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: duration.as_secs() as i64,
        nanos: duration.subsec_nanos() as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_while_is_one_of_the_play() {
        let two_hours = parse_moment("2h").expect("it is a while");
        let seconds = |seconds| Moment::In(Duration::from_secs(seconds));
        assert_eq!(two_hours.sped_up(600), seconds(12));
        assert_eq!(two_hours.sped_up(0), seconds(7_200));
        let noon = parse_moment("2018-09-14T12:00").expect("it is a time");
        assert_eq!(noon.sped_up(600), noon);
    }

    #[test]
    fn a_time_without_an_offset_is_at_the_offices() {
        let opening = "2018-09-14T01:00:00Z".parse::<Timestamp>().expect("a time");
        for text in [
            "2018-09-14T10:00:00+09:00",
            "2018-09-14T10:00",
            "2018-09-14 10:00:00",
            "2018-09-14T01:00:00Z",
        ] {
            assert_eq!(parse_time(text), Ok(opening), "{text}");
        }
        assert_eq!(words(opening), "2018-09-14 10:00:00");
        assert_eq!(
            parse_time("2018-09-14").map(words).as_deref(),
            Ok("2018-09-14 00:00:00")
        );
    }

    #[test]
    fn a_time_without_an_offset_is_where_the_zone_says() {
        let india = TimeZone::fixed(reading::offset_of("+05:30").expect("an offset"));
        let read = |text| {
            parse_typed(text)
                .and_then(|typed| typed.at(&india))
                .map(|time| time.to_string())
        };
        assert_eq!(read("2018-09-14").as_deref(), Ok("2018-09-13T18:30:00Z"));
        assert_eq!(
            read("2018-09-14T01:00:00Z").as_deref(),
            Ok("2018-09-14T01:00:00Z")
        );
        assert_eq!(zone_words(&india), "UTC+5:30");
        assert_eq!(zone_words(&TimeZone::fixed(OFFICE_TIME)), "UTC+9");
    }

    #[test]
    fn a_while_is_counted_from_now() {
        let now = Timestamp::UNIX_EPOCH;
        let meant = parse_moment("1h 30m").expect("a duration").after(now);
        assert_eq!(meant.map(Timestamp::as_second).ok(), Some(5_400));
        assert!(parse_moment("tomorrow").is_err());
        assert!(parse_duration("-2h").is_err());
    }

    #[test]
    fn durations_read_back() {
        for text in ["1d 2h", "30m", "45s", "1h 1m 1s"] {
            assert_eq!(
                duration_words(parse_duration(text).expect("a duration")),
                text
            );
        }
        assert_eq!(duration_words(Duration::from_micros(1_250)), "1.2ms");
        assert_eq!(duration_words(Duration::from_micros(900)), "900µs");
    }

    #[test]
    fn exact_durations_lose_nothing() {
        let read = [
            (Duration::ZERO, "0s"),
            (Duration::from_secs(10), "10s"),
            (Duration::from_millis(1_250), "1s 250ms"),
            (Duration::from_secs(93_600), "1d 2h"),
            (Duration::from_nanos(1_001), "1µs 1ns"),
        ];
        for (time, words) in read {
            assert_eq!(exact_duration_words(time), words);
        }
    }
}
