//! How a column writes its times.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::{rfc2822, strtime::BrokenDownTime};
use jiff::tz::{Offset, TimeZone};

const REMEDY: &str = "write COLUMN:FORMAT, where FORMAT is unix, unix-ms, unix-us, unix-ns, rfc3339, rfc2822, or a \
                      pattern such as %Y-%m-%d %H:%M:%S";

/// The words for the halves of a day, and what a pattern's %p reads.
const HALVES: [(&[&str], &str); 2] = [
    (
        &["오전", "上午", "午前", "a.m.", "A.M.", "a. m.", "A. M."],
        "AM",
    ),
    (
        &["오후", "下午", "午後", "p.m.", "P.M.", "p. m.", "P. M."],
        "PM",
    ),
];

/// How a column writes its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// A number since 1970, so many of which are a second; fractions are kept to the nanosecond.
    Unix {
        /// 1, 1,000, 1,000,000 or 1,000,000,000.
        per_second: i128,
    },
    /// RFC 3339, as in `2018-09-14T10:00:00+09:00`; without an offset it is local.
    Rfc3339,
    /// RFC 2822, as in mail: `Fri, 14 Sep 2018 10:00:00 +0900`.
    Rfc2822,
    /// A strptime pattern; local if it has neither an offset nor `Z`, `UTC` or `+09:00` as letters.
    Pattern(String),
}

/// A time, as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) time: Timestamp,
    /// Whether it says no offset, and was taken for a time in the zone given.
    pub(crate) local: bool,
}

/// A column of times, with its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeColumn {
    /// The column.
    pub column: String,
    /// How it writes times.
    pub format: TimeFormat,
}

impl FromStr for TimeColumn {
    type Err = String;

    /// Reads `COLUMN:FORMAT`. Both may hold colons: a known word stands at the end, a pattern begins with its first %.
    fn from_str(text: &str) -> Result<Self, String> {
        let told = |column: &str, format| {
            if column.is_empty() {
                return Err(format!("{text:?} names no column; {REMEDY}"));
            }
            Ok(Self {
                column: column.to_owned(),
                format,
            })
        };
        if let Some((column, word)) = text.rsplit_once(':')
            && let Some(format) = TimeFormat::of_word(word)
        {
            return told(column, format);
        }
        let percent = text.find('%').unwrap_or(text.len());
        // Letters of the pattern may stand before its first %, but no colon.
        match text[..percent].rfind(':') {
            Some(colon) if percent < text.len() => {
                let format = TimeFormat::Pattern(text[colon + 1..].to_owned());
                told(&text[..colon], format)
            }
            _ => Err(format!("{text:?} names no format of times; {REMEDY}")),
        }
    }
}

impl TimeFormat {
    fn of_word(word: &str) -> Option<Self> {
        let per_second = match word {
            "unix" => 1,
            "unix-ms" => 1_000,
            "unix-us" => 1_000_000,
            "unix-ns" => 1_000_000_000,
            "rfc3339" => return Some(Self::Rfc3339),
            "rfc2822" => return Some(Self::Rfc2822),
            _ => return None,
        };
        Some(Self::Unix { per_second })
    }

    /// The time that `text` writes, or what is wrong and what belongs there. Local times are in `zone`.
    pub(crate) fn read(&self, text: &str, zone: &TimeZone) -> Result<Read, (String, String)> {
        let text = plain(text);
        let text = text.trim();
        let wrong = |what: &str, remedy: &str| {
            let shown: String = text.chars().take(64).collect();
            (format!("{shown:?} is no {what}"), remedy.to_owned())
        };
        let read = match self {
            Self::Unix { per_second } => unix(text, *per_second).map(at).ok_or_else(|| {
                let remedy = "write a number since 1970, or name another format with --time";
                wrong("unix time", remedy)
            }),
            Self::Rfc3339 => rfc3339(text, zone).ok_or_else(|| {
                let remedy =
                    "write it as 2018-09-14T10:00:00+09:00, or name another format with --time";
                wrong("RFC 3339 time", remedy)
            }),
            Self::Rfc2822 => rfc2822(text).map(at).ok_or_else(|| {
                let remedy = "write it as Fri, 14 Sep 2018 10:00:00 +0900, or name another format with --time";
                wrong("RFC 2822 time", remedy)
            }),
            Self::Pattern(pattern) => from_pattern(&plain(pattern), text, zone).map_err(|why| {
                let (message, remedy) = wrong(
                    &format!("time as {pattern} has it"),
                    "write it so, or name another format with --time",
                );
                (format!("{message}: {why}"), remedy)
            }),
        }?;
        match Offset::UTC.to_datetime(read.time).year() {
            1900..2200 => Ok(read),
            year => {
                let (message, _) = wrong(
                    &format!("time of the years 1900 to 2199: it is of {year}"),
                    "",
                );
                let remedy = match self {
                    Self::Pattern(_) if year < 100 => {
                        "write %y in the pattern for a year of two digits"
                    }
                    Self::Unix { .. } => {
                        "name another unit with --time: unix, unix-ms, unix-us or unix-ns"
                    }
                    _ => "name another format with --time, or leave the row out",
                };
                Err((message, remedy.to_owned()))
            }
        }
    }
}

fn at(time: Timestamp) -> Read {
    Read { time, local: false }
}

fn local(time: DateTime, zone: &TimeZone) -> Result<Read, jiff::Error> {
    let time = zone.to_ambiguous_timestamp(time).compatible()?;
    Ok(Read { time, local: true })
}

/// Spaces as spaces, without marks that turn the reading around, and AM and PM for the halves of the day.
fn plain(text: &str) -> String {
    let letters = text.chars().filter_map(|letter| match letter {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}' => None,
        letter if letter.is_whitespace() => Some(' '),
        letter => Some(letter),
    });
    let mut text: String = letters.collect();
    for (words, half) in HALVES {
        for word in words {
            if text.contains(word) {
                text = text.replace(word, half);
            }
        }
    }
    text
}

fn rfc3339(text: &str, zone: &TimeZone) -> Option<Read> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(at(time));
    }
    // A day alone is no time.
    let time = text
        .parse::<DateTime>()
        .ok()
        .filter(|_| text.contains(':'))?;
    local(time, zone).ok()
}

/// A time of a mail's header, whatever day of the week it says.
fn rfc2822(text: &str) -> Option<Timestamp> {
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    parser.parse_timestamp(text).ok()
}

fn unix(text: &str, per_second: i128) -> Option<Timestamp> {
    let nanoseconds = 1_000_000_000 / per_second;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let whole = whole.parse::<i64>().ok()?;
    let mut total = i128::from(whole) * nanoseconds;
    let mut unit = nanoseconds;
    for digit in fraction.chars() {
        let digit = i128::from(digit.to_digit(10)?);
        unit /= 10;
        total += if negative {
            -digit * unit
        } else {
            digit * unit
        };
    }
    Timestamp::from_nanosecond(total).ok()
}

fn from_pattern(pattern: &str, text: &str, zone: &TimeZone) -> Result<Read, jiff::Error> {
    // Z for UTC, where the pattern has an offset.
    let utc = text
        .strip_suffix(['Z', 'z'])
        .filter(|_| pattern.ends_with('z'));
    let text = utc.map_or_else(
        || text.to_owned(),
        |text| {
            let offset = if pattern.ends_with(":z") {
                "+00:00"
            } else {
                "+0000"
            };
            text.to_owned() + offset
        },
    );
    let time = BrokenDownTime::parse(pattern, &text)?;
    if time.offset().is_some() || pattern.contains("%s") {
        return time.to_timestamp().map(at);
    }
    let found = time
        .to_datetime()
        .or_else(|_| time.to_date().map(DateTime::from))?;
    match written_offset(pattern) {
        Some(offset) => offset.to_timestamp(found).map(at),
        None => local(found, zone),
    }
}

/// The offset that the letters of a pattern say behind the hour: `Z`, `UTC`, `GMT`, or one such as `+09:00`.
fn written_offset(pattern: &str) -> Option<Offset> {
    let mut rest = pattern.chars().peekable();
    let mut is_clock = false;
    while rest.peek().is_some() {
        let letters: String =
            std::iter::from_fn(|| rest.next_if(|letter| *letter != '%')).collect();
        if is_clock && let Some(offset) = offset_in(&letters) {
            return Some(offset);
        }
        rest.next();
        // Flags, colons and a width stand before a directive's letter.
        let directive = rest.find(|letter| letter.is_ascii_alphabetic() || *letter == '%');
        is_clock = directive.is_some_and(|directive| "HIklMSTRfNLpPXr".contains(directive));
    }
    None
}

fn offset_in(letters: &str) -> Option<Offset> {
    let text = letters.trim_matches(|letter: char| !letter.is_alphanumeric());
    if let Some(sign) = letters.rfind(['+', '-']) {
        let (hours, minutes) = match text.rsplit(['+', '-']).next()?.replace(':', "") {
            digits if digits.len() > 2 => {
                let (hours, minutes) = digits.split_at_checked(digits.len() - 2)?;
                (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?)
            }
            hours => (hours.parse::<i32>().ok()?, 0),
        };
        let seconds = hours * 3600 + minutes * 60;
        let is_west = letters[sign..].starts_with('-');
        return Offset::from_seconds(if is_west { -seconds } else { seconds }).ok();
    }
    let mut words = text.split(|letter: char| !letter.is_alphabetic());
    let is_utc = |word: &str| ["z", "utc", "gmt"].contains(&&*word.to_lowercase());
    words.any(is_utc).then_some(Offset::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A format, a text, and the time that it writes.
    const TIMES: &str = "\
unix | 1082040961 | 2004-04-15T14:56:01Z
unix | 1082040961.25 | 2004-04-15T14:56:01.25Z
unix | -0.5 | 1969-12-31T23:59:59.5Z
unix-ms | 1082040961001 | 2004-04-15T14:56:01.001Z
unix-us | 1082040961000001 | 2004-04-15T14:56:01.000001Z
rfc3339 | 2018-09-14T10:00:00+09:00 | 2018-09-14T01:00:00Z
%d/%m/%Y %H:%M | 14/09/2018 10:00 | 2018-09-14T01:00:00Z
%Y-%m-%d | 2018-09-14 | 2018-09-13T15:00:00Z
%Y-%m-%dT%H:%M:%S%z | 2018-09-14T10:00:00+0000 | 2018-09-14T10:00:00Z
%Y-%m-%dT%H:%M:%S%z | 2018-09-14T10:00:00Z | 2018-09-14T10:00:00Z
%Y-%m-%dT%H:%M:%S%:z | 2018-09-14T10:00:00Z | 2018-09-14T10:00:00Z
%Y-%m-%d %H:%M:%SZ | 2024-03-01 10:00:00Z | 2024-03-01T10:00:00Z
%Y-%m-%dT%H:%M:%S%.fZ | 2024-03-01T10:00:00.5Z | 2024-03-01T10:00:00.5Z
%Y-%m-%d %H:%M:%S (UTC) | 2024-03-01 10:00:00 (UTC) | 2024-03-01T10:00:00Z
%Y-%m-%dT%H:%M:%S.000Z | 2024-03-01T10:00:00.000Z | 2024-03-01T10:00:00Z
%H:%M:%S GMT, %d.%m.%Y | 10:00:00 GMT, 01.03.2024 | 2024-03-01T10:00:00Z
%Y-%m-%d %H:%M -05:00 | 2024-03-01 10:00 -05:00 | 2024-03-01T15:00:00Z
%Y-%m-%d %H:%M UTC+2 | 2024-03-01 10:00 UTC+2 | 2024-03-01T08:00:00Z
rfc3339 | 2024-03-01T10:00:00.000+0100 | 2024-03-01T09:00:00Z
rfc3339 | 2024-03-01 10:00:00+01:00 | 2024-03-01T09:00:00Z
rfc3339 | 2024-03-01T10:00:00.000 | 2024-03-01T01:00:00Z
rfc2822 | Mon, 14 May 2001 16:39:00 -0700 (PDT) | 2001-05-14T23:39:00Z
rfc2822 | Fri, 15 Dec 2000 02:33:00 GMT | 2000-12-15T02:33:00Z
rfc2822 | Mon, 4 May 2000 09:55 +0000 | 2000-05-04T09:55:00Z
%m/%d/%Y %I:%M %p | 12/31/2023 12:05{nnbsp}AM | 2023-12-30T15:05:00Z
%m/%d/%Y %I:%M{nnbsp}%p | 1/2/2024 1:05 pm | 2024-01-02T04:05:00Z
%m/%d/%y %I:%M %p | 1/2/24 1:05 p.m. | 2024-01-02T04:05:00Z
%Y. %m. %d. %p %I:%M | 2024. 3. 1. 오후 1:05 | 2024-03-01T04:05:00Z
%Y년 %m월 %d일 %p %I:%M | {lrm}2024년 3월 1일 오전 12:05 | 2024-02-29T15:05:00Z";

    fn read(column: &str, text: &str) -> Result<String, String> {
        let column: TimeColumn = column.parse()?;
        column
            .format
            .read(text, &TimeZone::fixed(Offset::constant(9)))
            .map(|read| read.time.to_string())
            .map_err(|(message, remedy)| format!("{message}; {remedy}"))
    }

    #[test]
    fn times_are_read_as_their_format_says() {
        let times = TIMES
            .replace("{nnbsp}", "\u{202f}")
            .replace("{lrm}", "\u{200e}");
        for line in times.lines() {
            let parts: Vec<&str> = line.split(" | ").collect();
            let column = format!("t:{}", parts[0]);
            assert_eq!(read(&column, parts[1]).as_deref(), Ok(parts[2]), "{line}");
        }
    }

    #[test]
    fn letters_behind_the_hour_say_an_offset_and_others_do_not() {
        let seconds = |pattern| written_offset(pattern).map(Offset::seconds);
        for (pattern, offset) in [
            ("%H:%MZ", Some(0)),
            ("%H:%M:%S.000Z", Some(0)),
            ("%R utc", Some(0)),
            ("%I:%M %p -0330", Some(-12_600)),
            ("%H:%M GMT+1", Some(3_600)),
            ("Z %H:%M", None),
            ("%H:%M %d-%m-2024", None),
            ("%-H:%-M", None),
        ] {
            assert_eq!(seconds(pattern), offset, "{pattern}");
        }
    }

    #[test]
    fn a_column_may_have_a_colon_in_its_name() {
        let column: TimeColumn = "time:timestamp:rfc3339".parse().expect("it is one");
        assert_eq!(column.column, "time:timestamp");
        let column: TimeColumn = "time:stamp:%H:%M".parse().expect("it is one");
        assert_eq!(column.column, "time:stamp");
        assert_eq!(column.format, TimeFormat::Pattern("%H:%M".to_owned()));
    }

    #[test]
    fn what_is_no_time_is_told_with_what_to_write() {
        for (column, text, part) in [
            ("t", "1", "names no format"),
            (":unix", "1", "names no column"),
            ("t:iso", "1", "names no format"),
            ("t:unix", "soon", "\"soon\" is no unix time"),
            ("t:unix", "1.x", "is no unix time"),
            ("t:unix", "99999999999999", "is no unix time"),
            ("t:rfc3339", "2018-09-14", "RFC 3339"),
            ("t:%Y", "2018", "as %Y has it"),
            ("t:%m/%d/%Y %H:%M", "1/2/24 1:05", "it is of 24; write %y"),
            (
                "t:rfc3339",
                "0024-01-02T00:00:00Z",
                "of the years 1900 to 2199",
            ),
            ("t:unix", "1709251200000", "name another"),
            ("t:rfc2822", "2018-09-14", "RFC 2822"),
        ] {
            let error = read(column, text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }
}
